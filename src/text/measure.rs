//! Amounts of bytes as people write them. Never guesses a unit.

/// Units by their written form, lower case: SI by thousands, IEC by 1024.
const UNITS: [(&str, u64); 9] = [
    ("b", 1),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Bytes from a text such as `50MB`, `64 KiB`, `100.4 MB`; `None` without a unit, where it is negative, or from 2^53 (what a JSON number holds exactly).
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let unit = unit.trim_start().to_ascii_lowercase();
    let scale = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale)?;
    let number: f64 = number.parse().ok()?;
    let bytes = (number * scale as f64).round();
    (bytes < 9_007_199_254_740_992.0).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_need_a_unit() {
        for (text, bytes) in [("50MB", 50_000_000), ("64 KiB", 65_536), ("100.4 MB", 100_400_000), ("0B", 0)] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["50", "", "MB", "-1MB", "1 MBB", "1.2.3 MB", "99999999 TB"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }
}
