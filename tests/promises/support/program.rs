//! The program itself, as its users run it.
