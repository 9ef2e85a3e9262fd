use std::{error::Error, io};

use aya::programs::ProgramError;

/// An error with its causes in one line, each said once: libraries differ in whether
/// an error's own text repeats its cause.
#[must_use]
pub fn full_message(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Why a program could not be loaded or attached, in one line: of the verifier's log, which
/// tells of every instruction, only what it ends with.
pub(crate) fn program_message(error: &ProgramError) -> String {
    match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => refusal(io_error, &verifier_log.to_string()),
        error => full_message(error),
    }
}

fn refusal(error: &io::Error, log: &str) -> String {
    // Behind the verdict the verifier tells how much it looked at.
    let mut lines = log.lines().map(str::trim);
    let verdict = lines.rfind(|line| !line.is_empty() && !line.starts_with("processed "));
    match verdict {
        Some(verdict) => format!("{error}: {verdict}"),
        None => error.to_string(),
    }
}

/// The system's own reason among an error and its causes, if there is one.
pub(crate) fn io_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a std::io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Outer {
        text: &'static str,
        source: io::Error,
    }

    fn outer(text: &'static str) -> Outer {
        Outer {
            text,
            source: io::Error::from_raw_os_error(2),
        }
    }

    #[test]
    fn a_cause_is_told_once() {
        let reason = io::Error::from_raw_os_error(2).to_string();
        assert_eq!(
            full_message(&outer("opening it")),
            format!("opening it: {reason}")
        );
        let said = "a: No such file or directory (os error 2)";
        assert_eq!(full_message(&outer(said)), said);
    }

    #[test]
    fn of_the_verifiers_log_only_the_verdict_is_told() {
        let error = io::Error::from_raw_os_error(22);
        let log = "0: R1=ctx() R10=fp0\n5: (85) call bpf_probe_read_kernel#113\n\
                   program of this type cannot use helper bpf_probe_read_kernel#113\n\
                   processed 6 insns (limit 1000000) max_states_per_insn 0\n\n";
        assert_eq!(
            refusal(&error, log),
            "Invalid argument (os error 22): program of this type cannot use helper \
             bpf_probe_read_kernel#113"
        );
        assert_eq!(refusal(&error, ""), "Invalid argument (os error 22)");
    }

    #[test]
    fn the_systems_reason_is_found_below() {
        assert_eq!(
            io_cause(&outer("x")).and_then(io::Error::raw_os_error),
            Some(2)
        );
    }
}
