//! Accounts: registration, login, profile, and whether a trader is in good standing.

mod api;
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
        name: "user",
        schema: "users",
        migrations: sqlx::migrate!(),
    };
    run(service, settings.platform.clone(), async |platform| {
        let state = State::new(&settings, &platform).await?;
        Ok(Arc::new(move |config: &mut _| api::routes(config, &state)) as Routes)
    })
}
