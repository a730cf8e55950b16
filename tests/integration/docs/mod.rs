//! Documents agree with the program.

pub mod blocks;
pub mod chinese;
pub mod commands;
pub mod pages;
pub mod programs;
pub mod quotes;
pub mod sizing;
