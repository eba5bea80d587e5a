//! Charts as SVG, without scripts.

use std::fmt::Write as _;

use super::html::escape;
use super::table::microseconds;
use crate::load::tally::Quantile;

/// The size of a curve chart, in pixels.
const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;

/// The marks of the axis of quantiles.
const QUANTILES: [(f64, &str); 6] =
    [(0.0, "0"), (0.5, "50%"), (0.9, "90%"), (0.99, "99%"), (0.999, "99.9%"), (0.9999, "99.99%")];

/// Returns a chart of latencies by quantile; both axes are logarithmic. Each curve has the class
/// `series-N`.
pub fn curves(curves: &[(&str, &[Quantile])]) -> String {
    let points = || curves.iter().flat_map(|(_, curve)| curve.iter());
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for point in points() {
        (low, high) = (low.min(point.us as f64), high.max(point.us as f64));
    }
    if !low.is_finite() || low <= 0.0 {
        return String::new();
    }
    // Whole powers of ten, so that the lines have round labels.
    let (bottom, top) = (low.log10().floor(), high.log10().ceil().max(low.log10().floor() + 1.0));
    let nines = |quantile: f64| -(1.0 - quantile).max(1e-12).log10();
    let most = points().filter(|point| point.quantile < 1.0).map(|point| nines(point.quantile));
    let most = most.fold(2.0, f64::max);
    let x = |quantile: f64| LEFT + nines(quantile).min(most) / most * (WIDTH - LEFT - RIGHT);
    let y = |us: f64| TOP + (top - us.log10()) / (top - bottom) * (HEIGHT - TOP - BOTTOM);

    let mut svg = format!(
        r#"<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Latency by percentile">"#
    );
    for power in bottom as i32..=top as i32 {
        let us = 10_f64.powi(power);
        let at = y(us);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}"/><text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            short(us)
        );
    }
    for (quantile, label) in QUANTILES.iter().filter(|(quantile, _)| nines(*quantile) <= most + 1e-9) {
        let at = x(*quantile);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{at:.1}" x2="{at:.1}" y1="{TOP}" y2="{:.1}"/><text class="tick" x="{at:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 16.0
        );
    }
    for (index, (name, curve)) in curves.iter().enumerate() {
        // The last point, the maximum, has no place on an axis of nines.
        let path: Vec<String> = curve
            .iter()
            .filter(|point| point.quantile < 1.0)
            .map(|point| format!("{:.1},{:.1}", x(point.quantile), y(point.us as f64)))
            .collect();
        let _ = write!(
            svg,
            r#"<polyline class="series-{index}" points="{}"><title>{}</title></polyline>"#,
            path.join(" "),
            escape(name)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// `10 µs`, `1 ms`, `10 s`.
fn short(us: f64) -> String {
    let text = microseconds(us);
    text.replace(".00", "").replace(".0 ", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_have_axes_with_round_labels() {
        let curve: Vec<Quantile> = [(0.0, 80), (0.5, 200), (0.99, 900), (0.999, 4000), (1.0, 9000)]
            .map(|(quantile, us)| Quantile { quantile, us })
            .to_vec();
        let svg = curves(&[("isolet & <co>", &curve), ("empty", &[])]);
        for part in ["10 µs", "100 µs", "1 ms", "10 ms", "99.9%", "series-1", "isolet &amp; &lt;co&gt;"] {
            assert!(svg.contains(part), "{part}\n{svg}");
        }
        assert!(!svg.contains("99.99%") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(curves(&[("none", &[])]), "");
    }
}
