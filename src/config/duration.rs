//! Durations as Prometheus writes them: `15s`, `5m`, `2h55m`.

use std::time::Duration;
use web_config::redact;

/// Units with their milliseconds, longest first. Prometheus also has years, which are 365 days there
/// and 365.25 elsewhere.
const UNITS: [(&str, u64); 6] = [
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Parses a duration: whole numbers with units, the longest unit first, nothing between them.
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
/// What is expected instead of the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = "a duration such as `15s`, `5m` or `1h30m`";
    let compact: String = text.split_whitespace().collect();
    let hint = match parse_units(&compact) {
        Some(duration) if compact == text => return Ok(duration),
        Some(_) => format!(": write it as `{compact}`"),
        None => match probable(text) {
            Some(duration) => format!(": did you mean `{}`?", format_duration(duration)),
            None => String::new(),
        },
    };
    Err(format!("{expected}, not {}{hint}", redact(text)))
}

/// Formats a duration as [`parse_duration`] parses it, in milliseconds at the finest.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, millis) in UNITS.into_iter().skip(1) {
        let millis = u128::from(millis);
        if rest >= millis {
            text.push_str(&(rest / millis).to_string());
            text.push_str(unit);
            rest %= millis;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

/// The duration that was probably meant: in capitals, a number alone or with a fraction, with a
/// unit's name.
fn probable(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let compact: String = text.split_whitespace().collect();
    if let Some(duration) = parse_units(&compact) {
        return Some(duration);
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let seconds = match unit.trim() {
        "" | "sec" | "secs" | "second" | "seconds" | "s" => 1.0,
        "min" | "mins" | "minute" | "minutes" | "m" => 60.0,
        "hr" | "hrs" | "hour" | "hours" | "h" => 3_600.0,
        "day" | "days" | "d" => 86_400.0,
        "week" | "weeks" | "w" => 604_800.0,
        "y" | "year" | "years" => 31_536_000.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

fn parse_units(text: &str) -> Option<Duration> {
    let mut millis = 0_u64;
    let mut rest = text;
    let mut units = UNITS.into_iter();
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = behind.find(|c: char| !c.is_ascii_lowercase());
        let (unit, behind) = behind.split_at(end.unwrap_or(behind.len()));
        // Continuing after the last unit requires the order of `UNITS`.
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        millis = number
            .parse::<u64>()
            .ok()?
            .checked_mul(factor)?
            .checked_add(millis)?;
        rest = behind;
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_durations_are_parsed() {
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
    fn invalid_durations_are_rejected_with_a_remedy() {
        for (text, remedy) in [
            ("15", "did you mean `15s`?"),
            ("1h 30m", "write it as `1h30m`"),
            ("15 seconds", "did you mean `15s`?"),
            ("2min", "did you mean `2m`?"),
            ("30S", "did you mean `30s`?"),
            ("1.5h", "did you mean `1h30m`?"),
            ("1y", "did you mean `365d`?"),
            ("30m1h", "such as"),
            ("-5s", "such as"),
            ("", "such as"),
            ("99999999999999999999s", "such as"),
        ] {
            let message = parse_duration(text).unwrap_err();
            assert!(message.contains(remedy), "{text}: {message}");
        }
    }

    #[test]
    fn formatted_duration_is_parsed_back() {
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
