//! Faults in a web configuration, and where they are.

use std::fmt;
use std::sync::Arc;

/// A position in a file; both numbers start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// One fault. The message never holds anything that could be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where in the file; `None` for the file as a whole.
    pub location: Option<Location>,
    /// What is wrong, and often what to write instead.
    pub message: String,
}

/// There was a fault, which has been reported.
#[derive(Debug)]
pub(crate) struct Invalid;

/// All faults of one web configuration. As text: one line per fault, with the path of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    file: Arc<str>,
    faults: Vec<Diagnostic>,
}

// === impl Location ===

impl From<serde_saphyr::Location> for Location {
    fn from(location: serde_saphyr::Location) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
        }
    }
}

// === impl Diagnostics ===

impl Diagnostics {
    pub(crate) fn new(file: Arc<str>) -> Self {
        let faults = Vec::new();
        Self { file, faults }
    }

    /// Adds a fault.
    pub(crate) fn push(
        &mut self,
        location: impl Into<Option<Location>>,
        message: impl Into<String>,
    ) -> Invalid {
        self.faults.push(Diagnostic {
            location: location.into(),
            message: message.into(),
        });
        Invalid
    }

    /// `value`, if it exists and there is no fault; else all faults in the order of the file.
    pub(crate) fn or<T>(mut self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => {
                self.faults.sort_by_key(|fault| fault.location);
                Err(self)
            }
        }
    }

    /// Whether there is no fault.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The number of faults.
    #[must_use]
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// The faults in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.faults.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let line_break = if index > 0 { "\n" } else { "" };
            write!(f, "{line_break}{}:", self.file)?;
            if let Some(Location { line, column }) = fault.location {
                write!(f, "{line}:{column}:")?;
            }
            write!(f, " {}", fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
