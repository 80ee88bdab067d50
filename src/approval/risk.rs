//! Patterns in a plan that deserve a second look. A hint to the reader, never a judgement.

/// What is looked for within a command line, and why.
const PATTERNS: [(&str, &str); 14] = [
    ("rm -r", "removes folders"),
    ("rm -f", "removes without asking"),
    ("mkfs", "makes a file system: all on it is lost"),
    ("dd ", "writes raw blocks"),
    ("| sh", "runs what another command prints"),
    ("| bash", "runs what another command prints"),
    ("curl ", "talks to another machine"),
    ("wget ", "talks to another machine"),
    ("kill -9", "ends a process without letting it finish"),
    ("kill -KILL", "ends a process without letting it finish"),
    ("DROP ", "drops data"),
    ("TRUNCATE ", "empties a table"),
    ("shutdown", "stops the machine"),
    ("reboot", "restarts the machine"),
];

/// The command lines of a plan that match a pattern, each with the reason.
pub fn risky(plan: &[String]) -> Vec<(String, &'static str)> {
    plan.iter().filter_map(|line| risk(line.trim_start())).collect()
}

fn risk(line: &str) -> Option<(String, &'static str)> {
    if line.starts_with("! without evidence") {
        return Some((line.to_owned(), "destroys what is kept nowhere"));
    }
    let command = line.strip_prefix("$ ")?;
    PATTERNS.iter().find(|(pattern, _)| has_word(command, pattern)).map(|(_, why)| (command.to_owned(), *why))
}

/// Whether a pattern stands in a command and begins a word there: `add ` has no `dd `.
fn has_word(command: &str, pattern: &str) -> bool {
    let begins = |at: usize| !command[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_'));
    command.match_indices(pattern).any(|(at, _)| begins(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_are_looked_at() {
        let plan = ["step 1 x \"rm -r\" once".to_owned(), "  $ rm -rf /tmp/x".to_owned(), "  $ ls".to_owned()];
        assert_eq!(risky(&plan), [("rm -rf /tmp/x".to_owned(), "removes folders")]);
    }

    #[test]
    fn a_pattern_begins_a_word() {
        let harmless = ["amtool silence add x", "git commit --no-reboot", "unshutdown", "confirm -rf"].map(|text| format!("  $ {text}"));
        assert_eq!(risky(&harmless), []);
        let risks = ["dd if=a of=b", "/bin/dd if=a", "x; reboot", "a |dd of=b"].map(|text| format!("  $ {text}"));
        assert_eq!(risky(&risks).len(), 4);
    }
}
