//! Secrets, end to end over a real sshd: the step has each byte, and no file, screen, log or process of anybody else has one.

#[path = "support/lab.rs"]
#[allow(dead_code)] // other tests use the rest of it
mod lab;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use lab::{Lab, shown, until};
use sha2::{Digest, Sha256};

const PASSWORD: &str = "pa$$ 'w\"rd\\ hunter2-e2e\nsecond-line-of-it";
const TOKEN: &str = "tok-8f3a9c-e2e/with+slash";
const KEY: &str = "key line one e2e\nkey line two e2e";
const HOST_FILE: &str = "lies-on-the-host-e2e";

/// What each value looks like wherever it is printed as it is, or in one of the usual encodings.
fn needles() -> Vec<String> {
    use base64::Engine as _;
    let encode = |value: &str| base64::engine::general_purpose::STANDARD.encode(value);
    let all = [PASSWORD, TOKEN, KEY, HOST_FILE];
    let hex = |value: &str| value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut needles: Vec<String> = all.iter().flat_map(|value| [(*value).to_owned(), encode(value), hex(value)]).collect();
    needles.extend(["hunter2-e2e", "second-line-of-it", "8f3a9c-e2e", "line one e2e", "on-the-host-e2e"].map(str::to_owned));
    needles
}

fn found_in(bytes: &[u8]) -> Option<String> {
    needles().into_iter().find(|needle| bytes.windows(needle.len()).any(|part| part == needle.as_bytes()))
}

/// Every file of the lab but those that are the secrets' own places.
fn leaks(folder: &Path, own: &[PathBuf]) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let leak = |path: PathBuf| match path.is_dir() {
        true => leaks(&path, own),
        false if own.contains(&path) => Vec::new(),
        false => found_in(&fs::read(&path).unwrap_or_default()).map(|needle| format!("{}: {needle}", path.display())).into_iter().collect(),
    };
    entries.flat_map(leak).collect()
}

