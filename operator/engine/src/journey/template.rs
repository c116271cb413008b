//! Templates of a journey and the values they may use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use minijinja::value::{Object, Serde};
use minijinja::{Environment, UndefinedBehavior, Value};
use sha2::{Digest, Sha256};

/// What one template may cost: enough for any request, too little to hold the operator up. One unit pays
/// for an instruction or 64 bytes.
const FUEL: u64 = 20_000;

/// No loader, so no file and no other template; a name without a value is an error.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine
});

/// A value that is fresh in every run.
pub(super) const RANDOM: &str = "random";
/// Values that are fresh in every run, by any name.
pub(super) const FRESH: &str = "fresh";

/// A template as it stands in the spec.
#[derive(Clone, Copy)]
pub(super) struct Template<'t>(pub(super) &'t str);

impl Template<'_> {
    /// Whether there is nothing to fill in.
    pub(super) fn is_plain(self) -> bool {
        !["{{", "{%", "{#"].iter().any(|mark| self.0.contains(mark))
    }

    /// Fills in values. An error names its kind only: its details may hold a value.
    pub(super) fn render(self, values: &Values) -> Result<String, String> {
        let context = Value::from_pairs(values.0.clone());
        ENGINE
            .render_str(self.0, context)
            .map_err(|error| format!("the template failed: {}", error.kind()))
    }

    /// Names that it looks up, `fresh.NAME` in full.
    ///
    /// # Errors
    /// Says why it is no template.
    pub(super) fn names(self) -> Result<BTreeSet<String>, String> {
        let template = ENGINE
            .template_from_str(self.0)
            .map_err(|error| error.to_string())?;
        let globals: BTreeSet<&str> = ENGINE.globals().map(|(name, _)| name).collect();
        let names = template.undeclared_variables(true).into_iter();
        Ok(names
            .filter(|name| !globals.contains(name.as_str()))
            .collect())
    }
}

/// Values by name.
#[derive(Clone)]
pub(super) struct Values(BTreeMap<String, Value>);

impl Values {
    pub(super) fn new(seed: [u8; 16]) -> Self {
        let fresh = Fresh { seed };
        Self(BTreeMap::from([
            (RANDOM.to_owned(), fresh.value(RANDOM).into()),
            (FRESH.to_owned(), Value::from_object(fresh)),
        ]))
    }

    /// Adds what a step captured.
    pub(super) fn extend(&mut self, captured: BTreeMap<String, serde_json::Value>) {
        let captured = captured.into_iter();
        self.0
            .extend(captured.map(|(name, value)| (name, Value::from(Serde(value)))));
    }
}

/// Values that nobody else has, by name: a hash of seed and name.
#[derive(Debug)]
struct Fresh {
    seed: [u8; 16],
}

impl Fresh {
    fn value(&self, name: &str) -> String {
        let digest = Sha256::new()
            .chain_update(self.seed)
            .chain_update(name)
            .finalize();
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl Object for Fresh {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        key.as_str()
            .map(|name| self.value(&format!(".{name}")).into())
    }
}
