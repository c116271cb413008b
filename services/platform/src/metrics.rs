//! Prometheus metrics. Labels are few and bounded: never a path as the client sent it.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::identity::Identity;
use crate::traffic::Traffic;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: &'static str,
    route: String,
    status: &'static str,
}

/// All metrics of this process.
pub(crate) struct Metrics {
    registry: Registry,
    service: &'static str,
    requests: Family<Labels, Counter>,
    duration: Histogram,
}

impl Metrics {
    pub(crate) fn new(identity: &Identity, traffic: &Arc<Traffic>) -> Self {
        let mut registry = Registry::with_prefix("exchange");
        let requests = Family::<Labels, Counter>::default();
        let bounds = [
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
        ];
        let duration = Histogram::new(bounds);
        registry.register("requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            duration.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests without an answer yet",
            traffic.in_flight.clone(),
        );
        registry.register(
            "open_connections",
            "Open connections at the client port",
            traffic.open_connections.clone(),
        );
        registry.register(
            "build",
            "What runs here",
            Info::new(vec![
                ("service", identity.service.to_owned()),
                ("version", identity.version.clone()),
                ("colour", identity.colour.as_str().to_owned()),
            ]),
        );
        Self {
            registry,
            service: identity.service,
            requests,
            duration,
        }
    }

    /// Records an answer. `route` is the pattern, such as `/v1/orders/{id}`.
    pub(crate) fn answered(&self, route: Option<String>, status: u16, took: Duration) {
        let status = match status {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        let labels = Labels {
            service: self.service,
            route: route.unwrap_or_else(|| "none".to_owned()),
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// The text that a scrape gets.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
