//! What the endpoints share.

use std::error::Error;
use std::time::SystemTime;

use actix_web::web::{Data, ServiceConfig};
use exchange_platform::{KeySet, Platform, StartError};

use crate::domain::key_schedule::KeySchedule;
use crate::domain::passwords::Passwords;
use crate::housekeeping::Housekeeping;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::signing_keys::SigningKeys;
use crate::tokens::Tokens;

/// What the endpoints share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub store: Data<Store>,
    pub passwords: Data<Passwords>,
    pub tokens: Data<Tokens>,
    pub signing_keys: Data<SigningKeys>,
    pub keys: KeySet,
}

impl State {
    pub async fn new(settings: &Settings, platform: &Platform) -> Result<Self, StartError> {
        let signing_keys = SigningKeys::new(platform.pool().clone(), KeySchedule::USUAL);
        let housekeeping = Housekeeping {
            store: Data::new(Store::open(platform.pool().clone()).await.map_err(boxed)?),
            signing_keys: Data::new(signing_keys.clone()),
            clock: SystemTime::now,
        };
        let store = housekeeping.store.clone();
        store
            .make_operators(&settings.operators)
            .await
            .map_err(boxed)?;
        // The first key, before anyone asks for one.
        housekeeping.renew_keys().await.map_err(boxed)?;
        let state = Self {
            store,
            passwords: Data::new(Passwords::new().await.map_err(boxed)?),
            tokens: Data::new(Tokens::new(
                signing_keys.clone(),
                settings.token_ttl_seconds,
            )),
            signing_keys: housekeeping.signing_keys.clone(),
            keys: platform.keys(signing_keys),
        };
        platform.spawn(housekeeping.run(platform.clone()));
        Ok(state)
    }

    /// Hands it to the endpoints.
    pub fn share(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.store.clone())
            .app_data(self.passwords.clone())
            .app_data(self.tokens.clone())
            .app_data(self.signing_keys.clone())
            .app_data(self.keys.clone());
    }
}

fn boxed(error: impl Error + Send + Sync + 'static) -> StartError {
    StartError::Service(Box::new(error))
}
