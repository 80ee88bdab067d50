//! Drills as people read them: a line a scenario, each difference as what was expected and what there was, a sweep as a table. Judges nothing.

use super::{Drilled, Report, Swept, in_words};
use crate::drill::Row;
use crate::views::{Line, Page, Tone};

/// All of it; `short` leaves out what went as expected.
pub(super) fn page(report: &Report, short: bool) -> Page {
    let mut page = Page::new();
    let width = report.drills.iter().map(|drilled| drilled.runbook.len() + drilled.scenario.len() + 1).max().unwrap_or(0);
    for drilled in report.drills.iter().filter(|drilled| !short || !drilled.ok) {
        page.lines.extend(drill_lines(drilled, width));
    }
    for (index, swept) in report.sweeps.iter().enumerate() {
        if index > 0 || !report.drills.is_empty() {
            page.push(Line::new());
        }
        page.lines.extend(sweep_lines(swept));
    }
    if !report.drills.is_empty() {
        let failed = report.drills.iter().filter(|drilled| !drilled.ok).count();
        let s = if report.drills.len() == 1 { "" } else { "s" };
        let all = format!("{} drill{s}", report.drills.len());
        page.push(match failed {
            0 => Line::new().plain(format!("{all} ")).with(Tone::Good, "as expected"),
            _ => Line::new().plain(format!("{failed} of {all} ")).with(Tone::Bad, "not as expected"),
        });
    }
    page
}

fn drill_lines(drilled: &Drilled, width: usize) -> Vec<Line> {
    let (tone, sign) = if drilled.ok { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
    let name = format!("{}/{}", drilled.runbook, drilled.scenario);
    let said = format!("{} after {}", drilled.verdict.replace('_', " "), in_words(drilled.took_ms));
    let head = Line::new().with(tone, sign).plain(" ").with(Tone::Strong, name).column(width + 4).plain(said);
    let mut lines = vec![head.column(width + 34).with(Tone::Quiet, drilled.title.clone())];
    lines.extend(drilled.timeline.iter().map(|line| line.clone().indented(4)));
    for difference in &drilled.differences {
        lines.push(Line::new().plain(format!("    {}", difference.what)));
        lines.push(Line::new().with(Tone::Quiet, format!("      expected  {}", shown(&difference.expected))));
        lines.push(Line::new().with(Tone::Bad, format!("      got       {}", shown(&difference.got))));
    }
    lines.extend(drilled.unused.iter().map(|unused| {
        let line = unused.line.map_or(String::new(), |line| format!("line {line}, "));
        Line::new().with(Tone::Quiet, format!("    never used: {line}{}", shown(&unused.what)))
    }));
    lines
}

/// Nothing has a word, too; of several lines the first.
fn shown(text: &str) -> String {
    match text.lines().next() {
        None => "nothing".to_owned(),
        Some(line) if text.trim_end().contains('\n') => format!("{line} …"),
        Some(line) => line.to_owned(),
    }
}

fn sweep_lines(swept: &Swept) -> Vec<Line> {
    let head = format!("{}: each step fails in turn, on top of {}, which ends {}", swept.runbook, swept.scenario, swept.verdict);
    let mut lines = vec![Line::new().with(Tone::Strong, head)];
    if !swept.goes_well {
        let said = "  it says little: nothing is known in which the runbook ends well. Write such a scenario first (docs/drills.md); why it ends so:";
        lines.push(Line::new().with(Tone::Bad, said));
        lines.extend(swept.why.iter().map(|why| Line::new().with(Tone::Waits, format!("    {why}"))));
    }
    let unanswered = swept.unanswered.iter().map(|one| Line::new().with(Tone::Waits, format!("  no answer is known for {one}")));
    lines.extend(unanswered);
    let width = swept.rows.iter().map(|row| row.step.len()).max().unwrap_or(0) + 2;
    lines.extend(swept.rows.iter().map(|row| row_line(row, width)));
    let alone = swept.rows.iter().filter(|row| !row.needs_person).count();
    let s = if swept.rows.len() == 1 { "" } else { "s" };
    lines.push(Line::new().plain(format!("{} failure{s}: after {alone} of them nobody is needed", swept.rows.len())));
    lines
}

fn row_line(row: &Row, width: usize) -> Line {
    let tone = if row.needs_person { Tone::Waits } else { Tone::Plain };
    let line = Line::new().plain("  ").with(Tone::Strong, row.step.clone()).column(width + 2).plain(row.fault).column(width + 9);
    let line = line.with(tone, row.verdict.replace('_', " "));
    let list = |word: &str, names: &[String]| if names.is_empty() { String::new() } else { format!("; {word} {}", names.join(", ")) };
    let rest = [list("then", &row.answers_with), list("undone", &row.undone), list("held", &row.held)].concat();
    let person = if row.needs_person { "; a person is needed" } else { "" };
    let back = row.rolled_back.as_ref().map_or(String::new(), |back| {
        format!("; who rolls back ends {}{}{}", back.verdict.replace('_', " "), list("undone", &back.undone), list("held", &back.held))
    });
    line.plain(rest).with(Tone::Waits, person).with(Tone::Quiet, back)
}
