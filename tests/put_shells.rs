//! What `put:` sends, run by the shells that hosts have: every byte arrives, the old file is kept and comes back, and nothing is overwritten
//! that was not shown. Contacts no host.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use runbook::base::{Bytes, HostName, RunId};
use runbook::event::{Action, RunMode, StageWork};
use runbook::library::{Connection, Host, Inventory, Policy, Roster};
use runbook::plan::{Found, Looks, Parameters, Presence, Program, ProgramStep, Role, Scope, Setting, Shelf, prepare};
use runbook::text::{Colour, Source};
use tempfile::TempDir;

/// A shell, and whether the text goes by `eval`, as it does where a step becomes another user.
type Shell = (&'static [&'static str], bool);

const SHELLS: [Shell; 6] =
    [(&["dash"], false), (&["dash"], true), (&["bash"], false), (&["bash"], true), (&["busybox", "sh"], false), (&["busybox", "sh"], true)];

/// A folder of a host, and a runbook that puts one file there.
struct Bench {
    dir: TempDir,
    program: Program,
    shell: Shell,
}

impl Bench {
    fn new(content: &[u8], words: &str, shell: Shell) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("app.conf");
        let text = format!(
            "runbook: put\ntitle: A test\nsteps:\n  - {{name: write, hosts: h, put: {{to: {}, file: app.conf{words}}}, timeout: 5s}}\n",
            to.display()
        );
        Self { program: program(&text, content), dir, shell }
    }

    fn to(&self) -> PathBuf {
        self.dir.path().join("app.conf")
    }

    fn step(&self, is_look: bool) -> &ProgramStep {
        self.program.steps.iter().find(|step| matches!(step.role, Role::Before { .. }) == is_look).unwrap()
    }

    /// The look's own output, as a run would read it.
    fn look(&self) -> Found {
        let output = self.run(action(&self.program, self.step(true), &Scope::default()).command.script.as_slice());
        match output.status.success() {
            true => Found::Said(Bytes::from(output.stdout)),
            false => Found::Refused(String::from_utf8(output.stderr).unwrap()),
        }
    }

    /// The action, once the host was looked at.
    fn looked(&self) -> Action {
        let host: HostName = "h".parse().unwrap();
        let run: RunId = "01J9ABCDEFGHJKMNPQRSTVK7QM".parse().unwrap();
        let looks = Looks { run, round: 1, found: BTreeMap::from([(host, self.look())]) };
        action(&self.program, self.step(false), &Scope::default().having_looked(looks))
    }

    /// The text by this shell, as a claim runs it.
    fn run(&self, script: &[u8]) -> Output {
        let file = self.dir.path().join("script");
        std::fs::write(&file, script).unwrap();
        let ((program, words), by_eval) = (self.shell.0.split_first().unwrap(), self.shell.1);
        let mut command = Command::new(program);
        command.args(words).current_dir("/").stdin(Stdio::null());
        match by_eval {
            false => command.arg(&file),
            true => {
                let text = "rb_s=$(cat && echo .) && exec </dev/null && eval \"unset rb_s; ${rb_s%.}\"";
                command.args(["-c", text]).stdin(std::fs::File::open(&file).unwrap())
            }
        };
        command.output().unwrap()
    }

    fn ok(&self, script: &[u8]) {
        let output = self.run(script);
        assert!(output.status.success(), "{:?}: {}", self.shell, String::from_utf8_lossy(&output.stderr));
    }

    fn refused(&self, script: &[u8], why: &str) {
        let output = self.run(script);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{:?}: expected {why:?}, got {said:?}", self.shell);
    }

    /// Files beside the target that are ours.
    fn beside(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_string_lossy().contains(".runbook-")).collect()
    }
}

fn program(text: &str, content: &[u8]) -> Program {
    let name: HostName = "h".parse().unwrap();
    let connection = Connection::Ssh { address: "h".to_owned(), port: None, user: None };
    let host = Host { name: name.clone(), environment: "production".to_owned(), connection, spool: None };
    let inventory = Inventory { hosts: std::iter::once((name, host)).collect(), ..Inventory::default() };
    let (read, problems) = runbook::runbook::read(&Source::new("put.yaml", text), "put");
    let Some(runbook) = read else { panic!("{text}\n{}", problems.render(Colour::Plain)) };
    let scripts = BTreeMap::from([("app.conf".to_owned(), Bytes::from(content.to_vec()))]);
    let parameters = Parameters::resolve(&runbook, &BTreeMap::new(), &inventory).unwrap();
    let (policy, roster, presence, mode) = (Policy::default(), Roster::default(), Presence::Unattended, RunMode::Real);
    let (requester, shelf) = ("alice@example.com".parse().unwrap(), Shelf { scripts, ..Shelf::default() });
    Program::new(runbook, Setting { inventory, policy, roster, parameters, requester, presence, mode, shelf })
}

