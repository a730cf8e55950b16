//! Faults of a configuration and their locations.

use std::fmt;
use std::sync::Arc;

/// A position in a document. Line and column count from 1, as in editors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Line of the document.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// A fault or a warning: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, or another source such as `environment`.
    pub source: Arc<str>,
    /// The location in the file. `None` stands for the file as a whole.
    pub location: Option<Location>,
    /// A sentence for people.
    pub message: String,
}

/// Faults, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.location {
            Some(location) => write!(f, "{}:{location}: {}", self.source, self.message),
            None => write!(f, "{}: {}", self.source, self.message),
        }
    }
}

// === impl Diagnostic ===

impl Diagnostic {
    /// A diagnostic about a source. The message becomes one line, whatever it quotes.
    pub(super) fn new(
        source: &Arc<str>,
        location: Option<Location>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            source: Arc::clone(source),
            location,
            message: message.into().replace(char::is_control, " "),
        }
    }
}

// === impl Diagnostics ===

impl Diagnostics {
    /// Adds a fault.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of faults.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// `value` if there are no faults.
    ///
    /// # Errors
    /// All faults, ordered by file and location.
    pub(super) fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        // Files stay in the order in which they were read, the main file first.
        let mut files: Vec<Arc<str>> = Vec::new();
        for fault in &self.0 {
            if !files.contains(&fault.source) {
                files.push(Arc::clone(&fault.source));
            }
        }
        self.0.sort_by_key(|fault| {
            let file = files.iter().position(|source| *source == fault.source);
            (file, fault.location)
        });
        Err(self)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(fault: Diagnostic) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostic_is_one_line() {
        let message = "the environment variable A\r\nB\u{1b}[m is not set";
        let diagnostic = Diagnostic::new(&"polyv.yml".into(), None, message);
        assert_eq!(
            diagnostic.to_string(),
            "polyv.yml: the environment variable A  B [m is not set"
        );
    }
}
