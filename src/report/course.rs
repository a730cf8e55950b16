//! A value over a broadcast, in as many columns as a chart has.

use crate::recorder::Period;
use polyv_client::clock::Timestamp;

/// The columns of a chart.
pub const COLUMNS: usize = 480;

/// The lowest and the highest value of each column; `None` where there is none. Without any value
/// there are no columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// The columns, oldest first.
    pub columns: Vec<Option<Bounds>>,
}

/// A column's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

// === impl Course ===

impl Course {
    /// The course of values that each hold for a period, over a broadcast.
    pub(super) fn new(broadcast: Period, values: impl Iterator<Item = (Period, f64)>) -> Self {
        let mut columns = Vec::new();
        for (period, value) in values {
            if columns.is_empty() {
                columns = vec![None; COLUMNS];
            }
            let first = column(broadcast, period.start);
            let last = column(broadcast, period.end.plus_millis(-1)).max(first);
            for bounds in columns.get_mut(first..=last).into_iter().flatten() {
                let bounds = bounds.get_or_insert(Bounds {
                    low: value,
                    high: value,
                });
                bounds.low = bounds.low.min(value);
                bounds.high = bounds.high.max(value);
            }
        }
        Self { columns }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The lowest and the highest of all values.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        let columns = self.columns.iter().copied().flatten();
        columns.reduce(|all, column| Bounds {
            low: all.low.min(column.low),
            high: all.high.max(column.high),
        })
    }
}

/// The column of a moment; moments outside of the broadcast are in the first or the last one.
fn column(broadcast: Period, time: Timestamp) -> usize {
    let length = broadcast.end.millis_after(broadcast.start).max(1);
    let columns = i64::try_from(COLUMNS).unwrap_or(i64::MAX);
    let column = time.millis_after(broadcast.start).saturating_mul(columns) / length;
    usize::try_from(column.clamp(0, columns - 1)).unwrap_or(0)
}
