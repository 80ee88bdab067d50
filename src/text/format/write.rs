//! Writes pieces as text: two blanks a level, one key a line. Decides nothing about order or quotes.

use super::shape::{Block, Entry, Piece};

pub(super) fn write(root: &Block) -> String {
    let mut text = String::new();
    entries(&mut text, root, 0);
    text
}

fn entries(text: &mut String, block: &Block, indent: usize) {
    for entry in &block.entries {
        comments(text, &entry.above, indent);
        pad(text, indent);
        self::entry(text, entry, indent);
    }
    comments(text, &block.footer, indent);
}

/// The entry from where the line stands; `indent` is the column of its key or dash.
fn entry(text: &mut String, entry: &Entry, indent: usize) {
    match &entry.key {
        Some(key) => {
            text.push_str(key);
            text.push(':');
        }
        None => text.push('-'),
    }
    let beside = entry.beside.as_deref().unwrap_or("");
    match &entry.piece {
        Piece::Nothing => line_end(text, beside),
        Piece::Lines(lines) => {
            text.push_str(&" ".repeat(entry.gap));
            for (index, line) in lines.iter().enumerate() {
                if index > 0 {
                    text.push('\n');
                    if !line.is_empty() {
                        pad(text, indent + 2);
                    }
                }
                text.push_str(line);
            }
            line_end(text, beside);
        }
        Piece::Text { header, lines } => {
            text.push(' ');
            text.push_str(header);
            line_end(text, beside);
            for line in lines {
                if !line.is_empty() {
                    pad(text, indent + 2);
                }
                text.push_str(line);
                text.push('\n');
            }
        }
        Piece::Map(block) | Piece::List(block) if entry.key.is_some() => {
            line_end(text, beside);
            entries(text, block, indent + 2);
        }
        Piece::Map(block) | Piece::List(block) => in_item(text, block, indent),
    }
}

/// A map or list right behind the dash of an item. The comments above its first entry were put above the item.
fn in_item(text: &mut String, block: &Block, indent: usize) {
    for (index, inner) in block.entries.iter().enumerate() {
        if index == 0 {
            text.push(' ');
        } else {
            comments(text, &inner.above, indent + 2);
            pad(text, indent + 2);
        }
        entry(text, inner, indent + 2);
    }
    comments(text, &block.footer, indent + 2);
}

fn comments(text: &mut String, lines: &[Option<String>], indent: usize) {
    for line in lines {
        if let Some(comment) = line {
            pad(text, indent);
            text.push_str(comment);
        }
        text.push('\n');
    }
}

fn pad(text: &mut String, indent: usize) {
    text.push_str(&" ".repeat(indent));
}

fn line_end(text: &mut String, beside: &str) {
    text.push_str(beside);
    text.push('\n');
}
