//! Balances, orders, matching by price and time, the order book, and events of fills.

mod api;
mod dispatcher;
mod domain;
mod retention;
mod settings;
mod state;
mod store;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use exchange_platform::{Service, Shared, run};

use crate::settings::Settings;
use crate::state::State;

fn main() -> ExitCode {
    let settings = Settings::parse();
    let service = Service {
        name: "trade",
        schema: "trade",
        migrations: sqlx::migrate!(),
        endpoints: api::endpoints,
    };
    run(service, settings.platform.clone(), async |platform| {
        let state = State::new(&settings, &platform);
        Ok(Arc::new(move |config: &mut _| state.share(config)) as Shared)
    })
}
