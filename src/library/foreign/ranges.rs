//! Names that stand for several: `web[01:20]`, `db-[a:c]`. Never makes more of them than an inventory may hold.

/// As many as an inventory has hosts.
const MOST: usize = 10_000;

/// The names that a pattern stands for; in words what is wrong with it.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('[') {
        let (range, after) = after.split_once(']').ok_or("a `[` without its `]`")?;
        let members = members(range)?;
        if names.len() * members.len() > MOST {
            return Err(format!("more than {MOST} hosts"));
        }
        names = names.iter().flat_map(|name| members.iter().map(move |member| format!("{name}{before}{member}"))).collect();
        rest = after;
    }
    Ok(names.into_iter().map(|name| name + rest).collect())
}

/// `1:3`, `01:20`, `a:c`, `0:10:2`.
fn members(range: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("`[{range}]` is no range: expected such as [1:20], [01:20] or [a:c]");
    let parts: Vec<&str> = range.split(':').collect();
    let (first, last, step) = match parts.as_slice() {
        [first, last] => (*first, *last, 1),
        [first, last, step] => (*first, *last, step.parse::<usize>().map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    if step == 0 {
        return Err(wrong());
    }
    let one_letter = |text: &str| text.len() == 1 && text.chars().all(|c| c.is_ascii_alphabetic());
    if one_letter(first) && one_letter(last) {
        let (first, last) = (first.as_bytes()[0], last.as_bytes()[0]);
        let same_case = first.is_ascii_uppercase() == last.is_ascii_uppercase();
        let letters: Vec<String> = (first..=last).step_by(step).map(|letter| char::from(letter).to_string()).collect();
        return if same_case && !letters.is_empty() { Ok(letters) } else { Err(wrong()) };
    }
    let first = if first.is_empty() { "0" } else { first };
    let is_number = |text: &str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|c| c.is_ascii_digit());
    if !is_number(first) || !is_number(last) {
        return Err(wrong());
    }
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    let (from, to) = (first.parse::<usize>().map_err(|_| wrong())?, last.parse::<usize>().map_err(|_| wrong())?);
    if from > to {
        return Err(wrong());
    }
    if (to - from) / step >= MOST {
        return Err(format!("more than {MOST} hosts"));
    }
    Ok((from..=to).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_every_name_of_it() {
        assert_eq!(expand("web[08:11].x").unwrap(), ["web08.x", "web09.x", "web10.x", "web11.x"]);
        assert_eq!(expand("db-[a:c]").unwrap(), ["db-a", "db-b", "db-c"]);
        assert_eq!(expand("n[1:5:2]").unwrap(), ["n1", "n3", "n5"]);
        assert_eq!(expand("r[1:2]-[a:b]").unwrap(), ["r1-a", "r1-b", "r2-a", "r2-b"]);
        assert_eq!(expand("plain").unwrap(), ["plain"]);
    }

    #[test]
    fn what_is_no_range_or_too_much_is_refused() {
        for pattern in
            ["a[1:", "a[]", "a[1]", "a[3:1]", "a[a:3]", "a[1:2:0]", "a[A:c]", "a[1:20000]", "a[1:200][1:200]", "a[1:99999999999999999999]"]
        {
            assert!(expand(pattern).is_err(), "{pattern}");
        }
    }
}
