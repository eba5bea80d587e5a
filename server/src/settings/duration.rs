//! Durations, such as `500ms`, `30s` and `2m`.

use std::time::Duration;

/// Parses a duration. A number without a unit is in seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("unknown time unit `{unit}`; use 500ms, 30s or 2m")),
    };
    let seconds: f64 =
        number.parse().map_err(|_| "a duration is a number with a unit: 500ms, 30s or 2m".to_owned())?;
    match Duration::try_from_secs_f64(seconds * scale) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("the duration must not be zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Formats a duration in the largest unit that divides it.
pub fn display(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let (unit, scale) = [("h", 3_600_000), ("m", 60_000), ("s", 1000)]
        .into_iter()
        .find(|(_, scale)| milliseconds >= *scale && milliseconds.is_multiple_of(*scale))
        .unwrap_or(("ms", 1));
    format!("{} {unit}", milliseconds / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "0s", "-1s", "3 s", "1e99h", "5x", "..s", "99999999999999999999999h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_displayed_in_units_that_divide_them() {
        assert_eq!(display(Duration::from_secs(86_400)), "24 h");
        assert_eq!(display(Duration::from_millis(1)), "1 ms");
        assert_eq!(display(Duration::from_secs(90)), "90 s");
        assert_eq!(display(Duration::ZERO), "0 ms");
    }
}
