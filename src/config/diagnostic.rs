//! What is wrong with a document, and where.

use std::fmt;
use std::sync::Arc;

/// A position in a document, both counted from 1 as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// One thing that is wrong: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file (or what stands for it, such as `environment`).
    pub source: Arc<str>,
    /// Where in the file; `None` where it is the file as a whole.
    pub place: Option<Location>,
    /// A sentence for a person.
    pub message: String,
}

/// The faults found so far, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{}:{place}: {}", self.source, self.message),
            None => write!(f, "{}: {}", self.source, self.message),
        }
    }
}

// === impl Diagnostics ===

impl Diagnostics {
    /// Adds a fault.
    pub fn push(&mut self, fault: Diagnostic) {
        self.0.push(fault);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The faults one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// `value` where nothing was wrong, else all that was, ordered by file and place.
    ///
    /// # Errors
    /// Where at least one fault was found.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        // The files stay in the order in which they were read: the main one first.
        let mut order: Vec<Arc<str>> = Vec::new();
        for fault in &self.0 {
            if !order.contains(&fault.source) {
                order.push(Arc::clone(&fault.source));
            }
        }
        self.0.sort_by_key(|fault| {
            let file = order.iter().position(|source| *source == fault.source);
            (file, fault.place)
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
