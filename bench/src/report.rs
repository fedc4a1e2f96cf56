//! The report: a line for each figure, with its limit, the ratio of the two, and the target.

use serde_json::json;
use std::fmt::Write;

/// Which way a target lies.
#[derive(Clone, Copy)]
pub enum Target {
    /// The ratio, or the figure, is at least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

/// A figure.
pub struct Figure {
    target: &'static str,
    what: String,
    unit: &'static str,
    measured: f64,
    limit: Option<f64>,
    ratios: Vec<f64>,
    wanted: Target,
}

/// All figures.
#[derive(Default)]
pub struct Report(Vec<Figure>);

/// The one in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// So many of a hundred are below.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

impl Report {
    /// A figure beside its limit; both were taken in turns.
    pub fn ratio(&mut self, target: &'static str, what: &str, unit: &'static str, turns: &[(f64, f64)], wanted: Target) {
        let (measured, limits): (Vec<f64>, Vec<f64>) = turns.iter().copied().unzip();
        let ratios: Vec<f64> = turns.iter().map(|(measured, limit)| measured / limit).collect();
        self.add(Figure { target, what: what.to_owned(), unit, measured: median(&measured), limit: Some(median(&limits)), ratios, wanted });
    }

    /// A figure by itself.
    pub fn plain(&mut self, target: &'static str, what: &str, unit: &'static str, measured: f64, wanted: Target) {
        self.add(Figure { target, what: what.to_owned(), unit, measured, limit: None, ratios: Vec::new(), wanted });
    }

    fn add(&mut self, figure: Figure) {
        eprintln!("{}", figure.line());
        self.0.push(figure);
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = String::from("| # | what | measured | limit | ratio (lowest–highest turn) | target | |\n|---|---|---|---|---|---|---|\n");
        for figure in &self.0 {
            let _ = writeln!(table, "{}", figure.line());
        }
        table
    }

    /// For programs.
    pub fn json(&self) -> String {
        let figures = self.0.iter().map(|figure| {
            json!({
                "target": figure.target, "what": figure.what, "unit": figure.unit, "measured": figure.measured, "limit": figure.limit,
                "ratios": figure.ratios, "wanted": figure.wanted.text(), "met": figure.is_met(),
            })
        });
        serde_json::Value::Array(figures.collect()).to_string()
    }
}

impl Figure {
    fn judged(&self) -> f64 {
        if self.ratios.is_empty() { self.measured } else { median(&self.ratios) }
    }

    fn is_met(&self) -> bool {
        match self.wanted {
            Target::AtLeast(least) => self.judged() >= least,
            Target::AtMost(most) => self.judged() <= most,
        }
    }

    fn line(&self) -> String {
        let unit = self.unit;
        let limit = self.limit.map_or_else(|| "–".to_owned(), |limit| format!("{} {unit}", number(limit)));
        let (low, high) = (percentile(&self.ratios, 0), percentile(&self.ratios, 100));
        let ratio = if self.ratios.is_empty() { "–".to_owned() } else { format!("**{:.2}** ({low:.2}–{high:.2})", self.judged()) };
        let met = if self.is_met() { "met" } else { "missed" };
        format!("| {} | {} | {} {unit} | {limit} | {ratio} | {} | {met} |", self.target, self.what, number(self.measured), self.wanted.text())
    }
}

impl Target {
    fn text(self) -> String {
        match self {
            Target::AtLeast(least) => format!("≥ {least}"),
            Target::AtMost(most) => format!("≤ {most}"),
        }
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
