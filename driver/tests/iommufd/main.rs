//! The backend on a real kernel. Each test says what it needs, and `cargo xtask test` runs it in
//! every guest of the lab that has that: `xtask/src/test/guests.rs` says which, by the reason in
//! `#[ignore = "…"]`. By hand, as root on a machine of your own,
//! `cargo test -p hwptop-driver --test iommufd -- --ignored --test-threads=1 PREFIX`:
//! - `selftest::` where the kernel has `CONFIG_IOMMUFD_TEST`, `mockless::` where not;
//! - `vfio::`, `vsmmu::` and `locked::` with the PCI function to use in
//!   `HWPTOP_VFIO_FUNCTION`; `locked::` where its interrupts are not isolated.

mod function;
mod locked;
mod mockless;
mod same;
mod selftest;
mod vfio;
mod vsmmu;
