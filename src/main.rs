//! The `hwptop` command: arguments and wiring, no logic of its own.

mod cli;
mod command;
mod failure;
mod output;
mod target;
mod toml_file;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{BaselineCommand, BenchCommand, Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None => command::top(&cli.top),
        Some(Command::Top(args)) => command::top(&args),
        Some(Command::Doctor(args)) => command::doctor(&args),
        Some(Command::Bench(BenchCommand::List)) => command::list_suites(),
        Some(Command::Bench(BenchCommand::Batching(args))) => command::batching(&args),
        Some(Command::Bench(BenchCommand::Policies(args))) => command::policies(&args),
        Some(Command::Bench(BenchCommand::Stages(args))) => command::stages(&args),
        Some(Command::Bench(BenchCommand::Scaling(args))) => command::scaling(&args),
        Some(Command::Bench(BenchCommand::Replay(args))) => command::bench_replay(&args),
        Some(Command::Bench(BenchCommand::FrontEnd(args))) => command::front_end(&args),
        Some(Command::Bench(BenchCommand::ProbeCost(args))) => command::probe_cost(&args),
        Some(Command::Bench(BenchCommand::Power(args))) => command::power(&args),
        Some(Command::Bench(BenchCommand::Integrity(args))) => command::integrity(&args),
        Some(Command::Bench(BenchCommand::AgentCost(args))) => command::agent_cost(&args),
        Some(Command::Bench(BenchCommand::AttachCost(args))) => command::attach_cost(&args),
        Some(Command::Bench(BenchCommand::Dashboard(args))) => command::bench_dashboard(&args),
        Some(Command::Compare(args)) => command::compare(&args),
        Some(Command::Gate(args)) => return ended(command::gate(&args)),
        Some(Command::Report(args)) => command::report(&args),
        Some(Command::Replay(args)) => command::replay(&args),
        Some(Command::Agent(args)) => command::agent(args),
        Some(Command::Baseline(BaselineCommand::Add(args))) => command::baseline_add(&args),
        Some(Command::Baseline(BaselineCommand::List(args))) => command::baseline_list(&args),
        Some(Command::Baseline(BaselineCommand::Changes(args))) => command::baseline_changes(&args),
        Some(Command::Man(args)) => command::man(&args),
        Some(Command::Completions(args)) => command::completions(&args),
        Some(Command::Record(args)) => return ended(command::record(&args)),
    };
    ended(result.map(|()| ExitCode::SUCCESS))
}

/// Says why it failed, if it did.
fn ended(result: Result<ExitCode, Failure>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::remark(&failure);
            failure.exit_code()
        }
    }
}
