//! The filters that expressions and templates have beside minijinja's own. Never reads anything but its arguments.

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};
use regex::Regex;

use super::value::{Duration, Raw};
use crate::base::Period;
use crate::text::parse_bytes;

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

/// What programs print as a size: as [`parse_bytes`], a plain number of bytes, or `4.2G` as `ls -h` and `df -h` mean it.
fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let human = text.ends_with(['K', 'M', 'G', 'T']).then(|| parse_bytes(&format!("{text}iB")));
    let size = text.parse().ok().or(human.flatten()).or_else(|| parse_bytes(text));
    size.ok_or_else(|| format!("expected a size such as 50MB or 4.2G, got {text:?}"))
}

fn refused(why: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
