//! Pictures of simulated years: the learning curve and the reliability diagram, as SVG.

use std::fmt::Write;

use super::report::{SimulatedYears, calibration_error};

/// Pixels of a picture and of the margin around its axes.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 56.0;

/// Height of a line of text.
const NAME_HEIGHT: f64 = 15.0;

/// A plane with its scales.
struct Plane {
    svg: String,
    x: (f64, f64),
    y: (f64, f64),
    /// Heights of the names that stand beside lines already.
    names: Vec<f64>,
}

impl Plane {
    fn new(title: &str, x: (f64, f64), y: (f64, f64)) -> Self {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{MARGIN}\" y=\"26\" font-size=\"16\">{title}</text>\n"
        );
        Self {
            svg,
            x,
            y,
            names: Vec::new(),
        }
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        let across = MARGIN + part(x, self.x) * (WIDTH - 2.0 * MARGIN);
        (
            across,
            HEIGHT - MARGIN - part(y, self.y) * (HEIGHT - 2.0 * MARGIN),
        )
    }

    fn put(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.svg.write_fmt(line);
        self.svg.push('\n');
    }

    fn axes(&mut self, x_name: &str, x_ticks: &[f64], y_name: &str, y_ticks: &[f64]) {
        for &tick in y_ticks {
            let ((left, y), (right, _)) = (self.at(self.x.0, tick), self.at(self.x.1, tick));
            self.put(format_args!(
                "<line x1=\"{left}\" y1=\"{y}\" x2=\"{right}\" y2=\"{y}\" stroke=\"#ddd\"/>"
            ));
            let (text, below) = (left - 8.0, y + 4.0);
            self.put(format_args!(
                "<text x=\"{text}\" y=\"{below}\" text-anchor=\"end\">{:.0} %</text>",
                tick * 100.0
            ));
        }
        for &tick in x_ticks {
            let (x, y) = self.at(tick, self.y.0);
            let name = if self.x.1 > 1.5 {
                format!("{tick:.0}")
            } else {
                format!("{:.0} %", tick * 100.0)
            };
            self.put(format_args!(
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
                y + 18.0
            ));
        }
        self.put(format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{x_name}</text>",
            WIDTH / 2.0,
            HEIGHT - 14.0
        ));
        self.put(format_args!(
            "<text x=\"{MARGIN}\" y=\"44\" fill=\"#555\">{y_name}</text>"
        ));
    }

    fn line(&mut self, points: &[(f64, f64)], colour: &str, name: &str) {
        let points: Vec<(f64, f64)> = points.iter().map(|&(x, y)| self.at(x, y)).collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.put(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        ));
        for (x, y) in &points {
            self.put(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            ));
        }
        if let Some((x, y)) = points.last() {
            // A name above one that is there already does not cover it.
            let taken = self
                .names
                .iter()
                .copied()
                .filter(|name| (name - y).abs() < NAME_HEIGHT);
            let y = taken.fold(*y, |y, name| y.min(name - NAME_HEIGHT));
            self.names.push(y);
            self.put(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
                x + 8.0,
                y + 4.0
            ));
        }
    }

    fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}

/// First-time fix by month of the rule, the engine and the oracle, over all years.
#[must_use]
pub fn learning_curve(years: &SimulatedYears) -> String {
    let title = format!("First-time fix by month, simulated years: {}", years.years.len());
    let mut plane = Plane::new(&title, (1.0, 12.0), (0.6, 1.0));
    let months: Vec<f64> = (1..=12).map(f64::from).collect();
    plane.axes(
        "month",
        &months,
        "share of tickets fixed at the first visit",
        &[0.6, 0.7, 0.8, 0.9, 1.0],
    );
    for (name, colour, figure) in [
        ("rule", "#b04a3a", 0),
        ("shifu", "#1f6f8b", 1),
        ("oracle", "#6b6b6b", 2),
    ] {
        let mean = |month: usize| {
            let of_year = years.years.iter().filter_map(|year| year.months.get(month));
            let weighted = of_year
                .clone()
                .map(|m| [m.rule, m.ours, m.oracle][figure] * m.tickets as f64)
                .sum::<f64>();
            weighted / of_year.map(|m| m.tickets as f64).sum::<f64>().max(1.0)
        };
        let points: Vec<(f64, f64)> = (0..12).map(|month| (month as f64 + 1.0, mean(month))).collect();
        plane.line(&points, colour, name);
    }
    plane.finish()
}

/// Foretold against seen chances of a first-time fix: one point per year and bin, and the mean of every bin.
#[must_use]
pub fn reliability_diagram(years: &SimulatedYears) -> String {
    let errors: Vec<f64> = years
        .years
        .iter()
        .map(|year| calibration_error(&year.reliability))
        .collect();
    let error = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    let title = format!("Foretold and seen first-time fix; expected calibration error {error:.3}");
    let mut plane = Plane::new(&title, (0.5, 1.0), (0.5, 1.0));
    let ticks = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
    plane.axes(
        "foretold chance of a first-time fix",
        &ticks,
        "share of tickets fixed at the first visit",
        &ticks,
    );
    let ((x1, y1), (x2, y2)) = (plane.at(0.5, 0.5), plane.at(1.0, 1.0));
    plane.put(format_args!(
        "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"#999\" stroke-dasharray=\"5 4\"/>"
    ));
    for bin in years.years.iter().flat_map(|year| &year.reliability) {
        let (x, y) = plane.at(bin.predicted.max(0.5), bin.seen.max(0.5));
        plane.put(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"#1f6f8b\" fill-opacity=\"0.3\"/>"
        ));
    }
    let mean = |at: usize| {
        let bins = years.years.iter().filter_map(|year| year.reliability.get(at));
        let n = bins.clone().count().max(1) as f64;
        (
            bins.clone().map(|bin| bin.predicted).sum::<f64>() / n,
            bins.map(|bin| bin.seen).sum::<f64>() / n,
        )
    };
    let points: Vec<(f64, f64)> = (0..10).map(mean).collect();
    plane.line(&points, "#1f6f8b", "");
    plane.finish()
}
