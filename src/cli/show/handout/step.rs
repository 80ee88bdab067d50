//! One step on paper: where, what to type, what to expect, and a box for each host. A command stands as the plan renders it, or as its template.

use super::words::{facts, in_words, until};
use super::{Handout, verdict};
use crate::base::{Bytes, HostName, escaped};
use crate::event::{Action, OnFailure, Stage, StageWork};
use crate::plan::{OutlinedStep, Scope, SecretUse, Shape, command as command_text, origin_words, plain, secret_variable, secrets_of};
use crate::runbook::{ArtifactOrigin, EvidenceText, PutContent, PutText, SecretOrigin, Work};
use crate::views::Inline;

/// How a step is undone.
pub(super) struct WayBack {
    pub(super) number: String,
    pub(super) hosts: String,
    pub(super) command: String,
}

impl<'o> Handout<'o> {
    pub(super) fn step(&mut self, step: &'o OutlinedStep, level: usize) {
        self.gate(step.gate, level);
        self.point_of_no_return(step.step.no_return);
        self.page.heading(level.min(6), &format!("{} {}", step.step.number, step.step.step.name.value));
        if let Shape::LeftOut { why } = &step.shape {
            let why = why.strip_prefix("not so: ").unwrap_or(why);
            self.page.paragraph(Inline::new().strong("Left out with these values").text(", since this does not hold: ").code(why));
            return;
        }
        if let Some(facts) = facts(step) {
            self.page.paragraph(facts);
        }
        if let Some(why) = &step.step.step.why {
            self.page.prose(why);
        }
        if let Some(when) = &step.step.step.when {
            self.page.paragraph(Inline::new().strong("Only where").text(" ").code(when.value.trim()));
        }
        if !step.waits_for.is_empty() {
            let names: Vec<String> = step.waits_for.iter().map(|name| format!("{{{{ {name} }}}}")).collect();
            let said = Inline::new().strong("Fill in").text(" before you begin: ").code(&names.join(", "));
            self.page.paragraph(said);
        }
        self.evidence(step);
        self.secrets(step);
        match &step.shape {
            Shape::Rendered(stage) => self.rendered(step, stage),
            Shape::AfterLook { .. } | Shape::Later { .. } | Shape::LeftOut { .. } => self.template(step),
        }
    }

    /// How a secret comes into the shell without standing on paper or on a command line.
    fn secrets(&mut self, step: &OutlinedStep) {
        for SecretUse { secret, .. } in secrets_of(self.outline.program, &step.step) {
            let variable = secret_variable(&secret.name.value);
            let said = Inline::new().text("First, in the same shell, the secret ").code(&secret.name.value).text(" from ");
            self.page.paragraph(said.code(&origin_words(&secret.origin)).text(":"));
            self.page.code(&match &secret.origin {
                SecretOrigin::OnHost { file, .. } => format!("{variable}=$(cat -- {})", in_quotes(&file.value)),
                SecretOrigin::Env(_) | SecretOrigin::File(_) | SecretOrigin::Command(_) | SecretOrigin::Prompt => {
                    format!("stty -echo; IFS= read -r {variable}; stty echo")
                }
            });
        }
    }

    fn evidence(&mut self, step: &OutlinedStep) {
        match &step.step.step.evidence {
            None => {}
            Some(EvidenceText::From(ids)) => {
                let ids: Vec<&str> = ids.iter().map(|id| id.value.as_str()).collect();
                let said = format!("It destroys information: begin only when this has been kept from the same host: {}.", ids.join(", "));
                self.page.paragraph(said.as_str());
            }
            Some(EvidenceText::Waived { reason }) => {
                let said = format!("It destroys information, and none is kept: {}.", reason.value.trim());
                self.page.paragraph(said.as_str());
            }
        }
    }

