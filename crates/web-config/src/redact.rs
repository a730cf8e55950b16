//! Which texts of the file may be quoted in a message.

/// The longest text that is quoted, in characters. No known name is longer, and most keys are.
const MAX_QUOTED_CHARS: usize = 100;

/// A short text on one line in backquotes. Anything else may be a secret in the wrong place,
/// such as a private key, and messages get into logs and responses.
#[must_use]
pub fn redact(text: &str) -> String {
    if text.contains(['\n', '\r'])
        || looks_like_pem(text)
        || text.chars().count() > MAX_QUOTED_CHARS
    {
        "a text that is not shown here".to_owned()
    } else {
        format!("`{text}`")
    }
}

/// Whether a text is PEM, also with its lines folded into one or without its first and last line.
pub(crate) fn looks_like_pem(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/= ".contains(&byte);
    text.contains("-----BEGIN")
        || text.contains("PRIVATE KEY")
        // Keys and certificates begin with this letter, and none is shorter.
        || (text.starts_with('M') && text.len() >= 60 && text.bytes().all(is_base64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possible_secrets_are_not_quoted() {
        assert_eq!(redact("TLS14"), "`TLS14`");
        assert_eq!(redact(&"名".repeat(100)), format!("`{}`", "名".repeat(100)));
        for text in [
            "secret\n",
            "secret\rsecret",
            "-----BEGIN secret",
            "secret PRIVATE KEY",
            &"secret".repeat(17),
            &format!("M{}", "secret".repeat(10)),
        ] {
            assert!(!redact(text).contains("secret"), "{text}");
        }
    }
}
