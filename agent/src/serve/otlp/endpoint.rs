use std::{fmt, str::FromStr};

use ureq::http::Uri;

/// Where a collector takes metrics by OTLP/HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpEndpoint(Uri);

/// Why a text names none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtlpEndpointError {
    /// It cannot be read.
    #[error("{text:?} is no URL: http://HOST[:PORT][/PATH], e.g. http://127.0.0.1:4318")]
    NoUrl {
        /// The text.
        text: String,
    },
    /// TLS would be needed.
    #[error(
        "{text:?}: hwptop does not speak TLS; push to an OpenTelemetry collector on this host, \
         e.g. http://127.0.0.1:4318, and let that one go on with https"
    )]
    Tls {
        /// The text.
        text: String,
    },
    /// A name or password would be sent in the clear.
    #[error(
        "a URL with user and password is not taken: they would go in the clear; push to an \
         OpenTelemetry collector on this host, and let that one log in"
    )]
    Credentials,
}

/// What OTLP/HTTP calls the place of metrics.
const PATH: &str = "/v1/metrics";

impl FromStr for OtlpEndpoint {
    type Err = OtlpEndpointError;

    fn from_str(text: &str) -> Result<Self, OtlpEndpointError> {
        let no_url = || OtlpEndpointError::NoUrl {
            text: text.to_owned(),
        };
        let uri: Uri = text.parse().map_err(|_| no_url())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(OtlpEndpointError::Tls {
                    text: text.to_owned(),
                });
            }
            _ => return Err(no_url()),
        }
        let authority = uri.authority().ok_or_else(no_url)?;
        if authority.as_str().contains('@') {
            return Err(OtlpEndpointError::Credentials);
        }
        let has_port = authority.as_str().rsplit(']').next().unwrap_or_default();
        if authority.host().is_empty() || (has_port.contains(':') && authority.port_u16().is_none())
        {
            return Err(no_url());
        }
        let path = match (uri.path(), uri.query()) {
            ("" | "/", None) => PATH,
            _ => return Ok(Self(uri)),
        };
        let whole = format!("http://{authority}{path}");
        Ok(Self(whole.parse().map_err(|_| no_url())?))
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_path_gets_that_of_metrics() {
        for (text, url) in [
            ("http://a", "http://a/v1/metrics"),
            ("http://a/", "http://a/v1/metrics"),
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/metrics"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/metrics"),
            ("HTTP://a:1/otlp/x?y=z", "http://a:1/otlp/x?y=z"),
            ("http://a/?y=z", "http://a/?y=z"),
        ] {
            let endpoint: OtlpEndpoint = text.parse().expect(text);
            assert_eq!(endpoint.to_string(), url);
        }
    }

    #[test]
    fn what_cannot_be_pushed_to_is_told_with_what_can() {
        for (text, part) in [
            ("", "is no URL"),
            ("127.0.0.1:4318", "is no URL"),
            ("/v1/metrics", "is no URL"),
            ("grpc://a:4317", "is no URL"),
            ("http://", "is no URL"),
            ("http://a:", "is no URL"),
            ("http://a:99999", "is no URL"),
            ("http://a b/", "is no URL"),
            ("https://a", "http://127.0.0.1:4318"),
            ("http://me:secret@a", "user and password"),
        ] {
            let error = text.parse::<OtlpEndpoint>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