fn action(program: &Program, step: &ProgramStep, scope: &Scope) -> Action {
    let stage = prepare(program, step, scope, &BTreeMap::new(), None, 1).unwrap();
    let StageWork::Commands { actions, .. } = stage.work else { panic!("a put has commands") };
    actions.into_iter().next().unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn every_byte() -> Vec<u8> {
    (1..=255).chain((1..=255).rev()).collect()
}

#[test]
fn every_byte_is_written_kept_and_put_back() {
    let contents: [&[u8]; 6] = [
        &every_byte(),
        "it's `id` $HOME \\n \"x\" %s grüße\n\tend\n\n".as_bytes(),
        b"no newline at the end",
        b"dos\r\nfile\r\n",
        b"",
        b"-n\n",
    ];
    for (content, shell) in contents.into_iter().flat_map(|content| SHELLS.map(|shell| (content, shell))) {
        let bench = Bench::new(content, "", shell);
        std::fs::write(bench.to(), b"old\xff").unwrap();
        std::fs::set_permissions(bench.to(), std::fs::Permissions::from_mode(0o640)).unwrap();
        let action = bench.looked();
        for _ in 0..2 {
            bench.ok(action.command.script.as_slice()); // twice is as good as once
            assert_eq!(std::fs::read(bench.to()).unwrap(), content, "{shell:?}");
            assert_eq!(mode(&bench.to()), 0o640, "the old file's mode stays");
            assert_eq!(bench.beside().iter().map(|path| std::fs::read(path).unwrap()).collect::<Vec<_>>(), [b"old\xff"]);
        }
        let undo = action.undo.unwrap();
        for _ in 0..2 {
            bench.ok(undo.script.as_slice());
            assert_eq!((std::fs::read(bench.to()).unwrap().as_slice(), mode(&bench.to())), (&b"old\xff"[..], 0o640));
            assert!(bench.beside().is_empty(), "nothing is left beside it");
        }
    }
}

#[test]
fn a_new_file_is_removed_again_and_not_where_it_was_changed_since() {
    for shell in SHELLS {
        let bench = Bench::new(b"new\n", ", mode: \"0600\"", shell);
        let action = bench.looked();
        bench.ok(action.command.script.as_slice());
        assert_eq!((std::fs::read(bench.to()).unwrap(), mode(&bench.to())), (b"new\n".to_vec(), 0o600));
        let undo = action.undo.unwrap();
        std::fs::write(bench.to(), "mine\n").unwrap();
        bench.refused(undo.script.as_slice(), "was changed since");
        std::fs::write(bench.to(), "new\n").unwrap();
        bench.ok(undo.script.as_slice());
        assert!(!bench.to().exists());
        bench.ok(undo.script.as_slice());
    }
}

#[test]
fn what_was_not_shown_is_not_overwritten() {
    for shell in SHELLS {
        let bench = Bench::new(b"new\n", "", shell);
        std::fs::write(bench.to(), "old\n").unwrap();
        let action = bench.looked();
        std::fs::write(bench.to(), "somebody else's\n").unwrap();
        bench.refused(action.command.script.as_slice(), "is not as it was shown");
        assert_eq!(std::fs::read(bench.to()).unwrap(), b"somebody else's\n");
        std::fs::remove_file(bench.to()).unwrap();
        bench.refused(action.command.script.as_slice(), "is not as it was shown");
        symlink("/etc/passwd", bench.to()).unwrap();
        bench.refused(action.command.script.as_slice(), "is a link");
        assert!(bench.beside().is_empty());
    }
}

#[test]
fn a_look_refuses_what_cannot_be_written() {
    for shell in SHELLS {
        let bench = Bench::new(b"new\n", "", shell);
        let why = |found: Found| match found {
            Found::Refused(why) => why,
            Found::Said(said) => panic!("{said:?}"),
        };
        symlink("/etc/passwd", bench.to()).unwrap();
        assert!(why(bench.look()).contains("is a link"));
        std::fs::remove_file(bench.to()).unwrap();
        std::fs::create_dir(bench.to()).unwrap();
        assert!(why(bench.look()).contains("is no plain file"));
        let host: HostName = "h".parse().unwrap();
        let looks = Looks { run: "01J9ABCDEFGHJKMNPQRSTVK7QM".parse().unwrap(), round: 1, found: BTreeMap::from([(host, bench.look())]) };
        let scope = Scope::default().having_looked(looks);
        let refused = prepare(&bench.program, bench.step(false), &scope, &BTreeMap::new(), None, 1).unwrap_err();
        assert!(refused.to_string().contains("h: ") && refused.to_string().contains("is no plain file"), "{refused}");
    }
}

#[test]
fn a_mode_alone_is_set_and_set_back() {
    for shell in SHELLS {
        let bench = Bench::new(b"same\n", ", mode: \"0600\"", shell);
        std::fs::write(bench.to(), "same\n").unwrap();
        std::fs::set_permissions(bench.to(), std::fs::Permissions::from_mode(0o644)).unwrap();
        let action = bench.looked();
        assert!(action.shows.as_ref().unwrap().to_string().contains("holds this already"));
        bench.ok(action.command.script.as_slice());
        assert_eq!((mode(&bench.to()), bench.beside()), (0o600, Vec::new()));
        bench.ok(action.undo.unwrap().script.as_slice());
        assert_eq!(mode(&bench.to()), 0o644);
        let bench = Bench::new(b"same\n", "", shell);
        std::fs::write(bench.to(), "same\n").unwrap();
        assert_eq!(bench.looked().undo, None, "what changes nothing has no way back");
    }
}

/// A mebibyte is the most that a file of the library may hold.
#[test]
fn the_largest_file_arrives() {
    let text = "0123456789 it's\n".repeat(1 << 16).into_bytes();
    let binary: Vec<u8> = (0..1 << 20).map(|index: u32| (index.wrapping_mul(2_654_435_761) >> 13) as u8).map(|byte| byte.max(1)).collect();
    for (content, shell) in [&text, &binary].into_iter().flat_map(|content| SHELLS.map(|shell| (content, shell))) {
        let bench = Bench::new(content, "", shell);
        bench.ok(bench.looked().command.script.as_slice());
        assert!(std::fs::read(bench.to()).unwrap() == *content, "{shell:?}");
    }
}
