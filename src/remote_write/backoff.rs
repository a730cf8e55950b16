//! The delay before a failed request is repeated.

use std::time::Duration;

/// A delay that doubles with each failure in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    next: Duration,
    max: Duration,
}

// === impl Backoff ===

impl Backoff {
    /// A delay from `min` to `max`.
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { next: min, max }
    }

    /// The delay after a failure; a longer one that the receiver demands takes precedence.
    pub(super) fn after_failure(&mut self, retry_after: Option<Duration>) -> Duration {
        let delay = self.next.min(self.max);
        self.next = (delay * 2).min(self.max);
        retry_after.unwrap_or_default().max(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_its_maximum() {
        let millis = Duration::from_millis;
        let mut backoff = Backoff::new(millis(30), millis(100));
        let delays: Vec<_> = (0..4).map(|_| backoff.after_failure(None)).collect();
        assert_eq!(delays, [millis(30), millis(60), millis(100), millis(100)]);
        let header = Some(Duration::from_secs(7));
        assert_eq!(backoff.after_failure(header), Duration::from_secs(7));
        assert_eq!(backoff.after_failure(None), millis(100));
        assert_eq!(backoff.after_failure(Some(Duration::ZERO)), millis(100));
    }
}
