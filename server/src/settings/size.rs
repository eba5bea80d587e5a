//! Sizes in `isolet.toml`: `64KiB`, `128MiB`, `1GB`.

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

/// Reads a size: a whole number and a unit.
pub fn parse(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err("a size is a whole number with a unit: 64KiB, 128MiB, 1GiB (or KB, MB, GB, B)".to_owned());
    };
    let number: u64 = number.parse().map_err(|_| "a size begins with a whole number".to_owned())?;
    let bytes = number.checked_mul(*scale).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or_else(|| "that is more than can be counted".to_owned())
}

/// The size in the largest unit that divides it.
pub fn shown(bytes: usize) -> String {
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
    fn sizes_are_shown_in_round_units() {
        assert_eq!(shown(128 << 20), "128 MiB");
        assert_eq!(shown(1536), "1536 B");
        assert_eq!(shown(0), "0 B");
    }
}
