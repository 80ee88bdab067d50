//! What the redactor must hold for every secret, every form and every cut of a stream.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use proptest::prelude::*;

use super::*;

fn redactor(value: &[u8]) -> Redactor {
    Redactor::new([("db", value)]).unwrap()
}

fn redacted(value: &str, text: &str) -> String {
    redactor(value.as_bytes()).text(text)
}

/// The same text in parts of these lengths, again and again.
fn in_parts(redactor: &Redactor, text: &[u8], lengths: &[usize]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    let mut stream = Redacting::new(Arc::new(redactor.clone()));
    for length in lengths.iter().cycle() {
        let (part, later) = rest.split_at((*length).clamp(1, rest.len().max(1)).min(rest.len()));
        stream.feed(part, |bytes| out.extend_from_slice(bytes));
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    stream.end(|bytes| out.extend_from_slice(bytes));
    out
}

#[test]
fn a_secret_is_hidden_as_programs_print_it() {
    let value = "it's \"p&ss\"/wörd$\\x\n1";
    for form in [
        value.to_owned(),
        STANDARD.encode(value),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE.encode(value),
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
        value.bytes().map(|byte| format!("{byte:02X}")).collect(),
        "it%27s%20%22p%26ss%22%2Fw%C3%B6rd%24%5Cx%0A1".to_owned(),
        "it%27s+%22p%26ss%22%2fw%c3%b6rd%24%5cx%0a1".to_owned(),
        serde_json::to_string(value).unwrap().trim_matches('"').to_owned(),
        "it's \\\"p\\u0026ss\\\"/wörd$\\\\x\\n1".to_owned(),
        "it's \\\"p&ss\\\"/w\\u00f6rd$\\\\x\\n1".to_owned(),
        "it's \\\"p&ss\\\"\\/wörd$\\\\x\\n1".to_owned(),
        "it'\\''s \"p&ss\"/wörd$\\x\n1".to_owned(),
        "it'\"'\"'s \"p&ss\"/wörd$\\x\n1".to_owned(),
        "it's \\\"p&ss\\\"/wörd\\$\\\\x\n1".to_owned(),
        "it\\'s \"p&ss\"/wörd$\\\\x\\n1".to_owned(),
        format!("{value:?}").trim_matches('"').to_owned(),
        crate::base::escaped(value.as_bytes()),
        crate::base::ascii(value.as_bytes()),
    ] {
        assert_eq!(redacted(value, &format!("<{form}>")), "<[secret:db]>", "{form}");
    }
}

#[test]
fn what_the_shells_of_this_machine_print_is_hidden() {
    let value = "a'' $b \"c\" \\d `e` !f;g";
    for (shell, command) in [
        ("dash", "set -x; : \"$S\"; set +x; export -p; set"),
        ("bash", "set -x; : \"$S\"; set +x; export -p; set; printf '%q\\n' \"$S\"; echo ${S@Q} ${S@E}"),
        ("busybox", "set -x; : \"$S\"; set +x; export -p; set"),
    ] {
        let mut run = std::process::Command::new(shell);
        if shell == "busybox" {
            run.arg("ash");
        }
        let Ok(output) = run.args(["-c", command]).env("S", value).output() else { continue };
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.matches("S=").count() >= 2, "{shell}: {text}");
        let left: Vec<String> = redacted(value, &text).lines().filter(|line| line.contains("$b")).map(str::to_owned).collect();
        assert!(left.is_empty(), "{shell}: {left:?}");
    }
}

#[test]
fn what_base64_breaks_into_lines_is_hidden_and_so_is_each_line_of_a_key() {
    let key: String = (0..20).map(|line| format!("line {line} of a key, {}\n", "x".repeat(40))).collect();
    let text = STANDARD.encode(&key);
    for length in [64, 76] {
        let lines: Vec<&str> = (0..text.len()).step_by(length).map(|at| &text[at..(at + length).min(text.len())]).collect();
        let shown = redacted(&key, &lines.join("\n"));
        assert!(shown.len() < 20 && shown.starts_with("[secret:db]"), "{shown}");
    }
    let shown = redacted(&key, &key.replace('\n', "\r\n  "));
    assert!(!shown.contains("of a key"), "{shown}");
    assert_eq!(redacted("{\n}\nhunter2!!", "{ a } hunter2!!"), "{ a } [secret:db]");
}

