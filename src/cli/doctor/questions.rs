//! All questions to a host as one shell text, and the reading of what comes back. Sends nothing, and believes a host about itself alone.

use std::collections::{BTreeMap, BTreeSet};

use super::wants::Wants;

const QUESTIONS: &str = include_str!("questions.sh");

/// What each line of an answer begins with.
const MARK: &str = "runbook-doctor ";

/// The first line: a shell runs. What comes before is noise of the log-in.
pub(super) const BEGUN: &[u8] = b"runbook-doctor begin\n";

/// What a host answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// A shell ran.
    pub begun: bool,
    /// It came to its end.
    pub ended: bool,
    /// Who logs in there.
    pub login: Option<String>,
    /// None of the programs is there that a step's text is compared with.
    pub lacks_sum: bool,
    /// There is no `sudo`, which these users are to be become with.
    pub no_sudo: BTreeSet<String>,
    /// Users that `sudo` does not let us become, and its words.
    pub refused: BTreeMap<String, String>,
    /// Programs that are not there for a user; `None` is whoever logs in.
    pub missing: BTreeSet<(Option<String>, String)>,
    pub spool: Spool,
}

/// The folder in which the spool is, or would be made.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spool {
    pub folder: Option<String>,
    pub free_kib: Option<u64>,
    /// What is in its way: a folder or a file to which nothing can be written.
    pub closed: Option<String>,
}

/// The questions, in one pair of braces: a text that is cut is a syntax error and runs nothing.
pub(super) fn text(wants: &Wants, spool: Option<&str>) -> String {
    let of = |user: Option<&str>| {
        let names = wants.programs.keys().filter(|(by, _)| by.as_deref() == user).map(|(_, name)| name.as_str());
        names.filter(|name| is_word(name)).collect::<Vec<_>>().join(" ")
    };
    let mut text = format!("{{\n{QUESTIONS}\necho\nrd_say begin\nrd_say login \"$(id -un)\"\n");
    if !wants.uses.is_empty() {
        text.push_str(&format!("rd_sums\nrd_names='{}'\nrd_missing\n", of(None)));
    }
    for user in wants.users.keys().filter(|user| is_word(user)) {
        text.push_str(&format!("rd_user='{user}' rd_names='{}'\nrd_become\n", of(Some(user))));
    }
    if !wants.claims.is_empty() {
        text.push_str(&format!("rd_spool='{}'\nrd_room\n", spool.unwrap_or_default().replace('\'', "'\\''")));
    }
    text + "rd_say end\n}\n"
}

/// Whether a text is one plain word to every shell and no option.
fn is_word(text: &str) -> bool {
    let plain = text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+' | b'/' | b'@'));
    plain && !text.is_empty() && !text.starts_with('-')
}

/// Reads what came back; lines without the mark say nothing.
pub(super) fn read(output: &[u8]) -> Answer {
    let mut answer = Answer::default();
    for line in String::from_utf8_lossy(output).lines().filter_map(|line| line.strip_prefix(MARK)) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "begin" => answer.begun = true,
            "end" => answer.ended = true,
            "login" => answer.login = Some(rest.to_owned()).filter(|name| is_word(name)),
            "no-sum" => answer.lacks_sum = true,
            "no-sudo" => drop(answer.no_sudo.insert(rest.to_owned())),
            "refused" => {
                let (user, why) = rest.split_once(' ').unwrap_or((rest, ""));
                answer.refused.insert(user.to_owned(), why.trim().to_owned());
            }
            "missing" => answer.missing.extend(
                rest.split_once(' ').map(|(user, name)| (Some(user.to_owned()).filter(|user| user != "-"), name.trim().to_owned())),
            ),
            "closed" => drop(answer.spool.closed.get_or_insert(rest.to_owned())),
            "room" => answer.spool.free_kib = available(rest),
            "folder" => answer.spool.folder = Some(rest.to_owned()),
            _ => {}
        }
    }
    answer
}

/// The column before the percentage, in a line of `df -Pk`: names of file systems may hold blanks.
fn available(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let percent = words.iter().position(|word| word.strip_suffix('%').is_some_and(|number| number.parse::<u32>().is_ok()))?;
    words.get(percent.checked_sub(1)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_lines_with_the_mark_and_noise_says_nothing() {
        let said = "Welcome!\nrunbook-doctor begin\nrunbook-doctor login ops\nmissing - rm\nrunbook-doctor missing - nginx\nrunbook-doctor missing root zpool\n\
                    runbook-doctor refused root sudo: a password is required \nrunbook-doctor no-sudo pg\n\
                    runbook-doctor room /dev/a b 10 5 4711 60% /srv\nrunbook-doctor folder /srv\nrunbook-doctor end\n";
        let answer = read(said.as_bytes());
        assert!(answer.begun && answer.ended && !answer.lacks_sum && answer.spool.closed.is_none());
        assert_eq!((answer.login.as_deref(), answer.spool.free_kib), (Some("ops"), Some(4711)));
        assert_eq!(answer.missing, [(None, "nginx".to_owned()), (Some("root".to_owned()), "zpool".to_owned())].into());
        assert_eq!(answer.refused["root"], "sudo: a password is required");
        assert_eq!(answer.no_sudo, ["pg".to_owned()].into());
        assert_eq!(available("df: nothing"), None);
    }

    #[test]
    fn what_is_no_plain_word_is_not_asked() {
        let mut wants = Wants::default();
        for name in ["nginx", "a;b", "-x", "$(c)"] {
            wants.programs.insert((None, name.to_owned()), BTreeSet::new());
        }
        wants.uses.insert(super::super::wants::Use::default());
        let text = text(&wants, None);
        assert!(text.contains("rd_names='nginx'\n") && text.starts_with("{\n") && text.ends_with("}\n"), "{text}");
    }
}
