//! What the endpoints share.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use exchange_platform::{KeySet, Peer, Platform};

use crate::retention;
use crate::settings::Settings;
use crate::store::Store;
use crate::streams::Streams;

/// What the endpoints share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub store: Data<Store>,
    pub streams: Data<Streams>,
    pub user: Data<Peer>,
    pub keys: KeySet,
}

impl State {
    pub fn new(settings: &Settings, platform: &Platform) -> Self {
        let store = Data::new(Store::new(platform.pool().clone()));
        let streams = Data::new(Streams::default());
        let listen = Arc::clone(&streams).listen(Arc::clone(&store), platform.clone());
        platform.spawn(listen);
        platform.spawn(retention::run(store.clone(), platform.clone()));
        let user = platform.peer("user", &settings.user_url);
        Self {
            store,
            streams,
            user: Data::new(user.clone()),
            keys: platform.keys(user),
        }
    }

    /// Hands it to the endpoints.
    pub fn share(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.store.clone())
            .app_data(self.streams.clone())
            .app_data(self.user.clone())
            .app_data(self.keys.clone());
    }
}
