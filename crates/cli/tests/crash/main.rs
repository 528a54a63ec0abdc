//! Faults: what dies, breaks, fills up or is in the way, and what the next command finds.

mod cut;
mod edges;
mod full;
mod held;
mod killed;
mod net;
mod refused;
mod shop;
