//! What the demo does, with the very files that README tells people to apply.

use std::time::Duration;

use anyhow::Result;
use changeover_e2e::{Lab, Load, Spec, Stage, is_rejected, message, say, while_waiting};

use crate::account::Account;

pub const NAMESPACE: &str = "exchange";
/// How long clients are watched before, between and after the releases.
const STEADY: Duration = Duration::from_secs(4);
/// Longest time that a release may take on a busy machine.
const RELEASE: Duration = Duration::from_secs(180);

/// Three releases; the second and the third under load.
pub async fn play(lab: &Lab) -> Result<Account> {
    let leftover = ["delete", "namespace", NAMESPACE, "--ignore-not-found"];
    lab.run("kubectl", &leftover)?;
    let stage = Stage::named(lab, NAMESPACE).await?.kept();
    say("The operator, by helm install, and PostgreSQL");
    stage.start_database()?;
    stage.install_operator()?;
    stage.database_ready().await?;

    say("Release 1.0.0: the first install");
    let release = stage.release(&Spec::example("exchange.yaml")?).await?;
    say(format!("  {}", message(&release)));

    say("Clients begin to trade");
    let load = Load::start(&stage).await?;
    watch_clients().await;

    say("Release 2.0.0, under load");
    let release = stage
        .release(&Spec::example("exchange-2.0.0.yaml")?)
        .await?;
    say(format!("  {}", message(&release)));
    watch_clients().await;

    say("Release 3.0.0, which is broken");
    stage.apply(&Spec::example("exchange-3.0.0.yaml")?)?;
    let release = stage
        .until("the verdict on 3.0.0", RELEASE, |r| {
            is_rejected(r, "3.0.0") && !message(r).is_empty()
        })
        .await?;
    say(format!("  {}", message(&release)));
    watch_clients().await;

    say("Every request and every order is accounted for");
    let report = load.finish().await?;
    Account::of(&release, report)
}

async fn watch_clients() {
    while_waiting("clients trade", String::new, tokio::time::sleep(STEADY)).await;
}