fn sha256(value: &str) -> String {
    Sha256::digest(value).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A lab with the four places in which secrets are kept.
struct Kept {
    lab: Lab,
    own: Vec<PathBuf>,
    password: String,
}

const PRINTS: &str = r#"
      for value in "$A" "$B" "$C" "$D"; do printf %s "$value" | sha256sum; done
      echo "as it is: $A and $B"; printf %s "$A" | base64 >&2; printf 'user:%s' "$B" | base64; printf %s "$C" | od -An -tx1 | tr -d ' \n'
      printf '\n%s' "$D"
"#;

impl Kept {
    fn new() -> Self {
        let lab = Lab::with_hosts(&["web-1"], "staging");
        let own: Vec<PathBuf> = ["token", "key", "host-file"].map(|name| lab.path(name)).to_vec();
        for (path, value) in own.iter().zip([TOKEN, KEY, HOST_FILE]) {
            fs::write(path, format!("{value}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { lab, own, password: format!("{PASSWORD}{}", ulid::Ulid::generate()) }
    }

    /// A runbook whose steps are given all four, as A, B, C and D.
    fn runbook(&self, name: &str, steps: &str) {
        let [token, key, host] = [0, 1, 2].map(|index| self.own[index].display().to_string());
        self.lab.runbook(
            name,
            &format!(
                "secrets:\n  password: {{env: LAB_E2E_PASSWORD}}\n  token: {{file: {token}}}\n  key: {{command: [cat, {key}]}}\n  \
                 on_host: {{hosts: web-1, file: {host}}}\nsteps:\n  - name: All\n    hosts: web-1\n    timeout: 1m\n    \
                 env: {{A: \"{{{{ password }}}}\", B: \"{{{{ token }}}}\", C: \"{{{{ key }}}}\", D: \"{{{{ on_host }}}}\"}}\n    steps:\n{steps}"
            ),
        );
    }

    fn run(&self, args: &[&str]) -> Output {
        self.lab.runbook_as("alice", args).env("LAB_E2E_PASSWORD", &self.password).env("RUNBOOK_LOG", "trace").output().unwrap()
    }

    fn no_leak(&self, said: &[u8]) {
        assert_eq!(found_in(said), None, "{}", String::from_utf8_lossy(said));
        assert_eq!(leaks(self.lab.dir.path(), &self.own), Vec::<String>::new());
    }
}

#[test]
fn a_step_has_its_secrets_and_the_record_the_screen_and_the_log_do_not() {
    let kept = Kept::new();
    let printing = PRINTS.trim_end().replace("\n      ", "\n          ");
    let steps = format!(
        r#"      - name: Look
        check: |{printing}
        register: seen
      - name: Change
        run: |{printing}
        done_when: test "$B" = nothing
        expect: "'e2e' not in stdout and 'secret:token' in stdout"
      - name: Again
        check: echo {{{{ seen.stdout }}}}
      - name: Fail
        check: echo "failed with $B" >&2; exit 3
        on_failure: continue
"#
    );
    kept.runbook("prints", &steps);
    let output = kept.run(&["exec", "prints"]);
    kept.no_leak(&[output.stdout.as_slice(), &output.stderr].concat());
    let text = shown(&output);
    assert!(text.contains("DEBUG") && text.contains("failed with [secret:token]"), "{text}");
    let folder = kept.lab.run_folder();
    let out = fs::read_to_string(folder.join("output/change/web-1.1.out")).unwrap();
    for value in [&kept.password, TOKEN, KEY, HOST_FILE] {
        assert!(out.contains(&sha256(value)), "{value:?} did not reach the step to the byte:\n{out}");
    }
    for mark in ["[secret:password]", "[secret:token]", "[secret:key]", "[secret:on_host]"] {
        assert!(out.contains(mark), "{mark}\n{out}");
    }
    assert_eq!(fs::read_to_string(folder.join("output/change/web-1.1.err")).unwrap().trim(), "[secret:password]");
    let (ours, theirs, said) = kept.lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

/// Process ids whose command line or environment holds this text, with their sessions.
fn who_shows(text: &str) -> Vec<(String, String)> {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let shows = |pid: String| {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let visible = [read("cmdline"), read("environ")].concat();
        visible.windows(text.len()).find(|part| *part == text.as_bytes())?;
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        Some((pid, stat.rsplit(") ").next()?.split(' ').nth(3)?.to_owned()))
    };
    pids.filter(|name| name.bytes().all(|c| c.is_ascii_digit())).filter_map(shows).collect()
}

#[test]
fn while_a_step_runs_no_other_process_shows_its_secrets_and_a_new_runner_hides_them_as_well() {
    let kept = Kept::new();
    let (started, go) = (kept.lab.path("started"), kept.lab.path("go"));
    let steps = format!(
        "      - name: Wait\n        effect: once\n        run: |\n          set -- $(cat /proc/$$/stat)\n          sleep 1000 & echo \"$6\" >{0}.new; mv {0}.new {0}\n          while [ ! -e {1} ]; do sleep 0.1; done\n          \
         kill $!\n          echo \"$A $B $C $D\"\n",
        started.display(),
        go.display()
    );
    kept.runbook("waits", &steps);
    let log = |name: &str| fs::File::create(kept.lab.path(name)).unwrap();
    let mut exec = kept.lab.runbook_as("alice", &["exec", "waits"]);
    let mut exec = exec.env("LAB_E2E_PASSWORD", &kept.password).stdout(log("exec.out")).stderr(log("exec.err")).spawn().unwrap();
    until("the step runs", || started.exists().then_some(()));
    let own = fs::read_to_string(&started).unwrap().trim().to_owned();
    let mut looks = 0;
    until("a look at the step's child", || {
        let seen = who_shows(&kept.password[PASSWORD.len()..]);
        let others: Vec<_> = seen.iter().filter(|(pid, session)| *session != own && *pid != exec.id().to_string()).collect();
        assert!(others.is_empty(), "{others:?} show it; the step is {own}, we are {}", exec.id());
        assert_eq!(leaks(kept.lab.dir.path(), &kept.own), Vec::<String>::new());
        looks += usize::from(seen.iter().any(|(_, session)| *session == own));
        (looks >= 3).then_some(())
    });
    exec.kill().unwrap(); // the runner dies; the step goes on with what it has
    exec.wait().unwrap();
    fs::write(&go, "").unwrap();
    let output = kept.run(&["resume", "latest"]);
    assert!(output.status.success(), "{}", shown(&output));
    kept.no_leak(&[output.stdout.as_slice(), &output.stderr].concat());
    let out = fs::read_to_string(kept.lab.run_folder().join("output/wait/web-1.1.out")).unwrap();
    assert_eq!(out, "[secret:password] [secret:token] [secret:key] [secret:on_host]\n");
    assert_eq!(kept.lab.verify().0, 0);
}

#[test]
fn a_secret_that_cannot_be_fetched_starts_nothing_and_says_why() {
    let kept = Kept::new();
    let mark = kept.lab.path("ran");
    kept.runbook("refused", &format!("      - name: Change\n        run: touch {}\n", mark.display()));
    for (broken, says) in [
        ("password", "the secret `password` cannot be fetched: the variable LAB_E2E_PASSWORD is not set"),
        ("token", "No such file or directory"),
        ("key", "cat ended with exit status 1"),
        ("on_host", "the secret `on_host` cannot be read: web-1: cat: "),
        ("short", "the secret `token` has 3 bytes; expected at least 4"),
    ] {
        let places = [("token", 0), ("key", 1), ("on_host", 2)];
        let path = places.iter().find(|(name, _)| *name == broken).map(|(_, index)| &kept.own[*index]);
        path.iter().for_each(|path| fs::rename(path, path.with_extension("away")).unwrap());
        if broken == "short" {
            fs::write(&kept.own[0], "abc\n").unwrap();
        }
        let mut exec = kept.lab.runbook_as("alice", &["exec", "refused"]);
        if broken != "password" {
            exec.env("LAB_E2E_PASSWORD", &kept.password);
        }
        let output = exec.output().unwrap();
        assert!(!output.status.success() && shown(&output).contains(says), "{broken}: {}", shown(&output));
        assert!(!mark.exists(), "{broken}");
        assert_eq!(kept.lab.verify().0, 0, "{broken}");
        path.iter().for_each(|path| fs::rename(path.with_extension("away"), path).unwrap());
    }
}

#[test]
fn a_plan_a_page_and_a_dry_run_name_each_origin_and_a_prompt_needs_a_terminal() {
    let kept = Kept::new();
    kept.runbook("named", "      - name: Change\n        run: \"true\"\n");
    let plan = shown(&kept.run(&["plan", "named"]));
    assert!(plan.contains("[secret:password] from env LAB_E2E_PASSWORD\n"), "{plan}");
    assert!(plan.contains("  $ export A=\"$rb_secret_password\" # [secret:password] from env LAB_E2E_PASSWORD\n"), "{plan}");
    assert!(shown(&kept.run(&["show", "named"])).contains("Secrets\n  [secret:password] from env LAB_E2E_PASSWORD\n"));
    for verb in ["plan", "show"] {
        let output = kept.run(&[verb, "named", "--output", "json"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["secrets"][0], serde_json::json!({"name": "password", "from": "env LAB_E2E_PASSWORD"}), "{verb}");
    }
    fs::set_permissions(&kept.own[0], fs::Permissions::from_mode(0o644)).unwrap();
    let dry = kept.run(&["exec", "named", "--dry-run"]);
    let said = shown(&dry);
    for line in [
        "[secret:password] from env LAB_E2E_PASSWORD: can be fetched\n",
        "is open to others (mode 0644): chmod 600",
        "it is read on the host",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let doctor = shown(&kept.run(&["doctor"]));
    assert!(doctor.contains("secrets") && doctor.contains("mode 0644"), "{doctor}");
    kept.no_leak(&[plan.as_bytes(), said.as_bytes(), doctor.as_bytes()].concat());
    kept.lab.runbook(
        "asks",
        "secrets: {pin: {prompt: true}}\nsteps:\n  - name: Use\n    hosts: web-1\n    check: \"true\"\n    env: {PIN: \"{{ pin }}\"}\n",
    );
    let refused = shown(&kept.run(&["exec", "asks"]));
    assert!(
        refused.contains("the secret `pin` is asked for at a terminal, and there is none") && refused.contains("another origin"),
        "{refused}"
    );
}
