//! Text from outside, cut for a log or a page.

/// The first `max_chars` characters, and `…` where there are more.
///
/// ```
/// assert_eq!(polyv_client::truncate("保利威直播", 3), "保利威…");
/// assert_eq!(polyv_client::truncate("保利威", 3), "保利威");
/// ```
#[must_use]
pub fn truncate(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// A text for a log message: one line of at most 200 characters, without control characters.
pub(crate) fn for_log(text: &str) -> String {
    const MAX_CHARS: usize = 200;
    let line: String = text.chars().filter(|c| !c.is_control()).collect();
    truncate(&line, MAX_CHARS)
}
