//! Hosts that answer by rules: each rule names a host and a piece of a command, and says what comes of it. Never knows a runbook.

use std::collections::BTreeMap;
use std::sync::Mutex;

use runbook::drill::{Break, Reply};
use runbook::engine::Task;

/// What has become of the scripted world: `broker-3` is `restarted`. Rules read and change it.
pub type Facts = BTreeMap<String, String>;

type Answer = dyn Fn(&mut Facts, &Task) -> Reply + Send + Sync;

struct Rule {
    /// `*` is every host.
    host: String,
    piece: String,
    answer: Box<Answer>,
}

/// Rules, of which the one that was added last wins; a command that no rule knows is not found, as by a shell.
#[derive(Default)]
pub struct Scripted {
    rules: Vec<Rule>,
    facts: Facts,
}

impl Scripted {
    /// So it is in the beginning.
    pub fn fact(mut self, name: &str, value: &str) -> Self {
        self.facts.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A command with this piece in it does this, on one host, or on every one (`*`).
    pub fn does(mut self, host: &str, piece: &str, answer: impl Fn(&mut Facts, &Task) -> Reply + Send + Sync + 'static) -> Self {
        self.rules.push(Rule { host: host.to_owned(), piece: piece.to_owned(), answer: Box::new(answer) });
        self
    }

    /// It prints this and exits with 0.
    pub fn says(self, host: &str, piece: &str, stdout: &str) -> Self {
        let reply = prints(stdout);
        self.does(host, piece, move |_, _| reply.clone())
    }

    /// It exits so, and prints this.
    pub fn exits(self, host: &str, piece: &str, code: i32, stdout: &str) -> Self {
        let reply = Reply { code, ..prints(stdout) };
        self.does(host, piece, move |_, _| reply.clone())
    }

    /// It goes well, and something is so from then on.
    pub fn sets(self, host: &str, piece: &str, fact: &str, value: &str) -> Self {
        let (fact, value) = (fact.to_owned(), value.to_owned());
        self.does(host, piece, move |facts, _| {
            facts.insert(fact.clone(), value.clone());
            Reply::default()
        })
    }

    /// It does what it does, and the connection is lost around it.
    pub fn breaks(mut self, host: &str, piece: &str, how: Break) -> Self {
        let known = self.rules.iter().rposition(|rule| rule.piece == piece).map(|index| self.rules.remove(index));
        self.does(host, piece, move |facts, task| {
            let reply = known.as_ref().map_or_else(Reply::default, |rule| (rule.answer)(facts, task));
            Reply { breaks: Some(how), ..reply }
        })
    }

    /// As simulated hosts ask for it.
    pub fn behaviour(self) -> impl Fn(&Task) -> Reply + Send + Sync + 'static {
        let Self { rules, facts } = self;
        let facts = Mutex::new(facts);
        move |task| {
            let script = task.command().script.to_string();
            let fits = |rule: &&Rule| (rule.host == "*" || rule.host == task.host().as_str()) && script.contains(&rule.piece);
            match rules.iter().rev().find(fits) {
                Some(rule) => (rule.answer)(&mut facts.lock().unwrap(), task),
                None => Reply { code: 127, stderr: format!("not found: {script}").into_bytes(), ..Reply::default() },
            }
        }
    }
}

/// What prints this and exits with 0.
pub fn prints(stdout: &str) -> Reply {
    Reply { stdout: stdout.as_bytes().to_vec(), ..Reply::default() }
}

/// A fact, or nothing.
pub fn known(facts: &Facts, name: &str) -> String {
    facts.get(name).cloned().unwrap_or_default()
}
