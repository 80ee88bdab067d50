//! The draft of a runbook from a Markdown page: headings name steps, prose says why, commands and lists are done. Nothing of the page is lost silently.

mod blocks;
mod names;

use super::command::{Cleaned, Form, clean, escaped, step_of};
use super::sheet::{Action, Draft, Entry, LeftOut, Step};
use crate::base::{StepId, is_plain};
use crate::text::Source;
use blocks::{Block, BlockKind, blocks, plain};
use names::{joined, lead_of, named, short, unnumbered};

/// Headings whose lists are there to be read, not to be done.
const BACKGROUND: [&str; 26] = [
    "about",
    "alerts",
    "architecture",
    "background",
    "contacts",
    "context",
    "dashboards",
    "description",
    "escalation",
    "faq",
    "glossary",
    "history",
    "impact",
    "introduction",
    "links",
    "metadata",
    "notes",
    "overview",
    "prerequisites",
    "purpose",
    "references",
    "scope",
    "see also",
    "summary",
    "symptoms",
    "when to use",
];

/// A heading and what stands under it.
struct Section {
    level: u8,
    title: String,
    blocks: Vec<Block>,
}

/// The draft of a page. `stem` names it where it has no title.
pub fn from_markdown(source: &Source, stem: &str) -> Draft {
    let (text, hidden) = visible(source.text());
    let mut sections = sections(blocks(&text));
    let mut writer = Writer { draft: Draft::default(), carried: Vec::new() };
    if let Some(line) = hidden {
        writer.left_out(line, "characters that cannot be seen were left out, here and perhaps further down", "");
    }
    let title = sections.iter().position(|section| section.level > 0).filter(|at| is_title(&sections, *at));
    let title = title.map(|at| {
        sections[at].level = 0; // what stands under the title is about the whole page
        std::mem::take(&mut sections[at].title)
    });
    let levels: Vec<u8> = sections.iter().skip(1).map(|section| section.level).chain([0]).collect();
    for (section, next) in sections.iter().zip(levels) {
        writer.section(section, next);
    }
    let mut draft = writer.draft;
    draft.title = title.filter(|title| !title.is_empty()).unwrap_or_else(|| stem.replace(['-', '_'], " "));
    draft.name = StepId::slug(stem).map_or_else(|| "draft".to_owned(), |slug| slug.to_string());
    draft.description = draft.description.trim().to_owned();
    draft.settle_ids();
    draft
}

/// The text without characters that the reader would refuse, and the line of the first that was no mere space.
fn visible(text: &str) -> (String, Option<usize>) {
    let mut hidden = None;
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.lines().enumerate() {
        for c in line.chars() {
            match c {
                '\t' => out.push('\t'),
                '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => out.push(' '),
                '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => {} // the dress of an emoji, a byte order mark
                c if is_plain(c) => out.push(c),
                _ => hidden = hidden.or(Some(index + 1)),
            }
        }
        out.push('\n');
    }
    (out, hidden)
}

fn sections(blocks: Vec<Block>) -> Vec<Section> {
    let mut sections = vec![Section { level: 0, title: String::new(), blocks: Vec::new() }];
    for block in blocks {
        match block.kind {
            BlockKind::Heading(level, title) => sections.push(Section { level, title, blocks: Vec::new() }),
            _ => {
                if let Some(section) = sections.last_mut() {
                    section.blocks.push(block);
                }
            }
        }
    }
    sections
}

/// Whether the first heading is the page's: no other stands as high.
fn is_title(sections: &[Section], at: usize) -> bool {
    sections.iter().skip(at + 1).all(|section| section.level > sections[at].level)
}

struct Writer {
    draft: Draft,
    /// Prose of a heading that has nothing to do itself: it is said of the first step below it.
    carried: Vec<String>,
}

/// What a section makes, before its steps have names.
#[derive(Default)]
struct Making {
    entries: Vec<(Option<String>, Entry)>,
    prose: Vec<String>,
}

impl Writer {
    fn left_out(&mut self, line: usize, what: &str, text: &str) {
        self.draft.entries.push(Entry::LeftOut(LeftOut::new(line, what, text)));
    }

