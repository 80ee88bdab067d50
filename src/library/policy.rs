//! Reads `team/policy.yaml`: the least that a gate must ask. Never weaker than what is written; without the file nothing runs.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::PRODUCTION;
use super::{DrillDuty, Policy};
use crate::base::{HostName, Period, Person};
use crate::event::{Effect, Rules};
use crate::text::{Diagnostics, Node, Reader, Source, Span, Spanned, Vocabulary, parse};

/// The smallest policy that is one, for messages.
pub const SMALLEST_POLICY: &str =
    "domain: example.com\npeople:\n  alice@example.com: {groups: [dba]}\n  bob@example.com: {groups: [sre]}\n";

/// More people than this cannot be found at night; a larger number is a slip.
const MAX_APPROVALS: u32 = 20;

/// What production asks where the policy does not say: one other person for every change, two where information is lost.
const SHIPPED: [(Effect, u32); 4] = [(Effect::Read, 0), (Effect::Idempotent, 1), (Effect::Once, 1), (Effect::Destructive, 2)];

const EFFECTS: [(&str, Effect); 4] =
    [("read", Effect::Read), ("idempotent", Effect::Idempotent), ("once", Effect::Once), ("destructive", Effect::Destructive)];

const DAY: u64 = 86_400;

const TOP: Vocabulary = Vocabulary {
    foreign: &[
        ("users", "write `people:`"),
        ("members", "write `people:`"),
        ("groups", "write groups on each person: `people: {alice@example.com: {groups: [dba]}}`"),
        ("approvals", "write `environments: {production: {once: {approvals: 1}}}`"),
        ("forbidden", "write `deny:`"),
        ("denied", "write `deny:`"),
    ],
};

const EFFECT: Vocabulary = Vocabulary {
    foreign: &[
        ("approvers", "write `approvals: 1`; who may approve is the runbook's `from:`"),
        ("count", "write `approvals: 1`"),
        ("min", "write `approvals: 1`"),
    ],
};

const NONE: Vocabulary = Vocabulary { foreign: &[] };

/// Reads a policy. It is there only where nothing is wrong with it. `rules.floors` names every effect of each environment written, and
/// of `production`, filled so: an effect that is not named asks what the nearest lighter one named asks, or else what the nearest heavier
/// one asks, or else production's shipped number; in production never less than the shipped one, `idempotent` excepted where
/// `once` is written. `read` asks nobody unless it is named.
pub fn read_policy(source: &Source) -> (Option<Policy>, Diagnostics) {
    let mut reader = Reader::new(source);
    let policy = read_document(&mut reader);
    let complete = if reader.diagnostics.has_errors() { None } else { policy };
    (complete, reader.diagnostics)
}

fn read_document(reader: &mut Reader) -> Option<Policy> {
    let document = parse(&reader.source.clone(), &mut reader.diagnostics)?;
    let mut fields = reader.fields(&document.root, "a policy", &format!("at least\n{SMALLEST_POLICY}"))?;
    let domain = fields.required("domain", "domain: example.com").and_then(|node| read_domain(reader, node));
    let people = fields.required("people", "people: {alice@example.com: {groups: [dba]}}").map(|node| read_people(reader, node));
    let (mut floors, evidence) = fields.optional("environments").map_or_else(Default::default, |node| read_environments(reader, node));
    let review = fields.optional("review").and_then(|node| read_review(reader, node));
    let deny = fields.optional("deny").map_or(Vec::new(), |node| read_deny(reader, node));
    let changing = fields.optional("changing").map_or(Vec::new(), |node| read_changing(reader, node));
    let drills = fields.optional("drills").map(|node| read_drills(reader, node));
    fields.finish(reader, &TOP);
    floors.entry(PRODUCTION.to_owned()).or_insert_with(|| SHIPPED.into_iter().collect());
    Some(Policy { rules: Rules { domain: domain?, people: people?, floors, evidence }, review, deny, changing, drills })
}

