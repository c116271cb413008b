//! What the endpoints share.

use actix_web::web::{Data, ServiceConfig};
use exchange_platform::{KeySet, Platform};

use crate::settings::Settings;
use crate::store::Store;

/// What the endpoints share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub store: Data<Store>,
    pub keys: KeySet,
}

impl State {
    pub fn new(settings: &Settings, platform: &Platform) -> Self {
        Self {
            store: Data::new(Store::new(platform.pool().clone())),
            keys: platform.keys(platform.peer("user", &settings.user_url)),
        }
    }

    /// Hands it to the endpoints.
    pub fn share(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.store.clone())
            .app_data(self.keys.clone());
    }
}
