use std::sync::Arc;

use serde_json::{Value, json};

use super::{Document, Registry, RegistryError};
use crate::{
    common::{
        modelling::{join, model, spawn},
        sync::{self, Mutex},
    },
    config::{Steer, SteerError},
    observe::{Condition, Emitter, Vitals, Watch},
};

#[derive(Clone)]
struct Layer {
    config: Arc<Mutex<Value>>,
    emitter: Emitter,
}

impl Watch for Layer {
    fn vitals(&self) -> Vitals {
        Vitals::new(&self.emitter, Condition::Normal, "")
    }
}

impl Steer for Layer {
    fn layer(&self) -> &'static str {
        self.emitter.layer()
    }

    fn name(&self) -> String {
        "one".to_owned()
    }

    fn config(&self) -> Value {
        sync::lock(&self.config).clone()
    }

    fn check(&self, config: &Value) -> Result<Value, SteerError> {
        Ok(config.clone())
    }

    fn apply(&self, config: &Value) -> Result<(), SteerError> {
        *sync::lock(&self.config) = config.clone();
        Ok(())
    }
}

fn layer() -> Layer {
    Layer {
        config: Arc::new(Mutex::new(json!({"x": 0, "y": 0}))),
        emitter: Emitter::new("layer"),
    }
}

#[test]
fn of_two_differences_at_once_both_count_or_one_is_told_to_try_again() {
    model(|| {
        let layer = layer();
        let registry = Registry::new().with(layer.clone());
        let adjust =
            |registry: &Registry, difference| match registry.adjust("layer", "one", &difference) {
                Ok(_) => true,
                Err(RegistryError::Busy) => false,
                Err(other) => panic!("{other}"),
            };
        let other = registry.clone();
        let other = spawn(move || adjust(&other, json!({"y": 1})));
        let x = adjust(&registry, json!({"x": 1}));
        let y = join(other);
        assert!(x || y);
        let expected = json!({"x": i32::from(x), "y": i32::from(y)});
        assert_eq!(layer.config(), expected);
    });
}

/// A layer that comes while a document does is configured by it, whichever is first.
#[test]
fn a_layer_that_is_new_during_a_document_gets_it() {
    model(|| {
        let (layer, registry) = (layer(), Registry::new());
        let other = registry.clone();
        let other = spawn(move || {
            let document = Document::from_json(r#"{"layer": {"one": {"x": 1}}}"#);
            let applied = other.apply(document.expect("it is JSON"));
            applied.expect("nobody else applies one");
        });
        registry.add(layer.clone());
        join(other);
        assert_eq!(layer.config()["x"], 1);
    });
}

/// Of two documents at once one is in force, and the layer has what it says.
#[test]
fn of_two_documents_at_once_one_is_in_force_or_is_told_to_try_again() {
    model(|| {
        let layer = layer();
        let registry = Registry::new().with(layer.clone());
        let apply = |registry: &Registry, document| {
            let document = Document::from_json(document).expect("it is JSON");
            match registry.apply(document) {
                Ok(_) => true,
                Err(RegistryError::Busy) => false,
                Err(other) => panic!("{other}"),
            }
        };
        let other = registry.clone();
        let other = spawn(move || apply(&other, r#"{"layer": {"one": {"x": 1}}}"#));
        let two = apply(&registry, r#"{"layer": {"one": {"x": 2}}}"#);
        let one = join(other);
        assert!(one || two);
        let in_force = registry.in_force().document;
        let by = |x| Document::from_json(x).expect("it is JSON");
        let x = layer.config()["x"].clone();
        assert!(x == 1 || x == 2);
        let of_x = by(&format!(r#"{{"layer": {{"one": {{"x": {x}}}}}}}"#));
        assert_eq!(in_force, of_x);
    });
}
