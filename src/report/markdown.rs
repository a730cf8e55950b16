//! A report as Markdown, for tickets and chats.

use std::fmt::Write;

use super::i18n::fill;
use super::model::{BroadcastReport, StreamSummary};
use super::presentation::{Presentation, grouped};
use super::summary::{self, Fact};
use crate::display::{bitrate, display_text, framerate};

/// Writes a report as Markdown with GitHub's tables.
#[must_use]
pub fn markdown(report: &BroadcastReport, shown: Presentation) -> String {
    let texts = shown.texts();
    let mut text = String::new();
    _ = writeln!(text, "# {}\n", escaped(&report.channel_name));
    _ = writeln!(
        text,
        "{}: {}  \n{} {}, {} {}\n",
        texts.title,
        summary::when(report, shown),
        texts.channel,
        report.channel_id,
        texts.account,
        escaped(&report.account)
    );
    _ = write!(text, "**{}**", summary::verdict(report, shown));
    if summary::is_incomplete(report) {
        _ = write!(text, " {}", texts.incomplete);
    }
    text.push_str("\n\n");
    list(&mut text, &summary::facts(report, shown));
    if !report.interruptions.is_empty() {
        interruptions(&mut text, report, shown);
    }
    for stream in &report.streams {
        stream_section(&mut text, stream, shown);
    }
    _ = writeln!(text, "\n## {}\n", texts.data);
    list(&mut text, &summary::gaps(report, shown));
    _ = writeln!(
        text,
        "\n{} {} {}\n\n{} {}",
        fill(texts.times_in, &[&shown.zone(report.start)]),
        texts.method,
        texts.cause_note,
        texts.below_note,
        texts.media_note
    );
    text
}

fn list(text: &mut String, facts: &[Fact]) {
    for fact in facts {
        _ = write!(text, "- {}: {}", fact.name, fact.value);
        if let Some(note) = &fact.note {
            _ = write!(text, " ({note})");
        }
        text.push('\n');
    }
}

fn interruptions(text: &mut String, report: &BroadcastReport, shown: Presentation) {
    let texts = shown.texts();
    _ = writeln!(text, "\n## {}\n", texts.interruptions);
    let headings = [
        texts.kind,
        texts.start,
        texts.end,
        texts.length,
        texts.stream,
        texts.likely_cause,
        texts.viewers,
    ];
    row(text, headings.map(ToOwned::to_owned));
    text.push_str("| --- | --- | --- | --- | --- | --- | ---: |\n");
    for interruption in &report.interruptions {
        let stream = interruption.stream.as_deref().map(escaped);
        let viewers = interruption.viewers.map(grouped);
        row(
            text,
            [
                shown.language.interruption(interruption.kind).to_owned(),
                shown.time_beside(interruption.start, report.start),
                shown.time_beside(interruption.end, report.start),
                shown.length(interruption.length_ms()),
                stream.unwrap_or_else(|| texts.all_streams.to_owned()),
                shown.language.cause(interruption.likely_cause).to_owned(),
                viewers.unwrap_or_else(|| texts.none.to_owned()),
            ],
        );
    }
}

fn stream_section(text: &mut String, stream: &StreamSummary, shown: Presentation) {
    let texts = shown.texts();
    _ = writeln!(text, "\n## {} {}\n", texts.stream, escaped(&stream.name));
    row(text, ["", texts.median, texts.p5].map(ToOwned::to_owned));
    text.push_str("| --- | ---: | ---: |\n");
    for (name, distribution, write) in [
        (
            texts.video_bitrate,
            stream.video_bitrate,
            bitrate as fn(f64) -> String,
        ),
        (texts.video_framerate, stream.video_framerate, framerate),
        (texts.audio_framerate, stream.audio_framerate, framerate),
    ] {
        let values = [distribution.median, distribution.p5];
        let [median, p5] = values.map(|value| value.map_or(texts.none.to_owned(), write));
        row(text, [name.to_owned(), median, p5]);
    }
    text.push('\n');
    for (name, millis) in [
        (texts.below_75, stream.below_75_percent_ms),
        (texts.below_50, stream.below_50_percent_ms),
        (texts.media_missing, stream.media_missing_ms),
    ] {
        let value = millis.map(|millis| shown.length(millis));
        _ = writeln!(text, "- {name}: {}", value.as_deref().unwrap_or(texts.none));
    }
}

fn row<const N: usize>(text: &mut String, cells: [String; N]) {
    for cell in cells {
        _ = write!(text, "| {cell} ");
    }
    text.push_str("|\n");
}

/// A text from outside without any markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in display_text(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // An address and a mention would become links.
            ':' => escaped.push_str("&#58;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!'
            | '|' | '~' | '=' | '"' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_markup() {
        assert_eq!(escaped("主舞台 1"), "主舞台 1");
        assert_eq!(
            escaped("<b>|[x](https://a)\n# @all"),
            "&lt;b&gt;\\|\\[x\\]\\(https&#58;//a\\)\u{fffd}\\# &#64;all"
        );
    }
}
