//! The secrets that a run has fetched, in memory alone, and the redactor that knows all of them. Never writes or shows one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ports::{Fetched, SecretTrouble};
use crate::base::{Redactor, SecretValue, Secrets};
use crate::engine::Task;
use crate::plan::{Program, SecretUse, secret_variable, secrets_of};
use crate::runbook::SecretOrigin;

/// A secret of the program: the frame whose runbook names it, and its name.
pub(super) type Key = (usize, String);

/// What one attempt is given.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub at_hand: Secrets,
    /// By name, the files on the attempt's host that are read when it begins.
    pub on_host: Vec<(String, String)>,
}

/// How an attempt stands with what it must be given.
pub(super) enum Standing<'p> {
    AtHand(Needs),
    /// These are to be fetched first, or are being fetched.
    Lacks(Vec<SecretUse<'p>>),
    /// This was tried for it and failed.
    Failed(String),
}

/// How far the fetching of a secret is.
enum Fetching {
    /// Ahead of its need, so that a failure is tried again when it is needed.
    Early,
    Needed,
    FailedEarly,
    Failed(String),
}

/// One run's secrets; clones share them.
#[derive(Clone, Default)]
pub(super) struct Vault(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    values: BTreeMap<Key, Arc<SecretValue>>,
    fetching: BTreeMap<Key, Fetching>,
    hidden: Vec<(String, Arc<SecretValue>)>,
    redactor: Arc<Redactor>,
}

impl Inner {
    /// From now on it is hidden wherever it is printed.
    fn hide(&mut self, name: &str, value: SecretValue) -> Result<Arc<SecretValue>, String> {
        let known = self.hidden.iter().find(|(known, hidden)| known == name && hidden.expose() == value.expose());
        if let Some((_, hidden)) = known {
            return Ok(Arc::clone(hidden));
        }
        Redactor::can_hide(name, value.expose()).map_err(|error| format!("the secret `{name}` {error}"))?;
        self.hidden.push((name.to_owned(), Arc::new(value)));
        let all = self.hidden.iter().map(|(name, value)| (name.as_str(), value.expose().as_slice()));
        self.redactor = Arc::new(Redactor::new(all).map_err(|error| format!("the secret `{name}` {error}"))?);
        Ok(Arc::clone(&self.hidden[self.hidden.len() - 1].1))
    }
}

