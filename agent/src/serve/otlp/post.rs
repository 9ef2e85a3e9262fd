//! One POST and what its answer means.

use std::time::Duration;

use ureq::{
    Agent,
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
};

use super::OtlpEndpoint;
use crate::{
    export::{OTLP, OtlpAnswer, otlp_answer, otlp_refusal},
    full_message,
};

/// The longest body of an answer that is read.
const MOST_BYTES: u64 = 64 << 10;
/// The longest head of one.
const MOST_HEADER_BYTES: usize = 16 << 10;
/// The longest message of a collector that is told.
const MOST_CHARS: usize = 200;

/// A push that was not taken.
#[derive(Debug)]
pub(super) struct Failed {
    /// The end of a sentence that begins with the URL.
    pub(super) why: String,
    /// How long the collector wants to be left alone.
    pub(super) pause: Option<Duration>,
}

impl Failed {
    fn because(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            pause: None,
        }
    }
}

pub(super) struct Poster {
    client: Agent,
    patience: Duration,
    url: String,
}

impl Poster {
    pub(super) fn new(endpoint: &OtlpEndpoint, patience: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(patience))
            .http_status_as_error(false)
            // Metrics go where the user said, and by no proxy of some environment.
            .max_redirects(0)
            .proxy(None)
            // A collector may close an idle connection at any time, even while it is used.
            .max_idle_connections(0)
            .max_response_header_size(MOST_HEADER_BYTES)
            .user_agent(concat!("hwptop/", env!("CARGO_PKG_VERSION")));
        Self {
            client: config.build().new_agent(),
            patience,
            url: endpoint.to_string(),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn post(&self, request: &[u8]) -> Result<OtlpAnswer, Failed> {
        let post = self.client.post(&self.url).content_type(OTLP);
        let mut answer = post
            .send(request)
            .map_err(|error| Failed::because(self.message(&error)))?;
        let body = answer.body_mut().with_config().limit(MOST_BYTES);
        let body = body.read_to_vec().map_err(|error| self.message(&error));
        let status = answer.status();
        if !status.is_success() {
            return Err(Failed {
                why: refusal(status, &body.unwrap_or_default()),
                pause: pause(status, answer.headers()),
            });
        }
        let body = body.map_err(|why| Failed::because(format!("its answer: {why}")))?;
        otlp_answer(&body)
            .map_err(|error| Failed::because(format!("its answer is none of OTLP's: {error}")))
    }

    fn message(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(_) => format!("no answer within {:?}", self.patience),
            error => full_message(error),
        }
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> String {
    let said = if status.is_redirection() {
        Some("redirects are not followed: name the place itself".to_owned())
    } else {
        otlp_refusal(body).map(|said| readable(&said))
    };
    let said = said.map(|said| format!(": {said}"));
    format!("answers {status}{}", said.unwrap_or_default())
}

/// What a collector that has too much to do asks for, in seconds; a date is not looked at, and
/// the next push comes when it is due.
fn pause(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let is_busy = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse();
    is_busy.then(|| seconds.ok().map(Duration::from_secs))?
}

/// Another's words, short and without what a terminal would obey.
pub(super) fn readable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(MOST_CHARS).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_what_a_busy_collector_asks_for_in_seconds() {
        let asked = |status, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().expect("it is plain text"));
            pause(status, &headers)
        };
        let busy = StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(asked(busy, "7"), Some(Duration::from_secs(7)));
        assert_eq!(asked(StatusCode::BAD_REQUEST, "7"), None);
        assert_eq!(asked(busy, "Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(asked(busy, "-1"), None);
        assert_eq!(pause(busy, &HeaderMap::new()), None);
    }

    #[test]
    fn anothers_words_are_short_and_plain() {
        let text = readable(&format!("a\u{1b}[2J\n{}", "x".repeat(1000)));
        assert!(text.starts_with("a [2J x"), "{text}");
        assert_eq!(text.chars().count(), MOST_CHARS);
    }
}
