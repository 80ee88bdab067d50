//! Cuts a shell text into simple commands, roughly: enough to name what it calls. Never runs it, and never is the last word on it.

/// Substitutions within substitutions; deeper is no text that people wrote.
const MAX_DEPTH: usize = 8;

/// One simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// Unquoted, without assignments and without prefixes such as `sudo`.
    pub(super) words: Vec<String>,
    /// Files that it writes to by redirection, with the operator.
    pub(super) writes: Vec<(String, String)>,
    /// The text of its here-documents.
    pub(super) here: String,
}

impl Simple {
    /// The command's name without its folder.
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word))
    }

    /// The words after the name.
    pub(super) fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or(&[])
    }

    /// Whether one of the arguments is this.
    pub(super) fn has(&self, argument: &str) -> bool {
        self.arguments().iter().any(|word| word == argument)
    }

    /// The first argument that is no option.
    pub(super) fn verb(&self) -> &str {
        self.arguments().iter().find(|word| !word.starts_with('-')).map_or("", String::as_str)
    }
}

/// The simple commands of a text, those in `$(…)`, backticks and `sh -c '…'` included.
pub(super) fn commands(text: &str) -> Vec<Simple> {
    let mut found = Vec::new();
    collect(text, 0, &mut found);
    found
}

fn collect(text: &str, depth: usize, found: &mut Vec<Simple>) {
    if depth > MAX_DEPTH {
        return;
    }
    let mut cutter = Cutter {
        chars: text.chars().collect(),
        at: 0,
        words: Vec::new(),
        current: None,
        found: Vec::new(),
        inner: Vec::new(),
        heredocs: Vec::new(),
    };
    cutter.run();
    let Cutter { found: simple, inner, .. } = cutter;
    for command in simple {
        let command = unwrapped(command);
        let nested = shell_text(&command);
        found.push(command);
        if let Some(nested) = nested {
            collect(&nested, depth + 1, found);
        }
    }
    for text in inner {
        collect(&text, depth + 1, found);
    }
}

/// Words that only introduce the command that follows.
const PREFIXES: [&str; 22] = [
    "sudo", "doas", "env", "nohup", "time", "exec", "command", "builtin", "xargs", "nice", "ionice", "setsid", "timeout", "stdbuf", "then",
    "do", "else", "if", "while", "until", "elif", "!",
];

/// The options of those words that take the next word as their value.
const VALUED: [&str; 12] = ["-u", "-g", "-n", "-I", "-P", "-L", "-k", "-s", "-C", "-d", "-c", "--user"];

fn unwrapped(mut command: Simple) -> Simple {
    loop {
        let name = command.name().to_owned();
        let assigned = command.words.first().is_some_and(|word| is_assignment(word));
        if assigned || name == "{" {
            command.words.remove(0);
        } else if PREFIXES.contains(&name.as_str()) && command.words.len() > 1 {
            command.words.remove(0);
            skip_options(&name, &mut command.words);
        } else {
            return command;
        }
    }
}

fn skip_options(prefix: &str, words: &mut Vec<String>) {
    while words.len() > 1 && words[0].starts_with('-') {
        let option = words.remove(0);
        let sudo_flag = matches!(prefix, "sudo" | "doas") && matches!(option.as_str(), "-n" | "-s" | "-k");
        if VALUED.contains(&option.as_str()) && !sudo_flag && words.len() > 1 {
            words.remove(0);
        }
    }
    if prefix == "timeout" && words.len() > 1 {
        words.remove(0);
    }
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// The text that a command hands to a shell.
pub(super) fn shell_text(command: &Simple) -> Option<String> {
    let arguments = command.arguments();
    match command.name() {
        "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" | "su" | "runuser" => {
            let at = arguments.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))?;
            arguments.get(at + 1).cloned()
        }
        "eval" => Some(arguments.join(" ")),
        "ssh" => arguments.iter().skip_while(|word| word.starts_with('-')).skip(1).cloned().reduce(|all, word| format!("{all} {word}")),
        "find" => {
            let at = arguments.iter().position(|word| matches!(word.as_str(), "-exec" | "-execdir" | "-ok"))?;
            Some(arguments[at + 1..].join(" "))
        }
        _ => None,
    }
}

struct Cutter {
    chars: Vec<char>,
    at: usize,
    words: Vec<String>,
    current: Option<String>,
    found: Vec<Simple>,
    inner: Vec<String>,
    /// Delimiters of here-documents that begin after this line, with the index of their command.
    heredocs: Vec<(String, usize)>,
}

