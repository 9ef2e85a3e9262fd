//! A modelled host, without hardware: what the kernel does behind the uAPI, and the
//! units that execute its commands, with exact caches over real page tables.

pub mod config;
pub mod iommufd;
pub mod tables;
pub mod unit;
