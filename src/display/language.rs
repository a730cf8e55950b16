//! The languages of pages and reports.

/// A language of pages and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English.
    #[value(name = "en")]
    English,
    /// Chinese.
    #[value(name = "zh")]
    Chinese,
}

// === impl Language ===

impl Language {
    /// The language with a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The name in the parameter and in the cookie.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}
