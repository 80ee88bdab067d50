//! Comments that allow a finding: `# runbook: allow RB201 because the lock is ours`. Never allows without a reason.

use super::rules::{BAD_ALLOW, RULES};
use crate::text::{Comment, Diagnostic, Diagnostics, Source, Span, comments, did_you_mean};

const MARK: &str = "runbook: allow";

/// The allowances of one file.
#[derive(Debug)]
pub struct Allowances {
    /// Code and line.
    given: Vec<(String, usize)>,
    /// Lines that hold a comment and nothing else, sorted.
    comment_lines: Vec<usize>,
    pub(super) problems: Diagnostics,
}

impl Allowances {
    /// All of a file, and what is wrong with them.
    pub fn read(source: &Source) -> Self {
        let mut allowances = Self { given: Vec::new(), comment_lines: Vec::new(), problems: Diagnostics::new() };
        for comment in comments(source) {
            let line_start = source.text()[..comment.span.start].rfind('\n').map_or(0, |at| at + 1);
            if source.text()[line_start..comment.span.start].trim().is_empty() {
                allowances.comment_lines.push(comment.line);
            }
            if let Some(rest) = comment.text.strip_prefix(MARK) {
                allowances.take(source, &comment, rest);
            }
        }
        allowances
    }

    fn take(&mut self, source: &Source, comment: &Comment, rest: &str) {
        let (code, rest) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        let reason = rest.trim().strip_prefix("because ").unwrap_or("").trim();
        let known = RULES.iter().find(|rule| rule.code == code || rule.name == code);
        let mut refuse = |message: String, help: String| {
            let mut diagnostic = Diagnostic::new(BAD_ALLOW.severity, BAD_ALLOW.code, source, comment.span, message);
            diagnostic.label("allows nothing").help(help);
            self.problems.push(diagnostic);
        };
        match known {
            None => {
                let help = match did_you_mean(code, RULES.iter().map(|rule| rule.code)) {
                    Some(meant) => format!("did you mean {meant}? Write `# {MARK} {meant} because …`"),
                    None => format!("write such as `# {MARK} RB201 because the lock is ours`"),
                };
                refuse(format!("there is no lint rule `{code}`"), help);
            }
            Some(rule) if reason.is_empty() => {
                refuse(format!("no reason for allowing {}", rule.code), format!("write `# {MARK} {} because …`", rule.code));
            }
            Some(rule) => self.given.push((rule.code.to_owned(), comment.line)),
        }
    }

    /// Whether a comment on the lines of a step, or of another thing that is judged, or on comment lines just above it, allows this.
    pub fn allows(&self, source: &Source, code: &str, judged: Span) -> bool {
        if self.given.is_empty() {
            return false;
        }
        let first = source.position(judged.start).0;
        let last = source.position(judged.end).0;
        let mut from = first;
        while self.comment_lines.binary_search(&(from - 1)).is_ok() {
            from -= 1;
        }
        self.given.iter().any(|(given, line)| given == code && (from..=last).contains(line))
    }
}
