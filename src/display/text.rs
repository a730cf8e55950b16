//! Texts from outside and numbers, as pages and reports show them.

use maud::{Markup, html};

use polyv_client::truncate;

/// Longer texts are cut.
const MAX_CHARS: usize = 120;

/// A text from outside, cut to a length and without characters that change the text around them.
/// (Templates escape markup.)
pub(crate) fn display_text(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() || is_invisible(c) {
            '\u{fffd}'
        } else {
            c
        }
    };
    truncate(text, MAX_CHARS).chars().map(shown).collect()
}

/// The same with a writing direction of its own: a name may be Arabic. ASCII needs no element
/// for that, of which there would be thousands.
pub(crate) fn isolated(text: &str) -> Markup {
    let shown = display_text(text);
    html! {
        @if shown.is_ascii() { (shown) } @else { bdi { (shown) } }
    }
}

/// Whether a character is invisible and can reorder or hide text. Joiners are not among them:
/// emoji and the names of some languages need them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A bitrate with three digits.
pub(crate) fn bitrate(bps: f64) -> String {
    let units = [(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")];
    let mut units = units.into_iter();
    // 999.5 kbit/s are rounded to 1 Mbit/s.
    let (size, unit) = units
        .find(|(size, _)| bps >= size * 0.9995)
        .unwrap_or((1.0, "bit/s"));
    format!("{} {unit}", digits(bps / size))
}

/// A frame rate with three digits.
pub(crate) fn framerate(fps: f64) -> String {
    digits(fps)
}

/// A number with three digits, without trailing zeros.
fn digits(value: f64) -> String {
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_are_cut_and_cleaned() {
        for name in ["Main stage 主舞台", "👨\u{200d}👩\u{200d}👧"] {
            assert_eq!(display_text(name), name);
        }
        assert_eq!(
            display_text("a\u{202e}b\u{200f}c\nd\0"),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}"
        );
        let long = display_text(&"长".repeat(10_000));
        assert_eq!(long.chars().count(), MAX_CHARS + 1);
        assert!(long.ends_with('…'));
        assert_eq!(
            display_text(&"x".repeat(MAX_CHARS)).chars().count(),
            MAX_CHARS
        );
    }

    #[test]
    fn numbers_have_three_digits() {
        for (bps, text) in [
            (0.0, "0 bit/s"),
            (999.4, "999 bit/s"),
            (1_000.0, "1 kbit/s"),
            (240_000.0, "240 kbit/s"),
            (999_499.0, "999 kbit/s"),
            (999_500.0, "1 Mbit/s"),
            (1_157_120.0, "1.16 Mbit/s"),
            (9_996_000.0, "10 Mbit/s"),
            (25_040_000.0, "25 Mbit/s"),
            (1.5e9, "1.5 Gbit/s"),
        ] {
            assert_eq!(bitrate(bps), text);
        }
        assert_eq!(framerate(14.985), "15");
        assert_eq!(framerate(43.066), "43.1");
        assert_eq!(framerate(0.0), "0");
    }
}
