//! A leader's term: from the lease that it wins to the lease that it gives back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::context::Context;
use crate::leader::Election;
use crate::run::RunError;

/// How long a reconcile in progress may go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// What a term takes.
pub struct Term {
    pub ctx: Arc<Context>,
    pub election: Election,
    /// Whether this replica leads.
    pub lead: watch::Sender<bool>,
    /// Whether nothing new is to be begun.
    pub stop: watch::Sender<bool>,
}

impl Term {
    /// Waits for the lease, and works until it is lost or until `terminate`. Then what is in progress is finished, and
    /// the lease is held for as long as that takes.
    ///
    /// # Errors
    /// When it is lost, or when the work ends by itself.
    pub async fn serve(
        self,
        work: impl Future<Output = ()> + Send + 'static,
        terminate: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let Self {
            ctx,
            mut election,
            lead,
            stop,
        } = self;
        tokio::pin!(terminate);
        let won = tokio::select! {
            () = &mut terminate => return Ok(()),
            won = election.win() => won,
        };
        ctx.metrics.lead(true);
        lead.send_replace(true);
        let mut work = tokio::spawn(work);
        let out_of_time = async {
            terminate.await;
            tracing::info!("finishes what is in progress");
            stop.send_replace(true);
            tokio::time::sleep(GRACE).await;
        };
        let ended = tokio::select! {
            lost = election.hold(won) => Err(lost.into()),
            () = out_of_time => {
                tracing::warn!("gives up what is in progress, which took longer than {GRACE:?}");
                Ok(())
            }
            ended = &mut work => {
                tracing::info!(?ended, "the work on releases ended");
                stop.borrow().then_some(()).ok_or(RunError::Work)
            }
        };
        // Nothing that was begun goes on when another may lead.
        lead.send_replace(false);
        work.abort();
        ctx.memory.hush(None);
        if !matches!(ended, Err(RunError::Lost(_))) {
            election.release().await;
        }
        ended
    }
}

#[cfg(test)]
mod tests;
