//! Whether the links of runbooks can lead somewhere, and where it is asked for, whether they answer. Fetches nothing itself: `curl` does, where it is installed.

use std::collections::{BTreeMap, VecDeque};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::Finding;
use crate::base::escaped;
use crate::plan::Program;

/// Links that are asked at once.
const AT_ONCE: usize = 8;

/// Each link that is no address of a page; those that do not answer, too, where they are asked.
pub(super) fn findings(programs: &[Program], ask: bool, withheld: &[String]) -> Vec<Finding> {
    let all = programs.iter().flat_map(|program| {
        program.runbook.links.iter().map(|(name, link)| (program.runbook.name.value.as_str(), name.as_str(), link.as_str()))
    });
    let all: Vec<(&str, &str, &str)> = all.collect();
    let (good, bad): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, _, link)| is_address(link));
    let malformed = |(runbook, name, link): (&str, &str, &str)| {
        let says = format!("`{name}` of {runbook} is no address: {}", escaped(link.as_bytes()));
        Finding::warn("links", says, "write it as https://HOST/…").of_runbook(runbook)
    };
    let mut found: Vec<Finding> = bad.into_iter().map(malformed).collect();
    let count = good.len();
    if ask && count > 0 {
        found.extend(asked(&good, withheld));
    }
    if found.is_empty() && count > 0 {
        found.push(Finding::ok(
            "links",
            format!("{count} {}", if ask { "answer" } else { "are well-formed; --links asks whether they answer" }),
        ));
    }
    found
}

/// `http` or `https`, and a host.
fn is_address(link: &str) -> bool {
    let Some(rest) = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://")) else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    host.contains(|c: char| c.is_ascii_alphanumeric()) && !link.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn asked(links: &[(&str, &str, &str)], withheld: &[String]) -> Vec<Finding> {
    if Command::new("curl").arg("--version").stdin(Stdio::null()).output().is_err() {
        return vec![Finding::warn("links", "not asked: there is no curl here", "install curl, or leave out --links")];
    }
    let distinct: VecDeque<&str> = links.iter().map(|(_, _, link)| *link).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let (open, silent) = (Mutex::new(distinct), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(link) = next(&open) {
                    if let Some(why) = silence(link, withheld) {
                        silent.lock().unwrap_or_else(PoisonError::into_inner).insert(link, why);
                    }
                }
            });
        }
    });
    let silent = silent.into_inner().unwrap_or_else(PoisonError::into_inner);
    let finding = |(runbook, name, link): &(&str, &str, &str)| {
        let why = silent.get(link)?;
        let says = format!("`{name}` of {runbook} does not answer: {link}: {why}");
        Some(Finding::warn("links", says, "does your browser show it? else write where the page is now").of_runbook(runbook))
    };
    links.iter().filter_map(finding).collect()
}

fn next<'l>(open: &Mutex<VecDeque<&'l str>>) -> Option<&'l str> {
    open.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// Why a link does not answer, in `curl`'s words; `None` where it does.
fn silence(link: &str, withheld: &[String]) -> Option<String> {
    let mut command = Command::new("curl");
    command.args(["-fsSI", "--max-time", "5", "--proto", "=http,https", "--", link]).stdin(Stdio::null());
    for variable in withheld {
        command.env_remove(variable);
    }
    match command.output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(escaped(String::from_utf8_lossy(&output.stderr).trim().as_bytes())),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for link in ["https://wiki.example.com/db", "http://10.0.0.5:8080", "https://[2001:db8::1]/x", "https://alice@example.com/x?y#z"] {
            assert!(is_address(link), "{link}");
        }
        for link in ["wiki/db", "ftp://example.com", "https://", "https:///x", "https://a b", "-o x", "https://?x"] {
            assert!(!is_address(link), "{link}");
        }
    }
}