fn read_domain(reader: &mut Reader, node: &Node) -> Option<String> {
    let domain = reader.text(node, "`domain`")?;
    let plain = domain.value.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-'));
    if !plain || domain.value.starts_with(['.', '-']) || domain.value.ends_with(['.', '-']) {
        let message = format!("{:?} is no domain", domain.value);
        reader
            .error("RB310", domain.span, message)
            .label("expected such as example.com")
            .help("write the team's domain alone, in lower-case letters, digits, dots and dashes");
        return None;
    }
    Some(domain.value)
}

fn read_people(reader: &mut Reader, node: &Node) -> BTreeMap<Person, Vec<String>> {
    let example = "`people: {alice@example.com: {groups: [dba]}}`";
    let Some(mut fields) = reader.fields(node, "`people`", example) else { return BTreeMap::new() };
    let mut people = BTreeMap::new();
    for (name, node) in fields.rest() {
        let groups = read_groups(reader, &name, node);
        match name.value.parse::<Person>() {
            Ok(person) => {
                people.insert(person, groups);
            }
            Err(error) => {
                reader
                    .error("RB311", name.span, error.to_string())
                    .label("named as in allowed_signers")
                    .help("write the e-mail address of the person");
            }
        }
    }
    people
}

fn read_groups(reader: &mut Reader, person: &Spanned<String>, node: &Node) -> Vec<String> {
    let example = format!("`{}: {{groups: [dba]}}`", person.value);
    let Some(mut fields) = reader.fields(node, format!("the person `{}`", person.value), &example) else { return Vec::new() };
    let mut groups = Vec::new();
    if let Some(list) = fields.optional("groups") {
        for item in reader.list(list, "`groups`", "`groups: [dba]`").unwrap_or_default() {
            let Some(group) = reader.text(item, "a group") else { continue };
            if group.value.parse::<HostName>().is_err() {
                let help = "use letters, digits, dots, dashes and underscores";
                let message = format!("{:?} cannot name a group", group.value);
                reader.error("RB311", group.span, message).label("expected such as dba").help(help);
            } else if groups.contains(&group.value) {
                reader
                    .error("RB311", group.span, format!("the group `{}` is there twice", group.value))
                    .label("again")
                    .help("name it once");
            } else {
                groups.push(group.value);
            }
        }
    }
    fields.finish(reader, &NONE);
    groups
}

/// The floors of each environment, and those in which a destructive step needs evidence.
fn read_environments(reader: &mut Reader, node: &Node) -> (BTreeMap<String, BTreeMap<Effect, u32>>, BTreeSet<String>) {
    let example = "`environments: {production: {once: {approvals: 1}}}`";
    let Some(mut fields) = reader.fields(node, "`environments`", example) else { return Default::default() };
    let (mut floors, mut evidence) = (BTreeMap::new(), BTreeSet::new());
    for (name, node) in fields.rest() {
        if name.value.parse::<HostName>().is_err() {
            let help = "use letters, digits, dots, dashes and underscores";
            let message = format!("{:?} cannot name an environment", name.value);
            reader.error("RB312", name.span, message).label("expected such as staging").help(help);
        }
        let (written, needs_evidence) = read_environment(reader, &name, node);
        if needs_evidence {
            evidence.insert(name.value.clone());
        }
        refuse_weaker(reader, &written);
        let numbers = written.iter().map(|(effect, number)| (*effect, number.value)).collect();
        floors.insert(name.value.clone(), filled(&name.value, &numbers));
    }
    (floors, evidence)
}