    fn section(&mut self, section: &Section, next_level: u8) {
        let about_all = section.level == 0;
        let is_background =
            (about_all && next_level > 0) || BACKGROUND.contains(&unnumbered(&section.title).trim_end_matches(':').to_lowercase().as_str());
        let mut making = Making { prose: std::mem::take(&mut self.carried), ..Making::default() };
        for block in &section.blocks {
            self.block(&mut making, block, is_background);
        }
        let steps = making.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Step(_))).count();
        let Making { mut entries, mut prose } = making;
        if steps == 0 {
            self.without_steps(section, next_level, prose);
        } else if about_all {
            self.describe("", &prose);
        } else if let Some(step) = entries.iter_mut().rev().find_map(|(_, entry)| step_in(entry)) {
            prose.insert(0, std::mem::take(&mut step.why));
            step.why = joined(&prose); // what follows the last command is about it
        }
        self.name(section, entries, steps);
    }

    /// Prose alone: about the page, or about the headings below.
    fn without_steps(&mut self, section: &Section, next_level: u8, prose: Vec<String>) {
        if section.level == 0 {
            self.describe("", &prose);
        } else if next_level > section.level && !prose.is_empty() {
            self.carried = prose;
        } else {
            self.describe(&section.title, &prose);
        }
    }

    fn describe(&mut self, title: &str, prose: &[String]) {
        let text = joined(prose);
        if text.is_empty() {
            return;
        }
        let heading = if title.is_empty() { String::new() } else { format!("## {title}\n\n") };
        self.draft.description.push_str(&format!("{heading}{text}\n\n"));
    }

    fn block(&mut self, making: &mut Making, block: &Block, is_background: bool) {
        let line = block.line;
        match &block.kind {
            BlockKind::Heading(..) => {} // made a section before
            BlockKind::Prose(text) => self.prose(making, text),
            BlockKind::Head(text) => text.lines().for_each(|line| self.owner_of(line)),
            BlockKind::Code { language, text } => self.code(making, line, language, text),
            BlockKind::List { items, text, .. } if is_background && !items.iter().any(|item| has_commands(item)) => {
                making.prose.push(text.clone())
            }
            BlockKind::List { ordered, items, text } => self.list(making, line, *ordered, items, text),
            BlockKind::Other(what, text) => making.entries.push((None, Entry::LeftOut(LeftOut::new(line, *what, text)))),
        }
    }

    fn prose(&mut self, making: &mut Making, text: &str) {
        let owner = self.draft.owner.is_none();
        text.lines().for_each(|line| self.owner_of(line));
        let is_owner_alone = owner && self.draft.owner.is_some() && text.lines().count() == 1;
        if !is_owner_alone {
            making.prose.push(text.to_owned());
        }
    }

    /// `Owner: database`, `**Team**: database`.
    fn owner_of(&mut self, line: &str) {
        let line = line.replace(['*', '_'], "");
        let Some((key, value)) = line.split_once(':') else { return };
        let is_owner = matches!(key.trim().trim_start_matches("- ").to_lowercase().as_str(), "owner" | "team" | "owned by");
        let value = plain(value.trim().trim_matches(['"', '\'']));
        if is_owner && !value.is_empty() && self.draft.owner.is_none() {
            self.draft.owner = Some(value);
        }
    }

    fn code(&mut self, making: &mut Making, line: usize, language: &str, text: &str) {
        let Some(cleaned) = form_of(language).and_then(|form| clean(text, form)) else { return no_commands(making, line, language, text) };
        self.take_parameters(&cleaned);
        let (lead, why) = lead_of(&mut making.prose);
        let mut step = step_of("", line, &cleaned);
        step.why = why;
        if cleaned.text.contains("{#") {
            step.left_out.push(LeftOut::new(line, "`{#` begins a comment of templates here: say it in another way", ""));
        }
        if !cleaned.printed.is_empty() {
            step.left_out.push(LeftOut::new(line, "what the commands printed", cleaned.printed));
        }
        making.entries.push((lead, Entry::Step(step)));
    }

    fn take_parameters(&mut self, cleaned: &Cleaned) {
        for parameter in &cleaned.parameters {
            if !self.draft.parameters.iter().any(|known| known.name == parameter.name) {
                self.draft.parameters.push(parameter.clone());
            }
        }
    }

    fn list(&mut self, making: &mut Making, line: usize, ordered: bool, items: &[Vec<Block>], text: &str) {
        if !ordered && !items.iter().any(|item| has_commands(item)) {
            let (lead, why) = lead_of(&mut making.prose);
            let mut step = Step::new("", line, Action::Manual(escaped(text)));
            step.why = why;
            making.entries.push((lead, Entry::Step(step)));
            return;
        }
        for item in items {
            if has_commands(item) {
                item.iter().for_each(|block| self.block(making, block, false));
            } else {
                self.manual(making, item);
            }
        }
    }

    /// One item that a person does.
    fn manual(&mut self, making: &mut Making, item: &[Block]) {
        let Some(first) = item.first() else { return };
        let texts = item.iter().map(|block| match &block.kind {
            BlockKind::Prose(text)
            | BlockKind::Head(text)
            | BlockKind::Other(_, text)
            | BlockKind::Code { text, .. }
            | BlockKind::List { text, .. } => text.clone(),
            BlockKind::Heading(_, text) => text.clone(),
        });
        let texts: Vec<String> = texts.collect();
        let text = joined(&texts);
        if text.trim().is_empty() {
            return; // a number alone
        }
        let mut step = Step::new("", first.line, Action::Manual(escaped(&text)));
        step.why = joined(&std::mem::take(&mut making.prose));
        making.entries.push((short(&text), Entry::Step(step)));
    }

    /// One step is named by its heading; of several each by the heading and the words before it.
    fn name(&mut self, section: &Section, entries: Vec<(Option<String>, Entry)>, steps: usize) {
        let title = unnumbered(&section.title);
        let mut count = 0;
        for (lead, mut entry) in entries {
            if let Some(step) = step_in(&mut entry) {
                count += 1;
                let (name, unused_lead) = named(title, lead, steps, count);
                step.name = name;
                if let Some(lead) = unused_lead.filter(|_| !is_manual(step)) {
                    step.why = joined(&[lead, std::mem::take(&mut step.why)]);
                }
            }
            self.draft.entries.push(entry);
        }
    }
}

