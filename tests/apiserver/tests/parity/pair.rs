//! Both servers, side by side.

use std::collections::BTreeMap;

use changeover_apiserver_tests::exchange;
use changeover_kubernetes_model::{Call, Server, Verb};
use serde_json::{Value, json};

use crate::bodies;
use crate::real::Real;

const NAME: &str = "one";
const NOW: &str = "2026-01-01T00:00:00Z";

/// Preconditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pins {
    None,
    Right,
    WrongUid,
    WrongVersion,
    BothWrong,
}

impl Pins {
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Right,
        Self::WrongUid,
        Self::WrongVersion,
        Self::BothWrong,
    ];
    pub const LIKELY: [Self; 4] = [Self::Right, Self::Right, Self::Right, Self::WrongVersion];

    /// Into a body; an object that is gone is remembered as it was.
    fn add(self, body: &mut Value, identity: Option<&(String, String)>) {
        let nothing = (
            "00000000-0000-0000-0000-000000000000".to_owned(),
            "1".to_owned(),
        );
        let (uid, version) = identity.unwrap_or(&nothing);
        let (uid, version) = match self {
            Self::None => return,
            Self::Right => (uid, version),
            Self::WrongUid => (&nothing.0, version),
            Self::WrongVersion => (uid, &nothing.1),
            Self::BothWrong => (&nothing.0, &nothing.1),
        };
        body["metadata"]["uid"] = json!(uid);
        body["metadata"]["resourceVersion"] = json!(version);
    }
}

/// One name of each kind, at both servers.
pub struct Pair {
    model: Server,
    real: Real,
    /// Uid and version of each kind's object, at the model and at the real server, as last seen.
    identities: BTreeMap<&'static str, [(String, String); 2]>,
    /// Fields that were ever set, by kind: where both must agree.
    set: BTreeMap<&'static str, Value>,
    requests: usize,
}

impl Pair {
    pub async fn new(purpose: &str) -> Self {
        let mut pair = Self {
            model: Server::default(),
            real: Real::new(purpose).await.unwrap(),
            identities: BTreeMap::new(),
            set: BTreeMap::new(),
            requests: 0,
        };
        let mut release = exchange("1.0.0");
        release["metadata"] = json!({});
        pair.both(Verb::Create, "ExchangeRelease", release.clone(), release)
            .await;
        pair
    }

    /// One of the bodies, to both.
    pub async fn send(&mut self, verb: Verb, kind: &'static str, body: usize, pins: Pins) {
        // The operator's applies and deletions always are pinned: without pins an apply creates.
        let pins = if pins == Pins::None && verb == Verb::Apply {
            Pins::Right
        } else {
            pins
        };
        let body = bodies::of(kind)[body].clone();
        let body = if verb == Verb::Delete {
            json!({})
        } else {
            body
        };
        let pins = if verb == Verb::Create {
            Pins::None
        } else {
            pins
        };
        self.send_body(verb, kind, body, pins).await;
    }

    /// Any body, to both.
    pub async fn send_body(&mut self, verb: Verb, kind: &'static str, body: Value, pins: Pins) {
        let (mut of_model, mut of_real) = (body.clone(), body);
        let seen = self.identities.get(kind);
        pins.add(&mut of_model, seen.map(|[model, _]| model));
        pins.add(&mut of_real, seen.map(|[_, real]| real));
        self.both(verb, kind, of_model, of_real).await;
    }

    async fn both(&mut self, verb: Verb, kind: &'static str, of_model: Value, of_real: Value) {
        self.requests += 1;
        let what = format!("request {}, {verb:?} {kind} {of_model}", self.requests);
        let call = |body| Call {
            verb,
            kind,
            name: NAME.to_owned(),
            body,
        };
        let (was_model, was_real) = self.versions(kind).await;
        let real = self.real.send(&call(of_real.clone())).await.unwrap();
        let model = self.model.send(&call(of_model), NOW).map_err(|r| r.code);
        assert_eq!(model, real, "{what}: the answers, model and real");
        let (model, real) = self.versions(kind).await;
        assert_eq!(
            model != was_model,
            real != was_real,
            "{what}: whether the version moved, model and real: {:#} {:#}",
            self.model.get(kind, NAME).unwrap_or(&Value::Null),
            self.real.get(kind, NAME).await.unwrap().unwrap_or_default()
        );
        self.learn(kind, &of_real);
        self.compare(kind, &what).await;
    }

