//! A client of a live stream (server-sent events), as strict about what it reads as a browser.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::exchange::Trader;
use crate::process::ServiceProcess;

/// Longest wait for the next thing to read.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is being read.
pub struct EventStream {
    answer: Response,
    unread: String,
    /// Milliseconds to wait before coming back, as the server last said.
    pub retry: Option<u64>,
}

/// An event of a stream.
#[derive(Debug)]
pub struct StreamEvent {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

impl EventStream {
    /// Opens the stream of someone's notifications, after the last event that was seen.
    ///
    /// # Errors
    /// When the answer is not a stream.
    pub async fn open(at: &ServiceProcess, whose: &Trader, last: Option<&str>) -> Result<Self> {
        let answer = Self::request(at, whose, last).await?;
        ensure!(
            answer.status() == StatusCode::OK,
            "no stream: {}",
            answer.status()
        );
        let kind = answer.headers().get("content-type");
        ensure!(kind.is_some_and(|kind| kind == "text/event-stream"));
        Ok(Self {
            answer,
            unread: String::new(),
            retry: None,
        })
    }

    /// What a stream is asked for with, whatever the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn request(
        at: &ServiceProcess,
        whose: &Trader,
        last: Option<&str>,
    ) -> Result<Response> {
        let mut request = reqwest::Client::new()
            .get(at.url("/v1/notifications/stream"))
            .bearer_auth(&whose.token);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Ok(request.send().await?)
    }

    /// The next event; `None` when the stream has ended as it should.
    ///
    /// # Errors
    /// When it breaks, or nothing comes in 20 s.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>> {
        loop {
            while let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                if let Some(event) = self.read(&block)? {
                    return Ok(Some(event));
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk());
            match chunk.await.context("nothing comes")?? {
                Some(chunk) => self.unread.push_str(std::str::from_utf8(&chunk)?),
                None => {
                    ensure!(self.unread.is_empty(), "it broke in an event");
                    return Ok(None);
                }
            }
        }
    }

    fn read(&mut self, block: &str) -> Result<Option<StreamEvent>> {
        let field = |name: &str| {
            let mut lines = block.lines();
            lines.find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned))
        };
        if let Some(retry) = field("retry") {
            self.retry = Some(retry.parse()?);
        }
        let Some(data) = field("data") else {
            return Ok(None);
        };
        Ok(Some(StreamEvent {
            id: field("id").context("an event without an id")?,
            kind: field("event").context("an event without a kind")?,
            data: serde_json::from_str(&data)?,
        }))
    }
}
