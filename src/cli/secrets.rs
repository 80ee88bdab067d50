//! Secrets as the command line deals with them: where each is kept, what is asked for at the terminal, and whether each could be had. Shows none.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use crate::base::{Redactor, Secret, SecretValue, mark};
use crate::effects::{BoxFuture, SecretPlace, fetch_secret, look_for_secret};
use crate::plan::{Program, SecretUse, origin_words, secrets_in_use, secrets_of};
use crate::runbook::{Runbook, SecretOrigin};
use crate::runner::{Fetched, SecretSource, SecretTrouble};

/// The operator's side of a run's secrets.
#[derive(Debug, Default)]
pub struct Origins {
    /// What was asked for at the terminal, by frame and name.
    prompted: BTreeMap<(usize, String), SecretValue>,
}

impl Origins {
    /// Asks for what only a person can give, before the run begins: nobody must be at the terminal for it later. What no step of this run
    /// will be given is not asked for.
    ///
    /// # Errors
    /// Where nobody can be asked, or gives what cannot be kept out of the record.
    pub fn ask(context: &Context, program: &Program) -> Result<Self, Failure> {
        let mut prompted = BTreeMap::new();
        for SecretUse { frame, secret } in carried(program) {
            let name = &secret.name.value;
            if !matches!(secret.origin, SecretOrigin::Prompt) {
                continue;
            }
            if !context.is_attended() {
                return Err(Failure::usage(format!(
                    "the secret `{name}` is asked for at a terminal, and there is none. Start the run at one, or give the secret another origin \
                     in the runbook: env, file or command"
                )));
            }
            prompted.insert((frame, name.clone()), hidden(context, name)?);
        }
        Ok(Self { prompted })
    }
}

/// The secrets of steps that will run, and are not only shown.
fn carried(program: &Program) -> Vec<SecretUse<'_>> {
    let runs = |given: &SecretUse<'_>| {
        let of_it = |step: &crate::plan::ProgramStep| {
            secrets_of(program, step).iter().any(|other| other.frame == given.frame && other.secret.name.value == given.secret.name.value)
        };
        program.steps.iter().any(|step| step.road == crate::plan::Road::Carry && of_it(step))
    };
    secrets_in_use(program).into_iter().filter(runs).collect()
}

/// Reads a line that is not shown, until it can be kept out of what is printed.
fn hidden(context: &Context, name: &str) -> Result<SecretValue, Failure> {
    loop {
        let typed = dialoguer::Password::new().with_prompt(format!("{} (not shown)", mark(name))).allow_empty_password(true).interact();
        let typed = Secret::new(typed.map_err(|error| Failure::usage(format!("no value for the secret `{name}`: {error}")))?.into_bytes());
        match Redactor::can_hide(name, typed.expose()) {
            Ok(()) => return Ok(typed),
            Err(why) => context.talk(&format!("the secret `{name}` {why}\n")),
        }
    }
}

impl SecretSource for Origins {
    fn fetch<'a>(&'a self, SecretUse { frame, secret }: SecretUse<'a>) -> BoxFuture<'a, Result<Fetched, SecretTrouble>> {
        let name = secret.name.value.clone();
        Box::pin(async move {
            let trouble = |why: String| SecretTrouble { why: format!("the secret `{name}` {why}") };
            let Some(place) = place_of(&secret.origin) else {
                let value = self.prompted.get(&(frame, name.clone())).map(|value| Secret::new(value.expose().clone()));
                let value = value.ok_or_else(|| trouble("was not asked for when the run began. Resume it at a terminal".to_owned()))?;
                return Ok(Fetched { value, remarks: Vec::new() });
            };
            let value = fetch_secret(&place).await.map_err(|error| trouble(error.to_string()))?;
            let remark = look_for_secret(&place).ok().flatten().map(|remark| format!("warning: the secret `{name}`: {remark}"));
            Ok(Fetched { value, remarks: remark.into_iter().collect() })
        })
    }
}

