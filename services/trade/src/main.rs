//! Balances, limit orders, matching by price and time, the order book, and events of fills.

mod api;
mod dispatcher;
mod domain;
mod settings;
mod state;
mod store;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use exchange_platform::{Routes, Service, run};

use crate::settings::Settings;
use crate::state::State;

fn main() -> ExitCode {
    let settings = Settings::parse();
    let service = Service {
        name: "trade",
        schema: "trade",
        migrations: sqlx::migrate!(),
    };
    run(service, settings.platform.clone(), async |platform| {
        let state = State::new(&settings, &platform);
        Ok(Arc::new(move |config: &mut _| api::routes(config, &state)) as Routes)
    })
}
