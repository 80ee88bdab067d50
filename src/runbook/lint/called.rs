//! The programs that a shell text calls by name, as far as its words say so. Leaves out what it cannot know, and never looks for one.

use std::collections::BTreeSet;

use super::shell::{Simple, commands, shell_text};

/// What shells know without a program: reserved words, and the builtins of POSIX `sh` and of `bash`.
const OF_SHELLS: &str = ". : [ [[ alias bg bind break builtin caller case cd command compgen complete compopt continue coproc declare dirs \
    disown do done echo elif else enable esac eval exec exit export false fc fg fi for function getopts hash help history \
    if in jobs kill let local logout mapfile popd print printf pushd pwd read readarray readonly return select set shift \
    shopt source suspend test then time times trap true type typeset ulimit umask unalias unset until wait whence while";

/// What changes which program a name means, or is more grammar than the cutter of this room knows: arrays, arithmetic, template statements.
const UNCERTAIN: [&str; 4] = ["PATH=", "=(", "{%", "alias "];

/// The words before a name that ask whether there is such a program.
const QUESTIONS: [&str; 4] = ["-v", "type", "which", "hash"];

/// The names of the programs that a text calls on the machine where it runs, absolute paths among them. Builtins, functions of the text,
/// templates, variables, paths from the current folder, what `sudo` calls, and names that the text itself asks for (`command -v`) are left
/// out, and so is all of a text whose words alone do not say enough.
pub fn programs_called(text: &str) -> BTreeSet<String> {
    let arithmetic = text.match_indices("((").any(|(at, _)| !text[..at].ends_with('$'));
    if arithmetic || UNCERTAIN.iter().any(|mark| text.contains(mark)) {
        return BTreeSet::new();
    }
    let found = commands(text);
    let patterns = found.iter().any(|command| command.name() == "case");
    let is_pattern = |command: &Simple| patterns && command.words.len() == 1;
    let mut names: BTreeSet<String> =
        found.iter().filter(|command| !is_pattern(command)).filter_map(|command| command.words.first().cloned()).collect();
    let by_sudo = behind_sudo(text);
    names.extend(by_sudo.iter().map(|(sudo, _)| sudo.clone()));
    let of_others = by_sudo.into_iter().map(|(_, name)| name);
    for known in elsewhere(&found).into_iter().chain(own_functions(text)).chain(asked_for(text)).chain(of_others) {
        names.remove(&known);
    }
    names.retain(|name| is_program(name));
    names
}

/// What is called on another machine.
fn elsewhere(found: &[Simple]) -> BTreeSet<String> {
    let remote = found.iter().filter(|command| command.name() == "ssh").filter_map(shell_text);
    remote.flat_map(|text| commands(&text)).filter_map(|command| command.words.first().cloned()).collect()
}

/// `name()` and `name ()` and `function name`.
fn own_functions(text: &str) -> Vec<String> {
    let last_word = |before: &str| before.split(|c: char| c.is_whitespace() || ";&|(){}".contains(c)).next_back().map(str::to_owned);
    let with_parentheses = text.match_indices("()").filter_map(|(at, _)| last_word(text[..at].trim_end_matches(' ')));
    with_parentheses.chain(words_after(text, &["function"])).collect()
}

fn asked_for(text: &str) -> Vec<String> {
    words_after(text, &QUESTIONS)
}

/// `sudo` with what it calls: that is found on a search path of its own, which another user's log-in does not show.
fn behind_sudo(text: &str) -> Vec<(String, String)> {
    let words = plain_words(text);
    let after = |at: usize| {
        let mut rest = words[at + 1..].iter();
        while let Some(word) = rest.next() {
            match *word {
                "-u" | "-g" | "-C" | "-D" | "-R" | "-T" | "-h" | "-p" | "--user" | "--group" => drop(rest.next()),
                option if option.starts_with('-') || option.contains('=') => {}
                name => return Some((words[at].to_owned(), name.to_owned())),
            }
        }
        None
    };
    let sudo = words.iter().enumerate().filter(|(_, word)| ["sudo", "doas"].contains(word));
    sudo.filter_map(|(at, _)| after(at)).collect()
}

fn words_after(text: &str, before: &[&str]) -> Vec<String> {
    plain_words(text).windows(2).filter(|pair| before.contains(&pair[0])).map(|pair| pair[1].to_owned()).collect()
}

/// The words of a text, whatever they stand in.
fn plain_words(text: &str) -> Vec<&str> {
    text.split(|c: char| c.is_whitespace() || ";&|(){}<>\"'`".contains(c)).filter(|word| !word.is_empty()).collect()
}

/// Whether a word names a program in the same way wherever it stands.
fn is_program(word: &str) -> bool {
    let plain = word.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+' | b'/' | b'@'));
    let known = word.starts_with('/') || !word.contains('/');
    let begins = word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_');
    plain && known && begins && word.contains(|c: char| c.is_ascii_alphabetic()) && !OF_SHELLS.split(' ').any(|known| known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> String {
        programs_called(text).into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_programs_of_a_text_are_named_once() {
        assert_eq!(called("systemctl restart nginx && curl -fsS http://localhost/ | grep -q ok; curl x"), "curl grep systemctl");
        assert_eq!(called("X=1 sudo -n -u postgres psql -c 'select 1'; /usr/bin/id"), "/usr/bin/id sudo");
        assert_eq!(called("if test -e x; then rm x; else echo \"$(date)\"; fi"), "date rm");
        assert_eq!(called("timeout 5 pg_isready -q"), "pg_isready");
        assert_eq!(called("sh -c 'nginx -t'"), "nginx sh");
    }

    #[test]
    fn what_cannot_be_known_is_left_out() {
        for text in [
            "{{ tool }} status",
            "{{ dir }}/bin/tool",
            "$TOOL x",
            "./bin/x y",
            "bin/x y",
            "PATH=/opt/x:$PATH; tool x",
            "a=(one two); \"${a[@]}\"",
            "(( i = 1 ))",
            "{% if old %}\nservice x\n{% endif %}",
            "cd /tmp && [ -e x ]",
        ] {
            assert_eq!(called(text), "", "{text}");
        }
        assert_eq!(called("f() { ls; }\nf x"), "ls");
        assert_eq!(called("case $x in\n  start|stop)\n    service a b ;;\n  *) logger x ;;\nesac"), "logger service");
        assert_eq!(called("if command -v ss >/dev/null; then ss -l; else netstat -l; fi"), "netstat");
        assert_eq!(called("ssh other 'zpool list'; uptime"), "ssh uptime");
    }
}
