//! One module per subcommand.

mod agent;
mod attached;
mod baseline;
mod bench;
mod beside;
mod captures;
mod doctor;
mod feed;
mod live;
mod record;
mod replay;
mod report;
mod signals;
mod top;

pub(crate) use agent::agent;
pub(crate) use bench::{
    agent_cost, attach_cost, batching, dashboard as bench_dashboard, front_end, integrity,
    list_suites, policies, probe_cost,
};
pub(crate) use doctor::doctor;
pub(crate) use record::record;
pub(crate) use replay::replay;
pub(crate) use report::report;
pub(crate) use top::top;
