use super::{
    super::{
        Cx,
        registry::{Failure, Registered, Verb},
        row::Row,
    },
    Point,
};

/// No hooks.
#[derive(Debug, Clone, Default)]
pub(in crate::saga) struct Hooks {}

impl Hooks {
    #[inline]
    pub(in crate::saga) async fn point(&self, _: Point, _: &Row) {}

    #[inline]
    pub(in crate::saga) async fn attempt(
        &self,
        known: &dyn Registered,
        verb: Verb,
        index: usize,
        cx: &Cx,
        row: &Row,
    ) -> Result<String, Failure> {
        known.attempt(verb, index, cx, &row.state).await
    }
}
