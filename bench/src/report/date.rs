//! Days of the calendar.

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Returns the day of a time in seconds since 1970, in UTC: `1 December 2026`.
pub fn day(unix_time: u64) -> String {
    let (mut days, mut year) = (unix_time / SECONDS_PER_DAY, 1970);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    for (month, name) in MONTHS.iter().enumerate() {
        let length = match month {
            1 => 28 + u64::from(is_leap(year)),
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        if days < length {
            return format!("{} {name} {year}", days + 1);
        }
        days -= length;
    }
    unreachable!("a year has twelve months")
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (unix_time, expected) in [
            (0, "1 January 1970"),
            (951_782_400, "29 February 2000"),
            (1_735_689_599, "31 December 2024"),
            (1_735_689_600, "1 January 2025"),
            (1_796_083_200, "1 December 2026"),
        ] {
            assert_eq!(day(unix_time), expected);
        }
    }
}