    /// A person changes what one of the bodies says.
    pub async fn edit(&mut self, kind: &'static str, body: usize) {
        if self.model.get(kind, NAME).is_none() {
            return;
        }
        self.requests += 1;
        let mut patch = bodies::of(kind)[body].clone();
        patch = match kind {
            "Deployment" => json!({"metadata": {"annotations": {"person": body.to_string()}},
                "spec": {"replicas": body}}),
            "Service" => json!({"metadata": {"labels": {"person": body.to_string()}},
                "spec": {"selector": patch["spec"]["selector"]}}),
            "ExchangeRelease" => json!({"spec": {"version": format!("2.0.{body}")}}),
            _ => json!({"metadata": {"labels": patch["metadata"]["labels"]}}),
        };
        self.real.edit(kind, NAME, &patch).await.unwrap();
        self.model.edit(kind, NAME, |object| {
            changeover_kubernetes_model::patch(object, &patch);
        });
        self.learn(kind, &patch);
        let what = format!("request {}, a person's {kind} {patch}", self.requests);
        self.compare(kind, &what).await;
    }

    /// Neither has the object.
    pub async fn clear(&mut self, kind: &'static str) {
        self.real.delete(kind, NAME).await.unwrap();
        self.model.remove(&(kind, NAME.to_owned()));
        self.model.free_addresses();
        self.set.remove(kind);
    }

    pub async fn finish(self, what: &str) {
        self.real.finish().await.unwrap();
        crate::tell(what, self.requests);
    }

    /// As the objects are now.
    async fn versions(&mut self, kind: &'static str) -> (Option<String>, Option<String>) {
        let model = self.model.get(kind, NAME).map(identity);
        let real = self.real.get(kind, NAME).await.unwrap();
        let real = real.as_ref().map(identity);
        if let (Some(model), Some(real)) = (model.clone(), real.clone()) {
            self.identities.insert(kind, [model, real]);
        }
        (model.map(|(_, v)| v), real.map(|(_, v)| v))
    }

    fn learn(&mut self, kind: &'static str, body: &Value) {
        let mut body = body.clone();
        if let Some(Value::Object(metadata)) = body.get_mut("metadata") {
            metadata.retain(|key, _| !["uid", "resourceVersion"].contains(&&**key));
        }
        add(self.set.entry(kind).or_default(), &body);
    }

    async fn compare(&self, kind: &'static str, what: &str) {
        let real = self.real.get(kind, NAME).await.unwrap();
        let set = self.set.get(kind).unwrap_or(&Value::Null);
        let view = |object: &Value| {
            let mut seen = only(object, set);
            if ["Deployment", "ExchangeRelease"].contains(&kind) {
                seen["generation"] = object["metadata"]["generation"].clone();
            }
            seen
        };
        let (model, real) = (
            self.model.get(kind, NAME).map(view),
            real.as_ref().map(view),
        );
        assert_eq!(model, real, "{what}: the objects, model and real");
    }
}

fn identity(object: &Value) -> (String, String) {
    let word = |field: &str| {
        object["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (word("uid"), word("resourceVersion"))
}

/// Adds the fields of a body to those that were ever set.
fn add(set: &mut Value, body: &Value) {
    match (set, body) {
        (set @ Value::Null, Value::Object(_)) => {
            *set = json!({});
            add(set, body);
        }
        (Value::Object(set), Value::Object(body)) => {
            for (key, value) in body {
                add(set.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(set), Value::Array(items)) => {
            for item in items {
                match set.iter_mut().find(|s| s["name"] == item["name"]) {
                    Some(known) => add(known, item),
                    None => set.push(item.clone()),
                }
            }
        }
        (set, body) => *set = body.clone(),
    }
}

/// An object's fields of those that were ever set: the real server adds defaults.
fn only(object: &Value, set: &Value) -> Value {
    match (object, set) {
        (Value::Object(object), Value::Object(set)) => set
            .iter()
            .filter_map(|(key, set)| Some((key.clone(), only(object.get(key)?, set))))
            .filter(|(_, value)| *value != json!({}))
            .collect(),
        (Value::Array(items), Value::Array(set)) => {
            let known = |item: &Value| set.iter().find(|s| s["name"] == item["name"]);
            let nothing = Value::Null;
            let item = |i: &Value| only(i, known(i).unwrap_or(&nothing));
            items.iter().map(item).collect()
        }
        (object, _) => object.clone(),
    }
}
