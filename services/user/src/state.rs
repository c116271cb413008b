//! What the endpoints share.

use std::error::Error;

use actix_web::web::{Data, ServiceConfig};
use exchange_platform::{KeySet, Platform, SigningKey, StartError};

use crate::domain::passwords::Passwords;
use crate::settings::Settings;
use crate::store::accounts::Accounts;
use crate::store::signing_keys::SigningKeys;

/// What the endpoints share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub accounts: Data<Accounts>,
    pub passwords: Data<Passwords>,
    pub sessions: Data<Sessions>,
    pub published: Data<SigningKeys>,
    pub keys: KeySet,
}

/// What signs a login in.
pub struct Sessions {
    pub key: SigningKey,
    pub ttl_seconds: u64,
}

impl State {
    pub async fn new(settings: &Settings, platform: &Platform) -> Result<Self, StartError> {
        let stored = SigningKeys::new(platform.pool().clone());
        let key = stored.current().await.map_err(boxed)?;
        Ok(Self {
            accounts: Data::new(Accounts::new(platform.pool().clone())),
            passwords: Data::new(Passwords::new().await.map_err(boxed)?),
            sessions: Data::new(Sessions {
                key,
                ttl_seconds: settings.token_ttl_seconds,
            }),
            keys: platform.keys(stored.clone()),
            published: Data::new(stored),
        })
    }

    /// Hands it to the endpoints.
    pub fn share(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.accounts.clone())
            .app_data(self.passwords.clone())
            .app_data(self.sessions.clone())
            .app_data(self.published.clone())
            .app_data(self.keys.clone());
    }
}

fn boxed(error: impl Error + Send + Sync + 'static) -> StartError {
    StartError::Service(Box::new(error))
}
