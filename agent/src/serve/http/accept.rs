//! Which of two formats a client would rather have (RFC 9110, 12.5.1).

const PROTOBUF: &str = "application/vnd.google.protobuf";
/// What text is called, the most exact first.
const TEXT: [&str; 3] = ["text/plain", "text/*", "*/*"];

/// Whether `accept` names the protobuf format and puts it before the text format. Where it
/// does not name it, it is text: everyone can read that.
pub(super) fn wants_protobuf(accept: &str) -> bool {
    let ranges: Vec<Range> = accept.split(',').map(Range::of).collect();
    let weight = |one: &Range| one.weight;
    let protobuf = ranges
        .iter()
        .filter(|one| one.is_delimited_families())
        .map(weight);
    let protobuf = protobuf.reduce(f32::max).unwrap_or(0.0);
    let text = TEXT.iter().find_map(|name| {
        let mut named = ranges.iter().filter(|one| one.is_named(name));
        named.next().map(weight)
    });
    protobuf > 0.0 && protobuf >= text.unwrap_or(0.0)
}

/// One of the formats in the list, with its parameters.
struct Range<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    /// From 0, never, to 1.
    weight: f32,
}

impl<'a> Range<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let pair = |part: &'a str| {
            let (key, value) = part.split_once('=')?;
            Some((key.trim(), value.trim().trim_matches('"')))
        };
        let parameters: Vec<_> = parts.filter_map(pair).collect();
        let weight = parameters.iter().find(|(key, _)| *key == "q");
        let weight = weight.map_or(1.0, |(_, value)| value.parse().unwrap_or(0.0));
        Self {
            name,
            parameters,
            weight,
        }
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether it is what `prometheus_protobuf` writes.
    fn is_delimited_families(&self) -> bool {
        let has = |key, value| self.parameters.contains(&(key, value));
        self.is_named(PROTOBUF)
            && has("proto", "io.prometheus.client.MetricFamily")
            && has("encoding", "delimited")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily";

    #[test]
    fn protobuf_is_for_those_who_name_it_and_put_it_first() {
        for (accept, wants) in [
            // Prometheus 2.42 with native histograms, and without.
            (
                format!(
                    "{FAMILY};encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,\
                     text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
                ),
                true,
            ),
            (
                "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
                    .to_owned(),
                false,
            ),
            // Prometheus 3.
            (
                format!(
                    "{FAMILY}; encoding=delimited; q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
                ),
                true,
            ),
            (
                format!("text/plain;version=0.0.4;q=0.6,{FAMILY};encoding=delimited;q=0.5"),
                false,
            ),
            (format!("text/plain;q=0,*/*,{FAMILY};encoding=delimited;q=0.5"), true),
            (format!("{FAMILY};encoding=delimited;q=0"), false),
            (format!("{FAMILY};encoding=delimited;q=high"), false),
            (format!("{FAMILY};encoding=text"), false),
            (FAMILY.to_owned(), false),
            ("*/*".to_owned(), false),
            (String::new(), false),
            (";;,,=;q".to_owned(), false),
        ] {
            assert_eq!(wants_protobuf(&accept), wants, "{accept}");
        }
    }
}
