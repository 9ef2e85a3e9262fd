use std::io;

/// Whatever a [`SnapshotSource`](crate::SnapshotSource) fails with.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why the dashboard ended early. The terminal has been restored by then. The
/// message holds the reason; `source()` does not say it again.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal refused.
    #[error("the terminal cannot {what}: {error}; `--once` needs no terminal")]
    Terminal {
        /// What was asked of it.
        what: &'static str,
        /// Its answer.
        error: io::Error,
    },
    /// No further snapshot could be taken.
    #[error("no snapshot can be taken any more: {0}")]
    Source(SourceError),
}

impl TuiError {
    /// For `map_err`: the terminal could not do `what`.
    pub(crate) fn terminal(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Terminal { what, error }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_chain_of_errors_says_each_reason_once() {
        for error in [
            TuiError::terminal("be drawn on")(io::Error::other("hung up")),
            TuiError::Source("hung up".into()),
        ] {
            let mut chain = vec![error.to_string()];
            let mut next = error.source();
            while let Some(error) = next {
                chain.push(error.to_string());
                next = error.source();
            }
            let said = chain.join(": ");
            assert_eq!(said.matches("hung up").count(), 1, "{said}");
        }
    }
}
