//! Events as other services send them.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most events that are taken at once.
const MOST: usize = 100;

/// Something that a user should hear of.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "0194f5c2-7a52-7bd2-9a9f-3f3f6f1f2d10",
    "kind": "fill",
    "userId": "6f7c1f0a-0c59-4e0e-8f6a-0e0c1f7a9b11",
    "payload": { "market": "BTC-EUR", "side": "buy", "price": "100", "quantity": "1" },
    "colour": "blue"
}))]
pub struct Event {
    pub id: Uuid,
    pub kind: String,
    pub user_id: Uuid,
    #[schema(value_type = Object)]
    pub payload: Value,
    /// The colour that made it
    pub colour: String,
    /// Whether it is about an account of a journey, which is kept for a short time only
    #[serde(default)]
    pub synthetic: bool,
}

/// What is wrong with a batch of events.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EventsError {
    #[error("send at most 100 events at once")]
    TooMany,
    #[error("event {0} is of an unknown kind; known is: fill")]
    Kind(Uuid),
    #[error("the payload of event {0} must be an object")]
    Payload(Uuid),
}

/// Takes a batch whole or not at all.
pub fn check(events: &[Event]) -> Result<(), EventsError> {
    if events.len() > MOST {
        return Err(EventsError::TooMany);
    }
    for event in events {
        if event.kind != "fill" {
            return Err(EventsError::Kind(event.id));
        }
        if !event.payload.is_object() {
            return Err(EventsError::Payload(event.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, payload: Value) -> Event {
        Event {
            id: Uuid::new_v4(),
            kind: kind.to_owned(),
            user_id: Uuid::new_v4(),
            payload,
            colour: "blue".to_owned(),
            synthetic: false,
        }
    }

    #[test]
    fn a_batch_with_one_bad_event_is_refused() {
        let good = event("fill", serde_json::json!({}));
        assert_eq!(check(std::slice::from_ref(&good)), Ok(()));
        let odd = event("gossip", serde_json::json!({}));
        assert_eq!(
            check(&[good.clone(), odd.clone()]),
            Err(EventsError::Kind(odd.id))
        );
        let bare = event("fill", Value::Null);
        assert_eq!(
            check(std::slice::from_ref(&bare)),
            Err(EventsError::Payload(bare.id))
        );
        assert_eq!(check(&vec![good; MOST + 1]), Err(EventsError::TooMany));
    }
}