impl Cutter {
    fn run(&mut self) {
        self.found.push(Simple::default());
        while let Some(c) = self.next() {
            match c {
                ' ' | '\t' => self.end_word(),
                '\n' => {
                    self.end_command();
                    self.read_heredocs();
                }
                ';' | '|' | '(' | ')' => self.end_command(),
                '&' if self.peek() == Some('>') => self.redirection(String::from("&")),
                '&' => self.end_command(),
                '#' if self.current.is_none() => self.skip_line(),
                '>' | '<' => {
                    self.at -= 1;
                    self.redirection(String::new());
                }
                '\\' => {
                    let escaped = self.next().filter(|&c| c != '\n');
                    self.word().extend(escaped);
                }
                '\'' => self.single_quoted(),
                '"' => self.double_quoted(),
                '`' => self.backticks(),
                '$' => self.dollar(),
                '{' if self.peek() == Some('{') => self.template(),
                c => self.word().push(c),
            }
        }
        self.end_command();
        self.found.retain(|command| !command.words.is_empty() || !command.writes.is_empty());
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += 1;
        c
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn word(&mut self) -> &mut String {
        self.current.get_or_insert_default()
    }

    fn end_word(&mut self) {
        if let Some(word) = self.current.take() {
            self.words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        if let Some(command) = self.found.last_mut() {
            command.words = words;
        }
        self.found.push(Simple::default());
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.at += 1;
        }
    }

    fn single_quoted(&mut self) {
        self.word();
        while let Some(c) = self.next().filter(|&c| c != '\'') {
            self.word().push(c);
        }
    }

    fn double_quoted(&mut self) {
        self.word();
        while let Some(c) = self.next().filter(|&c| c != '"') {
            match c {
                '\\' => {
                    let escaped = self.next();
                    self.word().extend(escaped);
                }
                '`' => self.backticks(),
                '$' => self.dollar(),
                c => self.word().push(c),
            }
        }
    }

    fn backticks(&mut self) {
        let mut inner = String::new();
        while let Some(c) = self.next().filter(|&c| c != '`') {
            inner.push(c);
        }
        self.word().push('`');
        self.inner.push(inner);
    }

    /// `$(…)` is a text of its own; `$((…))` and `${…}` are values.
    fn dollar(&mut self) {
        self.word().push('$');
        if self.peek() != Some('(') {
            return;
        }
        let arithmetic = self.chars.get(self.at + 1) == Some(&'(');
        self.at += 1;
        let (start, mut depth, mut quoted) = (self.at, 1, false);
        while let Some(c) = self.next() {
            match c {
                '\\' => self.at += 1,
                '\'' => quoted = !quoted,
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        let end = self.at.saturating_sub(1).min(self.chars.len()).max(start);
        let inner = self.chars.get(start..end).map(|chars| chars.iter().collect());
        self.inner.extend(inner.filter(|_| !arithmetic));
    }

    /// `{{ … }}` is part of a word, whatever is in it.
    fn template(&mut self) {
        self.word().push('{');
        let mut last = '{';
        while let Some(c) = self.next() {
            self.word().push(c);
            if c == '}' && last == '}' {
                return;
            }
            last = c;
        }
    }

    fn redirection(&mut self, mut operator: String) {
        if let Some(word) = self.current.take().filter(|word| !word.bytes().all(|c| c.is_ascii_digit())) {
            self.words.push(word); // digits are a descriptor
        }
        while let Some(c) = self.peek().filter(|c| matches!(c, '>' | '<' | '|' | '&') || (*c == '-' && operator.ends_with("<<"))) {
            operator.push(c);
            self.at += 1;
        }
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.at += 1;
        }
        let target = self.target();
        let index = self.found.len() - 1;
        if operator.starts_with("<<") && !operator.starts_with("<<<") {
            self.heredocs.push((target, index));
        } else if operator.contains('>') {
            self.found[index].writes.push((operator, target));
        }
    }

    fn target(&mut self) -> String {
        let mut target = String::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, ' ' | '\t' | '\n' | ';' | '|' | '&' | '(' | ')' | '<' | '>')) {
            self.at += 1;
            if !matches!(c, '"' | '\'' | '\\') {
                target.push(c);
            }
        }
        target
    }

    fn read_heredocs(&mut self) {
        for (delimiter, index) in std::mem::take(&mut self.heredocs) {
            while self.at < self.chars.len() {
                let line: String = self.chars[self.at..].iter().take_while(|&&c| c != '\n').collect();
                self.at += line.chars().count() + 1;
                if line.trim_start_matches('\t') == delimiter {
                    break;
                }
                self.found[index].here.push_str(&line);
                self.found[index].here.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        commands(text).iter().map(|command| command.words.join(" ")).collect()
    }

    #[test]
    fn a_text_is_cut_into_the_commands_that_it_calls() {
        assert_eq!(words("a b | c && d; e &\nf"), ["a b", "c", "d", "e", "f"]);
        assert_eq!(words("if test -e x; then rm x; fi"), ["test -e x", "rm x", "fi"]);
        assert_eq!(words("X=1 sudo -n -u root /bin/rm -rf x"), ["/bin/rm -rf x"]);
        assert_eq!(words("echo 'rm x; rm y' # rm z"), ["echo rm x; rm y"]);
        assert_eq!(words("bash -c 'rm x; ls'"), ["bash -c rm x; ls", "rm x", "ls"]);
        assert_eq!(words("echo \"$(rm x)\" `mv a b`"), ["echo $ `", "rm x", "mv a b"]);
        assert_eq!(words("find /x -name y -exec rm {} +"), ["find /x -name y -exec rm {} +", "rm {} +"]);
        assert_eq!(words("psql -c {{ a | b }}"), ["psql -c {{ a | b }}"]);
    }

    #[test]
    fn redirections_and_here_documents_belong_to_their_command() {
        let found = commands("a 2>&1 >/dev/null >> log 2>err <in\ncat <<'E' >out\nrm x\n> y\nE\nls\n");
        assert_eq!(found[0].writes.iter().map(|(_, file)| file.as_str()).collect::<Vec<_>>(), ["1", "/dev/null", "log", "err"]);
        assert_eq!((found[1].here.as_str(), found[1].writes[0].1.as_str()), ("rm x\n> y\n", "out"));
        assert_eq!((found.len(), found[2].name()), (3, "ls"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_cutter_panic(text in "[-ab$(){}<>|&;'\"`\\\\# \n]{0,80}") {
            commands(&text);
        }
    }
}
