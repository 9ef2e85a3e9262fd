//! The running kernel: what it is like, its types and functions, the IOMMUs in it, what
//! can be attached to it, and the programs that are.
//!
//! ```text
//! /proc, /sys, bpf(2) ─▶ Facts ─▶ plan() ─▶ what the loader attaches ─▶ Kernel ─▶ Totals
//!                                      └──▶ what `hwptop doctor` prints
//! ```

mod attach;
mod attempt;
pub mod btf;
pub mod config;
mod empty;
mod ended;
pub mod facts;
mod gone;
mod held;
pub mod host;
pub mod instances;
mod layout;
mod load;
pub(crate) mod misses;
mod module;
mod plain;
pub mod plan;
mod read;
pub mod reason;
pub mod site;
mod stack;
mod switches;
pub mod symbols;

pub use attach::{Kernel, KernelError, KernelOptions};
pub use empty::{EmptyKernelError, EmptyKernelProbes};
pub use held::Held;
pub use plan::{Method, can_drive_iommufd, can_watch_kernel};
pub use stack::NoFunctions;
