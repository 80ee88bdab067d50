//! Problems as GitHub's workflow commands, which its pages show beside the line. The only place that escapes for them.

use super::{Places, severity_word};
use crate::text::{Diagnostic, Diagnostics};

/// One line a problem, in the syntax of "Workflow commands for GitHub Actions"; escaped as the toolkit's `@actions/core` does it.
pub fn page(problems: &Diagnostics, places: &Places) -> String {
    problems.sorted().into_iter().fold(String::new(), |mut page, problem| {
        line(&mut page, problem, &places.of(problem));
        page
    })
}

fn line(page: &mut String, problem: &Diagnostic, file: &str) {
    let ((line, col), (end_line, end_column)) = (problem.position(), problem.source.position(problem.span.end));
    let same_line = end_line == line && end_column > col;
    let end = if same_line { format!(",endColumn={end_column}") } else { String::new() }; // columns count on one line alone
    let message = match &problem.help {
        Some(help) => format!("{}\n{help}", problem.message),
        None => problem.message.clone(),
    };
    let (command, title) = (severity_word(problem.severity), problem.code);
    page.push_str(&format!("::{command} file={},line={line},col={col}{end},title={title}::{}\n", property(file), data(&message)));
}

/// The text after `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Severity, Source, Span};

    #[test]
    fn what_would_end_a_command_early_is_escaped() {
        let source = Source::new("runbooks/a,b:c.yaml", "one\ntwo\n");
        let mut problem = Diagnostic::new(Severity::Error, "RB203", &source, Span { start: 4, end: 7 }, "100 %: a\r\n::error::b");
        problem.help("do");
        let mut problems = Diagnostics::new();
        problems.push(problem);
        let places = Places { above: "ops".into() };
        assert_eq!(
            page(&problems, &places),
            "::error file=ops/runbooks/a%2Cb%3Ac.yaml,line=2,col=1,endColumn=4,title=RB203::100 %25: a%0D%0A::error::b%0Ado\n"
        );
    }
}