impl Vault {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A thread that panicked between two changes left each of them whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Knows everything that was fetched so far.
    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.lock().redactor)
    }

    /// Hides what was read on a host.
    ///
    /// # Errors
    /// A value that cannot be hidden, in a sentence.
    pub fn hide(&self, name: &str, value: SecretValue) -> Result<Arc<SecretValue>, String> {
        self.lock().hide(name, value)
    }

    /// How an attempt stands. A failure is told once: whoever asks again has it tried again.
    pub fn standing<'p>(&self, program: &'p Program, task: &Task) -> Standing<'p> {
        let Some(step) = program.step(&task.step) else { return Standing::AtHand(Needs::default()) };
        let (mut needs, mut lacks, mut inner) = (Needs::default(), Vec::new(), self.lock());
        for given in secrets_of(program, step) {
            let name = &given.secret.name.value;
            let key = (given.frame, name.clone());
            match (&given.secret.origin, inner.values.get(&key)) {
                (SecretOrigin::OnHost { file, .. }, _) => needs.on_host.push((name.clone(), file.value.clone())),
                (_, Some(value)) => needs.at_hand.give(secret_variable(name), Arc::clone(value)),
                (_, None) => match inner.fetching.remove(&key) {
                    Some(Fetching::Failed(why)) => return Standing::Failed(why),
                    other => {
                        inner.fetching.extend(other.map(|other| (key, other)));
                        lacks.push(given);
                    }
                },
            }
        }
        if lacks.is_empty() { Standing::AtHand(needs) } else { Standing::Lacks(lacks) }
    }

    /// Whether this must be fetched now; from then on it is under way.
    pub fn begin(&self, given: &SecretUse<'_>, early: bool) -> bool {
        let (key, mut inner) = ((given.frame, given.secret.name.value.clone()), self.lock());
        let is_on_host = matches!(given.secret.origin, SecretOrigin::OnHost { .. });
        let begins = match inner.fetching.get(&key) {
            None => !is_on_host && !inner.values.contains_key(&key),
            Some(Fetching::FailedEarly) => !early,
            Some(Fetching::Early | Fetching::Needed | Fetching::Failed(_)) => false,
        };
        if begins {
            inner.fetching.insert(key, if early { Fetching::Early } else { Fetching::Needed });
        }
        begins
    }

    /// What came of fetching it: sentences that somebody should read.
    pub fn fetched(&self, key: Key, outcome: Result<Fetched, SecretTrouble>) -> Vec<String> {
        let mut inner = self.lock();
        let was = inner.fetching.remove(&key);
        let kept = outcome.map_err(|trouble| trouble.why).and_then(|fetched| Ok((inner.hide(&key.1, fetched.value)?, fetched.remarks)));
        match (kept, was) {
            (Ok((value, remarks)), _) => {
                inner.values.insert(key, value);
                remarks
            }
            (Err(why), Some(Fetching::Early)) => {
                inner.fetching.insert(key, Fetching::FailedEarly);
                vec![format!("{why} (it is tried again when it is needed)")]
            }
            (Err(why), _) => {
                inner.fetching.insert(key, Fetching::Failed(why));
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use crate::text::Source;

    fn named(origin: &str) -> crate::runbook::Runbook {
        let text =
            format!("runbook: r\ntitle: A test\nsecrets: {{db: {origin}}}\nsteps:\n  - name: Do\n    hosts: local\n    check: date\n");
        crate::runbook::read(&Source::new("r.yaml", &text), "r").0.unwrap()
    }

    fn fetched(value: &str) -> Result<Fetched, SecretTrouble> {
        Ok(Fetched { value: Secret::new(value.as_bytes().to_vec()), remarks: vec!["look".to_owned()] })
    }

    fn failed() -> Result<Fetched, SecretTrouble> {
        Err(SecretTrouble { why: "the card is not there".to_owned() })
    }

    #[test]
    fn a_secret_is_fetched_once_and_hidden_from_then_on() {
        let (vault, runbook) = (Vault::default(), named("{env: X}"));
        let given = SecretUse { frame: 0, secret: &runbook.secrets[0] };
        assert!(vault.begin(&given, true) && !vault.begin(&given, false), "it is under way");
        let (key, before) = ((0, "db".to_owned()), vault.redactor());
        assert_eq!(vault.fetched(key, fetched("hunter2!")), ["look"]);
        assert!(!vault.begin(&given, false) && !vault.begin(&given, true));
        assert_eq!((before.text("hunter2!"), vault.redactor().text("hunter2!")), ("hunter2!".to_owned(), "[secret:db]".to_owned()));
        vault.hide("db", Secret::new(b"of-one-host".to_vec())).unwrap();
        assert_eq!(vault.clone().redactor().text("hunter2! of-one-host"), "[secret:db] [secret:db]");
    }

    #[test]
    fn a_failure_ahead_of_the_need_is_tried_again_and_one_at_the_need_counts() {
        let (vault, runbook) = (Vault::default(), named("{env: X}"));
        let (given, key) = (SecretUse { frame: 0, secret: &runbook.secrets[0] }, (0, "db".to_owned()));
        assert!(vault.begin(&given, true));
        assert_eq!(vault.fetched(key.clone(), failed()), ["the card is not there (it is tried again when it is needed)"]);
        assert!(!vault.begin(&given, true), "once ahead is enough");
        assert!(vault.begin(&given, false));
        assert!(vault.fetched(key.clone(), fetched("abc")).is_empty());
        match &vault.lock().fetching[&key] {
            Fetching::Failed(why) => assert!(why.starts_with("the secret `db` has 3 bytes"), "{why}"),
            Fetching::Early | Fetching::Needed | Fetching::FailedEarly => panic!("a value that cannot be hidden is no value"),
        }
        assert_eq!(vault.redactor().text("abc"), "abc");
    }

    #[test]
    fn what_lies_on_a_host_is_not_fetched_here() {
        let (vault, runbook) = (Vault::default(), named("{hosts: local, file: /etc/secret}"));
        assert!(!vault.begin(&SecretUse { frame: 0, secret: &runbook.secrets[0] }, false));
    }
}