    fn rendered(&mut self, step: &'o OutlinedStep, stage: &Stage) {
        match &stage.work {
            StageWork::Commands { actions, .. } if is_typed(&step.step.step.work) => {
                self.actions(step, actions);
                self.expected(step);
            }
            StageWork::Commands { .. } => self.template(step),
            StageWork::Manual { instructions, answers, .. } => {
                self.page.quote(instructions.trim());
                let fact = |name: &str, expects: &str| {
                    Inline::new().text("Write down ").strong(name).text(&format!(" ({expects}): ________________"))
                };
                self.page.list(answers.iter().map(|answer| fact(&answer.name, &answer.expects)));
                self.done(&[]);
                self.back_by_person(step);
            }
            StageWork::Choose { question, options } => {
                self.page.quote(question.trim());
                self.page.checks(options.iter().map(|(name, why)| {
                    let why = why.as_ref().map_or(String::new(), |why| format!(": {}", why.trim()));
                    Inline::new().strong(name).text(&why)
                }));
            }
            StageWork::Wait { period } => {
                self.page.checks([Inline::new().text("Wait ").strong(&period.to_string()).text(", begun at ________, over at ________")])
            }
            StageWork::Conclude { verdict: end, sentence } => {
                self.page.paragraph(Inline::new().strong("Here it ends.").text(&format!(" {}: {}", verdict(*end), sentence.trim())));
            }
            StageWork::Skip { .. } | StageWork::Withheld { .. } => self.template(step),
        }
    }

    /// Hosts with the same commands together.
    fn actions(&mut self, step: &OutlinedStep, actions: &[Action]) {
        let same = |one: &Action, other: &Action| one.command == other.command && one.done_when == other.done_when;
        let mut groups: Vec<Vec<&Action>> = Vec::new();
        for action in actions {
            match groups.iter_mut().find(|group| same(group[0], action)) {
                Some(group) => group.push(action),
                None => groups.push(vec![action]),
            }
        }
        for group in groups {
            let hosts: Vec<&HostName> = group.iter().map(|action| &action.host).collect();
            let named = hosts.iter().map(|host| host.as_str()).collect::<Vec<_>>().join(", ");
            let shell = if group[0].command.shell == "sh" { String::new() } else { format!(", in {}", group[0].command.shell) };
            if let Some(look) = &group[0].done_when {
                self.page.paragraph("It is in place already where this ends with exit status 0; then skip it:");
                self.page.code(&script(&look.script));
            }
            self.page.paragraph(Inline::new().text("On ").strong(&named).text(&format!("{shell}:")));
            self.page.code(&script(&group[0].command.script));
            self.done(&hosts);
            for action in &group {
                if let Some(undo) = &action.undo {
                    let back = WayBack { number: step.step.number.clone(), hosts: action.host.to_string(), command: script(&undo.script) };
                    self.back.push(back);
                }
            }
        }
    }

    /// What cannot be rendered yet, or what a person does by hand in another way than the program.
    fn template(&mut self, step: &OutlinedStep) {
        let written = &step.step.step;
        let hosts = self.hosts_of(&step.step).unwrap_or_default();
        if let Some(selector) = written.hosts.as_ref().filter(|_| hosts.is_empty()) {
            self.page.paragraph(Inline::new().text("On the hosts that ").code(&selector.value).text(" names then:"));
        } else if !hosts.is_empty() {
            let named = hosts.iter().map(HostName::as_str).collect::<Vec<_>>().join(", ");
            self.page.paragraph(Inline::new().text("On ").strong(&named).text(":"));
        }
        if let Some(look) = &written.done_when {
            self.page.paragraph("It is in place already where this ends with exit status 0; then skip it:");
            self.page.code(&self.typed(step, &hosts, &look.value));
        }
        self.by_hand(step, &hosts);
        self.done(&hosts.iter().collect::<Vec<_>>());
        self.expected(step);
        if let Some(undo) = &written.undo {
            let command = self.typed(step, &hosts, &undo.value);
            let named = hosts.iter().map(HostName::as_str).collect::<Vec<_>>().join(", ");
            let hosts = if hosts.is_empty() { written.hosts.as_ref().map_or(String::new(), |hosts| hosts.value.clone()) } else { named };
            self.back.push(WayBack { number: step.step.number.clone(), hosts, command });
        }
    }

