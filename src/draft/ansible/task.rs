//! One task, or a block of them, as steps. A directive that is not known here is told, never dropped.

use super::arguments::{Arguments, arguments, pause};
use super::jinja::is_identifier;
use super::{Around, Delegation, Writer, entries, get, is_false, is_true, items, text, user_of};
use crate::draft::command::escaped;
use crate::draft::looks::only_looks;
use crate::draft::sheet::{Action, Entry, LeftOut, Step, Value};
use crate::runbook::first_change;
use crate::text::Node;

/// Words of a task that are no module.
const DIRECTIVES: [&str; 36] = [
    "name",
    "when",
    "register",
    "become",
    "become_user",
    "become_method",
    "environment",
    "tags",
    "retries",
    "delay",
    "until",
    "changed_when",
    "failed_when",
    "ignore_errors",
    "ignore_unreachable",
    "loop",
    "loop_control",
    "delegate_to",
    "delegate_facts",
    "run_once",
    "no_log",
    "notify",
    "listen",
    "args",
    "vars",
    "block",
    "rescue",
    "always",
    "check_mode",
    "diff",
    "timeout",
    "async",
    "poll",
    "any_errors_fatal",
    "throttle",
    "collections",
];
/// Words that change nothing of what the step does.
const QUIET: [&str; 7] = ["tags", "check_mode", "diff", "collections", "become_method", "listen", "any_errors_fatal"];
/// Ansible's own, where a task says nothing.
const RETRIES: u32 = 3;
const DELAY: u32 = 5;

