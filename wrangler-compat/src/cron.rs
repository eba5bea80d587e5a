//! Cron expressions in Cloudflare's dialect: five fields, days of the week from 1 (Sunday) to 7.
//!
//! They are checked only: nothing calls `scheduled` by itself.

/// A field of an expression.
struct Field {
    name: &'static str,
    values: std::ops::RangeInclusive<u8>,
    /// The names of the values, from the first one on.
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The place of the days of the month.
const DAY: usize = 2;

/// The place of the days of the week.
const WEEKDAY: usize = 4;

const FIELDS: [Field; 5] = [
    Field { name: "minute", values: 0..=59, names: &[] },
    Field { name: "hour", values: 0..=23, names: &[] },
    Field { name: "day of the month", values: 1..=31, names: &[] },
    Field { name: "month", values: 1..=12, names: &MONTHS },
    Field { name: "day of the week", values: 1..=7, names: &WEEKDAYS },
];

/// The bytes of an expression.
const MAX_BYTES: usize = 256;

/// Checks an expression.
///
/// # Errors
/// Returns the part that is not valid, and the reason.
pub(crate) fn check(expression: &str) -> Result<(), String> {
    if expression.len() > MAX_BYTES {
        return Err(format!("is longer than {MAX_BYTES} bytes"));
    }
    let texts: Vec<&str> = expression.split(' ').collect();
    if texts.len() != FIELDS.len() || texts.contains(&"") {
        let count = texts.iter().filter(|text| !text.is_empty()).count();
        return Err(format!(
            "must have five fields with one blank between them (minute, hour, day of the month, month, day of the week), \
             but has {count}"
        ));
    }
    for (index, (field, text)) in FIELDS.iter().zip(texts).enumerate() {
        let is_valid = match index {
            DAY => is_special_day(field, text),
            WEEKDAY => is_special_weekday(field, text),
            _ => false,
        };
        if !is_valid && !text.split(',').all(|part| is_part(field, part)) {
            let (first, last) = (field.values.start(), field.values.end());
            let names = match field.names {
                [] => String::new(),
                names => format!(" or {} to {}", names[0], names[names.len() - 1]),
            };
            return Err(format!(
                "has the {} {text:?}, but it must be of the form *, N, N-M or */STEP, with values from {first} to {last}{names}",
                field.name
            ));
        }
    }
    Ok(())
}

/// Returns `true` for `*`, a value or a range, each also with a step.
fn is_part(field: &Field, part: &str) -> bool {
    let (values, step) = match part.split_once('/') {
        Some((values, step)) => (values, Some(step)),
        None => (part, None),
    };
    let is_step = |step| number(step).is_some_and(|step| (1..=*field.values.end()).contains(&step));
    let are_values = match values.split_once('-') {
        Some((first, last)) => value(field, first).is_some() && value(field, last).is_some(),
        None => values == "*" || value(field, values).is_some(),
    };
    are_values && step.is_none_or(is_step)
}

fn value(field: &Field, text: &str) -> Option<u8> {
    let named = field.names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let named = named.map(|index| index as u8 + field.values.start());
    named.or_else(|| number(text)).filter(|value| field.values.contains(value))
}

fn number(text: &str) -> Option<u8> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Returns `true` for the last day of the month, one before it, and the weekday nearest to a day:
/// `L`, `L-2`, `LW`, `15W`.
fn is_special_day(field: &Field, text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let day = text.strip_suffix('W').unwrap_or(&text);
    match day.strip_prefix('L') {
        Some("") => true,
        Some(before) => {
            before.strip_prefix('-').and_then(number).is_some_and(|days| (1..=30).contains(&days))
        }
        None => text.ends_with('W') && value(field, day).is_some(),
    }
}

/// Returns `true` for the last, or a certain, weekday of the month: `L`, `5L`, `MON#2`.
fn is_special_weekday(field: &Field, text: &str) -> bool {
    if let Some((day, number_in_month)) = text.split_once('#') {
        return value(field, day).is_some()
            && number(number_in_month).is_some_and(|number| (1..=5).contains(&number));
    }
    text.strip_suffix(['L', 'l']).is_some_and(|day| day.is_empty() || value(field, day).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_is_cloudflares() {
        for valid in [
            "* * * * *",
            "*/30 * * * *",
            "45 * * * *",
            "0 17 * * sun",
            "10 7 * * mon-fri",
            "0 15 1 * *",
            "0 18 * * 6L",
            "59 23 LW * *",
            "59 23 L-2 * *",
            "59 23 L-3W * *",
            "0 0 15W * *",
            "0 0 1 1-12/3 *",
            "5/15 22-2 1,15 DEC-FEB FRI-MON",
            "0 0 * JAN,jul 2#1",
            "0 0 * * L",
        ] {
            assert_eq!(check(valid), Ok(()), "{valid}");
        }
        for (invalid, expected) in [
            ("", "five fields"),
            ("* * * *", "but has 4"),
            ("* * * * * *", "but has 6"),
            ("*  * * * *", "one blank"),
            ("@daily", "five fields"),
            ("60 * * * *", "the minute \"60\""),
            ("* 24 * * *", "the hour \"24\""),
            ("* * 0 * *", "the day of the month \"0\""),
            ("* * 32W * *", "day of the month"),
            ("* * L,15 * *", "day of the month"),
            (
                "* * * 13 *",
                "the month \"13\", but it must be of the form *, N, N-M or */STEP, with values from 1 to 12 or JAN to DEC",
            ),
            ("* * * * 0", "values from 1 to 7 or SUN to SAT"),
            ("* * * * 1L,3", "day of the week"),
            ("* * * * 2#6", "day of the week"),
            ("? * * * *", "minute"),
            ("*/0 * * * *", "minute"),
            ("*/100 * * * *", "minute"),
            ("+1 * * * *", "minute"),
            ("1-2-3 * * * *", "minute"),
            ("1, * * * *", "minute"),
        ] {
            let message = check(invalid).unwrap_err();
            assert!(message.contains(expected), "{invalid}: {message}");
        }
    }
}
