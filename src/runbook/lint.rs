//! Lint: what reads well and goes wrong at night. Looks at the syntax alone, never at an inventory; an allowance needs a reason.

mod allow;
mod called;
mod changing;
mod commands;
mod evidence;
mod files;
mod gates;
mod nesting;
mod neutral;
mod rules;
mod scripts;
mod shell;
mod syntax;
mod whole;

pub use allow::Allowances;
pub use called::programs_called;
pub use files::lint_scripts;
pub use rules::{MIXED_ENVIRONMENTS, RULES, Rule, SHELLCHECK, UNFILLABLE_GATE, UNUSED_PARAMETER};
pub use scripts::{Remark, Script, ScriptShell, remarked, scripts};

use super::{ArtifactOrigin, Gate, Runbook, Step, Work};
use crate::base::{Period, Timestamp};
use crate::event::Effect;
use crate::text::{Diagnostic, Diagnostics, Source, Span};

/// What a team's policy adds to lint.
#[derive(Debug, Clone)]
pub struct LintPolicy {
    /// Commands never to be used, each with the reason.
    pub deny: Vec<(String, String)>,
    /// More commands that change something.
    pub changing: Vec<String>,
    /// Runbooks reviewed longer ago are warned about.
    pub review: Option<Period>,
    pub today: Timestamp,
}

/// Every rule of [`RULES`] over a runbook that was read.
pub fn lint(runbook: &Runbook, policy: &LintPolicy) -> Diagnostics {
    let steps = leaves(runbook);
    let mut report = Report { source: &runbook.source, allowances: Allowances::read(&runbook.source), found: Diagnostics::new() };
    for step in &steps {
        commands::check(&mut report, step, policy);
    }
    scripts::check(&mut report, runbook);
    gates::check(&mut report, &steps);
    evidence::check(&mut report, &steps);
    whole::check(&mut report, runbook, &steps, policy);
    let Report { allowances, mut found, .. } = report;
    found.extend(allowances.problems);
    found
}

/// What in a command text changes something, in words, by the judgement of RB201; `None` where it looks as if it only looked.
pub fn first_change(text: &str) -> Option<String> {
    shell::commands(text).iter().find_map(|command| changing::changes(command, &[]))
}

/// The words of each simple command of a text, without assignments and prefixes such as `sudo`; those in substitutions included.
pub fn simple_commands(text: &str) -> Vec<Vec<String>> {
    shell::commands(text).into_iter().map(|command| command.words).collect()
}

/// A step that does something itself, with what the blocks around it give.
struct Leaf<'r> {
    step: &'r Step,
    timeout: Option<&'r str>,
    hosts: Option<&'r str>,
    /// The gate that covers it, with what it stands on.
    gate: Option<(&'r Gate, &'r Step)>,
}

impl Leaf<'_> {
    /// Whether something is run on a host by the step itself.
    fn contacts_hosts(&self) -> bool {
        match &self.step.work {
            Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => true,
            Work::Block(block) => block.bracket.is_some(),
            Work::Manual { .. } | Work::Choose { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } => false,
        }
    }

    fn effect(&self) -> Effect {
        self.step.effect().unwrap_or(Effect::Read)
    }

    /// The step's commands with their places, and whether each is promised only to look.
    fn commands(&self) -> Vec<(&str, Span, Look)> {
        let mut commands = Vec::new();
        let look = if self.effect() == Effect::Read { Look::Yes } else { Look::No };
        match &self.step.work {
            Work::Run { command, .. } | Work::Check { command, .. } => commands.push((command.value.as_str(), command.span, look)),
            Work::Capture { artifacts } => commands.extend(artifacts.iter().filter_map(|artifact| match &artifact.origin {
                ArtifactOrigin::Run(command) => Some((command.value.as_str(), command.span, Look::Yes)),
                ArtifactOrigin::File(_) => None,
            })),
            Work::Block(block) => {
                let bracket = block.bracket.iter().flat_map(|bracket| [&bracket.acquire, &bracket.release]);
                commands.extend(bracket.map(|command| (command.value.as_str(), command.span, Look::No)));
            }
            Work::Script { .. } | Work::Put(_) | Work::Reboot | Work::Manual { .. } | Work::Choose { .. } => {}
            Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } => {}
        }
        if self.contacts_hosts() {
            commands.extend(self.step.undo.as_ref().map(|undo| (undo.value.as_str(), undo.span, Look::No)));
        }
        commands.extend(self.step.done_when.as_ref().map(|look| (look.value.as_str(), look.span, Look::Yes)));
        commands
    }
}

