//! Prometheus' text format 0.0.4.

use foundation::meter::{BOUNDS, Histogram};
use std::fmt::{Display, Write};

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text under way, of one family after another.
#[derive(Default)]
pub struct Text {
    out: String,
    name: &'static str,
}

impl Text {
    /// Begins a family. The help is one line without a backslash.
    pub fn family(&mut self, name: &'static str, kind: &str, help: &str) -> &mut Text {
        self.name = name;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        self
    }

    /// Begins a family of counters.
    pub fn counter(&mut self, name: &'static str, help: &str) -> &mut Text {
        self.family(name, "counter", help)
    }

    /// Begins a family of gauges.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> &mut Text {
        self.family(name, "gauge", help)
    }

    /// A sample without labels.
    pub fn plain(&mut self, value: impl Display) -> &mut Text {
        let name = self.name;
        self.line(format_args!("{name} {value}"));
        self
    }

    /// A sample. Labels and their values are words of this program.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Text {
        let name = self.name;
        self.line(format_args!("{name}{{{}}} {value}", Labels(labels)));
        self
    }

    /// The samples of a histogram.
    pub fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) -> &mut Text {
        let (name, seen) = (self.name, histogram.seen());
        let comma = if labels.is_empty() { "" } else { "," };
        for (bound, count) in BOUNDS.iter().zip(seen.up_to) {
            self.line(format_args!("{name}_bucket{{{}{comma}le=\"{}\"}} {count}", Labels(labels), Seconds(*bound)));
        }
        self.line(format_args!("{name}_bucket{{{}{comma}le=\"+Inf\"}} {}", Labels(labels), seen.count));
        let (open, close) = if labels.is_empty() { ("", "") } else { ("{", "}") };
        self.line(format_args!("{name}_sum{open}{}{close} {}", Labels(labels), Seconds(seen.micros)));
        self.line(format_args!("{name}_count{open}{}{close} {}", Labels(labels), seen.count));
        self
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.out
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // A text in memory takes whatever is written.
        let _ = writeln!(self.out, "{line}");
    }
}

struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}=\"{value}\"")?;
        }
        Ok(())
    }
}

/// Microseconds, shown as seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_is_the_format() {
        let histogram = Histogram::default();
        for micros in [100, 250, 251, 3_000_000, 60_000_000] {
            histogram.note(Duration::from_micros(micros));
        }
        let mut text = Text::default();
        text.counter("a_total", "As.").plain(3);
        text.gauge("b", "Bs.").sample(&[("x", "one"), ("y", "two")], -1);
        text.family("c_seconds", "histogram", "Cs.").histogram(&[("x", "one")], &histogram);
        let text = text.finish();
        assert!(text.starts_with("# HELP a_total As.\n# TYPE a_total counter\na_total 3\n# HELP b Bs.\n# TYPE b gauge\nb{x=\"one\",y=\"two\"} -1\n"), "{text}");
        assert!(text.contains("c_seconds_bucket{x=\"one\",le=\"0.00025\"} 2\nc_seconds_bucket{x=\"one\",le=\"0.001\"} 3\n"), "{text}");
        assert!(text.contains("le=\"10\"} 4\n") && text.contains("le=\"+Inf\"} 5\n"), "{text}");
        assert!(text.ends_with("c_seconds_sum{x=\"one\"} 63.000601\nc_seconds_count{x=\"one\"} 5\n"), "{text}");
    }

    #[test]
    fn without_labels_there_are_no_braces() {
        let mut text = Text::default();
        text.family("c_seconds", "histogram", "Cs.").histogram(&[], &Histogram::default());
        let text = text.finish();
        assert!(text.contains("c_seconds_bucket{le=\"0.00025\"} 0\n") && text.ends_with("c_seconds_sum 0\nc_seconds_count 0\n"), "{text}");
    }
}
