//! Accounts: registration, login, roles, profile, and whether a trader is in good standing.

mod api;
mod domain;
mod erasures;
mod exports;
mod housekeeping;
mod retention;
mod settings;
mod state;
mod store;
mod tokens;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use exchange_platform::{Service, Shared, run};

use crate::settings::Settings;
use crate::state::State;

fn main() -> ExitCode {
    let settings = Settings::parse();
    let service = Service {
        name: "user",
        schema: "users",
        migrations: sqlx::migrate!(),
        endpoints: api::endpoints,
    };
    run(service, settings.platform.clone(), async |platform| {
        let state = State::new(&settings, &platform).await?;
        Ok(Arc::new(move |config: &mut _| state.share(config)) as Shared)
    })
}
