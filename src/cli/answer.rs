//! `runbook approve` and `runbook deny`: the second person's side. Shows exactly what would be signed, and signs nothing else.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{AnswerArgs, Output};
use super::context::Context;
use super::delivery::{Heard, await_verdict};
use super::failure::{Exit, Failure};
use super::past::Past;
use super::request_page::{page, wrapped};
use crate::approval::{Approval, Denial, Kind, Request, judge_request, namespace};
use crate::base::{Digest, RunId};
use crate::effects::{Identity, KeyAtHand, SshKeygen, sign};
use crate::event::Head;
use crate::journal::{RunFolder, read_bytes};
use crate::library::Library;
use crate::views::seconds;

/// How often a wrong code may be typed.
const TRIES: usize = 3;

/// A request as the second person has it.
struct Asked {
    request: Request,
    /// Where the journal stood when it was looked at.
    journal: Head,
    from: From,
}

enum From {
    Run(Box<Past>),
    File(PathBuf),
}

#[derive(Serialize)]
struct AnswerJson {
    run: String,
    gate: u32,
    /// `approved` or `denied`.
    answer: &'static str,
    person: String,
    /// SHA-256 of the signed document.
    document: String,
    /// Where it lies, when it was not given to the run itself.
    file: Option<String>,
    /// `counted`, `refused`, or `delivered` where no runner has looked at it yet.
    state: &'static str,
    why: Option<String>,
    /// In whose place it was counted, where the signer stood in.
    instead_of: Option<String>,
}

/// `runbook approve [RUN|FILE]`
pub fn approve(context: &Context, args: &AnswerArgs) -> Result<Exit, Failure> {
    let (library, asked) = asked(context, args)?;
    let (identity, key) = signer(context, &library, &asked)?;
    in_time_to_stand_in(context, &asked, &identity)?;
    show(context, &library, &asked);
    confirmed(context, args, &asked.request.check(), "approve")?;
    let now = context.now().whole_seconds();
    let approval = Approval::for_request(&asked.request, identity.person.clone(), key.fingerprint.clone(), asked.journal, now);
    deliver(context, &library, &asked, (&identity, &key), Kind::Approval, &approval.render())
}

/// `runbook deny [RUN|FILE]`
pub fn deny(context: &Context, args: &AnswerArgs, because: Option<&str>) -> Result<Exit, Failure> {
    let (library, asked) = asked(context, args)?;
    let (identity, key) = signer(context, &library, &asked)?;
    show(context, &library, &asked);
    let because = match because {
        Some(sentence) => sentence.to_owned(),
        None if context.is_attended() => prompt("why not, in a sentence: ")?,
        None => String::new(),
    };
    if because.trim().is_empty() {
        return Err(Failure::usage("a denial needs a sentence: give it with --because \"…\""));
    }
    let now = context.now().whole_seconds();
    let denial = Denial::for_request(&asked.request, identity.person.clone(), key.fingerprint.clone(), asked.journal, now, because.trim());
    deliver(context, &library, &asked, (&identity, &key), Kind::Denial, &denial.render())
}

/// Finds the request and checks that it is what it says: signed by its requester, and of a record that goes on from what was seen before.
fn asked(context: &Context, args: &AnswerArgs) -> Result<(Library, Asked), Failure> {
    let library = context.library()?;
    let file = args.run.as_ref().map(Path::new).filter(|path| path.is_file());
    let asked = match file {
        Some(path) => from_file(path, &library, context)?,
        None => from_run(context, args.run.as_deref(), &library)?,
    };
    Ok((library, asked))
}

fn from_file(path: &Path, library: &Library, context: &Context) -> Result<Asked, Failure> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())));
    let text = read(path)?;
    let signature = read(&beside(path))?;
    let request = checked(&text, &signature, library, context)?;
    let journal = request.body.journal;
    Ok(Asked { request, journal, from: From::File(path.to_owned()) })
}

fn from_run(context: &Context, run: Option<&str>, library: &Library) -> Result<Asked, Failure> {
    let store = context.store()?;
    let past = match run {
        Some(run) => Past::read(store.find(run)?)?,
        None => the_one_that_waits(&store)?,
    };
    let (_, opened) = past.opened()?;
    let run = opened.run.clone();
    let Some((_, open)) = past.open_gate() else {
        return Err(Failure::usage(format!("run {} waits for no approval (it is {})", run.short(), past.stands().replace('_', " "))));
    };
    let documents = past.folder.documents()?;
    let found = documents
        .iter()
        .find(|document| document.digest() == open.asks.request)
        .and_then(|document| Some((String::from_utf8(document.text.clone()).ok()?, document.signature.clone()?)));
    let (text, signature) = found.ok_or_else(|| Failure::new(Exit::Tampered, "the request is not in approvals/, or has no signature"))?;
    let request = checked(&text, &signature, library, context)?;
    if request.body.run != run {
        return Err(Failure::new(Exit::Tampered, "the request is for another run"));
    }
    let journal = remember(context, &past.folder, &run)?;
    Ok(Asked { request, journal, from: From::Run(Box::new(past)) })
}