impl Writer<'_> {
    pub(super) fn task(&mut self, task: &Node, around: &Around) {
        let outer = self.delegation;
        if get(task, "delegate_to").is_some() {
            self.delegation = Delegation::Yes;
        }
        let around = self.within(task, around);
        self.task_within(task, &around);
        self.delegation = outer;
    }

    fn task_within(&mut self, task: &Node, around: &Around) {
        if let Some(block) = get(task, "block") {
            items(block).iter().for_each(|inner| self.task(inner, around));
            for part in ["rescue", "always"] {
                if let Some(tasks) = get(task, part) {
                    self.left_out(tasks, format!("`{part}` of a block: its tasks run in another order than steps do"));
                }
            }
            return;
        }
        let Some((module, value)) = entries(task).iter().find(|(key, _)| text(key).is_some_and(is_module)) else {
            return self.left_out(task, "a task without a module");
        };
        let module = short(text(module).unwrap_or(""));
        let name = get(task, "name").and_then(text).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        match module {
            "command" | "shell" | "raw" => match arguments(value, get(task, "args")) {
                Some(given) => self.command(task, module, name, &given, around),
                None => self.by_people(task, module, name, value, around),
            },
            "pause" => self.pause(task, name, value, around),
            "debug" | "meta" => self.left_out(task, format!("the module {module}: it does nothing on a host")),
            _ => self.by_people(task, module, name, value, around),
        }
    }

    /// What a task or block adds to what is said around it.
    fn within(&mut self, task: &Node, around: &Around) -> Around {
        let mut inner = around.clone();
        inner.r#become = user_of(task, around.r#become.as_deref());
        if let Some(environment) = get(task, "environment") {
            let own = self.environment(environment);
            inner.environment.retain(|(name, _)| own.iter().all(|(other, _)| other != name));
            inner.environment.extend(own);
        }
        if let Some(host) = get(task, "delegate_to") {
            inner.hosts = self.selector(host);
        }
        let conditions = get(task, "when").map_or(Vec::new(), |when| match items(when) {
            [] => text(when).into_iter().map(str::to_owned).collect(),
            several => several.iter().filter_map(text).map(str::to_owned).collect::<Vec<_>>(),
        });
        inner.when.extend(conditions);
        inner
    }

    fn command(&mut self, task: &Node, module: &str, name: Option<String>, given: &Arguments, around: &Around) {
        let line = self.line(task);
        let (command, mut left_out) = self.rendered(&given.command, line);
        if module == "command" && command.contains(['|', '>', '<', ';', '&', '*', '$', '`']) {
            left_out.push(LeftOut::new(line, "`command` runs without a shell, a step with one: quote what a shell would read", ""));
        }
        let says_looks = get(task, "changed_when").is_some_and(is_false) && first_change(&command).is_none();
        let looks = (only_looks(&command) || says_looks) && given.creates.is_none() && given.removes.is_none();
        let name = name.unwrap_or_else(|| shown(&command));
        let mut step = Step::new(name, line, if looks { Action::Check(command) } else { Action::Run(command) });
        step.left_out = left_out;
        self.arguments(&mut step, given, line);
        self.common(&mut step, task, around);
        self.repeats(&mut step, task, looks);
        self.register(&mut step, task);
        self.draft.entries.push(Entry::Step(step));
    }

    fn arguments(&mut self, step: &mut Step, given: &Arguments, line: usize) {
        let shell = given.executable.as_deref().map(|path| path.rsplit('/').next().unwrap_or(path)).filter(|shell| *shell != "sh");
        let done = given.creates.as_ref().map(|path| format!("test -e {path}"));
        let done = done.or_else(|| given.removes.as_ref().map(|path| format!("test ! -e {path}")));
        let words = [("shell", shell.map(str::to_owned)), ("cwd", given.chdir.clone()), ("done_when", done)];
        for (word, value) in words {
            let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
            let (value, left_out) = self.rendered(&value, line);
            step.words.push((word, Value::Text(value)));
            step.left_out.extend(left_out);
        }
        if let Some(stdin) = &given.stdin {
            step.left_out.push(LeftOut::new(line, "stdin: write a here-document", stdin));
        }
    }

    /// What every step can have, and the directives that none has.
    fn common(&mut self, step: &mut Step, task: &Node, around: &Around) {
        step.hosts.clone_from(&around.hosts);
        if let Some(user) = &around.r#become {
            let (user, left_out) = self.rendered(user, step.line);
            step.words.push(("become", Value::Text(user)));
            step.left_out.extend(left_out);
        }
        if !around.environment.is_empty() {
            step.words.push(("env", Value::Map(around.environment.clone())));
        }
        self.when(step, around);
        if let Some(host) = get(task, "delegate_to") {
            let what = "delegate_to: Ansible does this there once for each host of the play, a step once";
            step.left_out.push(LeftOut::new(self.line(host), what, self.text_of(host)));
        }
        if get(task, "ignore_errors").is_some_and(is_true) {
            step.words.push(("on_failure", Value::Text("continue".to_owned())));
        }
        self.directives(step, task);
    }

    fn when(&self, step: &mut Step, around: &Around) {
        let ours: Vec<Option<String>> = around.when.iter().map(|when| self.expression(when, None)).collect();
        for (when, _) in around.when.iter().zip(&ours).filter(|(_, ours)| ours.is_none()) {
            step.left_out.push(LeftOut::new(step.line, format!("when: {when}"), ""));
        }
        let conditions: Vec<String> = ours.into_iter().flatten().collect();
        match conditions.as_slice() {
            [] => {}
            [one] => step.words.push(("when", Value::Text(one.clone()))),
            several => {
                step.words.push(("when", Value::Text(several.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" and "))))
            }
        }
    }

    fn directives(&self, step: &mut Step, task: &Node) {
        const HEEDED: [&str; 15] = [
            "name",
            "when",
            "register",
            "become",
            "become_user",
            "environment",
            "retries",
            "delay",
            "until",
            "ignore_errors",
            "args",
            "delegate_to",
            "block",
            "rescue",
            "always",
        ];
        for (key, value) in entries(task) {
            let word = text(key).unwrap_or("");
            let is_told = (DIRECTIVES.contains(&word) && !HEEDED.contains(&word) && !QUIET.contains(&word)) || word.starts_with("with_");
            let says_nothing = matches!(word, "changed_when" | "no_log" | "run_once") && is_false(value);
            if is_told && !says_nothing {
                step.left_out.push(LeftOut::new(self.line(key), advice(word), self.text_of(value)));
            }
        }
    }

    /// A look is repeated until it holds; a change only where its author promises that it may be.
    fn repeats(&self, step: &mut Step, task: &Node, looks: bool) {
        let number = |key: &str| get(task, key).and_then(text).and_then(|text| text.parse::<u32>().ok());
        let (until, retries) = (get(task, "until").and_then(text), number("retries"));
        if until.is_none() && retries.is_none() {
            return;
        }
        let own = get(task, "register").and_then(text);
        let expression = until.map_or(Some("exit_code == 0".to_owned()), |until| self.expression(until, own));
        match expression.filter(|_| looks) {
            Some(expression) => {
                let every = number("delay").unwrap_or(DELAY).max(1);
                let within = retries.unwrap_or(RETRIES).max(1).saturating_mul(every);
                step.words.push(("expect", Value::Text(expression)));
                step.words.push(("until", Value::Plain(format!("{{within: {within}s, every: {every}s}}"))));
            }
            None => {
                let what = match looks {
                    true => format!("until: {}", until.unwrap_or("")),
                    false => "it is repeated until it holds: write `effect: idempotent` and `retry:`, or a check with `until:` after it"
                        .to_owned(),
                };
                step.left_out.push(LeftOut::new(step.line, what, ""));
            }
        }
    }

    fn register(&mut self, step: &mut Step, task: &Node) {
        let Some(name) = get(task, "register").and_then(text) else { return };
        let is_free = !self.registered.contains(name) && !self.draft.parameters.iter().any(|parameter| parameter.name == name);
        if is_identifier(name) && is_free {
            step.words.push(("register", Value::Text(name.to_owned())));
            self.registered.insert(name.to_owned());
        } else {
            step.left_out.push(LeftOut::new(
                step.line,
                format!("register: {name}: the name is taken; give it another, there and where it is used"),
                "",
            ));
        }
    }

    fn pause(&mut self, task: &Node, name: Option<String>, value: &Node, around: &Around) {
        let prompt = get(value, "prompt").and_then(text).map(str::to_owned);
        let line = self.line(task);
        let action = match (pause(value), &prompt) {
            (Some(period), _) => Action::Wait(period),
            (None, Some(prompt)) if !prompt.trim().is_empty() => Action::Manual(escaped(prompt.trim())),
            (None, _) => Action::Manual("The playbook waits here until somebody lets it go on. Say what is to be looked at.".to_owned()),
        };
        let waits = match &action {
            Action::Wait(period) => Some(period.clone()),
            Action::Manual(_) | Action::Run(_) | Action::Check(_) => None,
        };
        let fallback = waits.as_ref().map_or_else(|| "Wait for a person".to_owned(), |period| format!("Wait {period}"));
        let mut step = Step::new(name.unwrap_or(fallback), line, action);
        step.why = prompt.filter(|_| waits.is_some()).unwrap_or_default();
        self.when(&mut step, around);
        self.directives(&mut step, task);
        self.draft.entries.push(Entry::Step(step));
    }

    /// What another module did is told to a person.
    fn by_people(&mut self, task: &Node, module: &str, name: Option<String>, value: &Node, around: &Around) {
        let line = self.line(task);
        let given = self.text_of(value);
        let place = around.hosts.as_ref().map_or(String::new(), |hosts| format!(" on {hosts}"));
        let told =
            format!("Ansible's module `{module}` did this{place}. Do it by hand, or write the command in place of this step:\n\n{given}");
        let mut step = Step::new(name.unwrap_or_else(|| format!("What {module} did")), line, Action::Manual(escaped(told.trim_end())));
        step.left_out.push(LeftOut::new(line, format!("the module {module}"), ""));
        self.when(&mut step, around);
        self.directives(&mut step, task);
        self.draft.entries.push(Entry::Step(step));
    }
}

