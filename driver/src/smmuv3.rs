//! A guest's SMMUv3 command queue, from the registers to the requests.
//!
//! | register (Arm IHI 0070, 6.3) | offset | write | read |
//! |---|---|---|---|
//! | `SMMU_CR0`, CMDQEN | 0x20 | [`write_cr0`](FrontEnd::write_cr0) | the VMM's |
//! | `SMMU_CR0ACK`, CMDQEN | 0x24 | read-only | [`cr0ack`](FrontEnd::cr0ack) |
//! | `SMMU_GERROR` | 0x60 | read-only | [`gerror`](FrontEnd::gerror) |
//! | `SMMU_GERRORN` | 0x64 | [`write_gerrorn`](FrontEnd::write_gerrorn) | [`gerrorn`](FrontEnd::gerrorn) |
//! | `SMMU_CMDQ_BASE` | 0x90 | [`write_cmdq_base`](FrontEnd::write_cmdq_base) | [`cmdq_base`](FrontEnd::cmdq_base) |
//! | `SMMU_CMDQ_PROD` | 0x98 | [`write_cmdq_prod`](FrontEnd::write_cmdq_prod), the doorbell | [`cmdq_prod`](FrontEnd::cmdq_prod) |
//! | `SMMU_CMDQ_CONS` | 0x9C | [`write_cmdq_cons`](FrontEnd::write_cmdq_cons) | [`cmdq_cons`](FrontEnd::cmdq_cons) |
//!
//! All other registers are the VMM's. After every write of one of these it compares
//! `gerror` with `gerrorn`, and raises the GERROR interrupt where a bit came to differ and
//! `SMMU_IRQ_CTRL` allows it.
//!
//! | hook | what a VMM does in it |
//! |---|---|
//! | [`on_interrupt`](FrontEnd::on_interrupt) | raises the wired interrupt of the command queue, if it offers one |
//! | [`on_event`](FrontEnd::on_event) | sends an event to the guest's CPUs (SEV), if `IDR0.SEV` is offered |
//! | [`on_stream_table`](FrontEnd::on_stream_table) | reads the STEs again and attaches the devices to nested HWPTs that fit them; its error is what the guest reads in `CONS.ERR` |
//! | [`on_answer`](FrontEnd::on_answer) | hands the guest's answer to a stall or page request on to the kernel |
//! | [`on_entry_result`](FrontEnd::on_entry_result) | may log it; the guest is told without it |

pub mod command;
mod decode;
mod entry;
mod fault;
mod features;
mod frontend;
mod kind;
mod protocol;
mod queue;

pub use decode::{Asid, Command, Completion, Msi, Span, decode};
pub use fault::CommandError;
pub use features::{Features, Granules};
pub use frontend::FrontEnd;
pub use kind::CommandType;
