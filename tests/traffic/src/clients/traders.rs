//! Traders: pairs of orders that fill each other, repeated orders, reading, logging in.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::clients::account::{Account, Side};
use crate::clients::{Call, Followed};
use crate::outcome::Outcome;
use crate::recorder::Recorder;
use crate::report::Kind;
use crate::target::Targets;

/// What became of the orders sent under one idempotency key.
#[derive(Debug, Clone, Default)]
pub struct JournalEntry {
    /// The order was answered 201.
    pub accepted: bool,
    /// Every order id that was answered under this key: one, unless the exchange is at fault.
    pub ids: BTreeSet<Uuid>,
}

/// An accepted order, kept to be sent once more under its key.
struct Repeatable {
    account: Arc<Account>,
    key: Uuid,
    body: Value,
}

/// All traders of a run and the journal of their orders.
pub struct Traders {
    targets: Targets,
    market: String,
    timeout: Duration,
    buyers: Vec<Arc<Account>>,
    sellers: Vec<Arc<Account>>,
    journal: Mutex<HashMap<Uuid, JournalEntry>>,
    repeatable: Mutex<Option<Repeatable>>,
}

/// What a trader does at one arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Order(Side),
    /// Reads notifications, or logs in when a session has aged.
    Read,
    /// Sends an accepted order again under its key: the answer must be the same order.
    Repeat,
}

impl Step {
    /// Three times buy, sell, read, then a repeat; and the number of the pair.
    fn at(n: u64) -> (Self, u64) {
        let (round, place) = (n / 10, n % 10);
        let step = match place {
            9 => Self::Repeat,
            _ => match place % 3 {
                0 => Self::Order(Side::Buy),
                1 => Self::Order(Side::Sell),
                _ => Self::Read,
            },
        };
        (step, round * 3 + place / 3)
    }
}

impl Traders {
    /// Opens `pairs` buyers and as many sellers in `market` (`BASE-QUOTE`).
    pub async fn open(
        targets: &Targets,
        market: &str,
        pairs: u32,
        timeout: Duration,
    ) -> Result<Self> {
        let (base, quote) = market
            .split_once('-')
            .ok_or_else(|| anyhow::anyhow!("a market looks like ETH-EUR, not {market:?}"))?;
        let open = |side, asset| {
            try_join_all((0..pairs).map(move |_| Account::open(targets, side, asset, timeout)))
        };
        let (buyers, sellers) = futures::try_join!(open(Side::Buy, quote), open(Side::Sell, base))?;
        Ok(Self {
            targets: targets.clone(),
            market: market.to_owned(),
            timeout,
            buyers: buyers.into_iter().map(Arc::new).collect(),
            sellers: sellers.into_iter().map(Arc::new).collect(),
            journal: Mutex::default(),
            repeatable: Mutex::default(),
        })
    }

    /// The accounts of the run.
    pub fn users(&self) -> Vec<Uuid> {
        self.buyers
            .iter()
            .chain(&self.sellers)
            .map(|account| account.user)
            .collect()
    }

    /// Follows the notifications of every account.
    pub fn follow(&self) -> Vec<Followed> {
        let everyone = self.buyers.iter().chain(&self.sellers);
        let start = |account: &Arc<Account>| {
            let at = Arc::clone(&self.targets.notification);
            Followed::start(Arc::clone(account), at, self.timeout)
        };
        everyone.map(start).collect()
    }

    /// A read of the traders' order book.
    pub fn read_book(&self) -> Option<Call> {
        let path = format!("/v1/markets/{}/book", self.market);
        let account = self.buyers.first()?;
        Some(Call::get(&self.targets.trade, path).bearer(account.token()))
    }

    /// What became of every order, by idempotency key.
    pub fn journal(&self) -> MutexGuard<'_, HashMap<Uuid, JournalEntry>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keys for which more than one order id was answered.
    pub fn conflicting_keys(&self) -> u64 {
        self.journal()
            .values()
            .filter(|entry| entry.ids.len() > 1)
            .count() as u64
    }

