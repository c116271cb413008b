//! What the endpoints share.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use exchange_platform::{KeySet, Peer, Platform};
use tokio::sync::Notify;

use crate::dispatcher::Dispatcher;
use crate::retention;
use crate::settings::Settings;
use crate::store::Store;

/// What the endpoints share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    pub store: Data<Store>,
    pub users: Data<Users>,
    pub keys: KeySet,
}

/// The user service.
pub struct Users(pub Peer);

impl State {
    pub fn new(settings: &Settings, platform: &Platform) -> Self {
        let users = platform.peer("user", &settings.user_url);
        let new_events = Arc::new(Notify::new());
        let colour = platform.identity().colour.as_str();
        let store = Store::new(platform.pool().clone(), colour, Arc::clone(&new_events));
        let dispatcher = Dispatcher {
            platform: platform.clone(),
            notification: platform.peer("notification", &settings.notification_url),
            new_events,
        };
        platform.spawn(dispatcher.run());
        let store = Data::new(store);
        platform.spawn(retention::run(store.clone(), platform.clone()));
        Self {
            store,
            keys: platform.keys(users.clone()),
            users: Data::new(Users(users)),
        }
    }

    /// Hands it to the endpoints.
    pub fn share(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.store.clone())
            .app_data(self.users.clone())
            .app_data(self.keys.clone());
    }
}
