//! The interruptions of a broadcast as CSV, for spreadsheets.

use std::fmt::Write;

use super::model::BroadcastReport;
use super::spans::seconds;
use super::time::utc;

/// Writes one row for each interruption, below a header.
#[must_use]
pub fn csv(report: &BroadcastReport) -> String {
    let mut text = "kind,start,end,seconds,stream,likely_cause,viewers\n".to_owned();
    for interruption in &report.interruptions {
        let viewers = interruption.viewers.map(|viewers| viewers.to_string());
        _ = writeln!(
            text,
            "{},{},{},{:?},{},{},{}",
            interruption.kind.as_str(),
            utc(interruption.start),
            utc(interruption.end),
            seconds(interruption.length_ms()),
            field(interruption.stream.as_deref().unwrap_or_default()),
            interruption.likely_cause.as_str(),
            viewers.unwrap_or_default(),
        );
    }
    text
}

/// A text from outside as a field. A spreadsheet would run one that begins like a formula.
fn field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if is_formula { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{safe}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{safe}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_no_formulas() {
        for (text, expected) in [
            ("recordf", "recordf"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("=1+1", "'=1+1"),
            ("@a\nb", "\"'@a\nb\""),
            ("主,a", "\"主,a\""),
        ] {
            assert_eq!(field(text), expected);
        }
    }
}