    /// Arrival `n` of the traders' schedule.
    pub async fn act(self: Arc<Self>, n: u64, due: Instant, recorder: Arc<Recorder>) {
        let (step, pair) = Step::at(n);
        match step {
            Step::Order(side) => self.order(side, pair, due, &recorder).await,
            Step::Read => self.read(pair, due, &recorder).await,
            Step::Repeat => match self.take_repeatable() {
                Some(order) => self.repeat(order, due, &recorder).await,
                None => self.read(pair, due, &recorder).await,
            },
        }
    }

    async fn order(&self, side: Side, pair: u64, due: Instant, recorder: &Recorder) {
        let crowd = match side {
            Side::Buy => &self.buyers,
            Side::Sell => &self.sellers,
        };
        let Some(account) = member(crowd, pair) else {
            return;
        };
        let key = Uuid::new_v4();
        // One price and one quantity: whatever order they arrive in, a buy and a sell match.
        let body = json!({
            "market": self.market, "side": account.side.name(), "price": "2000.00", "quantity": "0.01",
        });
        // Before it is sent: an order without an answer is in the ledger too.
        self.journal().insert(key, JournalEntry::default());
        let call = Call::post(&self.targets.trade, "/v1/orders", &body)
            .bearer(account.token())
            .idempotency_key(key);
        if self.place(&account, key, &call, due, recorder).await == Outcome::Ok {
            *self.repeatable() = Some(Repeatable { account, key, body });
        }
    }

    async fn repeat(&self, order: Repeatable, due: Instant, recorder: &Recorder) {
        let mut call = Call::post(&self.targets.trade, "/v1/orders", &order.body)
            .bearer(order.account.token())
            .idempotency_key(order.key);
        call.expected = StatusCode::OK;
        self.place(&order.account, order.key, &call, due, recorder)
            .await;
    }

    async fn place(
        &self,
        account: &Account,
        key: Uuid,
        call: &Call,
        due: Instant,
        recorder: &Recorder,
    ) -> Outcome {
        let exchanged = account.transport.exchange(call, self.timeout).await;
        if let Ok(answer) = &exchanged
            && answer.status.is_success()
        {
            let id = answer.text("id").and_then(|id| id.parse::<Uuid>().ok());
            let mut journal = self.journal();
            let entry = journal.entry(key).or_default();
            entry.accepted |= answer.status == StatusCode::CREATED;
            entry.ids.extend(id);
        }
        recorder.ended(Kind::Traders, due, call, &exchanged)
    }

    async fn read(&self, pair: u64, due: Instant, recorder: &Recorder) {
        let everyone = || self.buyers.iter().chain(&self.sellers);
        let log_in =
            everyone().find_map(|account| Some((account, account.log_in_if_due(&self.targets)?)));
        if let Some((account, call)) = log_in {
            let exchanged = account.transport.exchange(&call, self.timeout).await;
            account.logged_in(exchanged.as_ref().ok());
            recorder.ended(Kind::Traders, due, &call, &exchanged);
            return;
        }
        let everyone: Vec<_> = everyone().collect();
        let Some(account) = member(&everyone, pair) else {
            return;
        };
        let call = Call::get(&self.targets.notification, account.unread()).bearer(account.token());
        let exchanged = account.transport.exchange(&call, self.timeout).await;
        if let Ok(answer) = &exchanged {
            account.has_read(answer);
        }
        recorder.ended(Kind::Traders, due, &call, &exchanged);
    }

    fn take_repeatable(&self) -> Option<Repeatable> {
        self.repeatable().take()
    }

    fn repeatable(&self) -> MutexGuard<'_, Option<Repeatable>> {
        self.repeatable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn member<T: Clone>(crowd: &[T], turn: u64) -> Option<T> {
    let index = turn.checked_rem(crowd.len() as u64)?;
    crowd.get(usize::try_from(index).ok()?).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_a_buy_a_sell_and_a_read() {
        let steps: Vec<_> = (0..20).map(Step::at).collect();
        for pair in 0..6 {
            for step in [Step::Order(Side::Buy), Step::Order(Side::Sell), Step::Read] {
                let times = steps.iter().filter(|at| **at == (step, pair)).count();
                assert_eq!(times, 1, "{step:?} of pair {pair}");
            }
        }
        assert_eq!(
            steps
                .iter()
                .filter(|(step, _)| *step == Step::Repeat)
                .count(),
            2
        );
    }
}
