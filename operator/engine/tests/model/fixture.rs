//! An exchange of three services, and worlds to begin with.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::world::World;

pub const SERVICES: [(&str, i64); 3] = [("user", 2), ("trade", 2), ("notification", 1)];

/// The exchange in a version: every image has the version as its tag, and must answer with it.
pub fn exchange(version: &str) -> Value {
    let service = |(name, replicas): (&str, i64)| {
        json!({"name": name, "image": format!("{name}:{version}"), "replicas": replicas, "port": 8080,
            "adminPort": 9090, "config": {"LOG_LEVEL": "info"},
            "resources": {"requests": {"memory": "1024Mi"}},
            "smoke": [{"path": "/version", "expect": {"json": {"$.version": version}}}]})
    };
    let step = json!({"service": "user", "method": "POST", "path": "/v1/users", "expect": {"status": 201}});
    let trade = json!({"service": "trade", "path": "/v1/orders"});
    json!({"version": version, "services": SERVICES.map(service), "verification": {"bake": "20s",
        "journeys": [{"name": "sign-up-and-trade", "steps": [step, trade]}]}})
}

/// The same, changed.
pub fn spec(version: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut spec = exchange(version);
    change(&mut spec);
    spec
}

/// Version 1 is live on blue, nothing moves.
pub fn live() -> World {
    static LIVE: OnceLock<World> = OnceLock::new();
    let install = || {
        let mut world = World::new(exchange("1"));
        world.settle();
        assert_eq!(world.phase(), "Live");
        world
    };
    LIVE.get_or_init(install).clone()
}

/// Version 2 is live on green, version 1 is warm on blue.
pub fn warm() -> World {
    static WARM: OnceLock<World> = OnceLock::new();
    let release = || {
        let mut world = live();
        world.apply(exchange("2"));
        world.settle();
        assert_eq!(world.phase(), "Warm");
        world
    };
    WARM.get_or_init(release).clone()
}