/// Whether a command is promised only to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Yes,
    No,
}

/// What the blocks around a step say for it.
#[derive(Clone, Copy, Default)]
struct Around<'r> {
    timeout: Option<&'r str>,
    hosts: Option<&'r str>,
    gate: Option<(&'r Gate, &'r Step)>,
}

/// The steps of a runbook that do something themselves, in the order written.
fn leaves(runbook: &Runbook) -> Vec<Leaf<'_>> {
    let mut leaves = Vec::new();
    gather(runbook.steps.iter().chain(&runbook.after_no_return), Around::default(), &mut leaves);
    leaves
}

/// Every step, and every block that runs something itself, with what is in force there.
fn gather<'r>(steps: impl IntoIterator<Item = &'r Step>, around: Around<'r>, leaves: &mut Vec<Leaf<'r>>) {
    for step in steps {
        let timeout = step.timeout.as_ref().map(|timeout| timeout.value.as_str()).or(around.timeout);
        let hosts = step.hosts.as_ref().map(|hosts| hosts.value.as_str()).or(around.hosts);
        let gate = step.gate.as_ref().map(|gate| (gate, step)).or(around.gate);
        let leaf = Leaf { step, timeout, hosts, gate };
        if !step.is_block() || leaf.contacts_hosts() {
            leaves.push(leaf);
        }
        gather(step.children(), Around { timeout, hosts, gate }, leaves);
    }
}

struct Report<'r> {
    source: &'r Source,
    allowances: Allowances,
    found: Diagnostics,
}

