//! How a secret stands in a plan, and where it may not.

use std::collections::BTreeMap;

use super::*;
use crate::event::RunMode;
use crate::library::{Inventory, Policy, Roster, read_inventory};
use crate::plan::{Parameters, Presence, Setting, Shelf, check, prepare, stage_lines};
use crate::text::Colour;

const TOP: &str = "runbook: dump\ntitle: A test\nsecrets:\n  db_password: {env: PGPASSWORD}\n  token: {hosts: db, file: /etc/app/token}\n";

fn inventory() -> Inventory {
    read_inventory(&Source::new("inventory", "hosts: {db-1: {groups: [db]}, web-1: {}}")).0.unwrap()
}

fn program(text: &str) -> Program {
    let (runbook, problems) = crate::runbook::read(&Source::new("dump.yaml", &format!("{TOP}{text}")), "dump");
    let runbook = runbook.unwrap_or_else(|| panic!("{}", problems.render(Colour::Plain)));
    let setting = Setting {
        inventory: inventory(),
        policy: Policy::default(),
        roster: Roster::default(),
        parameters: Parameters::defaults(&runbook, &inventory()),
        requester: "alice@example.com".parse().unwrap(),
        presence: Presence::Unattended,
        mode: RunMode::Real,
        shelf: Shelf::default(),
    };
    Program::new(runbook, setting)
}

fn said(text: &str) -> String {
    check(&program(text)).render(Colour::Plain)
}

#[test]
fn a_secret_stands_in_the_script_by_its_name_and_origin() {
    let program = program(
        "steps:\n  - name: Dump\n    hosts: db-1\n    run: pg_dump app\n    done_when: test -e dump\n    env: {A: \"{{ db_password }}\", B: '{{token}}', C: it's}\n",
    );
    let stage = prepare(&program, &program.steps[0], &Scope::default(), &BTreeMap::new(), None, 1).unwrap();
    let lines = stage_lines(&stage).join("\n");
    assert!(lines.contains("  $ export A=\"$rb_secret_db_password\" # [secret:db_password] from env PGPASSWORD\n"), "{lines}");
    assert!(lines.contains("  ? export B=\"$rb_secret_token\" # [secret:token] from file /etc/app/token on db\n"), "{lines}");
    assert!(lines.contains("  $ export C='it'\\''s'\n"), "{lines}");
    let names: Vec<&str> = secrets_of(&program, &program.steps[0]).into_iter().map(|given| given.secret.name.value.as_str()).collect();
    assert_eq!(names, ["db_password", "token"]);
    assert!(!check(&program).has_errors(), "{}", check(&program).render(Colour::Plain));
}

#[test]
fn a_secret_of_other_hosts_is_refused_where_it_does_not_lie() {
    let program = program("steps:\n  - name: Ask\n    hosts: web-1\n    check: curl x\n    env: {TOKEN: \"{{ token }}\"}\n");
    let refused = prepare(&program, &program.steps[0], &Scope::default(), &BTreeMap::new(), None, 1).unwrap_err();
    assert_eq!(refused.to_string(), "env: the secret `token` lies on db and not on web-1");
}

#[test]
fn a_secret_anywhere_else_is_refused_with_the_remedy() {
    for step in [
        "run: psql -W {{ db_password }}",
        "run: echo '{{ db_password | length }}'",
        "run: \"true\"\n    undo: echo {{ db_password }}",
        "run: \"true\"\n    done_when: echo {{ db_password }}",
        "run: \"true\"\n    cwd: /{{ db_password }}",
        "run: \"true\"\n    become: \"{{ db_password }}\"",
        "run: \"true\"\n    timeout: \"{{ db_password }}\"",
        "run: \"true\"\n    when: db_password == \"x\"",
        "run: \"true\"\n    env: {URL: \"postgres://{{ db_password }}@db\"}",
        "run: \"true\"\n    env: {URL: \"{{ db_password | upper }}\"}",
        "run: \"true\"\n    env: {URL: \"{{ [db_password] }}\"}",
        "run: \"true\"\n    why: because {{ db_password }}",
        "run: \"true\"\n    gate: {approvals: 1, ask: \"is it {{ db_password }}\"}",
        "check: \"true\"\n    expect: stdout == db_password",
        "check: \"true\"\n    until: {within: \"{{ db_password }}\"}",
    ] {
        let said = said(&format!(
            "steps:\n  - name: Do\n    hosts: db-1\n    {step}\n  - name: Use\n    hosts: db-1\n    check: \"true\"\n    env: {{A: \"{{{{ db_password }}}}\", B: \"{{{{ token }}}}\"}}\n"
        ));
        assert!(said.contains("error[RB516]: the secret `db_password` would be shown here"), "{step}\n{said}");
        assert!(said.contains("write `env: {DB_PASSWORD: \"{{ db_password }}\"}` and use \"$DB_PASSWORD\" in the command"), "{said}");
    }
    for other in ["hosts: \"{{ db_password }}\"\n    check: \"true\"", "manual: say {{ db_password }}", "wait: \"{{ db_password }}\""] {
        let said = said(&format!("steps:\n  - name: Do\n    {other}\n"));
        assert!(said.contains("error[RB516]"), "{other}\n{said}");
    }
}

#[test]
fn a_secret_that_nobody_is_given_and_an_origin_with_a_template_are_told() {
    let text = "  far: {file: \"/etc/{{ x }}\"}\nsteps:\n  - name: Do\n    hosts: db-1\n    check: \"true\"\n    env: {A: \"{{ far }}\"}\n";
    let said = said(text);
    assert!(said.contains("warning[RB517]: the secret `db_password` is given to no step"), "{said}");
    assert!(said.contains("error[RB516]: the origin of the secret `far` holds a template"), "{said}");
}
