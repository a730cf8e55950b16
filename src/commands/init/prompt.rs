//! Questions to the person at the terminal.

use std::io::{self, IsTerminal};

use console::Term;

use crate::commands::CommandError;

/// Someone who inputs questions.
pub(super) trait Prompt {
    /// The input, without white space around it.
    ///
    /// # Errors
    /// There is no terminal, or no more input.
    fn line(&mut self, question: &str) -> Result<String, CommandError>;

    /// Input that is not shown while it is typed.
    ///
    /// # Errors
    /// There is no terminal, or no more input.
    fn secret(&mut self, question: &str) -> Result<String, CommandError>;

    /// Says something.
    ///
    /// # Errors
    /// It can't be written.
    fn say(&mut self, text: &str) -> Result<(), CommandError>;
}

/// The person at this process's terminal. Questions go to standard error, so that standard output
/// can be redirected.
pub(super) struct Terminal(Term);

// === impl Terminal ===

impl Terminal {
    pub(super) fn new() -> Self {
        Self(Term::stderr())
    }

    fn write(&self, question: &str) -> Result<(), CommandError> {
        if !self.0.is_term() || !io::stdin().is_terminal() {
            return Err(CommandError::Usage(
                "there is no terminal to type on: give --app-id, --app-secret-file (of a file that \
                 exists), and --channels or --discover"
                    .to_owned(),
            ));
        }
        Ok(self.0.write_str(question)?)
    }
}

impl Prompt for Terminal {
    fn line(&mut self, question: &str) -> Result<String, CommandError> {
        self.write(question)?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(line.trim().to_owned())
    }

    fn secret(&mut self, question: &str) -> Result<String, CommandError> {
        self.write(question)?;
        Ok(self.0.read_secure_line()?.trim().to_owned())
    }

    fn say(&mut self, text: &str) -> Result<(), CommandError> {
        Ok(self.0.write_line(text)?)
    }
}
