//! Server-sent events as text, as the HTML standard defines them.

use uuid::Uuid;

/// An event. `kind` and `data` hold no line breaks: a kind is one of ours, data is compact JSON.
pub fn event(id: Uuid, kind: &str, data: &str) -> String {
    format!("id: {id}\nevent: {kind}\ndata: {data}\n\n")
}

/// What a stream begins with: how long to wait, in milliseconds, should it break.
pub fn hello() -> String {
    "retry: 1000\n: connected\n\n".to_owned()
}

/// Tells both ends that the other is still there.
pub fn heartbeat() -> String {
    ":\n\n".to_owned()
}

/// The last words of a stream: reconnect soon. Users come back at different times, so that a colour that
/// was just switched to does not get all of them at once.
pub fn goodbye(user: Uuid) -> String {
    let milliseconds = 100 + user.as_u128() % 900;
    format!("retry: {milliseconds}\n: reconnect\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_carries_its_id_kind_and_data() {
        let text = event(Uuid::nil(), "fill", "{}");
        assert_eq!(
            text,
            "id: 00000000-0000-0000-0000-000000000000\nevent: fill\ndata: {}\n\n"
        );
    }

    #[test]
    fn users_are_asked_back_within_a_second_and_not_all_at_once() {
        let waits: std::collections::BTreeSet<u64> = (0..100)
            .map(|_| {
                let text = goodbye(Uuid::new_v4());
                let wait = text.strip_prefix("retry: ").unwrap();
                wait.lines().next().unwrap().parse().unwrap()
            })
            .collect();
        assert!(waits.len() > 50, "{waits:?}");
        assert!(waits.iter().all(|wait| (100..1000).contains(wait)));
    }
}
