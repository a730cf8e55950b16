//! The last minutes at a `exporter_status`.

use std::time::Duration;

use polyv_client::clock::Timestamp;

/// How many columns a trend has.
pub(super) const COLUMNS: u32 = 40;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const NOTHING: char = '·';

/// Draws values over the `span` before `now`, one bar a column: the lowest value of its time,
/// so that a dip shows, against the highest of all.
pub(super) fn draw(
    values: impl Iterator<Item = (Timestamp, f64)>,
    now: Timestamp,
    span: Duration,
) -> String {
    let mut columns: Vec<Option<f64>> = vec![None; COLUMNS as usize];
    let width = i64::try_from((span / COLUMNS).as_millis())
        .unwrap_or(1)
        .max(1);
    let mut highest: f64 = 0.0;
    for (time, value) in values {
        highest = highest.max(value);
        let back = now.millis_after(time).max(0) / width;
        let column = usize::try_from(i64::from(COLUMNS) - 1 - back).ok();
        if let Some(column) = column.and_then(|column| columns.get_mut(column)) {
            *column = Some(column.map_or(value, |lowest| lowest.min(value)));
        }
    }
    columns
        .into_iter()
        .map(|value| value.map_or(NOTHING, |value| bar(value, highest)))
        .collect()
}

fn bar(value: f64, highest: f64) -> char {
    // It is between 0 and 7.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let height = if highest > 0.0 {
        (value / highest * 7.0).round() as usize
    } else {
        0
    };
    BARS.get(height).copied().unwrap_or(BARS[7])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn dip_between_two_columns_is_drawn() {
        let span = Duration::from_secs(400);
        let values = (0..80).map(|n| (at(n * 5 + 1), if n == 40 { 0.0 } else { 1e6 }));
        let drawn = draw(values, at(400), span);
        assert_eq!(drawn.chars().count(), 40);
        assert_eq!(drawn.chars().filter(|bar| *bar == '▁').count(), 1);
        assert_eq!(drawn.chars().filter(|bar| *bar == '█').count(), 39);
    }

    #[test]
    fn empty_times_are_drawn_as_gaps() {
        let span = Duration::from_secs(400);
        let drawn = draw(
            [(at(395), 5.0), (at(-9999), 5.0)].into_iter(),
            at(400),
            span,
        );
        assert_eq!(drawn, format!("{}█", "·".repeat(39)));
        assert_eq!(draw(std::iter::empty(), at(0), span), "·".repeat(40));
        assert_eq!(
            draw([(at(0), 0.0)].into_iter(), at(0), span).chars().last(),
            Some('▁')
        );
    }
}
