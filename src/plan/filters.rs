//! The filters that expressions and templates have beside minijinja's own. Never reads anything but its arguments.

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};
use regex::Regex;

use super::value::{Duration, Raw};
use crate::base::Period;

/// Adds `bytes`, `duration`, `matches` and `raw`.
pub fn add(environment: &mut Environment<'_>) {
    environment.add_filter("bytes", |value: Value| match value.as_i64() {
        Some(number) => Ok(number),
        None => bytes(&value.to_string()).map(|size| size as i64).map_err(refused),
    });
    environment.add_filter("duration", |text: String| {
        text.parse::<Period>().map(|period| Value::from_object(Duration(period))).map_err(|error| refused(error.to_string()))
    });
    environment.add_filter("matches", |text: String, pattern: String| {
        Regex::new(&pattern).map(|regex| regex.is_match(&text)).map_err(|error| refused(format!("not a pattern: {error}")))
    });
    environment.add_filter("raw", |value: Value| {
        Value::from_object(Raw(value.as_bytes().map_or_else(|| value.to_string().into_bytes(), <[u8]>::to_vec)))
    });
}

/// A size such as `50MB`, `100.4 MiB` or `4096`, in bytes. `kB`, `MB`, `GB`, `TB` are powers of 1000; `KiB`, `K`, `MiB`, `M`, … are powers of
/// 1024, as in `ls -h` and `df -h`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn bytes(text: &str) -> Result<u64, String> {
    let expected = || format!("expected a size such as 50MB or 4GiB, got {text:?}");
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..split].parse().map_err(|_| expected())?;
    let factor: f64 = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1_048_576.0,
        "g" | "gib" => 1_073_741_824.0,
        "t" | "tib" => 1_099_511_627_776.0,
        _ => return Err(expected()),
    };
    Ok((number * factor).round() as u64)
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
