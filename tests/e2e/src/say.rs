//! Progress lines: nobody waits for longer than a second without being told what for.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use tokio::time::{Instant as Tick, interval_at};

/// When the first line comes.
const FIRST: Duration = Duration::from_secs(1);
/// How often the next ones come.
const THEN: Duration = Duration::from_secs(5);

/// One line for people, on standard error. Of a test it begins with the test's module: two run side by side.
pub fn say(line: impl AsRef<str>) {
    let thread = std::thread::current();
    let test = thread.name().and_then(|name| name.split_once("::"));
    let of = test.map(|(module, _)| format!("[{module}] "));
    eprintln!("{}{}", of.unwrap_or_default(), line.as_ref());
}

/// Does something that blocks, and says so while it takes long.
pub fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let (done, ended) = channel::<()>();
    let tell = move || {
        let mut pause = FIRST;
        while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            say(format!("  {what} … {} s", start.elapsed().as_secs()));
            pause = THEN;
        }
    };
    let here = std::thread::current();
    let teller = Builder::new().name(here.name().unwrap_or_default().to_owned());
    std::thread::scope(|scope| {
        if let Err(error) = teller.spawn_scoped(scope, tell) {
            say(format!("  {what}: no progress lines: {error}"));
        }
        let result = work();
        drop(done);
        result
    })
}

/// Awaits something, and says so while it takes long. `detail` adds what is known by then.
pub async fn while_waiting<T>(
    what: &str,
    detail: impl Fn() -> String,
    work: impl Future<Output = T>,
) -> T {
    let start = Instant::now();
    let mut ticks = interval_at(Tick::now() + FIRST, THEN);
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            _ = ticks.tick() => say(format!("  {what} … {} s{}", start.elapsed().as_secs(), detail())),
        }
    }
}
