//! Reads what an author asks of a gate. Never weakens it: what is not clear is refused.

use super::super::{Gate, InsteadText};
use super::names::is_name;
use super::words;
use crate::text::{Node, Reader, Span, Spanned, Value};

/// More people than this cannot be found at night; a larger number is a slip.
const MAX_APPROVALS: u32 = 20;

const EXAMPLE: &str = "`gate: {approvals: 1, from: [dba, sre]}`";

pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Gate> {
    let mut fields = reader.fields(node, "a gate", EXAMPLE)?;
    let span = fields.span();
    let from = match fields.optional("from") {
        Some(node) => read_from(reader, node),
        None => Some(Vec::new()),
    };
    let written = fields.optional("approvals").map(|node| read_approvals(reader, node));
    let expires = fields.optional("expires").and_then(|node| reader.period(node, "`expires`"));
    let instead = fields.entry("instead").and_then(|(key, node)| read_instead(reader, node, key));
    let ask = fields.optional("ask").and_then(|node| reader.text(node, "`ask`")).map(|ask| ask.value);
    fields.finish(reader, &words::GATE);
    let from = from?;
    let slots = u32::try_from(from.len()).unwrap_or(u32::MAX);
    let approvals = match written {
        Some(approvals) => approvals?,
        None => Spanned { value: slots.max(1), span },
    };
    if approvals.value < slots {
        let message = format!("{} approvals cannot fill {slots} slots", approvals.value);
        let help = format!("write `approvals: {slots}`, or one list `from: [dba, ic]` that serves every slot");
        reader.error("RB130", approvals.span, message).label(format!("expected at least {slots}")).help(help);
    }
    Some(Gate { approvals, from, instead, expires, ask, span })
}

fn read_approvals(reader: &mut Reader, node: &Node) -> Option<Spanned<u32>> {
    if matches!(&node.value, Value::Scalar(scalar) if scalar.text == "0") {
        let help = "ask for 1 or more, or remove the gate; the policy adds its own where it asks for one";
        reader.error("RB130", node.span, "a gate with 0 approvals stops nobody").label("expected 1 or more").help(help);
        return None;
    }
    reader.whole(node, "`approvals`", 1, MAX_APPROVALS)
}

/// `{of: dba, by: ic, after: 10m}`: who signs for whom when those do not answer.
fn read_instead(reader: &mut Reader, node: &Node, span: Span) -> Option<InsteadText> {
    let mut fields = reader.fields(node, "`instead`", "`instead: {of: dba, by: ic, after: 10m}`")?;
    let [of, by] = ["of", "by"].map(|key| {
        let example = if key == "of" { "of: dba" } else { "by: ic" };
        fields.required(key, example).and_then(|node| reader.text(node, &format!("`{key}`")))
    });
    let after = fields.required("after", "after: 10m").and_then(|node| reader.period(node, "`after`"));
    fields.finish(reader, &words::GATE);
    Some(InsteadText { of: of?, by: by?, after: after?, span })
}

/// `[dba, sre]` is one list that serves every slot; `[[dba], [ic]]` is one list a slot.
fn read_from(reader: &mut Reader, node: &Node) -> Option<Vec<Vec<Spanned<String>>>> {
    let items = reader.list(node, "`from`", "`from: [dba, sre]`, or leave it out: anyone on the roster may approve then")?;
    let nested = items.iter().filter(|item| matches!(item.value, Value::List(_))).count();
    if nested == 0 {
        return Some(vec![read_people(reader, items)?]);
    }
    if nested < items.len() {
        let help = "write `[dba, sre]` for either, or `[[dba], [sre]]` for one of each";
        reader.error("RB130", node.span, "`from` mixes names and lists").label("one or the other").help(help);
        return None;
    }
    let mut slots = Vec::new();
    for item in items {
        let people = reader.list(item, "a slot", "`[dba]`")?;
        slots.push(read_people(reader, people)?);
    }
    Some(slots)
}

fn read_people(reader: &mut Reader, items: &[Node]) -> Option<Vec<Spanned<String>>> {
    let mut people: Vec<Spanned<String>> = Vec::new();
    for item in items {
        let name = reader.text(item, "a group or person")?;
        if !is_name(&name.value.replace(['@', '+'], "_")) {
            let message = format!("`{}` is no group or person", name.value);
            let help = "name a group of team/policy.yaml, or a person by address";
            reader.error("RB130", name.span, message).label("expected such as dba or alice@example.com").help(help);
        } else if people.iter().any(|other| other.value == name.value) {
            let message = format!("`{}` is named twice", name.value);
            reader.error("RB130", name.span, message).label("again").help("name it once; ask for more people by `approvals:`");
        } else {
            people.push(name);
        }
    }
    Some(people)
}
