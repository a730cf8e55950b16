//! What users rely on, promise by promise, through the public face.

#[path = "promises/simulator.rs"]
mod simulator;
