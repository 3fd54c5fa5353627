//! Metrics as lines of text.

use std::fmt::{Display, Write};

use crate::figures::{BOUNDS_MS, HistogramCounts};

type Labels<'l> = &'l [(&'l str, &'l str)];

/// A page in the making. Each metric is opened once; its values follow.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    pub(super) fn counter(&mut self, name: &'static str, help: &str) {
        self.open(name, help, "counter");
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &str) {
        self.open(name, help, "gauge");
    }

    pub(super) fn histogram(&mut self, name: &'static str, help: &str) {
        self.open(name, help, "histogram");
    }

    fn open(&mut self, name: &'static str, help: &str, kind: &str) {
        self.name = name;
        // Writing into a text can't fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A value of the metric that was opened last.
    pub(super) fn value(&mut self, labels: Labels<'_>, value: impl Display) {
        self.line("", labels, None, value);
    }

    /// The values of a histogram.
    pub(super) fn classes(&mut self, labels: Labels<'_>, counts: &HistogramCounts) {
        for (bound, count) in BOUNDS_MS.iter().zip(counts.up_to) {
            self.line("_bucket", labels, Some(&(*bound as f64 / 1000.0).to_string()), count);
        }
        self.line("_bucket", labels, Some("+Inf"), counts.all);
        self.line("_sum", labels, None, counts.sum.as_secs_f64());
        self.line("_count", labels, None, counts.all);
    }

    fn line(&mut self, ending: &str, labels: Labels<'_>, bound: Option<&str>, value: impl Display) {
        let _ = write!(self.text, "{}{ending}", self.name);
        let labels = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut before = "{";
        for (name, value) in labels {
            let _ = write!(self.text, "{before}{name}=\"{}\"", escaped(value));
            before = ",";
        }
        let end = if before == "," { "}" } else { "" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_page_is_as_prometheus_reads_it() {
        let mut page = Page::default();
        page.counter("a_total", "All.");
        page.value(&[("of", "x\"\\\n"), ("to", "y")], 3_u64);
        page.histogram("b_seconds", "Time.");
        let counts = HistogramCounts { up_to: [1; BOUNDS_MS.len()], all: 2, sum: Duration::from_millis(7_201_000) };
        page.classes(&[], &counts);
        let text = page.into_text();
        let start = "# HELP a_total All.\n# TYPE a_total counter\na_total{of=\"x\\\"\\\\\\n\",to=\"y\"} 3\n";
        assert!(text.starts_with(start), "{text}");
        let lines: Vec<&str> = text.lines().skip(3).collect();
        assert_eq!(
            lines[..3],
            ["# HELP b_seconds Time.", "# TYPE b_seconds histogram", "b_seconds_bucket{le=\"0.001\"} 1"]
        );
        let end = [
            "b_seconds_bucket{le=\"7200\"} 1",
            "b_seconds_bucket{le=\"+Inf\"} 2",
            "b_seconds_sum 7201",
            "b_seconds_count 2",
        ];
        assert_eq!(lines[lines.len() - 4..], end);
    }
}
