//! What people apply.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::dice::Dice;
use crate::model::{SERVICES, World, exchange};

/// As many states before that of now a stale read may show. Every branch has a copy.
pub const STALE: usize = 40;

/// How many of the services the exchange has: most of what can go wrong needs only one, and is found sooner so.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub services: usize,
    /// Whether the first one has an admin port: no later spec may change that.
    pub is_measured: bool,
}

impl Size {
    /// A spec of this size.
    pub fn spec(self, version: &str) -> Value {
        let mut spec = exchange(version);
        let services = spec["services"].as_array_mut().unwrap();
        services.truncate(self.services);
        if !self.is_measured {
            services[0].as_object_mut().unwrap().remove("adminPort");
        }
        let steps = &mut spec["verification"]["journeys"][0]["steps"];
        steps.as_array_mut().unwrap().truncate(self.services.min(2));
        spec
    }

    /// A world with version 1 live.
    pub fn live(self) -> World {
        static LIVE: [[OnceLock<World>; 2]; SERVICES.len()] =
            [const { [const { OnceLock::new() }; 2] }; SERVICES.len()];
        let install = || {
            let mut world = World::new(self.spec("1"));
            world.api.keep_past(STALE);
            world.settle();
            world
        };
        let live = &LIVE[self.services - 1][usize::from(self.is_measured)];
        live.get_or_init(install).clone()
    }

    pub fn service(self, dice: &mut Dice) -> &'static str {
        dice.one(&SERVICES[..self.services]).0
    }
}

/// Changes a spec in one of the ways in which people do, or not at all; what was changed.
pub fn edit(spec: &mut Value, dice: &mut Dice) -> &'static str {
    let first = &mut spec["services"][0];
    match dice.below(14) {
        0 => {
            first["replicas"] = (1 + dice.below(4)).into();
            "replicas"
        }
        1 => {
            spec["drain"] = json!({"quiet": "1s", "deadline": "5s"});
            "a short drain"
        }
        2 => {
            spec["promotion"] = json!({"mode": "Manual"});
            "manual promotion"
        }
        3 => {
            spec["verification"]["journeys"] = json!([]);
            "no journeys"
        }
        4 => {
            spec["restart"] = dice.below(100).to_string().into();
            "restart"
        }
        5 => {
            spec["rollbackWindow"] = "5s".into();
            "a short window"
        }
        6 => {
            first["smoke"] = json!([]);
            "no smoke probes"
        }
        _ => "as it is",
    }
}