    /// A command with its environment and folder: with its values where all of them are known and it stands for one host, else as it is written.
    fn typed(&self, step: &OutlinedStep, hosts: &[HostName], command: &str) -> String {
        let several = if command.trim_end().contains('\n') { "set -e\n" } else { "" };
        let scope = self.scope_on(step, hosts);
        let rendered = command_text(command.trim_end(), &scope).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        self.before(step, hosts) + several + &rendered.unwrap_or_else(|| command.trim_end().to_owned())
    }

    /// The lines before each command of a step: its environment and its folder.
    fn before(&self, step: &OutlinedStep, hosts: &[HostName]) -> String {
        let (written, scope) = (&step.step.step, self.scope_on(step, hosts));
        let secrets = secrets_of(self.outline.program, &step.step);
        let secret = |text: &str| secrets.iter().map(|given| &given.secret.name.value).find(|name| is_alone(text, name));
        let word = |text: &str| match secret(text) {
            Some(name) => format!("\"${}\"", secret_variable(name)),
            None => in_quotes(&plain(text, &scope).unwrap_or_else(|_| text.to_owned())),
        };
        let mut lines: String = written.env.iter().map(|(name, value)| format!("export {}={}\n", name.value, word(&value.value))).collect();
        lines.extend(written.cwd.iter().map(|folder| format!("cd -- {} || exit 1\n", word(&folder.value))));
        lines
    }

    fn scope_on(&self, step: &OutlinedStep, hosts: &[HostName]) -> Scope {
        let scope = &self.scopes[step.step.frame];
        if let [only] = hosts { scope.on(only) } else { scope.clone() }
    }

    fn script(&mut self, step: &OutlinedStep, file: &str, hosts: &[HostName]) {
        let before = self.before(step, hosts);
        match self.outline.program.scripts.get(file) {
            Some(text) => self.page.code(&(before + &script(text))),
            None => {
                self.page.paragraph(Inline::new().text("What the library has as ").code(&format!("scripts/{file}")).text(", after this:"));
                self.page.code(&before);
            }
        }
    }

    fn by_hand(&mut self, step: &OutlinedStep, hosts: &[HostName]) {
        let frame = step.step.frame;
        match &step.step.step.work {
            Work::Run { command, .. } | Work::Check { command, .. } => self.page.code(&self.typed(step, hosts, &command.value)),
            Work::Script { file, .. } => self.script(step, &file.value, hosts),
            Work::Capture { artifacts } => {
                self.page.paragraph("Keep, under these names, a copy from each host:");
                let said = artifacts.iter().map(|artifact| {
                    let last = artifact.last.as_ref().map_or(String::new(), |last| format!(", its last {} bytes", last.value));
                    let (what, text) = match &artifact.origin {
                        ArtifactOrigin::Run(command) => ("what this prints", command),
                        ArtifactOrigin::File(path) => ("the file", path),
                    };
                    Inline::new()
                        .strong(&artifact.name.value)
                        .text(&format!(": {what}: "))
                        .code(&self.filled(frame, &text.value))
                        .text(&last)
                });
                let said: Vec<Inline> = said.collect();
                self.page.checks(said);
            }
            Work::Put(put) => self.put(put, step),
            Work::Reboot => {
                self.page.paragraph("Note what this prints, restart the host, and go on when it prints something else:");
                self.page.code("cat /proc/sys/kernel/random/boot_id");
            }
            Work::Manual { instructions, .. } => self.page.quote(self.filled(frame, &instructions.value).trim()),
            Work::Choose { question, .. } => self.page.quote(self.filled(frame, &question.value).trim()),
            Work::Wait { period } => self.page.paragraph(Inline::new().text("Wait ").strong(&period.value)),
            Work::Conclude { sentence, .. } => {
                self.page.paragraph(Inline::new().strong("Here it ends.").text(" ").text(sentence.value.trim()))
            }
            Work::Call { .. } | Work::Block(_) => {}
        }
    }