/// A block that nobody runs: after a step it is what the step prints, as far as anybody can tell.
fn no_commands(making: &mut Making, line: usize, language: &str, text: &str) {
    let is_plain = matches!(language, "" | "text" | "txt" | "output" | "plaintext" | "log");
    let lead = making.prose.last().filter(|last| last.trim_end().ends_with(':')).and_then(|last| short(last));
    let step = making.entries.last_mut().and_then(|(_, entry)| step_in(entry)).filter(|_| is_plain);
    let what = match (language, &step, &lead) {
        (_, Some(_), Some(lead)) => format!("after the command: {lead}"),
        (_, Some(_), None) => "after the command, perhaps what it prints".to_owned(),
        ("", None, _) => "a block that does not say what it is: write ```sh before commands".to_owned(),
        (language, None, _) => format!("a block of {language}"),
    };
    let left_out = LeftOut::new(line, what, text);
    match step {
        Some(step) => {
            step.left_out.push(left_out);
            if lead.is_some() {
                making.prose.pop();
            }
        }
        None => making.entries.push((None, Entry::LeftOut(left_out))),
    }
}

fn is_manual(step: &Step) -> bool {
    match step.action {
        Action::Manual(_) => true,
        Action::Check(_) | Action::Run(_) | Action::Wait(_) => false,
    }
}

fn step_in(entry: &mut Entry) -> Option<&mut Step> {
    match entry {
        Entry::Step(step) => Some(step),
        Entry::LeftOut(_) => None,
    }
}

fn form_of(language: &str) -> Option<Form> {
    match language {
        "sh" | "bash" | "shell" | "zsh" | "ksh" => Some(Form::Script),
        "console" | "shell-session" | "sh-session" | "shellsession" | "terminal" | "bash-session" => Some(Form::Session),
        "" => Some(Form::Unnamed),
        _ => None,
    }
}

