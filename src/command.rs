//! One module per subcommand.

mod bench;
mod live;
mod report;
mod signals;
mod top;

pub(crate) use bench::{agent_cost, batching, list_suites, probe_cost};
pub(crate) use report::report;
pub(crate) use top::top;
