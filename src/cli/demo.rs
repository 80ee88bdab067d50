//! `runbook demo`: a service that is really wedged, two people, a signed gate, a record; all of it by this very binary and in one folder.
//! Leaves nothing running and touches nothing outside of its folder.

mod cast;
mod guard;
mod road;
mod scene;
mod service;

use std::path::Path;

use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use cast::{Actor, Cast, Waiting};
use guard::Guard;
use road::Road;
use scene::Scene;
use service::Service;

#[derive(Serialize)]
struct DemoJson {
    folder: String,
    /// `ssh`, or `local`.
    road: &'static str,
    run: Option<String>,
    /// How `exec` ended.
    exit_status: u8,
    /// Whether the service answered at the end.
    service_answers: bool,
    /// Whether `verify` found the record in order.
    verified: bool,
}

/// `runbook demo`
pub fn demo(context: &Context, dir: Option<&Path>) -> Result<Exit, Failure> {
    let stage = Stage { context };
    let scene = Scene::make(dir)?;
    stage.say(&format!("Everything of this demonstration lies in {}\n", scene.root.display()));
    let _guard = Guard::watch(&scene.root)?; // ends what was started, also when this process is killed
    let road = Road::find(&scene)?;
    scene.write_library(&road)?;
    stage.say(&road.in_words());
    let service = Service::start(&scene)?;
    service.wedge()?;
    stage.say("A small service runs, and now it is wedged: stopped by SIGSTOP, it accepts requests and answers none.\n");
    let cast = Cast::new(&scene, context.output)?;
    let act = perform(&stage, &cast)?;
    let service_answers = service.answers();
    stage.say(if service_answers { "The service answers again.\n" } else { "The service does not answer.\n" });
    let verified = match &act.run {
        Some(run) => cast.verify(run)?,
        None => false,
    };
    stage.say(&where_to_look(&scene, &cast, act.run.as_deref()));
    let (folder, road) = (scene.root.display().to_string(), road.word());
    if context.output == Output::Json {
        context.print_json(&DemoJson { folder, road, run: act.run.clone(), exit_status: act.exit_status, service_answers, verified });
    }
    Ok(if service_answers && verified && act.exit_status == 0 { Exit::Ok } else { Exit::Failed })
}

/// Where the story is told: among the results for people, beside them for programs.
struct Stage<'a> {
    context: &'a Context,
}

impl Stage<'_> {
    fn say(&self, text: &str) {
        match self.context.output {
            Output::Text => self.context.write_out(&format!("\n{text}")),
            Output::Json => self.context.talk(text),
        }
    }
}

/// How the run went.
struct Act {
    run: Option<String>,
    exit_status: u8,
}

/// Alice runs it, the run waits, Bob answers, the run goes on.
fn perform(stage: &Stage<'_>, cast: &Cast<'_>) -> Result<Act, Failure> {
    stage.say("Alice restarts it. Each line of hers begins with `alice |`.\n\n");
    let mut alice = cast.exec(Actor::Alice)?;
    let waiting = cast.await_gate(&mut alice)?;
    match &waiting {
        None => stage.say("The run did not come to its gate.\n"),
        Some(waiting) => answer(stage, cast, waiting)?,
    }
    let exit_status = alice.finish()?;
    Ok(Act { run: waiting.map(|waiting| waiting.run), exit_status })
}

fn answer(stage: &Stage<'_>, cast: &Cast<'_>, waiting: &Waiting) -> Result<(), Failure> {
    if !stage.context.is_attended() {
        stage.say("The run waits for a second person. Bob reads what exactly would run, and signs it.\n\n");
        return answered(cast.approve_with(Actor::Bob, waiting)?);
    }
    stage.say("The run waits for a second person. Now you are Bob: read what exactly would run, and type the check code.\n\n");
    if cast.approve_by_hand(Actor::Bob, waiting)? {
        return Ok(());
    }
    stage.say("No check code, no approval: Bob denies it, so that the run ends.\n\n");
    answered(cast.deny(Actor::Bob, waiting)?)
}

/// A run that nobody answers would wait for its gate to expire.
fn answered(was: bool) -> Result<(), Failure> {
    if was { Ok(()) } else { Err(Failure::refused("the run did not take Bob's answer: see his lines above")) }
}

fn where_to_look(scene: &Scene, cast: &Cast<'_>, run: Option<&str>) -> String {
    let Some(run) = run else { return format!("Look into {}\n", scene.root.display()) };
    let record = scene.store().join("runs").join(run);
    let program = cast.words();
    let quoted = scene::quoted(&record);
    format!(
        "The record lies in {}\nLook further with\n  {program} log {run}\n  {program} log {run} --output-of save-what-a-restart-would-destroy\n  \
         {program} verify {run}\nand without this program, from its source folder, with\n  python3 docs/verify_record.py {quoted}\n",
        record.display(),
    )
}
