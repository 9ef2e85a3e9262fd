use std::error::Error;

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
    use std::io;

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
    fn the_systems_reason_is_found_below() {
        assert_eq!(
            io_cause(&outer("x")).and_then(io::Error::raw_os_error),
            Some(2)
        );
    }
}
