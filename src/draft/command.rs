//! Cleans a command text that was written for people: prompts, what was printed, `sudo`, open places. Never joins, reorders or repairs commands.

use std::sync::LazyLock;

use regex::Regex;

use super::looks::only_looks;
use super::sheet::{Action, Parameter, Step, Value};
use crate::runbook::is_taken;

/// How a block of commands is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Every line is a command.
    Script,
    /// Lines with a prompt are commands, the others were printed.
    Session,
    /// As a session where a line has a prompt, else no command at all.
    Unnamed,
}

/// Commands, cleaned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cleaned {
    pub(super) text: String,
    /// What was printed between them.
    pub(super) printed: String,
    /// The user whom `sudo`, or a root prompt, asked for.
    pub(super) r#become: Option<String>,
    /// Whether it needs more than a POSIX shell.
    pub(super) needs_bash: bool,
    pub(super) parameters: Vec<Parameter>,
}

/// `$ `, `user@host:~$ `, `[user@host dir]# `.
static PROMPT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^\s*(?:\(\w[\w.-]*\) )?(?:[\w.-]+@[\w.-]+(?:[:\s][^\s$#%]*)?|\[[\w.-]+@[^\]]*\])?\s?([$%#])\s+"));
/// A place that the reader of the source fills in: `<host name>`, not a redirection.
static PLACE: LazyLock<Regex> = LazyLock::new(|| regex(r"<([A-Za-z][A-Za-z0-9_.-]*(?: [A-Za-z0-9_.-]+)*)>"));
static SUDO: LazyLock<Regex> = LazyLock::new(|| regex(r"^sudo (?:-n )?(?:(?:-u|--user)[ =]([a-z_][a-z0-9_-]*) )?(?:-n )?([^-\s].*)$"));
static BASHISM: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\[\[ |<\(|<<<|pipefail|\$\{\w+(?://|\^|,|@)|\w+=\(|^\s*source |&>|\bfunction \w"));

fn regex(pattern: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns above are constants, and a test compiles each")]
    Regex::new(pattern).expect("a pattern that compiles")
}

/// The commands of a block; `None` where there is none.
pub(super) fn clean(text: &str, form: Form) -> Option<Cleaned> {
    let (commands, printed, is_root) = split(text, form);
    let text = dedented(&commands);
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return None;
    }
    let (text, user) = without_sudo(&text);
    let (text, parameters) = open_places(&escaped(&text));
    let r#become = user.or(is_root.then(|| "root".to_owned()));
    Some(Cleaned { needs_bash: text.lines().any(|line| BASHISM.is_match(line)), text, printed: dedented(&printed), r#become, parameters })
}

/// Commands, what was printed, and whether the prompt was root's.
fn split(text: &str, form: Form) -> (String, String, bool) {
    let signs: Vec<Option<char>> = text.lines().map(sign).collect();
    let by_user = signs.iter().any(|sign| matches!(sign, Some('$' | '%')));
    let by_root = !by_user && form == Form::Session && signs.contains(&Some('#'));
    let first = text.lines().position(|line| !line.trim().is_empty()).unwrap_or(0);
    let script_with_prompts = form == Form::Script && matches!(signs.get(first), Some(Some('$' | '%')));
    match form {
        Form::Script if !script_with_prompts => return (text.to_owned(), String::new(), false),
        Form::Session if !by_user && !by_root => return (text.to_owned(), String::new(), false),
        Form::Unnamed if !by_user => return (String::new(), text.to_owned(), false),
        Form::Script | Form::Session | Form::Unnamed => {}
    }
    let (mut commands, mut printed, mut goes_on) = (String::new(), String::new(), false);
    for (line, sign) in text.lines().zip(signs) {
        let is_command = sign.is_some_and(|sign| sign != '#' || by_root);
        let (target, line) = match (is_command, goes_on) {
            (true, _) => (&mut commands, PROMPT.replace(line, "").into_owned()),
            (false, true) => (&mut commands, line.strip_prefix("> ").unwrap_or(line).to_owned()),
            (false, false) => (&mut printed, line.to_owned()),
        };
        goes_on = (is_command || goes_on) && line.trim_end().ends_with('\\');
        target.push_str(&line);
        target.push('\n');
    }
    (commands, printed, by_root)
}

fn sign(line: &str) -> Option<char> {
    PROMPT.captures(line)?.get(1)?.as_str().chars().next()
}

/// Without empty lines around, and without the indentation that all lines share.
pub(super) fn dedented(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let filled = || lines.iter().filter(|line| !line.is_empty());
    let indent = filled().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(0);
    let last = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |at| at + 1);
    let kept = lines.get(first..last).unwrap_or(&[]);
    kept.iter().map(|line| line.get(indent..).unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// `sudo` before every command is `become`, where nothing on the line would be run by another user then.
fn without_sudo(text: &str) -> (String, Option<String>) {
    let mut users = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with('#') {
            lines.push(line.to_owned());
            continue;
        }
        let Some(found) = SUDO.captures(line).filter(|_| !line.contains(['|', '&', ';', '<', '>', '`', '\\']) && !line.contains("$("))
        else {
            return (text.to_owned(), None);
        };
        users.push(found.get(1).map_or("root", |user| user.as_str()).to_owned());
        lines.push(found.get(2).map_or("", |rest| rest.as_str()).to_owned());
    }
    users.dedup();
    match users.as_slice() {
        [user] => (lines.join("\n"), Some(user.clone())),
        _ => (text.to_owned(), None),
    }
}

/// What our templates would take for theirs stands for itself.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = ["{{", "{%"].iter().filter_map(|mark| rest.find(mark)).min() {
        let (before, after) = rest.split_at(at);
        let (mark, after) = after.split_at(2);
        out.push_str(before);
        out.push_str(&format!("{{{{ \"{mark}\" }}}}"));
        rest = after;
    }
    out + rest
}

/// Places to be filled in become parameters.
fn open_places(text: &str) -> (String, Vec<Parameter>) {
    let mut parameters: Vec<Parameter> = Vec::new();
    let replaced = PLACE.replace_all(text, |found: &regex::Captures<'_>| {
        let (whole, words) = (&found[0], &found[1]);
        let name = identifier(words);
        if !parameters.iter().any(|parameter| parameter.name == name) {
            parameters.push(Parameter { name: name.clone(), default: None, description: format!("{whole} in the source") });
        }
        format!("{{{{ {name} }}}}")
    });
    (replaced.into_owned(), parameters)
}

/// A name that expressions can use, and that a reader takes for nothing else: `for` and `raw` are words of templates.
pub(super) fn identifier(words: &str) -> String {
    let name: String = words.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    if digit || name.is_empty() || is_taken(&name) || matches!(name.as_str(), "for" | "raw") { format!("the_{name}") } else { name }
}

/// The step that a cleaned block becomes.
pub(super) fn step_of(name: &str, line: usize, cleaned: &Cleaned) -> Step {
    let text = cleaned.text.clone();
    let action = if only_looks(&text) { Action::Check(text) } else { Action::Run(text) };
    let mut step = Step::new(name, line, action);
    if cleaned.needs_bash {
        step.words.push(("shell", Value::Text("bash".to_owned())));
    }
    if let Some(user) = &cleaned.r#become {
        step.words.push(("become", Value::Text(user.clone())));
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(block: &str, form: Form) -> String {
        clean(block, form).unwrap_or_default().text
    }

    #[test]
    fn prompts_go_and_what_was_printed_is_told_apart() {
        let block = "$ uptime\n 10:00 up 3 days\nalice@db-1:~$ df -h \\\n>   /var\n50%\n";
        let cleaned = clean(block, Form::Session).unwrap();
        assert_eq!((cleaned.text.as_str(), cleaned.printed.as_str()), ("uptime\ndf -h \\\n  /var", " 10:00 up 3 days\n50%"));
        assert_eq!(text("# systemctl stop x\n", Form::Session), "systemctl stop x");
        assert_eq!(clean("# systemctl stop x\n", Form::Session).unwrap().r#become.as_deref(), Some("root"));
        assert_eq!(text("[root@db-1 ~]# ls\n", Form::Session), "ls");
        assert_eq!(text("$ ls\n", Form::Script), "ls");
        assert_eq!(text("ls # not a prompt\n$HOME/x\n", Form::Script), "ls # not a prompt\n$HOME/x");
    }

    #[test]
    fn a_block_without_a_name_or_a_prompt_is_no_command() {
        assert_eq!(clean("ERROR: out of memory\n", Form::Unnamed), None);
        assert_eq!(text("$ ls\nx\n", Form::Unnamed), "ls");
        assert_eq!(clean("# only a comment\n", Form::Script), None);
    }

    #[test]
    fn sudo_before_everything_is_become_and_nothing_else_is() {
        let seen = |block: &str| clean(block, Form::Script).map(|cleaned| (cleaned.text, cleaned.r#become)).unwrap();
        assert_eq!(seen("sudo systemctl restart x\n"), ("systemctl restart x".into(), Some("root".into())));
        assert_eq!(seen("# why\nsudo -u postgres psql -l\n"), ("# why\npsql -l".into(), Some("postgres".into())));
        for kept in ["sudo a\nb\n", "sudo a | tee x\n", "sudo a\nsudo -u b c\n", "sudo -i\n", "echo \"$(sudo x)\"\n"] {
            assert_eq!(seen(kept), (kept.trim_end().into(), None));
        }
    }

    #[test]
    fn open_places_become_parameters_and_foreign_templates_stand_for_themselves() {
        let cleaned = clean("kubectl drain <node name> && docker ps --format '{{.Names}}' <in >out\n", Form::Script).unwrap();
        assert_eq!(cleaned.text, "kubectl drain {{ node_name }} && docker ps --format '{{ \"{{\" }}.Names}}' <in >out");
        assert_eq!(cleaned.parameters.iter().map(|parameter| parameter.name.as_str()).collect::<Vec<_>>(), ["node_name"]);
        assert_eq!(text("ssh <host> <<EOF\nx\nEOF\n", Form::Script), "ssh {{ the_host }} <<EOF\nx\nEOF");
    }

    #[test]
    fn what_sh_does_not_know_asks_for_bash() {
        for bash in ["[[ -e x ]]", "diff <(a) <(b)", "set -o pipefail", "source ./env"] {
            assert!(clean(bash, Form::Script).unwrap().needs_bash, "{bash}");
        }
        assert!(!clean("[ -e x ] && a=b c", Form::Script).unwrap().needs_bash);
    }
}
