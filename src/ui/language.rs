//! Which of the languages a client gets.

pub(super) use crate::display::Language;
use crate::http::content_negotiation::alternatives;

// === impl Language ===

impl Language {
    /// The language that is requested by name, or was chosen before, or that the browser prefers.
    pub(super) fn select(requested: Option<&str>, chosen: Option<&str>, accepted: &str) -> Self {
        requested
            .and_then(Self::named)
            .or_else(|| chosen.and_then(Self::named))
            .unwrap_or_else(|| Self::preferred(accepted))
    }

    /// The language that an `Accept-Language` header prefers; English by default.
    fn preferred(accepted: &str) -> Self {
        let mut best = (0.0, Self::English);
        for alternative in alternatives(accepted) {
            let primary = alternative.name.split('-').next().unwrap_or("");
            if let Some(language) = Self::named(primary)
                && alternative.quality > best.0
            {
                best = (alternative.quality, language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_language_decides_unless_one_was_chosen() {
        for (accepted, expected) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-US,en;q=0.9,zh;q=0.8", Language::English),
            ("de,fr;q=0.5", Language::English),
            ("de, ZH-hant;q=0.2", Language::Chinese),
            ("zh;q=0", Language::English),
            ("zh;q=x,en;q=0.1", Language::English),
            ("*", Language::English),
            ("", Language::English),
            (";;,=,q=;", Language::English),
        ] {
            assert_eq!(
                Language::select(None, None, accepted),
                expected,
                "{accepted}"
            );
        }
        assert_eq!(Language::select(None, Some("zh"), "en"), Language::Chinese);
        assert_eq!(
            Language::select(Some("en"), Some("zh"), "zh"),
            Language::English
        );
        assert_eq!(
            Language::select(Some("xx"), Some("zh"), "en"),
            Language::Chinese
        );
        assert_eq!(
            Language::select(Some("xx"), Some("yy"), "zh"),
            Language::Chinese
        );
    }
}
