//! Writes what trade and notification hold about a person, page by page, so that no export is too long.

use std::mem;

use actix_web::web::Bytes;
use exchange_platform::{CallError, Hops, Peer};
use serde_json::{Map, Value};
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

/// What another service holds about a person: one object, with one list that comes in pages.
pub struct Held {
    service: &'static str,
    list: &'static str,
    peer: Peer,
    user: Uuid,
    token: String,
    hops: Hops,
    page: Page,
}

#[derive(Default)]
struct Page {
    rest: Map<String, Value>,
    items: Vec<Value>,
    next: Option<String>,
}

/// Whose export it is, and on whose behalf.
pub struct Whose<'a> {
    pub user: Uuid,
    pub token: &'a str,
    pub hops: &'a Hops,
}

/// Where the rest of an export goes. An error breaks the answer off, so that nobody takes a part for the
/// whole.
pub type Chunks = Sender<Result<Bytes, CallError>>;

impl Held {
    /// Reads the first page of the object that a service writes as `service`, with `list` in it.
    pub async fn open(
        service: &'static str,
        list: &'static str,
        peer: &Peer,
        whose: &Whose<'_>,
    ) -> Result<Self, CallError> {
        let mut held = Self {
            service,
            list,
            peer: peer.clone(),
            user: whose.user,
            token: whose.token.to_owned(),
            hops: whose.hops.clone(),
            page: Page::default(),
        };
        held.page = held.read("").await?;
        Ok(held)
    }

    async fn read(&self, after: &str) -> Result<Page, CallError> {
        let path = format!("/internal/accounts/{}/export{after}", self.user);
        let mut rest: Map<String, Value> =
            self.peer.get(&path, Some(&self.token), &self.hops).await?;
        let next = rest.remove("next");
        let items = match rest.remove(self.list) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        Ok(Page {
            next: next.and_then(|next| next.as_str().map(str::to_owned)),
            items,
            rest,
        })
    }

    /// Writes `"service": {...}`, all pages. Ends early when nobody listens any more.
    async fn write(mut self, to: &Chunks) -> Result<(), CallError> {
        let (service, list) = (self.service, self.list);
        let mut text = format!(r#""{service}":{{"#);
        for (field, value) in mem::take(&mut self.page.rest) {
            text.push_str(&format!("{}:{value},", Value::String(field)));
        }
        text.push_str(&format!(r#""{list}":["#));
        let mut is_first = true;
        loop {
            for item in mem::take(&mut self.page.items) {
                if !mem::take(&mut is_first) {
                    text.push(',');
                }
                text.push_str(&item.to_string());
            }
            let Some(next) = self.page.next.take() else {
                break;
            };
            if to.send(Ok(mem::take(&mut text).into())).await.is_err() {
                return Ok(());
            }
            self.page = self.read(&format!("?after={next}")).await?;
        }
        text.push_str("]}");
        let _ = to.send(Ok(text.into())).await;
        Ok(())
    }
}

/// Writes an object to its end: what is in `begun`, and what others hold.
pub async fn write(begun: String, held: [Held; 2], to: Chunks) {
    let begun = begun.strip_suffix('}').map(str::to_owned).unwrap_or(begun);
    let _ = to.send(Ok(begun.into())).await;
    for held in held {
        let _ = to.send(Ok(Bytes::from_static(b","))).await;
        if let Err(error) = held.write(&to).await {
            tracing::warn!(%error, "an export was broken off");
            let _ = to.send(Err(error)).await;
            return;
        }
    }
    let _ = to.send(Ok(Bytes::from_static(b"}"))).await;
}
