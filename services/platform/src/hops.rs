//! Which services took part in an answer, in the order in which they were asked.

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

/// Header with the hops of an answer: own hop first, then those of the calls it made.
pub(crate) const HOPS: &str = "x-exchange-hops";

/// More hops than this mean a loop between services; the rest is left out.
const MOST: usize = 32;

/// Collects the hops of the calls that one request makes. A handler takes it as an argument and
/// hands it to every call.
#[derive(Clone, Debug, Default)]
pub struct Hops(Arc<Mutex<Vec<String>>>);

impl Hops {
    /// Adds the hops that a called service answered with.
    pub(crate) fn extend(&self, header: &str) {
        let mut hops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST.saturating_sub(hops.len());
        let well_formed = header.split(',').map(str::trim).filter(|hop| is_hop(hop));
        hops.extend(well_formed.take(room).map(str::to_owned));
    }

    /// The header's value for an answer of the process with this hop.
    pub(crate) fn header(&self, own: &str) -> String {
        let hops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = vec![own];
        all.extend(hops.iter().map(String::as_str));
        all.join(",")
    }
}

fn is_hop(hop: &str) -> bool {
    let part = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_graphic());
    hop.len() <= 200 && hop.split('/').count() == 3 && hop.split('/').all(part)
}

impl FromRequest for Hops {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The edge puts it there for every request; a handler under test may run without an edge.
        let hops = request.extensions().get::<Self>().cloned();
        ready(Ok(hops.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_hop_comes_first_and_called_ones_follow() {
        let hops = Hops::default();
        hops.extend("user/2.0.0/green");
        assert_eq!(
            hops.header("trade/2.0.0/green"),
            "trade/2.0.0/green,user/2.0.0/green"
        );
    }

    #[test]
    fn malformed_and_endless_hops_are_left_out() {
        let hops = Hops::default();
        hops.extend("nonsense, a/b, a/b/c\u{7f}");
        assert_eq!(hops.header("x/1/none"), "x/1/none");
        hops.extend(&vec!["user/1/blue"; 100].join(","));
        assert_eq!(hops.header("x/1/none").split(',').count(), 1 + MOST);
    }
}
