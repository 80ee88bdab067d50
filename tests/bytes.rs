//! Parameters reach the target as exactly the bytes that were given, wherever they stand in a command, under dash, bash and busybox ash.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};

use lab::{Lab, shown};
use proptest::prelude::*;
use runbook::base::Bytes;
use runbook::plan::{Given, Scope, command};

const SHELLS: [&[&str]; 3] = [&["dash"], &["bash"], &["busybox", "ash"]];

/// Every way in which a value can stand in a command, each printing it alone.
const PLACES: [&str; 8] = [
    "printf '%s' {{ value }}",
    "printf '%s' \"{{ value }}\"",
    "printf '%s' '{{ value }}'",
    "printf '%s' pre{{ value }}post",
    "x={{ value }}; printf '%s' \"$x\"",
    "f() { printf '%s' \"$1\"; }; f {{ value }}",
    "case x in x) printf '%s' {{ value }};; esac # the end",
    "sh -c 'printf \"%s\" \"$1\"' sh {{ value }}",
];

fn printed(shell: &[&str], script: &[u8]) -> Vec<u8> {
    let mut child = Command::new(shell[0])
        .args(&shell[1..])
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs {}: {error}", shell[0]));
    child.stdin.take().unwrap().write_all(script).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{shell:?}: {}\n{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(script));
    output.stdout
}

fn rendered(template: &str, value: &[u8]) -> Vec<u8> {
    let parameters = BTreeMap::from([("value".to_owned(), Given::Text(Bytes::from(value.to_vec())))]);
    command(template, &Scope::new(&parameters, &BTreeMap::new())).unwrap()
}

fn arrives(value: &[u8]) {
    for shell in SHELLS {
        for place in PLACES {
            let expected = if place.contains("pre{{") { [b"pre", value, b"post"].concat() } else { value.to_vec() };
            let got = printed(shell, &rendered(place, value));
            assert_eq!(Bytes::from(got), Bytes::from(expected), "{shell:?} {place}");
        }
    }
}

#[test]
fn hostile_values_arrive_as_they_are() {
    for value in [
        "; touch x",
        "$(touch x)",
        "`touch x`",
        "a\nb\n",
        "it's \"quoted\"",
        "-rf",
        "",
        " ",
        "*",
        "~",
        "\\",
        "\\n",
        "!!",
        "$x",
        "a\r\nb\t",
        "é\u{202e}",
    ] {
        arrives(value.as_bytes());
    }
}

#[test]
fn all_bytes_but_nul_arrive_as_they_are() {
    let all: Vec<u8> = (1..=255).collect();
    arrives(&all);
    for byte in 1..=255u8 {
        let value = [b'a', byte, b'b'];
        for shell in SHELLS {
            assert_eq!(printed(shell, &rendered(PLACES[0], &value)), value, "{shell:?} {byte}");
        }
    }
}

#[test]
fn a_value_within_a_command_substitution_is_one_word_of_it() {
    for shell in SHELLS {
        let script = rendered("printf '%s' \"$(printf '<%s>' {{ value }} end)\"", b"a b; c\n$(d) 'e' \"f\"");
        assert_eq!(printed(shell, &script), b"<a b; c\n$(d) 'e' \"f\"><end>");
    }
}

#[test]
fn a_value_in_a_here_document_is_a_part_of_its_line() {
    for shell in SHELLS {
        for (template, value) in
            [("cat <<EOF\nx {{ value }} y\nEOF\n", "$HOME `id` \\ 'q' \"r\" EOF"), ("cat <<'EOF'\nx {{ value }} y\nEOF\n", "$HOME \\ 'q'")]
        {
            assert_eq!(printed(shell, &rendered(template, value.as_bytes())), format!("x {value} y\n").as_bytes(), "{shell:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_value_arrives_as_it_is(value in proptest::collection::vec(1u8..=255, 0..40)) {
        arrives(&value);
    }
}

/// From the operator's command line through plan, approval, record and SSH to the file on the target.
#[test]
fn all_bytes_reach_a_target_over_ssh_under_a_claim_and_without() {
    let lab = Lab::with_hosts(&["db"], "staging");
    let dir = lab.dir.path().display();
    lab.runbook(
        "bytes",
        &format!(
            "parameters:\n  given: {{type: string}}\nsteps:\n  - name: Claimed\n    hosts: db\n    run: printf '%s' {{{{ given }}}} > {dir}/claimed\n    timeout: 20s\n  \
             - name: Direct\n    hosts: db\n    check: printf '%s' {{{{ given }}}}\n    timeout: 20s\n  \
             - name: By its environment\n    hosts: db\n    env: {{VALUE: \"{{{{ given }}}}\"}}\n    run: printf '%s' \"$VALUE\" > {dir}/environment\n    timeout: 20s\n  \
             - name: Verified\n    hosts: db\n    check: cmp {dir}/claimed {dir}/environment\n    timeout: 20s\n"
        ),
    );
    let all: Vec<u8> = (1..=255).collect();
    let mut command = lab.runbook_as("alice", &["exec", "bytes"]);
    let output = command.arg("-p").arg(OsString::from_vec([b"given=".as_slice(), &all].concat())).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(std::fs::read(lab.path("claimed")).unwrap(), all);
    assert_eq!(std::fs::read(lab.path("environment")).unwrap(), all);
    assert_eq!(std::fs::read(lab.run_folder().join("output/direct/db.1.out")).unwrap(), all);
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}