    fn put(&mut self, put: &PutText, step: &OutlinedStep) {
        let frame = step.step.frame;
        let mode = put.mode.as_ref().map_or(String::new(), |mode| format!(", mode {}", mode.value));
        let owner = put.owner.as_ref().map_or(String::new(), |owner| format!(", owner {}", owner.value));
        let to = self.filled(frame, &put.to.value);
        self.page.paragraph(Inline::new().text("Keep a copy of ").code(&to).text(&format!(", then write into it{mode}{owner}:")));
        let scripts = &self.outline.program.scripts;
        match &put.content {
            PutContent::Content(text) => self.page.code(&self.filled(frame, &text.value)),
            PutContent::File(file) | PutContent::Template(file) => match scripts.get(&file.value) {
                Some(text) => self.page.code(&script(text)),
                None => self.page.paragraph(Inline::new().text("what the library has as ").code(&format!("scripts/{}", file.value))),
            },
        }
        let hosts = self.hosts_of(&step.step).unwrap_or_default();
        let hosts = hosts.iter().map(HostName::as_str).collect::<Vec<_>>().join(", ");
        self.back.push(WayBack { number: step.step.number.clone(), hosts, command: format!("cp -p THE-KEPT-COPY {to}") });
    }

    /// A text with the values that are known, or as it is written.
    fn filled(&self, frame: usize, text: &str) -> String {
        plain(text, &self.scopes[frame]).unwrap_or_else(|_| text.to_owned())
    }

    fn done(&mut self, hosts: &[&HostName]) {
        if hosts.is_empty() {
            self.page.checks([Inline::from("done at ________ by ________________")]);
        }
        self.page.checks(hosts.iter().map(|host| Inline::new().strong(host.as_str()).text(" done at ________ by ________________")));
    }

    fn back_by_person(&mut self, step: &OutlinedStep) {
        if let Some(undo) = &step.step.step.undo {
            let command = self.filled(step.step.frame, &undo.value).trim().to_owned();
            self.back.push(WayBack { number: step.step.number.clone(), hosts: "by a person".to_owned(), command });
        }
    }

    fn expected(&mut self, step: &OutlinedStep) {
        let written = &step.step.step;
        if !(is_typed(&written.work) || matches!(written.work, Work::Script { .. })) {
            return;
        }
        let mut said = Inline::new().strong("Expect:").text(" ");
        said = match &written.expect {
            Some(expect) => {
                let words = in_words(expect.value.trim());
                said.code(expect.value.trim()).text(&if words.is_empty() { ".".to_owned() } else { format!(", that is: {words}.") })
            }
            None => said.text("it ends with exit status 0."),
        };
        if let Some(until) = until(step) {
            said = said.text(&until);
        }
        if let Some(retry) = &written.retry {
            let delay = retry.delay.as_ref().map_or(String::new(), |delay| format!(", {} between", delay.value));
            said = said.text(&format!(" Where it fails, try again: at most {} times in all{delay}.", retry.attempts.value));
        }
        if let Some(name) = &written.register {
            said = said.text(" Write down what it prints: later steps call it ").strong(&name.value).text(".");
        }
        self.page.paragraph(said);
        let fails = match step.step.on_failure {
            OnFailure::Continue => "Where it fails, go on all the same.",
            OnFailure::Stop => "Where it fails, stop.",
            OnFailure::Rollback => "Where it fails, go the way back.",
            OnFailure::Ask => return,
        };
        self.page.paragraph(fails);
    }
}

/// What is typed as the program would run it.
fn is_typed(work: &Work) -> bool {
    match work {
        Work::Run { .. } | Work::Check { .. } => true,
        Work::Script { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot | Work::Manual { .. } | Work::Choose { .. } => false,
        Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => false,
    }
}

/// Whether a text is this value and nothing else.
fn is_alone(text: &str, name: &str) -> bool {
    let inner = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| inner.trim() == name)
}

/// One word of the shell.
fn in_quotes(text: &str) -> String {
    let is_plain =
        !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'.' | b'_' | b'-' | b'@' | b':'));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn script(bytes: &Bytes) -> String {
    bytes.as_str().map_or_else(|| escaped(bytes.as_slice()), str::to_owned).trim_end_matches('\n').to_owned()
}
