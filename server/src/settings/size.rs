//! Sizes, such as `64KiB`, `128MiB` and `1GB`.

const UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Parses a size: a whole number with a unit.
pub fn parse(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err("a size is a whole number with a unit: 64KiB, 128MiB, 1GiB (or KB, MB, GB, B)".to_owned());
    };
    let number: u64 = number.parse().map_err(|_| "a size begins with a whole number".to_owned())?;
    let bytes = number.checked_mul(*scale).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "size is too large".to_owned())
}

/// Formats a size in the largest binary unit that divides it.
pub fn display(bytes: usize) -> String {
    let (name, scale) = UNITS[..4]
        .iter()
        .rev()
        .find(|(_, scale)| bytes as u64 >= *scale && (bytes as u64).is_multiple_of(*scale))
        .unwrap_or(&UNITS[0]);
    format!("{} {name}", bytes as u64 / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse("128MiB"), Ok(128 << 20));
        assert_eq!(parse("64 KiB"), Ok(64 << 10));
        assert_eq!(parse("1GB"), Ok(1_000_000_000));
        for wrong in ["", "MiB", "1.5MiB", "-1B", "128", "128M", "128mib", "99999999999999999999GiB"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_displayed_in_units_that_divide_them() {
        assert_eq!(display(128 << 20), "128 MiB");
        assert_eq!(display(1536), "1536 B");
        assert_eq!(display(0), "0 B");
    }
}