impl Report<'_> {
    /// Adds what a rule found, unless a comment on the step, or on the thing itself outside of steps, allows it with a reason.
    fn add(&mut self, rule: &Rule, step: Option<&Step>, span: Span, message: String, label: &str, help: &str) {
        if self.allowances.allows(self.source, rule.code, step.map_or(span, |step| step.span)) {
            return;
        }
        let mut diagnostic = Diagnostic::new(rule.severity, rule.code, self.source, span, message);
        diagnostic.label(label).help(help);
        self.found.push(diagnostic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::read;
    use crate::text::Colour;

    fn policy() -> LintPolicy {
        LintPolicy {
            deny: vec![("redis-cli keys".into(), "it blocks the server".into())],
            changing: vec!["haproxyctl disable".into()],
            review: Some(Period::from_secs(180 * 86_400)),
            today: "2026-11-22T03:00:00Z".parse().unwrap(),
        }
    }

    fn codes_of(text: &str) -> Vec<String> {
        let (runbook, diagnostics) = read(&Source::new("a.yaml", text), "a");
        let runbook = runbook.unwrap_or_else(|| panic!("{}", diagnostics.render(Colour::Plain)));
        let asks_for_review = text.contains("reviewed:");
        let policy = LintPolicy { review: policy().review.filter(|_| asks_for_review), ..policy() };
        let found = lint(&runbook, &policy);
        found.sorted().iter().map(|problem| format!("{}:{}", problem.position().0, problem.code)).collect()
    }

    fn codes(steps: &str) -> Vec<String> {
        codes_of(&format!("runbook: a\ntitle: A\nsteps:\n{steps}"))
    }

    const CHECK: &str = "  - {name: last, hosts: db, check: uptime, timeout: 5s}\n";

    #[test]
    fn the_example_of_the_language_has_nothing_to_say() {
        let text = include_str!("../../tests/malformed/accepted/restart-db.yaml");
        let runbook = read(&Source::new("restart-db.yaml", text), "restart-db").0.unwrap();
        let found = lint(&runbook, &policy());
        assert!(found.is_empty(), "{}", found.render(Colour::Plain));
    }

    #[test]
    fn a_look_that_changes_something_is_an_error_unless_a_comment_says_why() {
        let step = "  - name: x\n    hosts: db\n    check: rm -f /tmp/lock\n    timeout: 5s\n";
        assert_eq!(codes(step), ["6:RB201"]);
        assert!(codes(&format!("  # runbook: allow RB201 because the lock is ours\n{step}")).is_empty());
        assert!(codes(&step.replace("timeout: 5s", "timeout: 5s # runbook: allow RB201 because ours")).is_empty());
        assert_eq!(codes(&format!("  # runbook: allow RB201\n{step}")), ["4:RB211", "7:RB201"]);
        assert_eq!(codes(&format!("  # runbook: allow RB999 because x\n{step}")), ["4:RB211", "7:RB201"]);
        assert_eq!(codes(&format!("  # runbook: allow RB203 because x\n{step}")), ["7:RB201"]);
    }

    #[test]
    fn an_allowance_covers_its_own_step_alone() {
        let step = |name: &str| format!("  - name: {name}\n    hosts: db\n    check: rm -f x\n    timeout: 5s\n");
        let text = format!("  # runbook: allow RB201 because ours\n{}{}", step("one"), step("two"));
        assert_eq!(codes(&text), ["11:RB201"]);
    }

    #[test]
    fn a_look_before_the_work_must_look_only() {
        let step = "  - {name: x, hosts: db, run: a, done_when: rm x, timeout: 5s}\n";
        assert_eq!(codes(&format!("{step}{CHECK}")), ["4:RB201"]);
    }

    #[test]
    fn a_change_asks_for_a_look_after_it() {
        let step = "  - {name: x, hosts: db, run: systemctl restart y, timeout: 5s}\n";
        assert_eq!(codes(step), ["4:RB202"]);
        assert_eq!(codes(&format!("{CHECK}{step}")), ["5:RB202"]);
        assert!(codes(&format!("{step}{CHECK}")).is_empty());
    }

    #[test]
    fn a_command_without_an_end_is_told() {
        assert_eq!(codes("  - {name: x, hosts: db, check: a}\n"), ["4:RB203"]);
        assert_eq!(codes("  - {name: x, hosts: db, check: a, timeout: 25h}\n"), ["4:RB204"]);
        assert!(codes("  - {name: b, hosts: db, timeout: 5s, steps: [{name: x, check: a}]}\n").is_empty());
    }

    #[test]
    fn a_time_out_that_never_comes_is_an_error() {
        assert_eq!(codes("  - {name: x, hosts: db, check: a, timeout: 10000000000s}\n"), ["4:RB219"]);
        assert_eq!(codes("  - {name: x, hosts: db, check: a, timeout: 29h}\n"), ["4:RB204"]);
    }

    #[test]
    fn a_command_that_its_shell_cannot_read_is_an_error_at_its_place() {
        let step = "  - name: x\n    hosts: db\n    timeout: 5s\n    check: |\n      uptime\n      if test -e x; then date\n";
        assert_eq!(codes(step), ["9:RB214"]);
        assert!(codes(&format!("{step}    shell: fish\n")).is_empty());
        assert!(codes(&format!("  # runbook: allow RB214 because the shell is ours\n{step}")).is_empty());
        let bash = "  - {name: x, hosts: db, timeout: 5s, check: 'a <(b)'}\n";
        assert_eq!(codes(bash), ["4:RB214"]);
        assert!(codes(&bash.replace("timeout", "shell: /bin/bash, timeout")).is_empty());
        assert_eq!(
            codes("  - {name: x, hosts: db, run: a, done_when: 'b )', timeout: 5s}\n  - {name: y, hosts: db, check: a, timeout: 5s}\n"),
            ["4:RB214"]
        );
        assert!(
            codes("  - {name: x, hosts: db, timeout: 5s, check: \"test {% if host %}-e{% else %}-f ({% endif %} '{{ host }}'\"}\n")
                .is_empty()
        );
    }

    #[test]
    fn a_gate_after_the_change_is_told() {
        let run = "  - {name: one, hosts: db, run: a, timeout: 5s}\n";
        let gated = |step: &str| step.replace("}\n", ", gate: {approvals: 1}}\n").replace("one", "two");
        assert_eq!(codes(&format!("{run}{}", gated(CHECK))), ["5:RB216"]);
        assert!(codes(&format!("{}{}", gated(run), gated(CHECK))).is_empty());
        assert!(codes(&format!("{}{CHECK}", gated(run))).is_empty());
        assert!(codes(&format!("{run}{}{CHECK}", gated(run))).is_empty(), "two changes, and the policy's gate for the first");
        let destroys = run.replace("timeout", "effect: destructive, evidence: {waive: none}, timeout");
        assert_eq!(codes(&format!("{destroys}{}{CHECK}", gated(run))), ["5:RB216"]);
        let manual = "  - {name: tell, manual: them}\n";
        assert!(codes(&format!("{manual}{}", gated(CHECK))).is_empty());
        let allowed = "  # runbook: allow gate-too-late because the first is harmless\n";
        assert!(codes(&format!("{run}{allowed}{}", gated(CHECK))).is_empty());
    }

    #[test]
    fn what_is_destroyed_is_kept_before() {
        let step = "  - {name: x, hosts: db, run: rm -r /old, effect: destructive, timeout: 5s}\n";
        let capture = "  - {name: keep, hosts: db, capture: {a.txt: {run: ls -l /old}}, timeout: 5s}\n";
        assert_eq!(codes(&format!("{step}{CHECK}")), ["4:RB218"]);
        assert!(codes(&format!("{capture}{step}{CHECK}")).is_empty());
        assert_eq!(codes(&format!("{}{step}{CHECK}", capture.replace("db", "web"))), ["5:RB218"]);
        assert!(codes(&format!("{}{CHECK}", step.replace("timeout", "evidence: {waive: it is a cache}, timeout"))).is_empty());
    }

    #[test]
    fn what_belongs_to_no_step_can_be_allowed_too() {
        let text = |comment: &str| format!("runbook: a\ntitle: A\n{comment}reviewed: 2026-01-01\nsteps:\n{CHECK}");
        assert_eq!(codes_of(&text("")), ["3:RB210"]);
        assert!(codes_of(&text("# runbook: allow RB210 because the move is next week\n")).is_empty());
    }

    #[test]
    fn a_word_in_its_opposite_is_told() {
        let step = |rest: &str| format!("  - {{name: x, hosts: db, timeout: 5s, {rest}}}\n");
        assert_eq!(codes(&step("check: a, expect: '\"active\" in stdout'")), ["4:RB205"]);
        assert_eq!(codes(&step("check: \"systemctl status x | grep -q active\"")), ["4:RB205"]);
        assert!(codes(&step("check: a, expect: 'stdout == \"active\"'")).is_empty());
        assert!(codes(&step("check: a, expect: '\"inactive\" in stdout'")).is_empty());
        assert!(codes(&step("check: \"a | grep -qw active\"")).is_empty());
    }

    #[test]
    fn what_cannot_be_repeated_is_not_idempotent() {
        let step = "  - {name: x, hosts: db, effect: idempotent, run: echo x >> y, timeout: 5s}\n";
        assert_eq!(codes(&format!("{step}{CHECK}")), ["4:RB206"]);
    }

    #[test]
    fn the_policys_words_count() {
        assert_eq!(codes("  - {name: x, hosts: db, check: \"redis-cli -h y KEYS '*'\", timeout: 5s}\n"), ["4:RB207"]);
        assert_eq!(codes("  - {name: x, hosts: db, check: haproxyctl disable y, timeout: 5s}\n"), ["4:RB201"]);
    }

    #[test]
    fn what_nobody_uses_is_told() {
        let step = "  - {name: x, hosts: db, check: a, timeout: 5s, register: free}\n";
        assert_eq!(codes(step), ["4:RB208"]);
        let user = "  - {name: y, hosts: db, check: \"test {{ free.value }} -gt 5\", timeout: 5s}\n";
        assert!(codes(&format!("{step}{user}")).is_empty());
    }

    #[test]
    fn five_gates_in_a_row_are_one_too_many_for_people() {
        let step = |n: usize| format!("  - {{name: s{n}, hosts: db, run: a, gate: {{approvals: 1}}, timeout: 5s}}\n");
        let steps: String = (0..5).map(step).collect();
        assert_eq!(codes(&format!("{steps}{CHECK}")), ["4:RB209"]);
        let four: String = (0..4).map(step).collect();
        assert!(codes(&format!("{four}{CHECK}")).is_empty());
    }

    #[test]
    fn a_runbook_that_nobody_read_for_long_is_told() {
        let text = |date: &str| format!("runbook: a\ntitle: A\nreviewed: {date}\nsteps:\n{CHECK}");
        assert_eq!(codes_of(&text("2026-01-01")), ["3:RB210"]);
        assert!(codes_of(&text("2026-11-01")).is_empty());
    }

    #[test]
    fn an_unquoted_value_in_a_command_is_an_error() {
        let step = "  - {name: x, hosts: db, check: \"a {{ free | raw }}\", timeout: 5s}\n";
        assert_eq!(codes(step), ["4:RB213"]);
    }

    #[test]
    fn every_rule_has_a_code_of_its_own() {
        let codes: std::collections::BTreeSet<&str> = RULES.iter().map(|rule| rule.code).collect();
        assert_eq!(codes.len(), RULES.len());
    }
}
