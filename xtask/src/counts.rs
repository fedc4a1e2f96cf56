//! Counts: how many tests passed, failed and were skipped, as cargo and Node.js say it.

use std::fmt;

/// How many tests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: u64,
    /// Failed, or were cut off.
    pub failed: u64,
    /// Not run.
    pub skipped: u64,
}

impl Counts {
    /// Adds what a line of output counts; most lines count nothing.
    pub fn read(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(result) = line.strip_prefix("test result: ") {
            let (_, numbers) = result.split_once(". ").unwrap_or_default();
            for (number, word) in numbers.split("; ").filter_map(|n| n.split_once(' ')) {
                self.add(word, number);
            }
        } else if let Some((word, number)) = line.strip_prefix("ℹ ").or(line.strip_prefix("# ")).and_then(|n| n.split_once(' ')) {
            self.add(word, number);
        }
    }

    fn add(&mut self, word: &str, number: &str) {
        let Ok(number) = number.parse::<u64>() else { return };
        match word {
            "passed" | "pass" => self.passed += number,
            "failed" | "fail" | "cancelled" => self.failed += number,
            "ignored" | "skipped" | "todo" => self.skipped += number,
            _ => {}
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> Counts {
        let mut counts = Counts::default();
        text.lines().for_each(|line| counts.read(line));
        counts
    }

    #[test]
    fn cargos_results_add_up() {
        let text = "running 3 tests\n\
            test a ... ok\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.05s\n\
            test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s\n";
        assert_eq!(counted(text), Counts { passed: 14, failed: 4, skipped: 1 });
    }

    #[test]
    fn nodes_summary_counts_in_both_of_its_forms() {
        let spec = "✔ signs in (12.1ms)\nℹ tests 9\nℹ suites 2\nℹ pass 5\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 1\nℹ duration_ms 45.2\n";
        let tap = "ok 1 - signs in\n# tests 9\n# suites 2\n# pass 5\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 1\n# duration_ms 45.2\n";
        assert_eq!(counted(spec), Counts { passed: 5, failed: 2, skipped: 2 });
        assert_eq!(counted(tap), counted(spec));
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["", "# pass", "# pass many", "ℹ pass 1 of 2", "pass 5", "test result", "test result: ok.", "5 passed, 1 failed", "  # pass 3"] {
            assert_eq!(counted(line), Counts::default(), "{line}");
        }
    }

    #[test]
    fn the_last_line_names_skipped_tests_only_where_there_are_any() {
        assert_eq!(Counts { passed: 3, failed: 0, skipped: 0 }.to_string(), "3 passed, 0 failed");
        assert_eq!(Counts { passed: 3, failed: 1, skipped: 2 }.to_string(), "3 passed, 1 failed, 2 skipped");
    }
}