fn is_module(key: &str) -> bool {
    !DIRECTIVES.contains(&key) && !key.starts_with("with_") && !key.is_empty()
}

/// Without the collection that ships with Ansible.
fn short(module: &str) -> &str {
    module.strip_prefix("ansible.builtin.").or_else(|| module.strip_prefix("ansible.legacy.")).unwrap_or(module)
}

/// The first words of a command, for a step without a name.
fn shown(command: &str) -> String {
    let line = command.lines().find(|line| !line.trim().is_empty()).unwrap_or("command").trim();
    let name: String = line.chars().take(60).collect();
    if name.chars().any(|c| c.is_ascii_alphanumeric()) { name } else { "Command".to_owned() }
}

fn advice(directive: &str) -> String {
    let help = match directive {
        "loop" | "loop_control" => "write a block with `for_each:`, whose steps use `{{ item }}`",
        "notify" => "handlers are steps at the end here",
        "failed_when" => "write `expect:`, which says when it succeeded",
        "changed_when" => "a step that may change something asks for approval",
        "no_log" => "what a step prints is always kept: let it print no secret",
        "run_once" => "write `hosts:` with the one host",
        "vars" => "write the values into the command, or make them parameters",
        "async" | "poll" | "timeout" => "write `timeout:`",
        "throttle" => "write a block with `rolling:`",
        word if word.starts_with("with_") => "write a block with `for_each:`, whose steps use `{{ item }}`",
        _ => "we have no such word",
    };
    format!("{directive}: {help}")
}
