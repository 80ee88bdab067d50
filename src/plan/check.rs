//! What can be known to be wrong with a runbook before it runs: templates, names, selectors and gates, all problems at once. Contacts nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::check_targets;
use super::files;
use super::flow::Repeats;
use super::gates::{Asked, DEFAULT_EXPIRY, GateError, asked};
use super::names::{TemplateKind, names_of, names_to_render, templates_of};
use super::params;
use super::places;
use super::program::{Program, ProgramGate, ProgramStep};
use super::remedies::{Written, foreign_name, remedy, sentence, unknown_filter};
use super::template::{TemplateError, check_expression, check_places, check_plain, names_in_expression, names_in_template};
use crate::base::{Bytes, GateNo, HostName};
use crate::event::Effect;
use crate::library::{Fault, Selector};
use crate::runbook::{Allowances, InsteadText, MIXED_ENVIRONMENTS, Rule, UNFILLABLE_GATE, UNUSED_PARAMETER, Work};
use crate::text::{Diagnostic, Diagnostics, Source, Span, Spanned, did_you_mean};

/// All problems of a runbook within its library. The diagnostics' codes are RB501 to RB519, and RB212 and RB217 of lint.
pub fn check(program: &Program) -> Diagnostics {
    let mut found = Check { program, found: Diagnostics::new() };
    for (index, step) in program.steps.iter().enumerate().filter(|(_, step)| step.is_written()) {
        found.templates(step);
        found.names(index, step);
        found.selector(step);
        super::check_evidence::check(program, step, &mut found.found);
    }
    for block in program.blocks() {
        found.templates(&block.head);
        found.names(block.before, &block.head);
    }
    for broken in &program.broken_calls {
        let help = "call a runbook that is there, is free of errors (`runbook lint NAME`), and calls none of those that lead to it";
        let source = &program.frames[broken.frame].runbook.source;
        found.found.error("RB510", source, broken.place, broken.why.clone()).label("leads nowhere").help(help);
    }
    found.found.extend(files::check(program));
    found.calls();
    check_targets::check(program, &mut found.found);
    found.defaults();
    found.rules();
    found.gates();
    found.substitutes();
    found.unused();
    found.environments();
    found.found.extend(super::secrets::misuses(program));
    found.found
}

struct Check<'a> {
    program: &'a Program,
    found: Diagnostics,
}

