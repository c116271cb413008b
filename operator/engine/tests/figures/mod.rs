//! What a test of the tier did, in numbers: a line at its end, and a file for `make test` to gather.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Map, Value};

/// Numbers of one test, in the order in which they are told.
pub struct Figures {
    test: &'static str,
    started: Instant,
    numbers: Vec<(&'static str, u64)>,
}

impl Figures {
    pub fn of(test: &'static str) -> Self {
        Self {
            test,
            started: Instant::now(),
            numbers: Vec::new(),
        }
    }

    pub fn put(&mut self, what: &'static str, number: usize) {
        self.numbers.push((what, u64::try_from(number).unwrap()));
    }

    /// Prints them; writes them into the directory that `CHANGEOVER_FIGURES` names, if it does.
    pub fn tell(self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let words = self
            .numbers
            .iter()
            .map(|(what, number)| format!("{what} {number}, "));
        println!(
            "engine tier, {}: {}{seconds:.1} s",
            self.test,
            words.collect::<String>()
        );
        let Some(directory) = std::env::var_os("CHANGEOVER_FIGURES") else {
            return;
        };
        let numbers = self.numbers.into_iter();
        let mut object: Map<String, Value> = numbers.map(|(k, v)| (k.into(), v.into())).collect();
        object.insert("tier".into(), "engine".into());
        object.insert("test".into(), self.test.into());
        object.insert("seconds".into(), ((seconds * 10.0).round() / 10.0).into());
        let directory = std::path::PathBuf::from(directory);
        let file = directory.join(format!("engine-{}.json", self.test.replace(' ', "-")));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(file, Value::Object(object).to_string()).unwrap();
    }
}

/// Works on every item, on all processors; what comes of it is in the order of the items.
pub fn in_parallel<'t, T: Sync, R: Send>(
    items: &'t [T],
    work: impl Fn(&'t T) -> R + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return done;
            };
            done.push((index, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A number that someone set in the environment.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
