//! Progress lines: nobody waits for longer than a second without being told what for.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use tokio::time::{Instant as Tick, interval_at};

/// When the first line comes.
const FIRST: Duration = Duration::from_secs(1);
/// How often the next ones come.
const THEN: Duration = Duration::from_secs(5);

/// One line for people, on standard error.
pub fn say(line: impl AsRef<str>) {
    eprintln!("{}", line.as_ref());
}

/// Does something that blocks, and says so while it takes long.
pub fn during<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let (done, ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut pause = FIRST;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                say(format!("  {what} … {} s", start.elapsed().as_secs()));
                pause = THEN;
            }
        });
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
