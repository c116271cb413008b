//! How often a login may be tried.

/// Attempts that one email has in a window, right or wrong; a login that succeeds ends the window.
pub const ATTEMPTS: i32 = 10;
/// Length of a window, in seconds.
pub const WINDOW: f64 = 300.0;

/// An attempt, as counted.
pub struct Attempt {
    /// The how-manieth it is in its window.
    pub number: i32,
    /// Seconds since the window began.
    pub age: f64,
}

impl Attempt {
    /// Seconds to wait, if there were too many.
    pub fn wait(&self) -> Option<u32> {
        let left = (WINDOW - self.age).ceil().clamp(1.0, WINDOW);
        // In range: WINDOW is small.
        (self.number > ATTEMPTS).then_some(left as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_attempt_waits_until_the_window_ends() {
        let attempt = |number, age| Attempt { number, age };
        assert_eq!(attempt(10, 299.0).wait(), None);
        assert_eq!(attempt(11, 0.0).wait(), Some(300));
        assert_eq!(attempt(11, 299.5).wait(), Some(1));
        assert_eq!(attempt(99, 1e9).wait(), Some(1));
    }
}
