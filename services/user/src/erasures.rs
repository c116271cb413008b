//! Sees to it that trade and notification forget whom user has erased.

use actix_web::web::Data;
use exchange_platform::{CallError, Hops, Subject};
use thiserror::Error;
use uuid::Uuid;

use crate::state::Peers;
use crate::store::Store;
use crate::store::signing_keys::StoredKeyError;
use crate::tokens::Tokens;

/// Seconds that a token for the other services is valid.
const TTL: u64 = 60;

/// Passes erasures on.
pub struct Erasures {
    pub store: Data<Store>,
    pub tokens: Data<Tokens>,
    pub peers: Peers,
}

/// Why an erasure is not complete yet. It is tried again.
#[derive(Debug, Error)]
pub enum Unfinished {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Key(#[from] StoredKeyError),
    #[error("the database did not answer")]
    Database(#[from] sqlx::Error),
}

impl Erasures {
    /// Passes one on. Repeating it is harmless.
    pub async fn complete(&self, user: Uuid, hops: &Hops) -> Result<(), Unfinished> {
        let service = Subject {
            roles: vec!["service".to_owned()],
            ..Subject::default()
        };
        let token = self.tokens.sign_for(service, TTL).await?.text;
        let path = format!("/internal/accounts/{user}/erasure");
        // Trade first: what it still had to tell notification goes with it.
        self.peers.trade.command(&path, &token, hops).await?;
        self.peers.notification.command(&path, &token, hops).await?;
        Ok(self.store.complete_erasure(user).await?)
    }

    /// Passes on all that are not complete; `again` also those of the last day, because a version that
    /// knows no erasures may have run beside and added something since.
    pub async fn complete_all(&self, again: bool) -> Result<(), sqlx::Error> {
        for user in self.store.unfinished_erasures(again).await? {
            if let Err(error) = self.complete(user, &Hops::default()).await {
                tracing::warn!(%error, "an erasure is not complete yet");
            }
        }
        Ok(())
    }
}