fn read_environment(reader: &mut Reader, name: &Spanned<String>, node: &Node) -> (BTreeMap<Effect, Spanned<u32>>, bool) {
    let example = format!("`{}: {{once: {{approvals: 1}}}}`", name.value);
    let (mut written, mut needs_evidence) = (BTreeMap::new(), false);
    let Some(mut fields) = reader.fields(node, format!("the environment `{}`", name.value), &example) else { return (written, false) };
    for (word, effect) in EFFECTS {
        let Some(node) = fields.optional(word) else { continue };
        let Some(mut floor) = reader.fields(node, format!("`{word}`"), &format!("`{word}: {{approvals: 1}}`")) else { continue };
        let approvals = floor.required("approvals", "approvals: 1");
        if let Some(number) = approvals.and_then(|node| reader.whole(node, "`approvals`", 0, MAX_APPROVALS)) {
            written.insert(effect, number);
        }
        if let Some((key, node)) = floor.entry("evidence") {
            needs_evidence |= read_evidence(reader, effect, key, node);
        }
        floor.finish(reader, &EFFECT);
    }
    fields.finish(reader, &EFFECT);
    (written, needs_evidence)
}

/// Whether a destructive step must say what evidence it needs.
fn read_evidence(reader: &mut Reader, effect: Effect, key: Span, node: &Node) -> bool {
    if effect != Effect::Destructive {
        let message = format!("`evidence` is asked of destructive steps, not of `{effect}`");
        reader.error("RB313", key, message).label("nothing is destroyed").help("write it under `destructive:`");
        return false;
    }
    match reader.text(node, "`evidence`").map(|word| (word.value, word.span)) {
        Some((word, _)) if word == "required" => true,
        Some((word, _)) if word == "optional" => false,
        Some((word, span)) => {
            let help = "write `evidence: required`, or leave it out";
            reader.error("RB313", span, format!("`evidence` cannot be `{word}`")).label("expected required or optional").help(help);
            false
        }
        None => false,
    }
}

/// A heavier effect that asks fewer people than a lighter one is a slip.
fn refuse_weaker(reader: &mut Reader, written: &BTreeMap<Effect, Spanned<u32>>) {
    for (effect, number) in written {
        let lighter = written.range(..*effect).max_by_key(|(_, other)| other.value);
        if let Some((other, asked)) = lighter.filter(|(_, other)| other.value > number.value) {
            let message = format!("`{effect}` asks {} people and the lighter `{other}` asks {}", number.value, asked.value);
            let label = format!("expected at least {}", asked.value);
            reader.error("RB312", number.span, message).label(label).help("a heavier effect asks at least as many people");
        }
    }
}

fn filled(environment: &str, written: &BTreeMap<Effect, u32>) -> BTreeMap<Effect, u32> {
    let mut floors = BTreeMap::new();
    for (effect, shipped) in SHIPPED {
        let lighter = written.range(..effect).map(|(_, number)| *number).max();
        let changing_lighter = written.range(Effect::Idempotent..).take_while(|(other, _)| **other < effect).last();
        let heavier = written.range(effect..).next().map(|(_, number)| *number);
        let inherited = changing_lighter.map(|(_, number)| *number).or(heavier).unwrap_or(shipped);
        let least = match effect {
            Effect::Read => 0,
            Effect::Once | Effect::Destructive if environment == PRODUCTION => inherited.max(shipped),
            Effect::Idempotent | Effect::Once | Effect::Destructive => inherited,
        };
        let number = written.get(&effect).copied().unwrap_or_else(|| least.max(lighter.unwrap_or(0)));
        floors.insert(effect, number);
    }
    floors
}

fn read_drills(reader: &mut Reader, node: &Node) -> DrillDuty {
    let Some(mut fields) = reader.fields(node, "`drills`", "`drills: {within: 30d, unchanged: true}`") else { return DrillDuty::default() };
    let within = fields.optional("within").and_then(|node| read_days(reader, node, "within"));
    let unchanged = fields.optional("unchanged").and_then(|node| reader.as_written(node, "`unchanged`"));
    if let Some(word) = unchanged.as_ref().filter(|word| !matches!(word.value.as_str(), "true" | "false")) {
        reader
            .error("RB314", word.span, "`unchanged` is true or false")
            .label("expected true")
            .help("write `unchanged: true`, or remove it");
    }
    if within.is_none() && unchanged.is_none() && !reader.diagnostics.has_errors() {
        reader
            .error("RB314", node.span, "`drills` asks for nothing")
            .label("expected `within` or `unchanged`")
            .help("write `drills: {within: 30d}`");
    }
    fields.finish(reader, &NONE);
    DrillDuty { within, unchanged: unchanged.is_some_and(|word| word.value == "true") }
}

