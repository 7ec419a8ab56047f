//! What is measured, by name.

use std::fmt;

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Echo, Empty, Outcome, Typed,
    drive::{Answer, drive, get},
};

/// How all calls of a case must end, or it does not measure what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Well.
    Good,
    /// Refused, or failed.
    Bad,
    /// Either way: a part of the calls is refused.
    Both,
}

/// A service of its own, and how to call it.
pub struct Case {
    /// `layer/path/input`, and whose it is where that has to be said.
    pub name: String,
    /// The size of the service, in bytes.
    pub service_size: usize,
    /// The size of its future, in bytes.
    pub future_size: usize,
    expect: Expect,
    calls: Box<dyn FnMut(u64) -> Outcome>,
}

impl Case {
    /// Makes so many calls.
    ///
    /// # Panics
    ///
    /// If one of them does not end as expected.
    pub fn run(&mut self, calls: u64) {
        let outcome = (self.calls)(calls);
        let is_as_expected = match self.expect {
            Expect::Good => outcome.good == calls,
            Expect::Bad => outcome.bad == calls,
            Expect::Both => outcome.pending == 0,
        };
        assert!(is_as_expected, "{}: {outcome:?}", self.name);
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish()
    }
}

/// Cases, to be added to; each is made when its turn comes, so that none stands in another's way.
#[derive(Default)]
pub struct Cases(Vec<(String, Make)>);

type Make = Box<dyn FnOnce(String) -> Case>;

impl Cases {
    /// A service and how it is called.
    pub fn service<S, Req>(
        &mut self,
        name: impl Into<String>,
        expect: Expect,
        make: impl FnOnce() -> S + 'static,
        request: impl Fn(u64) -> Req + 'static,
    ) where
        S: Service<Req, Response: Answer> + 'static,
    {
        let make = Box::new(move |name| {
            let mut service = make();
            Case {
                name,
                service_size: size_of::<S>(),
                future_size: size_of::<S::Future>(),
                expect,
                calls: Box::new(move |calls| drive(&mut service, calls, &request)),
            }
        });
        self.0.push((name.into(), make));
    }

    /// Calls that are made in a way of their own.
    pub fn calls<C>(&mut self, name: String, expect: Expect, make: impl FnOnce() -> C + 'static)
    where
        C: FnMut(u64) -> Outcome + 'static,
    {
        let make = Box::new(move |name| Case {
            name,
            service_size: 0,
            future_size: 0,
            expect,
            calls: Box::new(make()),
        });
        self.0.push((name, make));
    }

    /// A layer on [`Echo`], called with numbers.
    pub fn plain<L>(&mut self, name: &str, expect: Expect, make: impl FnOnce() -> L + 'static)
    where
        L: Layer<Echo, Service: Service<u64, Response: Answer> + 'static>,
    {
        let make = move || make().layer(Echo);
        self.service(format!("{name}/u64"), expect, make, |n| n);
    }

    /// A layer on [`Typed`], called with numbers.
    pub fn typed<L>(&mut self, name: &str, expect: Expect, make: impl FnOnce() -> L + 'static)
    where
        L: Layer<Typed, Service: Service<u64, Response: Answer> + 'static>,
    {
        let make = move || make().layer(Typed);
        self.service(format!("{name}/enum"), expect, make, |n| n);
    }

    /// A layer on [`Echo`], called with the smallest request.
    pub fn http<L>(&mut self, name: &str, expect: Expect, make: impl FnOnce() -> L + 'static)
    where
        L: Layer<Echo, Service: Service<Request<Empty>, Response: Answer> + 'static>,
    {
        let make = move || make().layer(Echo);
        self.service(format!("{name}/http"), expect, make, get);
    }

    /// Leaves those whose name has one of `filters` in it; all if there is no filter.
    #[must_use]
    pub fn matching(mut self, filters: &[String]) -> Self {
        self.0.retain(|(name, _)| {
            filters.is_empty() || filters.iter().any(|filter| name.contains(filter))
        });
        self
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Makes one after the other.
    pub fn make(self) -> impl Iterator<Item = Case> {
        self.0.into_iter().map(|(name, make)| make(name))
    }
}

impl fmt::Debug for Cases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