/// The record must hold what this reader saw of it before; from now on it must hold what it says now.
fn remember(context: &Context, folder: &RunFolder, run: &RunId) -> Result<Head, Failure> {
    let bytes = std::fs::read(folder.journal()).map_err(|error| Failure::usage(format!("{}: {error}", folder.journal().display())))?;
    let reading = read_bytes(&bytes, 0);
    context.seen()?.remember(run, &reading).map_err(|error| Failure::new(Exit::Tampered, error))?;
    Ok(reading.head())
}

fn the_one_that_waits(store: &crate::journal::Store) -> Result<Past, Failure> {
    let mut waiting = Vec::new();
    for run in store.list()?.into_iter().chain(store.list_live_drills()?) {
        if let Ok(past) = store.find(run.as_str()).map_err(Failure::from).and_then(Past::read)
            && past.stands() == "waiting_for_approval"
        {
            waiting.push((run, past));
        }
    }
    match waiting.len() {
        0 => Err(Failure::usage("no run waits for an approval; `runbook runs` lists all")),
        1 => Ok(waiting.remove(0).1),
        _ => {
            let names: Vec<String> = waiting.iter().map(|(run, _)| run.short()).collect();
            Err(Failure::usage(format!("several runs wait for an approval: {}; say which", names.join(", "))))
        }
    }
}

fn checked(text: &str, signature: &str, library: &Library, context: &Context) -> Result<Request, Failure> {
    let request = Request::parse(text)
        .map_err(|error| Failure::new(Exit::Tampered, format!("the request is not a document of this program: {error}")))?;
    let domain = &library.policy.rules.domain;
    if let (Some(hosts_from), Some(host)) = (&request.body.hosts_from, in_production(&request.body.plan)) {
        let message = format!(
            "the request says that it is a drill on the hosts of {hosts_from}, and it runs in production, on {host}: no drill does"
        );
        return Err(Failure::new(Exit::Tampered, message));
    }
    judge_request(&request, signature, &library.roster, domain, context.now(), &SshKeygen)
        .map_err(|refusal| Failure::refused(format!("the request does not count: {refusal}")))?;
    Ok(request)
}

/// A host of a plan that is in production, as the plan says it: `on NAME = LOG-IN KEY, ENVIRONMENT, …`.
fn in_production(plan: &[String]) -> Option<&str> {
    let hosts = plan.iter().filter_map(|line| line.trim_start().strip_prefix("on ")?.split_once(" = "));
    hosts.filter(|(_, place)| place.split(", ").nth(1) == Some("production")).map(|(name, _)| name).next()
}

/// Who answers, with a key, and not the one who asks.
fn signer(context: &Context, library: &Library, asked: &Asked) -> Result<(Identity, KeyAtHand), Failure> {
    let identity = context.identity(&library.roster)?;
    let body = &asked.request.body;
    if identity.person == body.requester {
        return Err(Failure::refused(format!("{} asks for this and cannot answer it as well: another person must", identity.person)));
    }
    let standing_in = body.instead.iter().flat_map(|instead| &instead.by);
    if !body.slots.iter().flatten().chain(standing_in).any(|person| *person == identity.person) {
        return Err(Failure::refused(format!("{} is not among those that this gate asks", identity.person)));
    }
    if context.now() > body.expires {
        return Err(Failure::refused(format!("the request expired at {}: resuming the run opens a new one", body.expires.to_seconds())));
    }
    let key = identity.key.clone().ok_or_else(|| {
        Failure::refused(format!(
            "{} has no key at hand to sign with. Give one with --key FILE, or load it into the agent",
            identity.person
        ))
    })?;
    Ok((identity, key))
}

/// Who is only a substitute signs when the time has come, and knows in whose place.
fn in_time_to_stand_in(context: &Context, asked: &Asked, identity: &Identity) -> Result<(), Failure> {
    let body = &asked.request.body;
    let is_asked = body.slots.iter().flatten().any(|person| *person == identity.person);
    let Some(instead) = body.instead.as_ref().filter(|_| !is_asked) else { return Ok(()) };
    let (person, of, from, now) = (&identity.person, &instead.of, instead.from, context.now());
    if now < from {
        let left = seconds(from.since(now));
        let message =
            format!("{person} may sign in the place of {of} from {} on, which is in {left}: approve again then", from.to_seconds());
        return Err(Failure::refused(message));
    }
    context.talk(&format!("{person} signs in the place of {of}, who did not answer\n"));
    Ok(())
}

/// Shows the document, byte for byte, after what deserves a second look.
fn show(context: &Context, library: &Library, asked: &Asked) {
    let text = page(
        context,
        library,
        &asked.request,
        match &asked.from {
            From::Run(past) => Some(&past.folder),
            From::File(_) => None,
        },
    );
    match context.output {
        Output::Text => context.write_out(&(text + &wrapped(&asked.request.render()))),
        Output::Json => context.talk(&(text + &wrapped(&asked.request.render()))),
    }
}

