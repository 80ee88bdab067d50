//! Reads what only blocks have: rescue, always, rolling, for_each, brackets. Never reads a step's own words.

use super::super::{Block, BracketText, ForEachText, ReleaseWhen, RollingText, Serial, Step};
use super::common::{choose, read_flag, scalar_text};
use super::names::Names;
use super::steps::{Around, read_list};
use super::words;
use crate::text::{Fields, Node, Reader, Spanned, Value};

/// More hosts than an inventory may hold are never in one batch.
const MAX_BATCH: u32 = 10_000;

const RELEASES: [(&str, ReleaseWhen); 3] = [("success", ReleaseWhen::Success), ("always", ReleaseWhen::Always), ("ask", ReleaseWhen::Ask)];

pub(super) fn read(reader: &mut Reader, fields: &mut Fields<'_>, node: &Node, names: &mut Names, around: Around) -> Block {
    let mut block = Block { rolling: fields.entry("rolling").and_then(|(key, node)| read_rolling(reader, node, key)), ..Block::default() };
    block.for_each = fields.optional("for_each").and_then(|node| read_for_each(reader, node));
    block.bracket = read_bracket(reader, fields);
    block.uninterruptible = fields.optional("uninterruptible").is_some_and(|node| read_flag(reader, node, "uninterruptible"));
    block.steps = read_list(reader, (node, "`steps`"), names, around);
    let mut part =
        |word| fields.optional(word).map_or(Vec::<Step>::new(), |node| read_list(reader, (node, &format!("`{word}`")), names, around));
    (block.rescue, block.always) = (part("rescue"), part("always"));
    check_fit(reader, &block, around);
    block
}

fn check_fit(reader: &mut Reader, block: &Block, around: Around) {
    if let (Some(rolling), false) = (&block.rolling, around.hosts) {
        let help = "add `hosts:` to the block, with the hosts that go one after another";
        reader.error("RB118", rolling.span, "this block does not say which hosts it rolls over").label("over which hosts?").help(help);
    }
    if let (Some(bracket), false) = (&block.bracket, around.hosts) {
        let help = "add `hosts:` to the block: `acquire` and `release` run there";
        reader.error("RB118", bracket.span, "this block does not say where it acquires").label("on which hosts?").help(help);
    }
    if let (Some(rolling), Some(_)) = (&block.rolling, &block.for_each) {
        let help = "put one block into the other: which of them is the outer one matters";
        reader.error("RB119", rolling.span, "`rolling` and `for_each` on one block").label("one or the other").help(help);
    }
}

fn read_rolling(reader: &mut Reader, node: &Node, span: crate::text::Span) -> Option<RollingText> {
    let example = "`rolling: {serial: 1}`";
    let mut fields = reader.fields(node, "`rolling`", example)?;
    let serial = match fields.optional("serial") {
        None => vec![Spanned { value: Serial::Count(1), span }],
        Some(node) => match &node.value {
            Value::List(_) => {
                let items = reader.list(node, "`serial`", "`serial: [1, 25%]`")?;
                items.iter().filter_map(|item| read_serial(reader, item)).collect()
            }
            Value::Scalar(_) | Value::Map(_) => vec![read_serial(reader, node)?],
        },
    };
    let pause = fields.optional("pause").and_then(|node| reader.period_text(node, "`pause`"));
    let max_failures = fields.optional("max_failures").and_then(|node| reader.whole(node, "`max_failures`", 0, MAX_BATCH));
    let last = fields.optional("last").and_then(|node| reader.text(node, "`last`"));
    fields.finish(reader, &words::ROLLING);
    Some(RollingText { serial, pause, max_failures, last, span })
}

fn read_serial(reader: &mut Reader, node: &Node) -> Option<Spanned<Serial>> {
    let written = scalar_text(node).unwrap_or("");
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()));
    let size = match written.strip_suffix('%') {
        Some(percent) => number(percent).filter(|percent| (1..=100).contains(percent)).map(Serial::Percent),
        None => number(written).filter(|count| (1..=MAX_BATCH).contains(count)).map(Serial::Count),
    };
    if size.is_none() {
        let message = format!("`serial` is a number of hosts or a share of them, got {written:?}");
        let help = match written {
            "all" => "write `serial: 100%`, or leave `rolling:` out: then all go at the same time",
            _ if written.ends_with('%') => "a share is a whole number from 1% to 100%",
            _ => "write such as `serial: 1`, at least one, or `serial: [1, 25%]`",
        };
        reader.error("RB117", node.span, message).label("expected such as 1 or 25%").help(help);
    }
    size.map(|value| Spanned { value, span: node.span })
}

fn read_for_each(reader: &mut Reader, node: &Node) -> Option<ForEachText> {
    if let Value::List(_) = &node.value {
        let items = reader.list(node, "`for_each`", "`for_each: [a, b]`")?;
        return Some(ForEachText::List(items.iter().filter_map(|item| reader.as_written(item, "an item")).collect()));
    }
    let text = reader.text(node, "`for_each`")?;
    let inner = text.value.trim();
    let template = inner.starts_with("{{") && inner.ends_with("}}") && inner.matches("{{").count() == 1;
    if !template {
        let message = format!("`for_each` is a list, or one value that is a list, got {:?}", text.value);
        let help = "write `for_each: [a, b]`, or `for_each: \"{{ findings.value }}\"`";
        reader.error("RB117", text.span, message).label("expected a list").help(help);
        return None;
    }
    Some(ForEachText::Template(text))
}

fn read_bracket(reader: &mut Reader, fields: &mut Fields<'_>) -> Option<BracketText> {
    let acquire = fields.entry("acquire");
    let release = fields.entry("release");
    let when = fields.entry("release_when");
    let release_when = when.and_then(|(_, node)| choose(reader, node, "release_when", &RELEASES));
    match (acquire, release) {
        (Some((span, acquire)), Some((_, release))) => {
            let (acquire, release) = (reader.text(acquire, "`acquire`"), reader.text(release, "`release`"));
            let release_when = release_when.map_or(ReleaseWhen::Always, |word| word.value);
            Some(BracketText { acquire: acquire?, release: release?, release_when, span })
        }
        (Some((key, _)), None) => {
            let help = "add `release:` with the command that gives it back: what is taken at night is forgotten at night";
            reader.error("RB119", key, "`acquire` without `release`").label("never given back").help(help);
            None
        }
        (None, Some((key, _))) => {
            reader.error("RB119", key, "`release` without `acquire`").label("nothing was taken").help("add `acquire:`, or make it a step");
            None
        }
        (None, None) => {
            if let Some((key, _)) = when {
                reader.error("RB119", key, "`release_when` without `acquire` and `release`").label("nothing to release").help("remove it");
            }
            None
        }
    }
}
