//! One module per subcommand.

mod bench;
mod captures;
mod live;
mod report;
mod signals;
mod top;

pub(crate) use bench::{agent_cost, batching, front_end, list_suites, policies, probe_cost};
pub(crate) use report::report;
pub(crate) use top::top;