/// The code of what was shown, typed or given. No answer is never a yes.
fn confirmed(context: &Context, args: &AnswerArgs, code: &str, verb: &str) -> Result<(), Failure> {
    if let Some(given) = &args.check {
        return match given.eq_ignore_ascii_case(code) {
            true => Ok(()),
            false => {
                Err(Failure::refused(format!("--check {given} is not the code of this document, which is {code}: nothing was signed")))
            }
        };
    }
    if !context.is_attended() {
        return Err(Failure::usage(format!(
            "nobody is at a terminal to type the check code: read the document, then {verb} with --check CODE"
        )));
    }
    for _ in 0..TRIES {
        let typed = prompt(&format!("type the check code to {verb}, or nothing to leave: "))?;
        match typed.trim() {
            "" => break,
            typed if typed.eq_ignore_ascii_case(code) => return Ok(()),
            _ => context.write_out("that is not the code in the last line of the document\n"),
        }
    }
    Err(Failure::refused("nothing was signed"))
}

fn prompt(question: &str) -> Result<String, Failure> {
    use std::io::Write;
    let mut line = String::new();
    let mut out = std::io::stdout().lock();
    let asked = out.write_all(question.as_bytes()).and_then(|()| out.flush()).and_then(|()| std::io::stdin().read_line(&mut line));
    match asked {
        Ok(0) | Err(_) => Err(Failure::refused("nothing was signed: the terminal is gone")),
        Ok(_) => Ok(line.trim().to_owned()),
    }
}

/// Signs, and gives the document to the run, or puts it beside the request's file.
fn deliver(
    context: &Context,
    library: &Library,
    asked: &Asked,
    (identity, key): (&Identity, &KeyAtHand),
    kind: Kind,
    text: &str,
) -> Result<Exit, Failure> {
    let signature = sign(&key.key, &namespace(kind, &library.policy.rules.domain), text.as_bytes()).map_err(Failure::refused)?;
    let digest = Digest::of(text.as_bytes());
    let word = if kind == Kind::Approval { "approval" } else { "denial" };
    let (file, heard) = match &asked.from {
        From::Run(past) => {
            let name = format!("{word}.{}.{}", identity.person.as_str().replace(['@', '+'], "-"), &digest.to_string()[..8]);
            past.folder.drop_document(&name, text.as_bytes(), &signature)?;
            (None, await_verdict(&past.folder, digest))
        }
        From::File(path) => (Some(put_beside(path, word, text, &signature)?), Heard::Nothing),
    };
    let answer = if kind == Kind::Approval { "approved" } else { "denied" };
    tell(context, asked, identity, (answer, digest, file), heard)
}

fn tell(
    context: &Context,
    asked: &Asked,
    identity: &Identity,
    (answer, digest, file): (&'static str, Digest, Option<PathBuf>),
    heard: Heard,
) -> Result<Exit, Failure> {
    let body = &asked.request.body;
    let (state, why, instead_of) = match heard {
        Heard::Counted { instead_of } => ("counted", None, instead_of),
        Heard::Refused(why) => ("refused", Some(why), None),
        Heard::Nothing => ("delivered", None, None),
    };
    let exit = if state == "refused" { Exit::Refused } else { Exit::Ok };
    if context.output == Output::Json {
        let (run, person, document) = (body.run.to_string(), identity.person.to_string(), digest.to_string());
        let file = file.map(|path| path.display().to_string());
        context.print_json(&AnswerJson { run, gate: body.gate.0, answer, person, document, file, state, why, instead_of });
        return Ok(exit);
    }
    match (&file, state, why) {
        (_, "refused", why) => return Err(Failure::refused(format!("the run did not count it: {}", why.unwrap_or_default()))),
        (Some(path), ..) => context.write_out(&format!(
            "{answer}, signed as {}; send {} and {}, and have the other side type:\n  runbook import {}\n",
            identity.person,
            path.display(),
            beside(path).display(),
            path.display()
        )),
        (None, "counted", _) => {
            let place = instead_of.map_or(String::new(), |of| format!(" in the place of {of}"));
            context.write_out(&format!("{answer} as {}{place}; the run has counted it\n", identity.person));
        }
        (None, ..) => {
            context.write_out(&format!("{answer} as {}; it lies in the run's inbox, and no runner has looked at it yet\n", identity.person))
        }
    }
    Ok(exit)
}

/// `request.txt` is answered by `approval.txt` in the same folder; an older answer is never replaced.
fn put_beside(request: &Path, word: &str, text: &str, signature: &str) -> Result<PathBuf, Failure> {
    let folder = request.parent().unwrap_or(Path::new("."));
    let name = |n: u32| folder.join(if n == 1 { format!("{word}.txt") } else { format!("{word}-{n}.txt") });
    let free = (1..1000).map(name).find(|path| !path.exists() && !beside(path).exists());
    let path = free.ok_or_else(|| Failure::usage("a thousand answers lie there already"))?;
    let written = std::fs::write(beside(&path), signature).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    Ok(path)
}

/// `FILE.sig`
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}
