//! A guest's AMD-Vi command buffer, from the registers to the requests.
//!
//! | register (48882, 3.4) | offset | write | read |
//! |---|---|---|---|
//! | Command Buffer Base Address | 0008h | [`write_command_base`](FrontEnd::write_command_base) | [`command_base`](FrontEnd::command_base) |
//! | Event Log Base Address | 0010h | [`write_event_base`](FrontEnd::write_event_base) | [`event_base`](FrontEnd::event_base) |
//! | IOMMU Control | 0018h | [`write_control`](FrontEnd::write_control) | [`control`](FrontEnd::control) |
//! | Command Buffer Head Pointer | 2000h | [`write_command_head`](FrontEnd::write_command_head) | [`command_head`](FrontEnd::command_head) |
//! | Command Buffer Tail Pointer | 2008h | [`write_command_tail`](FrontEnd::write_command_tail), the doorbell | [`command_tail`](FrontEnd::command_tail) |
//! | Event Log Head Pointer | 2010h | [`write_event_head`](FrontEnd::write_event_head) | [`event_head`](FrontEnd::event_head) |
//! | Event Log Tail Pointer | 2018h | [`write_event_tail`](FrontEnd::write_event_tail) | [`event_tail`](FrontEnd::event_tail) |
//! | IOMMU Status | 2020h | [`write_status`](FrontEnd::write_status) | [`status`](FrontEnd::status) |
//!
//! All other registers are the VMM's.
//!
//! | hook | what a VMM does in it |
//! |---|---|
//! | [`on_interrupt`](FrontEnd::on_interrupt) | raises the unit's interrupt, for completions and for events of the log alike |
//! | [`on_absorbed`](FrontEnd::on_absorbed) | reads the DTEs that changed again, attaches the devices to nested HWPTs that fit them, and says so to the [`Targets`] it is given; destroys what it detached only when the register write returned |
//! | [`on_entry_result`](FrontEnd::on_entry_result) | may log it; the guest is told without it |

pub mod command;
mod decode;
mod entry;
mod event;
mod fault;
mod frontend;
mod protocol;
mod queue;
mod target;

pub use decode::{Command, CommandType, Pages, decode};
pub use fault::{CommandError, ErrorType};
pub use frontend::FrontEnd;
pub use target::Targets;
