//! One module per subcommand.

mod agent;
mod attached;
mod baseline;
mod bench;
mod beside;
mod captures;
mod compare;
mod completions;
mod doctor;
mod feed;
mod gate;
mod in_use;
mod live;
mod man;
mod record;
mod replay;
mod report;
mod signals;
mod store;
mod top;

pub(crate) use agent::agent;
pub(crate) use bench::{
    agent_cost, attach_cost, batching, bench_replay, dashboard as bench_dashboard, front_end,
    integrity, list_suites, policies, power, probe_cost, scaling, stages,
};
pub(crate) use compare::compare;
pub(crate) use completions::completions;
pub(crate) use doctor::doctor;
pub(crate) use gate::gate;
pub(crate) use man::man;
pub(crate) use record::record;
pub(crate) use replay::replay;
pub(crate) use report::report;
pub(crate) use store::{baseline_add, baseline_changes, baseline_list};
pub(crate) use top::top;
