//! What the endpoints share.

use std::error::Error;
use std::time::SystemTime;

use actix_web::web::{Data, ServiceConfig};
use exchange_platform::{KeySet, Peer, Platform, StartError};

use crate::domain::key_schedule::KeySchedule;
use crate::domain::passwords::Passwords;
use crate::erasures::Erasures;
use crate::housekeeping::Housekeeping;
use crate::retention::Retention;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::signing_keys::SigningKeys;
use crate::tokens::Tokens;

/// The services that hold something about the same people.
#[derive(Clone)]
pub struct Peers {
    pub trade: Peer,
    pub notification: Peer,
}

/// What the endpoints share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub store: Data<Store>,
    pub passwords: Data<Passwords>,
    pub tokens: Data<Tokens>,
    pub signing_keys: Data<SigningKeys>,
    pub erasures: Data<Erasures>,
    pub peers: Data<Peers>,
    pub keys: KeySet,
}

impl State {
    pub async fn new(settings: &Settings, platform: &Platform) -> Result<Self, StartError> {
        let pool = platform.pool();
        let store = Store::open(pool.clone(), settings.plain_emails).await;
        let store = Data::new(store.map_err(boxed)?);
        let operators = store.make_operators(&settings.operators);
        operators.await.map_err(boxed)?;
        let keys = SigningKeys::new(pool.clone(), KeySchedule::USUAL);
        let tokens = Data::new(Tokens::new(keys.clone(), settings.token_ttl_seconds));
        let peers = Peers {
            trade: platform.peer("trade", &settings.trade_url),
            notification: platform.peer("notification", &settings.notification_url),
        };
        let state = Self {
            erasures: Data::new(Erasures {
                store: store.clone(),
                tokens: tokens.clone(),
                peers: peers.clone(),
            }),
            peers: Data::new(peers),
            store,
            passwords: Data::new(Passwords::new().await.map_err(boxed)?),
            tokens,
            signing_keys: Data::new(keys.clone()),
            keys: platform.keys(keys),
        };
        let housekeeping = state.housekeeping();
        // The first key, before anyone asks for one.
        housekeeping.renew_keys().await.map_err(boxed)?;
        platform.spawn(housekeeping.run(platform.clone()));
        Ok(state)
    }

    fn housekeeping(&self) -> Housekeeping {
        Housekeeping {
            store: self.store.clone(),
            signing_keys: self.signing_keys.clone(),
            erasures: self.erasures.clone(),
            retention: Retention {
                store: self.store.clone(),
                clock: SystemTime::now,
            },
        }
    }

    /// Hands it to the endpoints.
    pub fn share(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.store.clone())
            .app_data(self.passwords.clone())
            .app_data(self.tokens.clone())
            .app_data(self.signing_keys.clone())
            .app_data(self.erasures.clone())
            .app_data(self.peers.clone())
            .app_data(self.keys.clone());
    }
}

fn boxed(error: impl Error + Send + Sync + 'static) -> StartError {
    StartError::Service(Box::new(error))
}
