//! The `hwptop` command: arguments and wiring, no logic of its own.

mod cli;
mod command;
mod failure;
mod output;
mod target;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{BenchCommand, Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None => command::top(&cli.top),
        Some(Command::Top(args)) => command::top(&args),
        Some(Command::Bench(BenchCommand::List)) => command::list_suites(),
        Some(Command::Bench(BenchCommand::Batching(args))) => command::batching(&args),
        Some(Command::Bench(BenchCommand::Policies(args))) => command::policies(&args),
        Some(Command::Bench(BenchCommand::FrontEnd(args))) => command::front_end(&args),
        Some(Command::Bench(BenchCommand::ProbeCost(args))) => command::probe_cost(&args),
        Some(Command::Bench(BenchCommand::AgentCost(args))) => command::agent_cost(&args),
        Some(Command::Report(args)) => command::report(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::remark(&failure);
            failure.exit_code()
        }
    }
}
