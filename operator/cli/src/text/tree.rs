//! Release, service, colour, pod.

use jiff::Timestamp;

use super::table::columns;
use super::{ago, none, padded};
use crate::view::{PodView, Probed, Role, ServiceColour, View};

/// The tree; what stands behind the names is aligned over all of it.
pub(super) fn lines(view: &View, now: Timestamp) -> String {
    let mut rows = vec![vec![view.name.clone()]];
    for (service, last) in with_last(&view.services) {
        let (branch, trunk) = branches(last);
        rows.push(vec![format!("{branch}{}", service.name)]);
        for (colour, last) in with_last(&service.colours) {
            let (inner, deeper) = branches(last);
            rows.push(colour_row(&format!("{trunk}{inner}"), colour));
            for (pod, last) in with_last(&colour.pods) {
                let (innermost, _) = branches(last);
                rows.push(pod_row(&format!("{trunk}{deeper}{innermost}"), pod, now));
            }
        }
    }
    let mut text = columns(&rows);
    if let Some(why) = &view.pods_hidden {
        text.push_str(&format!("\nPods are not shown: {why}\n"));
    }
    text
}

fn with_last<T>(items: &[T]) -> impl Iterator<Item = (&T, bool)> {
    let last = items.len().saturating_sub(1);
    items
        .iter()
        .enumerate()
        .map(move |(n, item)| (item, n == last))
}

fn branches(last: bool) -> (&'static str, &'static str) {
    if last {
        ("└─ ", "   ")
    } else {
        ("├─ ", "│  ")
    }
}

fn colour_row(indent: &str, colour: &ServiceColour) -> Vec<String> {
    let role = match colour.role {
        Role::Live => "live",
        Role::Candidate => "candidate",
        Role::Warm => "warm",
        Role::Rejected => "rejected",
        Role::Leaving => "being removed",
    };
    let count = match (colour.ready, colour.desired) {
        (Some(ready), Some(desired)) => format!("{ready}/{desired} ready"),
        _ => none(),
    };
    let version = colour.version.clone().unwrap_or_default();
    let name = format!("{indent}{} {version}", padded(colour.colour));
    vec![name.trim_end().to_owned(), role.to_owned(), count]
}

fn pod_row(indent: &str, pod: &PodView, now: Timestamp) -> Vec<String> {
    let probed = match pod.probed {
        Probed::No => "",
        Probed::Running => "being probed",
        Probed::Passed => "probes passed",
        Probed::Failed => "probe failed",
    };
    let mark = match (pod.ready, pod.probed) {
        (_, Probed::Failed) | (false, _) => "✗",
        (true, _) => "✓",
    };
    let restarts = match pod.restarts {
        0 => String::new(),
        1 => "1 restart".to_owned(),
        more => format!("{more} restarts"),
    };
    let notes: Vec<&str> = [probed, &restarts]
        .into_iter()
        .filter(|n| !n.is_empty())
        .collect();
    vec![
        format!("{indent}{mark} {}", pod.name),
        pod.state.clone(),
        notes.join(", "),
        pod.created.map_or_else(String::new, |at| ago(at, now)),
    ]
}
