//! Checks of credentials' texts, whose faults are hard to see.

use polyv_client::AppSecret;

/// The text without a byte order mark and white space around it.
///
/// # Errors
/// The end of a sentence about a text that can't be a credential. It names the place of a character
/// and nothing else of the text, which may be a secret.
pub(super) fn clean(text: &str) -> Result<&str, String> {
    let text = text.trim();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    for (place, character) in (1..).zip(text.chars()) {
        let found = match character {
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => "a line break",
            character if character.is_control() => "a control character",
            character if is_invisible(character) => "an invisible character",
            _ => continue,
        };
        return Err(format!("has {found} in it, as its character {place}"));
    }
    Ok(text)
}

/// The appId without white space around it.
///
/// # Errors
/// A sentence about a text that can't be one.
pub fn check_app_id(text: &str) -> Result<String, String> {
    let app_id = clean(text).map_err(|why| format!("the appId {why}"))?;
    Ok(app_id.to_owned())
}

/// Checks an appSecret.
///
/// # Errors
/// A sentence about a text that can't be one, which does not contain it.
pub fn check_app_secret(text: &str) -> Result<(), String> {
    let secret = clean(text).map(AppSecret::new);
    match secret {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("the appSecret {error}")),
        Err(why) => Err(format!("the appSecret {why}")),
    }
}

/// The end of a sentence about a text that is valid and probably not what was meant.
pub(super) fn doubt(text: &str) -> Option<&'static str> {
    const QUOTES: [char; 7] = ['"', '\'', '`', '“', '”', '‘', '’'];
    let text = text.trim();
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        Some("begins or ends with a quote, which counts as part of it")
    } else if text.starts_with('$') || ["${", "$(", "{{"].iter().any(|begin| text.contains(begin)) {
        Some("looks like a variable that was not replaced by its value")
    } else {
        None
    }
}

/// White space other than a blank, and what has no width or only an effect on its neighbours.
fn is_invisible(character: char) -> bool {
    (character.is_whitespace() && character != ' ')
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_mark_and_white_space_around_are_removed() {
        for text in [
            "s3cret",
            "s3cret\n",
            "\u{feff}s3cret\r\n",
            " \n\u{feff} s3cret\u{a0}\u{3000}\n\n",
        ] {
            assert_eq!(clean(text), Ok("s3cret"), "{text:?}");
        }
        assert_eq!(clean("pass word ü 密"), Ok("pass word ü 密"));
        for text in ["", " \n", "\u{feff}", "\u{feff}\r\n"] {
            assert_eq!(clean(text), Err("is empty".to_owned()), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_named_by_its_place_only() {
        for (text, found) in [
            ("s3c\nret", "a line break in it, as its character 4"),
            ("s3cret\r\n# old", "a line break in it, as its character 7"),
            (
                "\u{feff}s\u{feff}3cret",
                "an invisible character in it, as its character 2",
            ),
            (
                "s3cret\u{200b}\n",
                "an invisible character in it, as its character 7",
            ),
            (
                "\u{200b}s3cret",
                "an invisible character in it, as its character 1",
            ),
            (
                "s3c\u{200d}ret",
                "an invisible character in it, as its character 4",
            ),
            (
                "s3c\u{a0}ret",
                "an invisible character in it, as its character 4",
            ),
            ("s3cret\0", "a control character in it, as its character 7"),
            ("s3c\tret", "a control character in it, as its character 4"),
            (
                "s3cret\u{1b}[0m",
                "a control character in it, as its character 7",
            ),
        ] {
            assert_eq!(clean(text), Err(format!("has {found}")), "{text:?}");
        }
    }

    #[test]
    fn quotes_and_variables_are_doubted() {
        for text in ["\"s3cret\"", "'s3cret'\n", "\"s3cret", "“s3cret”"] {
            assert!(doubt(text).unwrap().contains("quote"), "{text}");
        }
        for text in [
            "${SECRET}",
            "$SECRET",
            "$(cat secret)",
            "a${SECRET}",
            "{{ .secret }}",
        ] {
            assert!(doubt(text).unwrap().contains("variable"), "{text}");
        }
        for text in ["s3cret", "s3$cret", "it's", "a\"b", "{s3cret}"] {
            assert_eq!(doubt(text), None, "{text}");
        }
    }
}
