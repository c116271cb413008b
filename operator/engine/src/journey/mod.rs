//! A journey as a pure walk: what to send next, and what to make of what comes back. No I/O and no
//! clock: time is what has passed since the walk began.

mod expect;
mod invalid;
mod template;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use changeover_crds::JourneyStep;

use crate::question::JourneyRun;
use expect::Unmet;
use template::{Template, Values};

pub(crate) use invalid::invalid;

/// How the failure of a run ends that had no more time, which a person may have given it since.
pub(crate) const NO_TIME: &str = "verification.timeout leaves it no more time";
/// Pause between two requests of a step that is repeated.
const PAUSE: Duration = Duration::from_millis(500);

/// What is to be done next.
#[derive(Debug)]
pub enum Next {
    /// Send this, and say what came back.
    Send(Box<Outgoing>),
    /// Nothing until so much time has passed since the walk began.
    Wait(Duration),
    /// Every step was as expected.
    Passed,
    /// Why it failed, for people: no body and no value in it, since these may be personal data.
    Failed(String),
}

/// A request to one of our own Services. Not `Debug` in full: it may hold a password.
pub struct Outgoing {
    /// The Service's address.
    pub host: String,
    /// Its port.
    pub port: i32,
    /// HTTP method.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<String>,
    /// How long the request may take.
    pub timeout: Duration,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method, host, port, ..
        } = self;
        write!(f, "{method} to {host}:{port}")
    }
}

/// What came back. The shell cuts the body at 64 KiB and follows no redirect.
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoReply {
    /// In plain words.
    pub why: String,
    /// There was no connection to send anything on, so the service saw nothing.
    pub is_unsent: bool,
}

/// One run of a journey.
pub struct Walk {
    run: JourneyRun,
    values: Values,
    /// Index of the step to take.
    step: usize,
    /// When its first request was sent.
    since: Option<Duration>,
    /// When its next request is due.
    due: Duration,
    failed: Option<String>,
}

impl Walk {
    /// Starts a run. What is fresh in it follows from the seed, which no other run may have.
    #[must_use]
    pub fn new(run: JourneyRun, seed: [u8; 16]) -> Self {
        Self {
            run,
            values: Values::new(seed),
            step: 0,
            since: None,
            due: Duration::ZERO,
            failed: None,
        }
    }

    /// What to do, so much time after the walk began.
    pub fn next(&mut self, now: Duration) -> Next {
        if let Some(why) = &self.failed {
            return Next::Failed(why.clone());
        }
        let Some(step) = self.run.journey.steps.get(self.step) else {
            return Next::Passed;
        };
        if now < self.due {
            return Next::Wait(self.due);
        }
        self.since.get_or_insert(now);
        match self.outgoing(step) {
            Ok(mut request) => {
                let left = self.run.limit.saturating_sub(now).as_millis();
                let left = Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX));
                request.timeout = request.timeout.min(left);
                Next::Send(Box::new(request))
            }
            Err(why) => self.fail(&why),
        }
    }

    /// Takes what came back for the request sent last, or why nothing did.
    pub fn answered(&mut self, answer: Result<Reply, NoReply>, now: Duration) {
        let Some(step) = self.run.journey.steps.get(self.step) else {
            return;
        };
        let mut patience = step.eventually.map(Duration::from).unwrap_or_default();
        let judged = match answer {
            Ok(reply) => expect::judge(step, &reply, &self.values)
                .map_err(|Unmet(what)| format!("expected {what}; got {}", expect::came(&reply))),
            Err(NoReply { why, is_unsent }) => {
                // Each node's kube-proxy learns of endpoints after the API server has them, and refuses
                // connections until then. What was never sent is not done twice.
                if is_unsent {
                    patience = patience.max(step.timeout.into());
                }
                Err(format!("expected status {}; {why}", step.expect.status))
            }
        };
        let since = self.since.unwrap_or(now);
        let is_patient = now + PAUSE <= since + patience;
        let (is_over, limit) = (now + PAUSE > self.run.limit, self.run.limit);
        match judged {
            Ok(captured) => {
                self.values.extend(captured);
                self.step += 1;
                self.since = None;
            }
            Err(_) if is_patient && !is_over => self.due = now + PAUSE,
            Err(why) if is_patient || now >= limit => {
                self.fail(&format!("{why}; {NO_TIME}"));
            }
            Err(why) if patience.is_zero() => {
                self.fail(&why);
            }
            Err(why) => {
                self.fail(&format!("{why}, for {patience:?}"));
            }
        }
    }

    fn outgoing(&self, step: &JourneyStep) -> Result<Outgoing, String> {
        let hosts = &self.run.hosts;
        let (_, host, port) = hosts
            .iter()
            .find(|(name, ..)| *name == step.service)
            .ok_or_else(|| format!("service {} has no address", step.service))?;
        let render = |what: &str, text: &str| {
            Template(text)
                .render(&self.values)
                .map_err(|why| format!("{what}: {why}"))
        };
        let mut headers = Vec::new();
        for (name, value) in &step.headers {
            headers.push((name.clone(), render(&format!("header {name}"), value)?));
        }
        let is_typed = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if step.body.is_some() && !is_typed {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let body = step
            .body
            .as_deref()
            .map(|body| render("body", body))
            .transpose()?;
        Ok(Outgoing {
            host: host.clone(),
            port: *port,
            method: step.method.as_str(),
            path: render("path", &step.path)?,
            headers,
            body,
            timeout: step.timeout.into(),
        })
    }

    /// Names the step as the spec has it: a rendered path may hold personal data.
    fn fail(&mut self, why: &str) -> Next {
        let journey = &self.run.journey;
        let step = journey
            .steps
            .get(self.step)
            .map_or_else(String::new, |step| {
                format!("{} {} {}", step.service, step.method.as_str(), step.path)
            });
        let number = self.step + 1;
        let why = format!("journey {}, step {number} ({step}): {why}", journey.name);
        self.failed = Some(why.clone());
        Next::Failed(why)
    }
}
