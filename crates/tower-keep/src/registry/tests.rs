use std::sync::Arc;

use serde_json::{Value, json};

use super::{Document, Registry};
use crate::{
    common::sync::{self, Mutex},
    config::{Steer, SteerError},
    observe::{Condition, Emitter, Vitals, Watch},
};

/// A layer during whose methods somebody else does something.
#[derive(Clone)]
struct Hooked {
    emitter: Arc<Emitter>,
    config: Arc<Mutex<Value>>,
    hook: Arc<Mutex<Option<Hook>>>,
}

type Hook = (&'static str, Box<dyn FnOnce() + Send>);

impl Hooked {
    fn named(name: &str) -> Self {
        let emitter = Emitter::new("hooked");
        emitter.rename(name);
        Self {
            emitter: Arc::new(emitter),
            config: Arc::new(Mutex::new(json!({"x": 0, "y": 0}))),
            hook: Arc::default(),
        }
    }

    fn during(&self, method: &'static str, work: impl FnOnce() + Send + 'static) {
        *sync::lock(&self.hook) = Some((method, Box::new(work)));
    }

    fn run_hook(&self, method: &str) {
        let hook = sync::lock(&self.hook).take_if(|(when, _)| *when == method);
        if let Some((_, work)) = hook {
            work();
        }
    }

    fn field(&self, field: &str) -> Value {
        sync::lock(&self.config)[field].clone()
    }
}

impl Watch for Hooked {
    fn vitals(&self) -> Vitals {
        Vitals::new(&self.emitter, Condition::Normal, "")
    }
}

impl Steer for Hooked {
    fn layer(&self) -> &'static str {
        self.emitter.layer()
    }

    fn name(&self) -> String {
        self.emitter.name().as_str().to_owned()
    }

    fn config(&self) -> Value {
        let config = sync::lock(&self.config).clone();
        self.run_hook("config");
        config
    }

    fn check(&self, config: &Value) -> Result<Value, SteerError> {
        Ok(config.clone())
    }

    fn apply(&self, config: &Value) -> Result<(), SteerError> {
        self.run_hook("apply");
        *sync::lock(&self.config) = config.clone();
        Ok(())
    }
}

#[test]
fn of_two_differences_at_once_both_count_or_one_is_told_to_try_again() {
    let handle = Hooked::named("a");
    let registry = Registry::new().with(handle.clone());
    let (other, made) = (registry.clone(), Arc::new(Mutex::new(None)));
    let told = made.clone();
    handle.during("config", move || {
        let result = other.adjust("hooked", "a", &json!({"y": 1}));
        *sync::lock(&told) = Some(result.is_ok());
    });
    registry.adjust("hooked", "a", &json!({"x": 1})).unwrap();
    let made = sync::lock(&made).expect("it was asked");
    assert_eq!(handle.field("x"), 1);
    assert_eq!(handle.field("y") == 1, made);
}

#[test]
fn a_document_is_for_a_layer_that_comes_while_it_is_applied() {
    let (handle, late) = (Hooked::named("a"), Hooked::named("late"));
    let registry = Registry::new().with(handle.clone());
    let (other, comes) = (registry.clone(), late.clone());
    handle.during("apply", move || other.add(comes));
    let document = r#"{"hooked": {"a": {"x": 1}, "late": {"x": 1}}}"#;
    let document = Document::from_json(document).unwrap();
    registry.apply(document).unwrap();
    assert_eq!((handle.field("x"), late.field("x")), (json!(1), json!(1)));

    let (old, new) = (Hooked::named("b"), r#"{"hooked": {"b": {"x": 2}}}"#);
    let (other, new) = (registry.clone(), Document::from_json(new).unwrap());
    registry
        .apply(Document::from_json(r#"{"hooked": {"b": {"x": 1}}}"#).unwrap())
        .unwrap();
    old.during("apply", move || drop(other.apply(new)));
    registry.add(old.clone());
    assert_eq!(old.field("x"), 2, "the document that came meanwhile");
}
