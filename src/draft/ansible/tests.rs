//! Playbooks as drafts: what becomes a step, what is told, and that every draft is read. Runs no Ansible.

use proptest::prelude::*;

use super::{from_playbook, selector_of};
use crate::draft::Draft;
use crate::runbook::read;
use crate::text::{Colour, Source};

fn draft(text: &str) -> Draft {
    from_playbook(&Source::new("a.yml", text), "a").unwrap_or_else(|problems| panic!("{}", problems.render(Colour::Plain)))
}

/// The draft's text, read by our own reader.
fn written(text: &str) -> String {
    let text = draft(text).text("a.yml");
    let (runbook, problems) = read(&Source::new("a.yaml", &text), "a");
    assert!(runbook.is_some(), "{}\n{text}", problems.render(Colour::Plain));
    text
}

#[test]
fn a_playbook_becomes_steps_and_the_rest_is_told() {
    insta::assert_snapshot!(written(include_str!("../../../tests/authoring/restart.yml")));
}

#[test]
fn patterns_of_hosts_become_selectors() {
    for (pattern, selector) in [
        ("web", "web"),
        ("web:db", "web, db"),
        ("web:db:&prod:!web-3", "(web, db) & prod & !web-3"),
        ("web,db", "web, db"),
        ("localhost", "local"),
        ("*", "all"),
    ] {
        assert_eq!(selector_of(pattern).as_deref(), Some(selector));
    }
    for pattern in ["web*", "~web.*", "web[0]", "&web", ""] {
        assert_eq!(selector_of(pattern), None, "{pattern}");
    }
}

#[test]
fn what_ansible_calls_conditions_is_ours_or_told() {
    let task = |when: &str| {
        let text = format!(
            "- hosts: db\n  vars: {{mode: soft}}\n  tasks:\n    - {{name: a, shell: uptime, register: up}}\n    - {{name: b, shell: uptime, when: '{when}'}}\n"
        );
        let text = written(&text);
        text.lines().find(|line| line.contains("when:")).unwrap_or("").trim().to_owned()
    };
    assert_eq!(task("up.rc == 0 and mode == \"soft\""), "when: up.exit_code == 0 and mode == \"soft\"".replace("when: ", "when: '") + "'");
    assert_eq!(task("\"x\" in up.stdout_lines"), "when: '\"x\" in up.lines'");
    for told in ["up is changed", "ansible_os_family == \"Debian\"", "other", "up.results | length", "mode | bool", "up"] {
        assert_eq!(task(told), format!("# not mapped: line 5: when: {told}"));
    }
}

#[test]
fn anchors_are_refused_with_their_place() {
    let problems = from_playbook(&Source::new("a.yml", "- hosts: &x db\n  tasks: []\n"), "a").unwrap_err();
    assert!(problems.render(Colour::Plain).contains("a.yml:1"));
}

proptest! {
    #[test]
    fn every_draft_of_tasks_is_read(names in proptest::collection::vec("[ -~]{0,12}", 1..4), command in "[ -~]{1,40}", register in "[a-z]{1,6}", when in "[a-z.=' ]{0,12}") {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let tasks: String = names
            .iter()
            .map(|name| format!("- name: {}\n  shell: {}\n  register: {register}\n  when: {}\n", quote(name), quote(&command), quote(&when)))
            .collect();
        written(&tasks);
    }
}