/// Where on this machine a secret is kept; `None` for what is asked for, or lies on hosts.
fn place_of(origin: &SecretOrigin) -> Option<SecretPlace> {
    match origin {
        SecretOrigin::Env(name) => Some(SecretPlace::Env(name.value.clone())),
        SecretOrigin::File(path) => Some(SecretPlace::File(path.value.clone())),
        SecretOrigin::Command(words) => Some(SecretPlace::Command(words.iter().map(|word| word.value.clone()).collect())),
        SecretOrigin::Prompt | SecretOrigin::OnHost { .. } => None,
    }
}

/// The variables of our environment that hold secrets of the program: nothing that we start inherits them where it need not.
pub fn variables(program: &Program) -> Vec<String> {
    let all = program.frames.iter().flat_map(|frame| &frame.runbook.secrets);
    let of_env = |secret: &crate::runbook::Secret| match &secret.origin {
        SecretOrigin::Env(name) => Some(name.value.clone()),
        SecretOrigin::File(_) | SecretOrigin::Command(_) | SecretOrigin::Prompt | SecretOrigin::OnHost { .. } => None,
    };
    all.filter_map(of_env).collect()
}

/// How a secret was found, without a byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Yes,
    /// It can be fetched; somebody should look.
    ButLook(String),
    /// Nobody can say before it is needed, and why.
    Later(&'static str),
    No(String),
}

/// Looks whether a secret is where its origin says. Runs no program and asks nobody.
pub fn look(secret: &crate::runbook::Secret) -> Found {
    match (&secret.origin, place_of(&secret.origin)) {
        (SecretOrigin::Command(_), _) => Found::Later("its program is run when a step needs it"),
        (SecretOrigin::Prompt, _) => Found::Later("it is asked for at the terminal when a run begins"),
        (SecretOrigin::OnHost { .. }, _) => Found::Later("it is read on the host when a step needs it"),
        (SecretOrigin::Env(_) | SecretOrigin::File(_), place) => match place.as_ref().map(look_for_secret) {
            Some(Ok(None)) | None => Found::Yes,
            Some(Ok(Some(remark))) => Found::ButLook(remark),
            Some(Err(error)) => Found::No(error.to_string()),
        },
    }
}

/// The same by fetching it, for a dry run. The value is given up at once.
fn rehearse(secret: &crate::runbook::Secret) -> Found {
    let (name, found) = (&secret.name.value, look(secret));
    let Some(place) = place_of(&secret.origin).filter(|_| !matches!(found, Found::No(_))) else { return found };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let fetched = match runtime {
        Ok(runtime) => runtime.block_on(fetch_secret(&place)).map_err(|error| error.to_string()),
        Err(error) => Err(format!("cannot be fetched: {error}")),
    };
    match fetched.and_then(|value| Redactor::can_hide(name, value.expose()).map_err(|error| error.to_string())) {
        Ok(()) if matches!(found, Found::Later(_)) => Found::Yes,
        Ok(()) => found,
        Err(why) => Found::No(why),
    }
}

/// Says for each secret of a dry run whether it could be had.
pub fn tell_of_all(context: &Context, program: &Program) {
    for SecretUse { secret, .. } in secrets_in_use(program) {
        let says = match rehearse(secret) {
            Found::Yes => "can be fetched".to_owned(),
            Found::ButLook(remark) => format!("can be fetched; {remark}"),
            Found::Later(why) => why.to_owned(),
            Found::No(why) => why,
        };
        context.talk(&format!("{}: {says}\n", words(secret)));
    }
}

/// `[secret:db_password] from env PGPASSWORD`
pub fn words(secret: &crate::runbook::Secret) -> String {
    format!("{} from {}", mark(&secret.name.value), origin_words(&secret.origin))
}

/// A secret as programs are told of it.
#[derive(Debug, Serialize)]
pub struct SecretJson<'r> {
    name: &'r str,
    /// In words: `env PGPASSWORD`.
    from: String,
}

/// All that a runbook names.
pub fn secrets_json(runbook: &Runbook) -> Vec<SecretJson<'_>> {
    runbook.secrets.iter().map(|secret| SecretJson { name: &secret.name.value, from: origin_words(&secret.origin) }).collect()
}
