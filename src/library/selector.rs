//! Reads selectors such as `kafka & !kafka-3` and says which hosts they name. Never selects more than an author can have meant.

use std::collections::{BTreeMap, BTreeSet};

use super::Inventory;
use crate::base::HostName;
use crate::text::{Diagnostic, Severity, Source, Span, did_you_mean};

/// A selector is a line; this is many lines.
const MAX_LENGTH: usize = 4096;

/// Parentheses within parentheses.
const MAX_DEPTH: usize = 16;

/// Targets that name targets; more is a puzzle.
const MAX_TARGETS: usize = 16;

/// A selector that was read. `,` is union and binds least, then `&`, then `!`; parentheses group.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    text: String,
    root: Term,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    Name(String, Span),
    Not(Box<Term>),
    /// Two or more, of which at least one is not a `Not`.
    Both(Vec<Term>),
    Either(Vec<Term>),
}

/// A selector that cannot be read, or names what is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("in the selector {selector:?}: {message}{}", .help.as_ref().map_or(String::new(), |help| format!("; {help}")))]
pub struct SelectorError {
    pub selector: String,
    /// Bytes within the selector's own text.
    pub span: Span,
    pub message: String,
    pub help: Option<String>,
    pub fault: Fault,
}

/// Whose mistake a selector's error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its own.
    Own,
    /// That of a target which it names.
    OfTarget,
    /// Targets name each other in a circle.
    Circle,
}

impl SelectorError {
    /// The error at the selector's place in a file.
    pub fn diagnostic(&self, source: &Source, at: Span) -> Diagnostic {
        let found = source.find_within(at, &self.selector);
        let verbatim = source.text().get(found.start..found.end) == Some(self.selector.as_str());
        let span = if verbatim { Span { start: found.start + self.span.start, end: found.start + self.span.end } } else { found };
        let mut diagnostic = Diagnostic::new(Severity::Error, "RB320", source, span, &self.message);
        diagnostic.help.clone_from(&self.help);
        diagnostic
    }
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Where it is empty, has something else than names and `, & ! ( )`, or would select by exclusion alone.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        if text.len() > MAX_LENGTH {
            return Err(parser.error(Span { start: 0, end: 0 }, format!("more than {MAX_LENGTH} bytes"), Some("name a group")));
        }
        let root = parser.union()?;
        parser.end()?;
        Ok(Self { text: text.to_owned(), root })
    }

    /// The hosts, by name. `targets` are the runbook's names for selectors; they may name one another. `all` is every host but `local`,
    /// and so is what `!` leaves. The result may be empty: who runs a step refuses that.
    ///
    /// # Errors
    /// Where a name is unknown, or a target names itself in the end.
    pub fn resolve(&self, inventory: &Inventory, targets: &[(&str, &str)]) -> Result<Vec<HostName>, SelectorError> {
        let targets = targets.iter().copied().collect();
        let hosts = self.hosts(&Scope { inventory, targets, within: Vec::new() })?;
        Ok(hosts.into_iter().collect())
    }

    fn hosts(&self, scope: &Scope<'_>) -> Result<BTreeSet<HostName>, SelectorError> {
        self.term(&self.root, scope)
    }

    fn term(&self, term: &Term, scope: &Scope<'_>) -> Result<BTreeSet<HostName>, SelectorError> {
        match term {
            Term::Name(name, span) => self.name(name, *span, scope),
            Term::Not(inner) => {
                let out = self.term(inner, scope)?;
                Ok(scope.everything().difference(&out).cloned().collect())
            }
            Term::Either(terms) => {
                let mut hosts = BTreeSet::new();
                for term in terms {
                    hosts.extend(self.term(term, scope)?);
                }
                Ok(hosts)
            }
            Term::Both(terms) => self.both(terms, scope),
        }
    }

    /// What all of them name; exclusions take away, so that `local & !db-1` is `local`.
    fn both(&self, terms: &[Term], scope: &Scope<'_>) -> Result<BTreeSet<HostName>, SelectorError> {
        let mut kept: Option<BTreeSet<HostName>> = None;
        let mut out = BTreeSet::new();
        for term in terms {
            match term {
                Term::Not(inner) => out.extend(self.term(inner, scope)?),
                Term::Name(..) | Term::Both(_) | Term::Either(_) => {
                    let hosts = self.term(term, scope)?;
                    kept = Some(kept.map_or(hosts.clone(), |kept| kept.intersection(&hosts).cloned().collect()));
                }
            }
        }
        Ok(kept.unwrap_or_default().difference(&out).cloned().collect())
    }

    fn name(&self, name: &str, span: Span, scope: &Scope<'_>) -> Result<BTreeSet<HostName>, SelectorError> {
        if let Some(text) = scope.targets.get(name) {
            return self.target(name, text, span, scope);
        }
        if name == "all" {
            return Ok(scope.everything());
        }
        if let Some(members) = scope.inventory.groups.get(name) {
            return Ok(members.clone());
        }
        let host = name.parse::<HostName>().ok().filter(|host| scope.inventory.hosts.contains_key(host));
        host.map(|host| BTreeSet::from([host])).ok_or_else(|| self.unknown(name, span, scope))
    }

    fn target(&self, name: &str, text: &str, span: Span, scope: &Scope<'_>) -> Result<BTreeSet<HostName>, SelectorError> {
        let error = |message: String, help: &str, fault| {
            let (selector, help) = (self.text.clone(), Some(help.to_owned()));
            SelectorError { selector, span, message, help, fault }
        };
        if scope.within.contains(&name) || scope.within.len() >= MAX_TARGETS {
            let path = scope.within.iter().copied().chain([name]).collect::<Vec<_>>().join(" -> ");
            let message = format!("the target `{name}` names itself: {path}");
            return Err(error(message, "name hosts or groups in one of them", Fault::Circle));
        }
        let mut within = scope.within.clone();
        within.push(name);
        let inner = Scope { inventory: scope.inventory, targets: scope.targets.clone(), within };
        let selected = Selector::parse(text).and_then(|selector| selector.hosts(&inner));
        selected.map_err(|inner| match inner.fault {
            Fault::Circle => error(inner.message, "name hosts or groups in one of them", Fault::Circle),
            Fault::Own | Fault::OfTarget => {
                error(format!("the target `{name}` cannot be used: {}", inner.message), "mend it under `targets:`", Fault::OfTarget)
            }
        })
    }

    fn unknown(&self, name: &str, span: Span, scope: &Scope<'_>) -> SelectorError {
        let hosts = scope.inventory.hosts.keys().map(HostName::as_str);
        let groups = scope.inventory.groups.keys().map(String::as_str);
        let help = match did_you_mean(name, hosts.chain(groups).chain(scope.targets.keys().copied())) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name a host or group of team/inventory.yaml, or a target of this runbook".to_owned(),
        };
        SelectorError {
            selector: self.text.clone(),
            span,
            message: format!("there is no host, group or target `{name}`"),
            help: Some(help),
            fault: Fault::Own,
        }
    }
}