#[test]
fn the_longest_of_several_is_hidden_and_the_first_gives_its_name() {
    let redactor = Redactor::new([("short", &b"hunter"[..]), ("long", b"hunter2hunter"), ("same", b"hunter")]).unwrap();
    assert_eq!(redactor.text("hunter2hunter hunter hunter2"), "[secret:long] [secret:short] [secret:short]2");
    assert_eq!(Redactor::default().text("hunter"), "hunter");
}

#[test]
fn what_cannot_be_hidden_is_refused_with_its_reason() {
    for (value, says) in [
        (&b""[..], "is empty"),
        (b"abc", "has 3 bytes; expected at least 4"),
        (b"a\0bcdef", "NUL"),
        (b"secret", "reads like the mark"),
        (&[b'x'; 20_000], "expected at most 16384"),
    ] {
        let error = Redactor::new([("db", value)]).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let debug = format!("{:?}", redactor(b"hunter22"));
    assert!(!debug.contains("hunter22") && debug.contains("forms"), "{debug}");
}

/// A value, what stands before, between and behind it, and how it is cut.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(1..=255u8, 4..40),
        "[ -~]{4,30}".prop_map(String::into_bytes),
        "[ab]{4,9}".prop_map(String::into_bytes),
        "\\PC{4,12}(\n\\PC{0,12}){0,3}".prop_map(String::into_bytes),
    ]
}

/// The value in one of its forms, or noise that may look like a part of one.
fn piece(value: &[u8], which: u8, cut: usize) -> Vec<u8> {
    let all: Vec<Vec<u8>> = crate::base::forms::forms(value, SHORTEST).into_iter().collect();
    let form = &all[usize::from(which) % all.len()];
    match which % 3 {
        0 => form.clone(),
        1 => form[..cut % form.len()].to_vec(),
        _ => form[cut % form.len()..].to_vec(),
    }
}

proptest! {
    #[test]
    fn any_cut_of_any_stream_gives_the_same_bytes(value in value(), pieces in proptest::collection::vec((any::<u8>(), any::<usize>()), 0..8), lengths in proptest::collection::vec(1..50usize, 1..6)) {
        prop_assume!(Redactor::can_hide("db", &value).is_ok());
        let redactor = redactor(&value);
        let text: Vec<u8> = pieces.iter().flat_map(|(which, cut)| piece(&value, *which, *cut)).collect();
        prop_assert_eq!(in_parts(&redactor, &text, &lengths), redactor.bytes(&text));
    }

    #[test]
    fn no_form_of_the_secret_is_left(value in value(), before in "[ -~]{0,9}", which in any::<usize>(), behind in "[ -~]{0,9}") {
        // a mark in the text, or a form of it that the surroundings complete, could be told from no mark of ours
        prop_assume!(Redactor::can_hide("db", &value).is_ok());
        let all: Vec<Vec<u8>> = crate::base::forms::forms(&value, SHORTEST).into_iter().collect();
        let in_mark = |form: &Vec<u8>| form.iter().any(|byte| b"[secret:db]".contains(byte));
        let form = &all[which % all.len()];
        let shown = redactor(&value).bytes(&[before.as_bytes(), form, behind.as_bytes()].concat());
        for form in all.iter().filter(|form| form.len() > 11 || !in_mark(form)) {
            prop_assert!(!shown.windows(form.len()).any(|part| part == form.as_slice()), "{:?} in {:?}", form, String::from_utf8_lossy(&shown));
        }
    }

    #[test]
    fn base64_of_a_text_around_the_secret_leaves_no_more_than_its_edges(value in "[!-~]{8,30}", before in "[ -~]{0,9}", behind in "[ -~]{0,9}") {
        let shown = redactor(value.as_bytes()).text(&STANDARD.encode(format!("{before}{value}{behind}")));
        prop_assert!(shown.contains("[secret:db]"), "{}", shown);
        let left: usize = shown.split("[secret:db]").map(str::len).sum();
        prop_assert!(left <= (before.len() + behind.len()).div_ceil(3) * 4 + 8, "{}", shown);
    }
}
