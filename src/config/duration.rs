//! Durations as the Prometheus ecosystem writes them: `15s`, `5m`, `2h55m`.

use std::time::Duration;

/// The units that Prometheus and humantime read alike, longest first. (A year is 365 days to
/// the one and 365.25 to the other, so it is left out.)
const UNITS: [&str; 6] = ["w", "d", "h", "m", "s", "ms"];

/// Reads a duration that Prometheus and humantime both read, and alike: whole numbers with
/// units, the longest unit first, nothing between them.
///
/// ```
/// use std::time::Duration;
/// use polyv_exporter::config::parse_duration;
///
/// assert_eq!(parse_duration("2h55m"), Ok(Duration::from_secs(10_500)));
/// assert!(parse_duration("15").is_err());
/// ```
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "a duration such as `15s`, `5m` or `1h30m`";
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{expected}, not `{text}`: did you mean `{text}s`?"));
    }
    let closed_up: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if closed_up != text && in_prometheus_grammar(&closed_up) {
        return Err(format!(
            "{expected}, not `{text}`: write it as `{closed_up}`"
        ));
    }
    if !in_prometheus_grammar(text) {
        return Err(format!("{expected}, not `{text}`"));
    }
    humantime::parse_duration(text).map_err(|error| format!("{expected}: {error}"))
}

/// Writes a duration the way [`parse_duration`] reads it, to the millisecond.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, millis) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ] {
        if rest >= millis {
            text.push_str(&(rest / millis).to_string());
            text.push_str(unit);
            rest %= millis;
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

fn in_prometheus_grammar(text: &str) -> bool {
    let mut rest = text;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at(digits);
        let letters = behind.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, behind) = behind.split_at(letters);
        // Going on from the last unit found makes sure that they come in order.
        if number.is_empty() || !units.any(|known| *known == unit) {
            return false;
        }
        rest = behind;
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_read_is_read() {
        for (text, millis) in [
            ("15s", 15_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1w2d", 777_600_000),
        ] {
            let expected = Ok(Duration::from_millis(millis));
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_one_of_them_reads_is_refused_with_a_remedy() {
        for (text, remedy) in [
            ("15", "did you mean `15s`?"),
            ("1h 30m", "write it as `1h30m`"),
            ("15 seconds", "such as `15s`"),
            ("30m1h", "such as"),
            ("1y", "such as"),
            ("-5s", "such as"),
            ("1.5h", "such as"),
            ("", "such as"),
            ("99999999999999999999s", "such as"),
        ] {
            let message = parse_duration(text).unwrap_err();
            assert!(message.contains(remedy), "{text}: {message}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for millis in [
            0,
            1,
            999,
            15_000,
            60_000,
            10_500_000,
            86_400_000,
            777_600_000,
        ] {
            let duration = Duration::from_millis(millis);
            let text = format_duration(duration);
            assert_eq!(parse_duration(&text), Ok(duration), "{text}");
        }
    }
}