impl<'a> Check<'a> {
    /// The file in which a step was written.
    fn source(&self, step: &ProgramStep) -> &'a Source {
        &self.program.frames[step.frame].runbook.source
    }

    /// Each template is well-formed, and each value of a command stands where it can be quoted.
    fn templates(&mut self, step: &ProgramStep) {
        for (text, kind) in templates_of(&step.step) {
            let outcome = match kind {
                TemplateKind::Command => check_places(&text.value),
                TemplateKind::Plain => check_plain(&text.value),
            };
            if let Err(error) = outcome {
                self.template_error(step, text, &error, Written::Template);
            }
        }
        for text in step.whens.iter().chain(&step.step.expect) {
            if let Err(error) = check_expression(&text.value) {
                self.template_error(step, text, &error, Written::Expression);
            }
        }
    }

    fn template_error(&mut self, step: &ProgramStep, text: &Spanned<String>, error: &TemplateError, written: Written) {
        let span = match error {
            TemplateError::Quote(_) => places::of_unsafe_value(self.source(step), text),
            TemplateError::Wrong { message, .. } if unknown_filter(message).is_some() => {
                places::of_name(self.source(step), text, unknown_filter(message).unwrap_or(""), written == Written::Template)
            }
            TemplateError::Wrong { line: Some(line), .. } => self.line_of(step, text, *line),
            TemplateError::Wrong { line: None, .. } | TemplateError::Undefined { .. } => text.span,
        };
        let code = if matches!(error, TemplateError::Quote(_)) { "RB502" } else { "RB501" };
        let (label, help) = remedy(&text.value, error, written);
        self.found.error(code, self.source(step), span, sentence(error, written)).label(label).help(help);
    }

    fn line_of(&self, step: &ProgramStep, text: &Spanned<String>, line: usize) -> Span {
        let wanted = text.value.lines().nth(line.saturating_sub(1)).unwrap_or("").trim();
        self.source(step).find_within(text.span, wanted)
    }

    /// Each name is a parameter, `host`, a loop's, or the result of a step that came before, and not of one behind the same gate.
    fn names(&mut self, before: usize, step: &ProgramStep) {
        let known = self.known(before, step);
        let later = self.registered(step.frame, &self.program.steps);
        let to_render = names_to_render(&step.step);
        let own = ["stdout", "stderr", "exit_code", "json", "lines", "value", "seconds", "host"];
        let in_expect = step.step.expect.as_ref().and_then(|text| names_in_expression(&text.value).ok()).unwrap_or_default();
        for name in names_of(&step.step, &step.whens) {
            let span = self.place_of(step, &name);
            if known.contains(name.as_str()) || (in_expect.contains(&name) && own.contains(&name.as_str())) {
                let behind = later.get(name.as_str()).is_some_and(|other| self.is_behind_one_gate(other, step));
                if behind && to_render.contains(&name) {
                    self.behind_same_gate(step, span, &name);
                }
                continue;
            }
            let message = match (later.contains_key(name.as_str()), name.as_str()) {
                (true, _) => format!("`{name}` is registered by a later step"),
                (false, "item") => "`item` stands only in a block with `for_each:`".to_owned(),
                (false, "batch") => "`batch` stands only in a block with `rolling:`".to_owned(),
                (false, _) => format!("`{name}` is not defined"),
            };
            let help = match (later.get(name.as_str()), name.as_str()) {
                (Some(other), _) => {
                    let (line, _) = self.source(other).position(other.step.name.span.start);
                    format!("move that step, on line {line}, before this one")
                }
                (None, "item") => "write a block with `for_each: [a, b]`, and this step below its `steps:`".to_owned(),
                (None, "batch") => "write a block with `rolling: {serial: 1}` and `hosts:`, and this step below its `steps:`".to_owned(),
                (None, _) => not_defined(&name, known.iter().copied().chain(own.into_iter().filter(|_| in_expect.contains(&name)))),
            };
            self.found.error("RB503", self.source(step), span, message).label("not defined here").help(help);
        }
    }

    /// What is defined where a step stands: its runbook's parameters and secrets, earlier results, the loops around it.
    fn known(&self, before: usize, step: &ProgramStep) -> BTreeSet<&'a str> {
        let runbook = &self.program.frames[step.frame].runbook;
        let mut known: BTreeSet<&str> = runbook.parameters.iter().map(|parameter| parameter.name.value.as_str()).collect();
        known.extend(runbook.secrets.iter().map(|secret| secret.name.value.as_str()));
        known.extend(self.registered(step.frame, &self.program.steps[..before]).keys());
        known.insert("host");
        for block in self.program.blocks().into_iter().filter(|block| step.loops.contains(&block.head.id)) {
            match block.repeats {
                Repeats::ForEach(_) => drop(known.insert("item")),
                Repeats::Rolling { .. } => drop(known.insert("batch")),
                Repeats::Once | Repeats::Called(_) => {}
            }
        }
        known
    }

    fn registered<'s>(&self, frame: usize, steps: &'s [ProgramStep]) -> BTreeMap<&'s str, &'s ProgramStep> {
        let of_frame = steps.iter().filter(|step| step.frame == frame);
        of_frame.filter_map(|step| Some((step.step.register.as_ref()?.value.as_str(), step))).collect()
    }

    fn is_behind_one_gate(&self, one: &ProgramStep, other: &ProgramStep) -> bool {
        one.gate == other.gate && self.program.gates.get(&one.gate).is_some_and(|gate| gate.asks.is_some())
    }

    fn behind_same_gate(&mut self, step: &ProgramStep, span: Span, name: &str) {
        self.found
            .error(
                "RB504",
                self.source(step),
                span,
                format!("`{name}` is found out behind the same gate, so this could not be shown to who approves it"),
            )
            .help("give this step a gate of its own, or move the step that registers it before the gate");
    }

    /// What a call gives is what the called runbook takes.
    fn calls(&mut self) {
        for block in self.program.blocks() {
            let (Repeats::Called(frame), Work::Call { runbook, with }) = (&block.repeats, &block.head.step.work) else { continue };
            let asked = &self.program.frames[*frame].runbook.parameters;
            let source = self.source(&block.head);
            for (name, _) in with.iter().filter(|(name, _)| !asked.iter().any(|asked| asked.name.value == name.value)) {
                let message = format!("`{}` has no parameter `{}`", runbook.value, name.value);
                let help = match did_you_mean(&name.value, asked.iter().map(|asked| asked.name.value.as_str())) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "remove it; `runbook show` lists the parameters".to_owned(),
                };
                self.found.error("RB511", source, name.span, message).label("unknown there").help(help);
            }
            let given = |name: &str| with.iter().any(|(given, _)| given.value == name);
            for missing in asked.iter().filter(|asked| asked.default.is_none() && !given(&asked.name.value)) {
                let message = format!("`{}` requires the parameter `{}`", runbook.value, missing.name.value);
                let help = format!("add `with: {{{}: …}}`", missing.name.value);
                self.found.error("RB511", source, runbook.span, message).label("not given").help(help);
            }
        }
    }

    /// Rules are expressions over parameters, and hold for the defaults where all have one.
    fn rules(&mut self) {
        let runbook = &self.program.runbook;
        let known: BTreeSet<&str> = runbook.parameters.iter().map(|parameter| parameter.name.value.as_str()).collect();
        for rule in &runbook.rules {
            match check_expression(&rule.require.value).and_then(|()| names_in_expression(&rule.require.value)) {
                Err(error) => {
                    let (label, help) = remedy(&rule.require.value, &error, Written::Expression);
                    let message = sentence(&error, Written::Expression);
                    self.found.error("RB501", &runbook.source, rule.require.span, message).label(label).help(help);
                }
                Ok(names) => {
                    for name in names.iter().filter(|name| !known.contains(name.as_str())) {
                        let message = format!("`{name}` is no parameter of this runbook");
                        let help = "a rule is judged before anything runs: it can use parameters alone";
                        let span = places::of_name(&runbook.source, &rule.require, name, false);
                        self.found.error("RB503", &runbook.source, span, message).label("no parameter").help(help);
                    }
                }
            }
        }
    }

    /// The first place in a step where a name stands.
    fn place_of(&self, step: &ProgramStep, name: &str) -> Span {
        let templates = templates_of(&step.step).into_iter().map(|(text, _)| (text, true));
        let expressions = step.whens.iter().chain(&step.step.expect).map(|text| (text, false));
        let holds = |(text, is_template): &(&Spanned<String>, bool)| match is_template {
            true => names_in_template(&text.value).is_ok_and(|names| names.contains(name)),
            false => names_in_expression(&text.value).is_ok_and(|names| names.contains(name)),
        };
        let found = templates.chain(expressions).find(holds);
        found.map_or(step.step.name.span, |(text, is_template)| places::of_name(self.source(step), text, name, is_template))
    }

    /// A selector without a template names known hosts, and at least one.
    fn selector(&mut self, step: &ProgramStep) {
        let Some(hosts) = step.step.hosts.as_ref().filter(|hosts| !hosts.value.contains("{{")) else { return };
        let targets: Vec<_> = self.program.targets(step.frame).collect();
        if targets.iter().any(|(_, selector)| selector.contains("{{")) {
            return;
        }
        match Selector::parse(&hosts.value).and_then(|selector| selector.resolve(&self.program.inventory, &targets)) {
            Err(error) if error.fault != Fault::Own => {} // told at the target
            Err(error) => self.found.push(error.diagnostic(self.source(step), hosts.span)),
            Ok(selected) if selected.is_empty() => {
                self.found
                    .error("RB505", self.source(step), hosts.span, "selects no host")
                    .label("nothing is in it")
                    .help("a step needs at least one; look at team/inventory.yaml");
            }
            Ok(_) => {}
        }
    }

    /// A default that only the inventory can judge: the name of a host.
    fn defaults(&mut self) {
        for parameter in &self.program.runbook.parameters {
            let Some(default) = &parameter.default else { continue };
            if let Err(why) = params::check(parameter, &Bytes::from(default.value.as_str()), &self.program.inventory) {
                let message = format!("the default of `{}`: {why}", parameter.name.value);
                self.found
                    .error("RB508", &self.program.runbook.source, default.span, message)
                    .help("write a default that this library knows, or none");
            }
        }
    }

    /// Somebody can satisfy each gate that the author wrote. A library without any key is not set up yet: `doctor` says so once.
    fn gates(&mut self) {
        if self.program.roster.signers.is_empty() {
            return;
        }
        let authored: Vec<GateNo> = self.program.gates.iter().filter(|(_, gate)| gate.asks.is_some()).map(|(gate, _)| *gate).collect();
        for gate in authored {
            let gate = &self.program.gates[&gate];
            let span = gate.asks.as_ref().map_or_else(Span::default, |asks| asks.span);
            let source = self.source_of_gate(gate);
            let instead = gate.asks.as_ref().and_then(|asks| asks.instead.as_ref());
            let (span, why, help) = match (asked(self.program, gate, &[]), instead) {
                (Err(error @ GateError::Unknown { .. }), _) => {
                    let GateError::Unknown { name, .. } = &error else { continue };
                    (source.find_within(span, name), error.to_string(), "name a group of policy.yaml, or a person of allowed_signers")
                }
                (Err(error @ GateError::Unfillable { .. }), _) => {
                    (span, error.to_string(), "ask fewer people, or list more keys in team/allowed_signers")
                }
                (Ok(Asked { instead: None, .. }), Some(instead)) if !is_told(instead, gate) => {
                    let why = format!("nobody but those of `{}` could sign instead as `{}`", instead.of.value, instead.by.value);
                    (instead.by.span, why, "name a group with other people in it, or remove `instead`")
                }
                (Ok(_), _) => continue,
            };
            let gated = gate.asks.as_ref().map(|asks| asks.span);
            let mut steps = self.program.runbook.all_steps().into_iter();
            let on = steps.find(|step| step.gate.as_ref().map(|own| own.span) == gated);
            self.warn(source, &UNFILLABLE_GATE, (on.map_or(span, |step| step.span), span), why, help);
        }
    }

    fn source_of_gate(&self, gate: &ProgramGate) -> &'a Source {
        let first = gate.covers.first().and_then(|step| self.program.step(step));
        first.map_or(&self.program.runbook.source, |step| self.source(step))
    }

    /// A substitute stands in for somebody who is asked, while there is still time.
    fn substitutes(&mut self) {
        for (gate, asks) in self.program.gates.values().filter_map(|gate| Some((gate, gate.asks.as_ref()?))) {
            let Some(InsteadText { of, by, after, .. }) = &asks.instead else { continue };
            let source = self.source_of_gate(gate);
            let names: Vec<&str> = asks.from.iter().flatten().map(|name| name.value.as_str()).collect();
            if !names.contains(&of.value.as_str()) {
                let message = format!("`{}` is not asked by this gate, so nobody can sign in its place", of.value);
                let help = match (did_you_mean(&of.value, names.iter().copied()), names.is_empty()) {
                    (Some(meant), _) => format!("did you mean `{meant}`?"),
                    (None, true) => format!("write `from: [{}]`: without it anyone may approve, and nobody needs a substitute", of.value),
                    (None, false) => format!("`of` is one of `from`: {}", names.join(", ")),
                };
                self.found.error("RB506", source, of.span, message).label("not in `from`").help(help);
            }
            if of.value == by.value {
                let message = format!("`{}` cannot stand in for itself", by.value);
                self.found.error("RB506", source, by.span, message).label("the same").help("name another group or person");
            }
            let expires = asks.expires.as_ref().map_or(DEFAULT_EXPIRY, |expires| expires.value);
            if after.value >= expires {
                let message = format!("the request ends after {expires}, before anybody could sign instead");
                let help = format!("write a shorter `after`, or `expires` longer than {}", after.value);
                self.found.error("RB506", source, after.span, message).label(format!("expected less than {expires}")).help(help);
            }
        }
    }

    fn unused(&mut self) {
        let mut used: BTreeSet<String> = self.program.steps.iter().flat_map(|step| names_of(&step.step, &step.whens)).collect();
        used.extend(self.program.blocks().into_iter().flat_map(|block| names_of(&block.head.step, &block.head.whens)));
        used.extend(self.program.runbook.rules.iter().flat_map(|rule| names_in_expression(&rule.require.value).unwrap_or_default()));
        let symptoms = self.program.runbook.symptoms.iter();
        used.extend(
            symptoms
                .flat_map(|symptom| [&symptom.hosts, &symptom.check].map(|text| names_in_template(&text.value).unwrap_or_default()))
                .flatten(),
        );
        used.extend(self.program.runbook.targets.iter().flat_map(|(_, text)| names_in_template(&text.value).unwrap_or_default()));
        for parameter in &self.program.runbook.parameters {
            if !used.contains(&parameter.name.value) {
                let (name, span) = (&parameter.name.value, parameter.name.span);
                let message = format!("nothing uses the parameter `{name}`");
                let help = format!("use it, as in `{{{{ {name} }}}}`, or remove it");
                self.warn(&self.program.runbook.source, &UNUSED_PARAMETER, (span, span), message, &help);
            }
        }
    }

    /// Steps that change something stay within one environment. The operator's own machine belongs to none.
    fn environments(&mut self) {
        let mut first: Option<(String, String)> = None;
        for step in self.program.steps.iter().filter(|step| step.effect != Effect::Read) {
            for (environment, host) in self.touched(step) {
                let (known, other) = first.get_or_insert((environment.clone(), host.clone()));
                if *known == environment {
                    continue;
                }
                let message = format!("this changes {host} ({environment}), and the runbook changes {other} ({known}), too");
                let span = step.step.hosts.as_ref().map_or(step.step.name.span, |hosts| hosts.span);
                let help = "write a runbook for each environment, or one with a parameter of type `hosts`";
                return self.warn(self.source(step), &MIXED_ENVIRONMENTS, (step.step.span, span), message, help);
            }
        }
    }

    /// Each environment of a step's hosts with one of them; none where a template names the hosts.
    fn touched(&self, step: &ProgramStep) -> BTreeMap<String, String> {
        let targets: Vec<_> = self.program.targets(step.frame).collect();
        let selected =
            step.step.hosts.as_ref().filter(|hosts| !hosts.value.contains("{{")).and_then(|hosts| {
                Selector::parse(&hosts.value).and_then(|selector| selector.resolve(&self.program.inventory, &targets)).ok()
            });
        let hosts = selected.into_iter().flatten().filter(|host| *host != HostName::local());
        let known = hosts.filter_map(|name| Some((self.program.inventory.hosts.get(&name)?.environment.clone(), name.to_string())));
        known.collect::<Vec<_>>().into_iter().rev().collect() // of several hosts the first one is named
    }

    /// Adds what a rule found, unless a comment on these lines allows it with a reason.
    fn warn(&mut self, source: &Source, rule: &Rule, (judged, span): (Span, Span), message: String, help: &str) {
        if !Allowances::read(source).allows(source, rule.code, judged) {
            let mut diagnostic = Diagnostic::new(rule.severity, rule.code, source, span, message);
            diagnostic.help(help);
            self.found.push(diagnostic);
        }
    }
}

/// Whether something worse is told of a substitute: it stands in for nobody who is asked, or for itself.
fn is_told(instead: &InsteadText, gate: &ProgramGate) -> bool {
    let mut asked = gate.asks.iter().flat_map(|asks| asks.from.iter().flatten());
    instead.of.value == instead.by.value || !asked.any(|name| name.value == instead.of.value)
}

fn not_defined<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    match (foreign_name(name), did_you_mean(name, known)) {
        (Some(ours), _) => ours.to_owned(),
        (None, Some(meant)) => format!("did you mean `{meant}`?"),
        (None, None) => "define it under parameters:, or register: it in a step before".to_owned(),
    }
}
