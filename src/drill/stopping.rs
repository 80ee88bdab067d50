//! The one who runs a drill and presses Ctrl-C at a step, once in a drill, however many runners it has. Ends nothing by itself: the runner does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::compare::is_step;
use super::scenario::{Presses, Stop};
use crate::base::{StepId, Timestamp};
use crate::effects::{BoxFuture, StopLevel};
use crate::engine::{Question, State};
use crate::event::{Answer, Entry, Event, Part, Pulse};
use crate::runner::{Asker, Watcher};

/// The finger on the keys.
#[derive(Clone)]
pub(super) struct Finger {
    pub stop: Option<Stop>,
    /// What the runner hears.
    pub signal: tokio::sync::watch::Sender<StopLevel>,
    /// Shared by all runners of a drill: it is pressed in one of them.
    pub pressed: Arc<AtomicBool>,
}

impl Finger {
    /// Presses where this is the step, for the first time; whether it did.
    fn press_at(&self, step: &StepId) -> bool {
        let Some(stop) = self.stop.as_ref().filter(|stop| is_step(step.as_str(), &stop.at.value)) else { return false };
        if self.pressed.swap(true, Ordering::Relaxed) {
            return false;
        }
        self.signal.send_replace(match stop.presses {
            Presses::Once => StopLevel::Finish,
            Presses::Twice => StopLevel::Kill,
        });
        true
    }
}

/// Sees with these eyes, and presses when the step begins on the first of its hosts, or its pause does.
pub(super) struct Watching<'a> {
    pub finger: Finger,
    pub eyes: Box<dyn Watcher + 'a>,
}

impl Watcher for Watching<'_> {
    fn entry(&mut self, entry: &Entry, state: &State) {
        self.eyes.entry(entry, state);
        if let Event::ActionStarted { step, part: Part::Main, .. } | Event::WaitBegan { step, .. } = &entry.event {
            self.finger.press_at(step);
        }
    }

    fn pulse(&mut self, pulse: &Pulse, state: &State) {
        self.eyes.pulse(pulse, state);
    }

    fn tick(&mut self, state: &State, now: Timestamp) {
        self.eyes.tick(state, now);
    }
}

/// Answers as this person does, but for the question at which they press: that one stays open.
pub(super) struct Asked<'a> {
    pub finger: Finger,
    pub person: Box<dyn Asker + 'a>,
}

impl Asker for Asked<'_> {
    fn ask<'a>(&'a mut self, question: &'a Question, state: &'a State) -> BoxFuture<'a, Option<Answer>> {
        let is_step = matches!(question, Question::Manual { .. } | Question::Choose { .. });
        if is_step && self.finger.press_at(question.step()) {
            return Box::pin(std::future::pending());
        }
        self.person.ask(question, state)
    }
}
