//! How one request is divided when the receiver refuses it.

use std::ops::Range;

/// The number of single samples of a request that may be refused. Then its rest is dropped: the
/// receiver refuses it for another reason than single samples.
const MAX_REFUSED: usize = 16;

/// The delivery of a request's samples. A part that the receiver refuses is divided until the
/// samples at fault are found; they are skipped.
///
/// Parts are sent one after the other, in order, so the samples of a series stay in order.
#[derive(Debug)]
pub(super) struct Delivery {
    /// What is left to send, the next part last.
    parts: Vec<Range<usize>>,
    refused: usize,
}

/// What follows from the refusal of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The part is sent in two.
    Divided,
    /// The part was a single sample, which is skipped.
    Skipped,
    /// The part was a single sample, and the last one that may be. That number of others is dropped.
    Abandoned(usize),
}

// === impl Delivery ===

impl Delivery {
    /// The delivery of these samples.
    pub(super) fn new(samples: Range<usize>) -> Self {
        let mut delivery = Self {
            parts: Vec::new(),
            refused: 0,
        };
        delivery.push(samples);
        delivery
    }

    /// The samples to send next, `None` once all were sent or dropped.
    pub(super) fn next(&self) -> Option<Range<usize>> {
        self.parts.last().cloned()
    }

    /// The receiver accepted the part.
    pub(super) fn accepted(&mut self) {
        self.parts.pop();
    }

    /// The receiver refused the part.
    pub(super) fn refused(&mut self) -> Refusal {
        let Some(part) = self.parts.pop() else {
            return Refusal::Abandoned(0);
        };
        if part.len() > 1 {
            let middle = part.start + part.len() / 2;
            self.push(middle..part.end);
            self.push(part.start..middle);
            return Refusal::Divided;
        }
        self.refused += 1;
        if self.refused < MAX_REFUSED {
            return Refusal::Skipped;
        }
        let rest = self.parts.drain(..).map(|part| part.len()).sum();
        Refusal::Abandoned(rest)
    }

    fn push(&mut self, part: Range<usize>) {
        if !part.is_empty() {
            self.parts.push(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What a receiver took that refuses requests with any of these samples.
    #[derive(Debug, Default)]
    struct Received {
        samples: Vec<usize>,
        requests: usize,
        skipped: usize,
        dropped: usize,
    }

    fn deliver(count: usize, poisoned: &BTreeSet<usize>) -> Received {
        let mut delivery = Delivery::new(0..count);
        let mut received = Received::default();
        while let Some(part) = delivery.next() {
            received.requests += 1;
            if poisoned.range(part.clone()).next().is_none() {
                received.samples.extend(part);
                delivery.accepted();
                continue;
            }
            match delivery.refused() {
                Refusal::Divided => {}
                Refusal::Skipped => received.skipped += 1,
                Refusal::Abandoned(rest) => {
                    received.skipped += 1;
                    received.dropped += rest;
                }
            }
        }
        received
    }

    proptest! {
        #[test]
        fn only_samples_at_fault_are_skipped(
            count in 0_usize..3_000,
            poisoned in prop::collection::btree_set(0_usize..3_000, 0..16),
        ) {
            let poisoned: BTreeSet<_> = poisoned.into_iter().filter(|at| *at < count).collect();
            let received = deliver(count, &poisoned);
            let good: Vec<_> = (0..count).filter(|at| !poisoned.contains(at)).collect();
            prop_assert_eq!(&received.samples, &good);
            prop_assert_eq!(received.skipped, poisoned.len());
            prop_assert_eq!(received.dropped, 0);
            // Each sample at fault costs two requests a halving.
            let halvings = usize::try_from(count.max(1).ilog2()).unwrap() + 1;
            prop_assert!(received.requests <= 1 + 2 * halvings * poisoned.len());
        }

        #[test]
        fn rest_is_dropped_after_sixteen_samples_at_fault(
            count in 0_usize..3_000,
            poisoned in prop::collection::btree_set(0_usize..3_000, 16..200),
        ) {
            let poisoned: BTreeSet<_> = poisoned.into_iter().filter(|at| *at < count).collect();
            let received = deliver(count, &poisoned);
            // What was taken is what is before the 16th sample at fault.
            let end = poisoned.iter().nth(15).map_or(count, |last| last + 1);
            let good: Vec<_> = (0..end).filter(|at| !poisoned.contains(at)).collect();
            prop_assert_eq!(&received.samples, &good);
            prop_assert_eq!(received.skipped, poisoned.len().min(16));
            prop_assert_eq!(received.samples.len() + received.skipped + received.dropped, count);
        }
    }
}