fn read_review(reader: &mut Reader, node: &Node) -> Option<Period> {
    read_days(reader, node, "review")
}

/// A length of time, in days, too.
fn read_days(reader: &mut Reader, node: &Node, word: &str) -> Option<Period> {
    let written = reader.as_written(node, &format!("`{word}`"))?;
    let days = written.value.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let period = days.map(|days| Period::from_secs(u64::from(days) * DAY)).or_else(|| written.value.parse().ok());
    match period {
        Some(period) if period.as_millis() > 0 => Some(period),
        Some(_) | None => {
            let message = format!("`{word}` is a length of time above zero, got {:?}", written.value);
            reader.error("RB314", written.span, message).label("expected such as 180d").help(format!("write `{word}: 180d`"));
            None
        }
    }
}

fn read_deny(reader: &mut Reader, node: &Node) -> Vec<(String, String)> {
    let example = "`deny: [{command: redis-cli keys, why: it blocks the server}]`";
    let mut denied = Vec::new();
    for item in reader.list(node, "`deny`", example).unwrap_or_default() {
        let Some(mut fields) = reader.fields(item, "a denied command", "`{command: redis-cli keys, why: it blocks the server}`") else {
            continue;
        };
        let command = fields.required("command", "command: redis-cli keys").and_then(|node| reader.text(node, "`command`"));
        let why = fields.required("why", "why: it blocks the server").and_then(|node| reader.text(node, "`why`"));
        fields.finish(reader, &NONE);
        denied.extend(command.zip(why).map(|(command, why)| (command.value, why.value)));
    }
    denied
}

fn read_changing(reader: &mut Reader, node: &Node) -> Vec<String> {
    let items = reader.list(node, "`changing`", "`changing: [haproxyctl disable]`").unwrap_or_default();
    items.iter().filter_map(|item| reader.text(item, "a command")).map(|command| command.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Colour;

    fn floors(environments: &str, name: &str) -> Vec<u32> {
        let text = format!("{SMALLEST_POLICY}environments: {environments}\n");
        let (policy, diagnostics) = read_policy(&Source::new("team/policy.yaml", &text));
        let policy = policy.unwrap_or_else(|| panic!("{}", diagnostics.render(Colour::Plain)));
        policy.rules.floors[name].values().copied().collect()
    }

    #[test]
    fn production_asks_the_shipped_numbers_where_nothing_is_written() {
        assert_eq!(floors("{staging: {once: {approvals: 0}}}", "production"), [0, 1, 1, 2]);
        assert_eq!(floors("{production: {once: {approvals: 1}, destructive: {approvals: 2}}}", "production"), [0, 1, 1, 2]);
        assert_eq!(floors("{production: {once: {approvals: 0}}}", "production"), [0, 0, 0, 2]);
        assert_eq!(floors("{production: {idempotent: {approvals: 0}}}", "production"), [0, 0, 1, 2]);
    }

    #[test]
    fn an_effect_that_is_not_named_is_never_weaker_than_a_lighter_one() {
        assert_eq!(floors("{staging: {once: {approvals: 0}}}", "staging"), [0, 0, 0, 0]);
        assert_eq!(floors("{staging: {idempotent: {approvals: 3}}}", "staging"), [0, 3, 3, 3]);
        assert_eq!(floors("{staging: {destructive: {approvals: 2}}}", "staging"), [0, 2, 2, 2]);
        assert_eq!(floors("{staging: {read: {approvals: 2}}}", "staging"), [2, 2, 2, 2]);
        assert_eq!(floors("{staging: {}}", "staging"), [0, 1, 1, 2]);
        assert_eq!(floors("{production: {read: {approvals: 3}}}", "production"), [3, 3, 3, 3]);
    }
}
