//! What runbooks will ask of their hosts, as far as that is known before a run: users to become, programs to find, room. Contacts no host.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Bytes, HostName};
use crate::event::Effect;
use crate::plan::{Outline, Program, ProgramStep, Scope, outline, plain, select};
use crate::runbook::{TextKind, Work, programs_called};

/// Shells whose words the lexer of lint knows.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"];

/// A step that asks for something.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    pub runbook: String,
    /// Its id, in no loop's turn.
    pub step: String,
    pub number: String,
    pub name: String,
}

/// A program that is to be found, by the user who will call it; `None` is whoever logs in.
pub(super) type Called = (Option<String>, String);

/// What is asked of one host.
#[derive(Debug, Clone, Default)]
pub(super) struct Wants {
    /// Users that steps become.
    pub users: BTreeMap<String, BTreeSet<Use>>,
    pub programs: BTreeMap<Called, BTreeSet<Use>>,
    /// Steps that change something, and so leave a claim in the spool.
    pub claims: BTreeSet<Use>,
    /// All of them.
    pub uses: BTreeSet<Use>,
}

/// What runbooks ask for.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub hosts: BTreeMap<HostName, Wants>,
    /// Steps whose hosts, or whose user, only a run can name.
    pub unknown: BTreeSet<Use>,
}

/// What each host is asked for, as far as it is known.
pub(super) fn needs(programs: &[Program]) -> Needs {
    let mut needs = Needs::default();
    for program in programs {
        let outline = outline(program).ok();
        for step in program.steps.iter().filter(|step| contacts_hosts(&step.step.work)) {
            let called = if step.is_written() { called_by(program, step) } else { BTreeSet::new() };
            let places = places(program, outline.as_ref(), step);
            if places.is_empty() {
                needs.unknown.insert(use_of(program, step));
            }
            for (host, user) in places {
                needs.hosts.entry(host).or_default().take(use_of(program, step), user, &called, step.effect);
            }
        }
    }
    needs
}

impl Wants {
    fn take(&mut self, used: Use, user: Option<String>, called: &BTreeSet<String>, effect: Effect) {
        self.uses.insert(used.clone());
        if effect > Effect::Read {
            self.claims.insert(used.clone());
        }
        for name in called {
            self.programs.entry((user.clone(), name.clone())).or_default().insert(used.clone());
        }
        if let Some(user) = user {
            self.users.entry(user).or_default().insert(used);
        }
    }
}

pub(super) fn use_of(program: &Program, step: &ProgramStep) -> Use {
    Use {
        runbook: program.frames[step.frame].runbook.name.value.clone(),
        step: step.id.base().to_owned(),
        number: step.number.clone(),
        name: step.step.name.value.clone(),
    }
}

fn contacts_hosts(work: &Work) -> bool {
    match work {
        Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => true,
        Work::Manual { .. } | Work::Choose { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => false,
    }
}

/// A host, with the user that a step becomes there.
type Place = (HostName, Option<String>);

/// Each host of a step, with the user that it becomes there: as the parameters' defaults say, whether its conditions hold or not.
fn places(program: &Program, outline: Option<&Outline<'_>>, step: &ProgramStep) -> BTreeSet<Place> {
    let mut places = outline.map_or(BTreeSet::new(), |outline| rendered_places(outline, step));
    let scope = Scope::new(program.parameters.given(), []);
    // What a called runbook is given is known to the outline alone.
    let known = |text: &str| step.frame == 0 || !text.contains("{{");
    let hosts = step.step.hosts.as_ref().filter(|hosts| known(&hosts.value));
    let hosts = hosts.and_then(|hosts| select(program, step.frame, hosts, &scope).ok()).unwrap_or_default();
    let user = step.step.r#become.as_ref().filter(|user| known(&user.value));
    let user = user.and_then(|user| plain(&user.value, &scope).ok());
    if step.step.r#become.is_some() && user.is_none() {
        return places;
    }
    places.extend(hosts.into_iter().map(|host| (host, user.clone())));
    places
}

/// The same from the outline, which knows loops, batches and what calls give.
fn rendered_places(outline: &Outline<'_>, step: &ProgramStep) -> BTreeSet<Place> {
    let of_step = outline.steps.iter().filter(|outlined| outlined.step.id.base() == step.id.base());
    let actions = of_step.filter_map(|outlined| outlined.stage()).flat_map(|stage| stage.work.actions().to_vec());
    actions.map(|action| (action.host, action.command.r#become)).collect()
}

/// The programs that a step's own texts call; none where the step sets its own search path, or its shell is not known here.
fn called_by(program: &Program, step: &ProgramStep) -> BTreeSet<String> {
    let (shell, file) = match &step.step.work {
        Work::Run { shell, .. } | Work::Check { shell, .. } => (shell.as_ref(), None),
        Work::Script { file, shell } => (shell.as_ref(), program.scripts.get(&file.value).and_then(Bytes::as_str)),
        _ => (None, None), // runs in `sh`, or nothing that an author wrote
    };
    let mut called: BTreeSet<String> = shell.iter().map(|shell| shell.value.clone()).filter(|shell| !shell.contains("{{")).collect();
    let known = shell.is_none_or(|shell| SHELLS.contains(&shell.value.rsplit('/').next().unwrap_or_default()));
    if known && !step.step.env.iter().any(|(name, _)| name.value == "PATH") {
        let texts = step.step.texts().into_iter().filter(|(_, kind)| *kind == TextKind::Command).map(|(text, _)| text.value.as_str());
        called.extend(texts.chain(file).flat_map(programs_called));
    }
    let written = written_there(program);
    called.retain(|name| !written.contains(name.rsplit('/').next().unwrap_or(name)));
    called
}

/// Names of the files that the runbook itself puts onto hosts: they may be the programs that it calls.
fn written_there(program: &Program) -> BTreeSet<&str> {
    let paths = program.steps.iter().filter_map(|step| match &step.step.work {
        Work::Put(put) => Some(put.to.value.as_str()),
        _ => None, // names no file that it writes
    });
    paths.filter_map(|path| path.rsplit('/').next()).collect()
}
