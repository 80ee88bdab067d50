//! What can be known to be wrong with a runbook before it runs: templates, names, selectors and gates, all problems at once. Contacts nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::gates::slots;
use super::names::{TemplateKind, names_of, names_to_render, templates_of};
use super::params;
use super::program::{Program, ProgramStep};
use super::template::{TemplateError, check_places, names_in_expression, names_in_template};
use crate::base::{Bytes, GateNo};
use crate::library::Selector;
use crate::text::{Diagnostics, Source, Span, Spanned, did_you_mean};

/// All problems of a runbook within its library. The diagnostics' codes are RB501 to RB509.
pub fn check(program: &Program) -> Diagnostics {
    let mut found = Check { program, source: &program.runbook.source, found: Diagnostics::new() };
    for (index, step) in program.steps.iter().enumerate() {
        found.templates(step);
        found.names(index, step);
        found.selector(step);
    }
    found.targets();
    found.defaults();
    found.gates();
    found.unused();
    found.found
}

struct Check<'a> {
    program: &'a Program,
    source: &'a Source,
    found: Diagnostics,
}

impl Check<'_> {
    /// Each template is well-formed, and each value of a command stands where it can be quoted.
    fn templates(&mut self, step: &ProgramStep) {
        for (text, kind) in templates_of(&step.step) {
            let outcome = match kind {
                TemplateKind::Command => check_places(&text.value),
                TemplateKind::Plain => names_in_template(&text.value).map(|_| ()),
            };
            if let Err(error) = outcome {
                self.template_error(text, &error);
            }
        }
        for text in step.whens.iter().chain(&step.step.expect) {
            if let Err(error) = names_in_expression(&text.value) {
                self.template_error(text, &error);
            }
        }
    }

    fn template_error(&mut self, text: &Spanned<String>, error: &TemplateError) {
        let span = match error {
            TemplateError::Wrong { line: Some(line), .. } => self.line_of(text, *line),
            TemplateError::Wrong { line: None, .. } | TemplateError::Undefined { .. } | TemplateError::Quote(_) => text.span,
        };
        let code = if matches!(error, TemplateError::Quote(_)) { "RB502" } else { "RB501" };
        self.found.error(code, self.source, span, error.to_string());
    }

    fn line_of(&self, text: &Spanned<String>, line: usize) -> Span {
        let wanted = text.value.lines().nth(line.saturating_sub(1)).unwrap_or("").trim();
        self.source.find_within(text.span, wanted)
    }

    /// Each name is a parameter, `host`, or the result of a step that came before, and not of one behind the same gate.
    fn names(&mut self, index: usize, step: &ProgramStep) {
        let parameters: BTreeSet<&str> = self.program.runbook.parameters.iter().map(|parameter| parameter.name.value.as_str()).collect();
        let registered: BTreeMap<&str, &ProgramStep> =
            self.program.steps.iter().filter_map(|step| Some((step.step.register.as_ref()?.value.as_str(), step))).collect();
        let before: BTreeSet<&str> =
            self.program.steps[..index].iter().filter_map(|step| step.step.register.as_ref()).map(|name| name.value.as_str()).collect();
        let to_render = names_to_render(&step.step);
        let own = ["stdout", "stderr", "exit_code", "json", "lines", "value", "seconds", "host"];
        let in_expect = step.step.expect.as_ref().and_then(|text| names_in_expression(&text.value).ok()).unwrap_or_default();
        for name in names_of(&step.step, &step.whens) {
            let known = parameters.contains(name.as_str()) || before.contains(name.as_str()) || name == "host";
            let span = self.place_of(step, &name);
            if known || (in_expect.contains(&name) && own.contains(&name.as_str())) {
                let behind = registered.get(name.as_str()).is_some_and(|other| self.is_behind_one_gate(other, step));
                if behind && to_render.contains(&name) {
                    self.behind_same_gate(span, &name);
                }
                continue;
            }
            let message = match registered.contains_key(name.as_str()) {
                true => format!("`{name}` is registered by a later step"),
                false => format!("`{name}` is not defined"),
            };
            let help = did_you_mean(&name, parameters.iter().chain(&before).copied()).map_or_else(
                || "define it under parameters:, or register: it in a step before".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            self.found.error("RB503", self.source, span, message).help(help);
        }
    }

    fn is_behind_one_gate(&self, one: &ProgramStep, other: &ProgramStep) -> bool {
        one.gate == other.gate && self.program.gates.get(&one.gate).is_some_and(|gate| gate.asks.is_some())
    }

    fn behind_same_gate(&mut self, span: Span, name: &str) {
        self.found
            .error(
                "RB504",
                self.source,
                span,
                format!("`{name}` is found out behind the same gate, so this could not be shown to who approves it"),
            )
            .help("give this step a gate of its own, or move the step that registers it before the gate");
    }

    /// The first place in a step where a name stands.
    fn place_of(&self, step: &ProgramStep, name: &str) -> Span {
        let texts = templates_of(&step.step).into_iter().map(|(text, _)| text);
        let all = texts.chain(&step.whens).chain(&step.step.expect);
        let holds = |text: &&Spanned<String>| {
            let names = names_in_template(&text.value).unwrap_or_default();
            names.contains(name) || names_in_expression(&text.value).is_ok_and(|names| names.contains(name))
        };
        let found = all.into_iter().find(holds);
        found.map_or(step.step.name.span, |text| self.source.find_within(text.span, name))
    }

    /// A selector without a template names known hosts, and at least one.
    fn selector(&mut self, step: &ProgramStep) {
        let Some(hosts) = step.step.hosts.as_ref().filter(|hosts| !hosts.value.contains("{{")) else { return };
        let targets: Vec<_> = self.program.targets().collect();
        if targets.iter().any(|(_, selector)| selector.contains("{{")) {
            return;
        }
        match Selector::parse(&hosts.value).and_then(|selector| selector.resolve(&self.program.inventory, &targets)) {
            Err(error) => self.found.push(error.diagnostic(self.source, hosts.span)),
            Ok(selected) if selected.is_empty() => {
                self.found
                    .error("RB505", self.source, hosts.span, "selects no host")
                    .help("a step needs at least one; look at team/inventory.yaml");
            }
            Ok(_) => {}
        }
    }

    fn targets(&mut self) {
        let targets: Vec<_> = self.program.targets().collect();
        for (_, selector) in self.program.runbook.targets.iter().filter(|(_, selector)| !selector.value.contains("{{")) {
            let resolved = Selector::parse(&selector.value).and_then(|parsed| parsed.resolve(&self.program.inventory, &targets));
            if let Err(error) = resolved {
                self.found.push(error.diagnostic(self.source, selector.span));
            }
        }
    }

    /// A default that only the inventory can judge: the name of a host.
    fn defaults(&mut self) {
        for parameter in &self.program.runbook.parameters {
            let Some(default) = &parameter.default else { continue };
            if let Err(why) = params::check(parameter, &Bytes::from(default.value.as_str()), &self.program.inventory) {
                let message = format!("the default of `{}`: {why}", parameter.name.value);
                self.found.error("RB508", self.source, default.span, message).help("write a default that this library knows, or none");
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
            if let Err(error) = slots(self.program, gate, &[]) {
                self.found.warning("RB506", self.source, span, error.to_string());
            }
        }
    }

    fn unused(&mut self) {
        let mut used: BTreeSet<String> = self.program.steps.iter().flat_map(|step| names_of(&step.step, &step.whens)).collect();
        used.extend(self.program.runbook.targets.iter().flat_map(|(_, text)| names_in_template(&text.value).unwrap_or_default()));
        for parameter in &self.program.runbook.parameters {
            if !used.contains(&parameter.name.value) {
                let message = format!("the parameter `{}` is never used", parameter.name.value);
                self.found.warning("RB507", self.source, parameter.name.span, message).help("remove it, or use it");
            }
        }
    }
}