struct Scope<'a> {
    inventory: &'a Inventory,
    targets: BTreeMap<&'a str, &'a str>,
    within: Vec<&'a str>,
}

impl Scope<'_> {
    fn everything(&self) -> BTreeSet<HostName> {
        let local = HostName::local();
        self.inventory.hosts.keys().filter(|name| **name != local).cloned().collect()
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn union(&mut self) -> Result<Term, SelectorError> {
        let mut terms = vec![self.part_of_union()?];
        while self.take(',') {
            terms.push(self.part_of_union()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Either(terms) })
    }

    /// An exclusion alone would add everything else: people who write `db, !db-1` mean `db & !db-1`.
    fn part_of_union(&mut self) -> Result<Term, SelectorError> {
        let start = self.skip();
        let term = self.intersection()?;
        let only_exclusions = match &term {
            Term::Not(_) => true,
            Term::Both(terms) => terms.iter().all(|term| matches!(term, Term::Not(_))),
            Term::Name(..) | Term::Either(_) => false,
        };
        if only_exclusions {
            let end = self.text[..self.at].trim_end().len();
            let help = "say what to exclude it from: `db & !db-1`, or `all & !db-1`";
            return Err(self.error(Span { start, end }, "an exclusion alone would name every other host", Some(help)));
        }
        Ok(term)
    }

    fn intersection(&mut self) -> Result<Term, SelectorError> {
        let mut terms = vec![self.factor()?];
        while self.take('&') {
            terms.push(self.factor()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Both(terms) })
    }

    fn factor(&mut self) -> Result<Term, SelectorError> {
        let start = self.skip();
        if self.take('!') {
            let inner = self.factor()?;
            if matches!(inner, Term::Not(_)) {
                return Err(self.error(Span { start, end: self.at }, "`!!` excludes nothing", Some("remove both")));
            }
            return Ok(Term::Not(Box::new(inner)));
        }
        if self.take('(') {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(self.error(
                    Span { start, end: self.at },
                    format!("more than {MAX_DEPTH} parentheses within one another"),
                    Some("name a group, or a target for a part of it"),
                ));
            }
            let inner = self.union()?;
            self.depth -= 1;
            if !self.take(')') {
                return Err(self.error(Span { start, end: start + 1 }, "this parenthesis is not closed", Some("add `)`")));
            }
            return Ok(inner);
        }
        self.word(start)
    }

    fn word(&mut self, start: usize) -> Result<Term, SelectorError> {
        let rest = &self.text[start..];
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let length = rest.find(|c| !plain(c)).unwrap_or(rest.len());
        if length > 0 {
            self.at = start + length;
            return Ok(Term::Name(rest[..length].to_owned(), Span { start, end: self.at }));
        }
        let (message, width) = match rest.chars().next() {
            None => ("a name is missing at the end".to_owned(), 0),
            Some(c) => (format!("expected the name of a host or group, got {:?}", c.to_string()), c.len_utf8()),
        };
        let help = "a selector is names with `,` (or), `&` (and), `!` (not) and parentheses; there are no wildcards";
        Err(self.error(Span { start, end: start + width }, message, Some(help)))
    }

    fn end(&mut self) -> Result<(), SelectorError> {
        let start = self.skip();
        let Some(c) = self.text[start..].chars().next() else { return Ok(()) };
        let span = Span { start, end: start + c.len_utf8() };
        let help = "put `,` (or) or `&` (and) between names; there are no wildcards";
        Err(self.error(span, format!("expected `,`, `&` or the end, got {:?}", c.to_string()), Some(help)))
    }

    fn skip(&mut self) -> usize {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.at
    }

    fn take(&mut self, c: char) -> bool {
        let at = self.skip();
        let found = self.text[at..].starts_with(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn error(&self, span: Span, message: impl Into<String>, help: Option<&str>) -> SelectorError {
        SelectorError { selector: self.text.to_owned(), span, message: message.into(), help: help.map(str::to_owned), fault: Fault::Own }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::library::read_inventory;

    fn inventory() -> Inventory {
        let text = "hosts: {k-1: {groups: [kafka]}, k-2: {groups: [kafka]}, k-3: {groups: [kafka, spare]}, db-1: {groups: [db]}}";
        read_inventory(&Source::new("inventory", text)).0.unwrap()
    }

    fn select(text: &str) -> Result<Vec<String>, String> {
        let targets = [("main", "kafka & !spare"), ("both", "main, db"), ("a", "b"), ("b", "kafka, a")];
        let selected = Selector::parse(text).and_then(|selector| selector.resolve(&inventory(), &targets));
        selected.map(|hosts| hosts.iter().map(ToString::to_string).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn union_binds_less_than_intersection_and_exclusion_most() {
        assert_eq!(select("kafka & !k-3").unwrap(), ["k-1", "k-2"]);
        assert_eq!(select("db, kafka & spare").unwrap(), ["db-1", "k-3"]);
        assert_eq!(select("(db, kafka) & !k-1 & !k-2").unwrap(), ["db-1", "k-3"]);
        assert_eq!(select("both").unwrap(), ["db-1", "k-1", "k-2"]);
        assert_eq!(select(" all ").unwrap(), ["db-1", "k-1", "k-2", "k-3"]);
        assert_eq!(select("local").unwrap(), ["local"]);
        assert_eq!(select("kafka & db").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_exclusion_alone_names_nobody() {
        for text in ["!k-1", "db, !k-1", "!k-1 & !k-2", "(!k-1), db"] {
            assert!(select(text).unwrap_err().contains("an exclusion alone"), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_fix() {
        assert!(select("kafak").unwrap_err().contains("did you mean `kafka`?"));
        assert!(select("a").unwrap_err().contains("names itself"));
        for text in ["", "k-1 k-2", "k-*", "(k-1", "k-1)", "k-1,", "& k-1", "!!k-1", "k-1 | k-2", "k-1;rm"] {
            assert!(select(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[a-b!&,() é]{0,60}") {
            drop(select(&text));
        }
    }
}
