//! Tests of the built command: what a user types and what comes back.

mod advice;
mod agent;
mod agent_cost;
mod agreement;
mod attach_cost;
mod bad_input;
mod baseline;
mod closing;
mod compare;
mod costs;
mod dashboard;
mod dashboard_bench;
mod detach;
mod doctor;
mod documentation;
mod documented;
mod exact;
mod files;
mod gate;
mod generated;
mod in_kernel;
mod kernel_bench;
mod lab;
mod record;
mod recording;
mod run;
mod schemas;
mod static_probes;
mod store;
mod suites;
mod target_process;
mod terminal;
#[path = "../../tui/tests/support/tmux.rs"]
mod tmux;
mod whole;
mod workflow;
