//! `reboot:` as commands: the look at which start of the system it is, the wish for another, and the look for it. Never asks for a restart itself.

use minijinja::value::Value;

use super::looks::Found;
use super::made::Made;
use super::program::Program;
use super::render::RenderError;
use super::template::{self, Scope};
use crate::base::{Bytes, HostName, Period};
use crate::library::Connection;

/// Which start of the system it is: Linux's boot id, or what other systems have.
const BOOT: &str = include_str!("reboot/boot.sh");
const LOOK: &str = include_str!("reboot/look.sh");
const ASK: &str = include_str!("reboot/ask.sh");
const BACK: &str = include_str!("reboot/back.sh");

/// Seconds between the wish and the restart: enough for a slow disk to hold that the wish was carried out, which is what keeps it from being
/// carried out twice.
const DELAY: u32 = 5;

/// How long asking may take.
pub(in crate::plan) const ASKING: Period = Period::from_secs(60);
/// How long one look for the new start may take; a host that is coming up answers slowly.
pub(in crate::plan) const LOOKING: Period = Period::from_secs(30);

/// The look that comes before.
pub(in crate::plan) fn look(program: &Program, host: &HostName, scope: &Scope) -> Result<Made, RenderError> {
    let is_here = program.inventory.hosts.get(host).is_some_and(|host| matches!(host.connection, Connection::Local));
    match is_here {
        true => Err(RenderError::Text { word: "reboot", why: format!("{host} is this machine: the run would end with it") }),
        false => Ok(Made { command: script(LOOK, scope)?, undo: None, shows: None, keeps: Vec::new() }),
    }
}

/// The wish for a restart, where the host is still in the start that was seen.
pub(in crate::plan) fn ask(host: &HostName, scope: &Scope) -> Result<Made, RenderError> {
    match seen(host, scope) {
        Ok(was) => {
            let scope = scope.with([("was", Value::from(was.as_str())), ("delay", Value::from(DELAY))]);
            let shows = format!("restarts the host; its present start of the system is {was}");
            Ok(Made { command: script(ASK, &scope)?, undo: None, shows: Some(Bytes::from(shows.as_str())), keeps: Vec::new() })
        }
        Err(why) => Made::refusal(&format!("reboot: {why}"), scope),
    }
}

/// The look for another start than the one that was seen.
pub(in crate::plan) fn back(host: &HostName, within: Period, scope: &Scope) -> Result<Made, RenderError> {
    match seen(host, scope) {
        Ok(was) => {
            let scope = scope.with([("was", Value::from(was.as_str()))]);
            let shows = format!("looks again and again, for at most {within}, until the host answers from another start of the system");
            Ok(Made { command: script(BACK, &scope)?, undo: None, shows: Some(Bytes::from(shows.as_str())), keeps: Vec::new() })
        }
        Err(why) => Made::refusal(&format!("reboot: {why}"), scope),
    }
}

/// What can be said before any host is looked at.
pub(in crate::plan) fn sketch(is_back: bool) -> Vec<String> {
    let line = match is_back {
        false => "restarts the host, once; which start of the system it is in now is looked at first",
        true => "looks again and again until the host answers from another start of the system",
    };
    vec![line.to_owned()]
}

fn seen(host: &HostName, scope: &Scope) -> Result<String, String> {
    match scope.looks().and_then(|looks| looks.found.get(host)) {
        Some(Found::Said(said)) => match said.as_str().map(str::trim) {
            Some(was) if !was.is_empty() && !was.contains('\n') => Ok(was.to_owned()),
            Some(_) | None => Err("the host does not say which start of its system this is".to_owned()),
        },
        Some(Found::Refused(why)) => Err(why.clone()),
        None => Err("the host could not be looked at, so it is not restarted".to_owned()),
    }
}

fn script(text: &str, scope: &Scope) -> Result<Bytes, RenderError> {
    let whole = text.replace("@BOOT@\n", BOOT);
    let mut script = template::command(&whole, scope).map_err(|source| RenderError::Template { word: "reboot", source })?;
    script.push(b'\n');
    Ok(Bytes::from(script))
}