fn has_commands(item: &[Block]) -> bool {
    item.iter().any(|block| match &block.kind {
        BlockKind::Code { language, text } => form_of(language).is_some_and(|form| clean(text, form).is_some()),
        BlockKind::List { items, .. } => items.iter().any(|item| has_commands(item)),
        BlockKind::Heading(..) | BlockKind::Prose(_) | BlockKind::Head(_) | BlockKind::Other(..) => false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runbook::{Work, read};
    use crate::text::Colour;

    fn names(page: &str) -> Vec<String> {
        let draft = from_markdown(&Source::new("a.md", page), "a");
        draft.steps().map(|step| format!("{} {}: {}", step.line, step.action.word(), step.name)).collect()
    }

    #[test]
    fn headings_name_steps_and_leads_tell_several_apart() {
        let page = "# T\n\n## Step 1: Look\n\nFirst.\n\n```sh\nuptime\n```\n\n## 2) Act\n\nStop it:\n\n```sh\nsystemctl stop x\n```\n\nStart it.\n\n```\n$ systemctl start x\n```\n";
        assert_eq!(names(page), ["7 check: Look", "15 run: Act: Stop it", "21 run: Act: Start it"]);
    }

    #[test]
    fn numbered_points_are_steps_of_people_and_bullets_are_one() {
        let page =
            "# T\n\n## Tell\n\n1. Call Bob.\n2. Call Carol, who is in the other building today.\n\n## Look\n\n- the graph\n- the log\n";
        assert_eq!(
            names(page),
            ["5 manual: Tell: Call Bob", "6 manual: Tell: Call Carol, who is in the other building today", "10 manual: Look"]
        );
    }

    #[test]
    fn prose_is_said_of_the_step_that_it_stands_with_or_of_the_page() {
        let page =
            "# T\n\nUse it.\n\n## A\n\nAbove.\n\n### B\n\nBefore.\n\n```sh\nls\n```\n\nAfter.\n\n## Symptoms\n\n- slow\n\nOwner: web\n";
        let draft = from_markdown(&Source::new("a.md", page), "a");
        let step = draft.steps().next().unwrap();
        assert_eq!((step.name.as_str(), step.why.as_str()), ("B", "Before\n\nAbove.\n\nAfter."));
        assert_eq!((draft.description.as_str(), draft.owner.as_deref()), ("Use it.\n\n## Symptoms\n\n- slow", Some("web")));
    }

    #[test]
    fn two_steps_of_one_name_have_two_ids() {
        let page = "## Look\n\n```sh\nls\n```\n\n## Look!\n\n```sh\nls\n```\n\n## 見る\n\n```sh\nls\n```\n";
        let draft = from_markdown(&Source::new("a.md", page), "a");
        let ids: Vec<Option<&str>> = draft.steps().map(|step| step.id.as_deref()).collect();
        assert_eq!(ids, [None, Some("look-2"), Some("step-2")]);
    }

    #[test]
    fn what_is_no_step_is_kept_with_its_line() {
        let page = "# T\n\n```sql\nselect 1\n```\n\n| a |\n|---|\n\n## A\n\n```sh\nls\n```\n\n```text\nx\n```\n\u{202e}\n";
        let draft = from_markdown(&Source::new("a.md", page), "a");
        let said: Vec<String> = draft.left_out().iter().map(|left_out| format!("{} {}", left_out.line, left_out.what)).collect();
        assert_eq!(
            said,
            [
                "3 a block of sql",
                "7 a table",
                "16 after the command, perhaps what it prints",
                "19 characters that cannot be seen were left out, here and perhaps further down"
            ]
        );
    }

    fn is_read(page: &str) {
        let text = from_markdown(&Source::new("a.md", page), "a").text("a.md");
        let (runbook, problems) = read(&Source::new("a.yaml", &text), "a");
        assert!(runbook.is_some(), "{}\n{text}", problems.render(Colour::Plain));
    }

    #[test]
    fn a_text_that_begins_with_a_tab_is_read() {
        is_read("1. \n1. \n\t1. \"```sh\nls");
    }

    #[test]
    fn an_open_place_never_takes_a_name_that_expressions_use() {
        for word in ["HOST", "ITEM", "BATCH", "NONE", "LOOP"] {
            is_read(&format!("# T\n\n## Look\n\n```sh\nls <{word}>\n```\n"));
        }
    }

    proptest! {
        #[test]
        fn every_draft_is_read(page in "([-#>*`~|<>é:'\"{}%$ a-c0-9]|\n|\n\n|## |```sh\nls|```|1\\. |- |\u{a0}|\u{202e}|\t){0,80}") {
            let draft = from_markdown(&Source::new("a.md", &page), "a");
            if draft.steps().next().is_some() {
                let text = draft.text("a.md");
                let (runbook, problems) = read(&Source::new("a.yaml", &text), "a");
                let runbook = runbook.unwrap_or_else(|| panic!("{}\n{text}", problems.render(Colour::Plain)));
                let is_manual = |step: &crate::runbook::Step| matches!(step.work, Work::Manual { .. });
                prop_assert!(runbook.steps.iter().all(|step| is_manual(step) || step.hosts.is_some()));
            }
        }
    }
}
