//! What a runbook can be started from. Each template is lint clean as it stands; a test sees to it.

use crate::draft::quoted;

/// One template.
pub(super) struct Template {
    pub(super) name: &'static str,
    /// In a few words.
    pub(super) about: &'static str,
    text: &'static str,
}

/// All of them, the most careful first.
pub(super) const TEMPLATES: [Template; 6] = [
    Template { name: "look", about: "diagnose only: looks at hosts, changes nothing", text: include_str!("look.yaml") },
    Template {
        name: "restart",
        about: "save what is lost, ask at a gate, restart, look whether it helped",
        text: include_str!("restart.yaml"),
    },
    Template { name: "rolling", about: "one host after another, each looked at before the next", text: include_str!("rolling.yaml") },
    Template { name: "disk", about: "a disk is full: what takes the room, make some, look again", text: include_str!("disk.yaml") },
    Template { name: "manual", about: "a checklist for people; no commands", text: include_str!("manual.yaml") },
    Template {
        name: "database",
        about: "a session blocks PostgreSQL: who, end it behind a gate, look again",
        text: include_str!("database.yaml"),
    },
];

/// What a template is filled in with.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) owner: String,
    /// A selector.
    pub(super) hosts: String,
    /// `YYYY-MM-DD`.
    pub(super) today: String,
}

impl Template {
    /// Whether it asks for hosts.
    pub(super) fn needs_hosts(&self) -> bool {
        self.text.contains("@HOSTS@")
    }

    /// The runbook's text.
    pub(super) fn filled(&self, answers: &Answers) -> String {
        self.text.lines().map(|line| format!("{}\n", filled_line(line, answers))).collect()
    }
}

fn filled_line(line: &str, answers: &Answers) -> String {
    let values = [
        ("@NAME@", answers.name.clone()),
        ("@TITLE@", quoted(&answers.title)),
        ("@OWNER@", quoted(&answers.owner)),
        ("@HOSTS@", quoted(&answers.hosts)),
        ("@TODAY@", answers.today.clone()),
    ];
    // one mark a line, so that no answer is looked at for another mark
    let found = values.iter().find(|(mark, _)| line.contains(mark));
    found.map_or_else(|| line.to_owned(), |(mark, value)| line.replace(mark, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::writing::MODELINE;
    use crate::library::{read_inventory, read_policy};
    use crate::plan::{Parameters, Presence, Program, Setting, check};
    use crate::runbook::{LintPolicy, lint, read};
    use crate::text::{Colour, Source};

    fn answers() -> Answers {
        Answers {
            name: "try".into(),
            title: "A \"title\": with 'quotes' # and signs".into(),
            owner: "yes".into(),
            hosts: "web & !web-3".into(),
            today: "2026-11-22".into(),
        }
    }

    #[test]
    fn every_template_is_lint_clean_and_can_be_planned() {
        let inventory =
            read_inventory(&Source::new("i", "hosts: {web-1: {groups: [web]}, web-2: {groups: [web]}, web-3: {groups: [web]}}")).0.unwrap();
        let policy = read_policy(&Source::new("p", "domain: example.com\npeople: {alice@example.com: {groups: [dba]}}\n")).0.unwrap();
        for template in &TEMPLATES {
            let text = format!("{MODELINE}{}", template.filled(&answers()));
            assert!(!text.contains('@') || !text.contains("@H"), "{text}");
            let (runbook, mut problems) = read(&Source::new("runbooks/try.yaml", &text), "try");
            let runbook = runbook.unwrap_or_else(|| panic!("{}\n{text}", problems.render(Colour::Plain)));
            assert_eq!((runbook.title.as_str(), runbook.owner.as_deref()), (answers().title.as_str(), Some("yes")));
            let today = "2026-11-23T00:00:00Z".parse().unwrap();
            problems.extend(lint(&runbook, &LintPolicy { deny: Vec::new(), changing: Vec::new(), review: policy.review, today }));
            let setting = Setting {
                inventory: inventory.clone(),
                policy: policy.clone(),
                roster: crate::library::Roster::default(),
                parameters: Parameters::defaults(&runbook, &inventory),
                requester: "alice@example.com".parse().unwrap(),
                presence: Presence::Attended,
                mode: crate::event::RunMode::Real,
                shelf: crate::plan::Shelf::default(),
            };
            problems.extend(check(&Program::new(runbook, setting)));
            let problems = problems.render(Colour::Plain);
            assert!(problems.is_empty(), "{}: {problems}", template.name);
        }
    }
}
