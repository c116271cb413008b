//! Takes events, each exactly once in effect, and keeps them for the people they concern.

mod api;
mod domain;
mod feed;
mod retention;
mod settings;
mod state;
mod store;
mod streams;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use exchange_platform::{Service, Shared, run};

use crate::settings::Settings;
use crate::state::State;

fn main() -> ExitCode {
    let settings = Settings::parse();
    let service = Service {
        name: "notification",
        schema: "notification",
        migrations: sqlx::migrate!(),
        endpoints: api::endpoints,
    };
    run(service, settings.platform.clone(), async |platform| {
        let state = State::new(&settings, &platform);
        Ok(Arc::new(move |config: &mut _| state.share(config)) as Shared)
    })
}
