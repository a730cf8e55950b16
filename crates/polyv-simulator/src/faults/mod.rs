//! Faults of the API itself: when they occur, which calls they affect, and their effect.

mod action;
mod active;
mod corruption;
mod fault;
mod gzip_bomb;
mod replaced_response;

pub(crate) use active::{ActiveFaults, Faults};
#[cfg(test)]
pub(crate) use corruption::BadValueForm;
pub(crate) use corruption::{
    BadValueKind, BadValues, Corruptions, SampleCorruption, ValueField, WrongType,
};
pub use fault::Fault;
pub(crate) use fault::Target;

#[cfg(test)]
mod tests;
