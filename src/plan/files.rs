//! Files of the library's `scripts/` that steps send: whether they are there and can be what they are used as. Never reads a file.

use std::collections::BTreeMap;

use super::program::{Program, ProgramStep};
use crate::base::Bytes;
use crate::runbook::{PutContent, Step, Work, lint_scripts};
use crate::text::{Diagnostics, Spanned, did_you_mean};

/// Shells that run a text as a file, with lines put before it.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "yash"];

/// Templates that lie in files become part of their steps, so that whatever looks at a step sees their names.
pub(in crate::plan) fn inline_templates(step: &mut Step, scripts: &BTreeMap<String, Bytes>) {
    let Work::Put(put) = &mut step.work else { return };
    let PutContent::Template(file) = &put.content else { return };
    if let Some(text) = scripts.get(&file.value).and_then(Bytes::as_str) {
        put.content = PutContent::Content(Spanned { value: text.to_owned(), span: file.span });
    }
}

/// All problems with the files that steps send.
pub(in crate::plan) fn check(program: &Program) -> Diagnostics {
    let mut found = Diagnostics::new();
    for step in program.steps.iter().filter(|step| step.is_written()) {
        check_step(program, step, &mut found);
    }
    for frame in &program.frames {
        found.extend(lint_scripts(&frame.runbook, &program.policy.deny, &program.policy.changing, &program.scripts));
    }
    found
}

fn check_step(program: &Program, step: &ProgramStep, found: &mut Diagnostics) {
    let (file, word) = match &step.step.work {
        Work::Script { file, .. } => (file, "script"),
        Work::Put(put) => match &put.content {
            PutContent::File(file) => (file, "file"),
            PutContent::Template(file) => (file, "template"),
            PutContent::Content(_) => return,
        },
        Work::Run { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Reboot | Work::Manual { .. } | Work::Choose { .. } => return,
        Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => return,
    };
    let source = &program.frames[step.frame].runbook.source;
    let Some(bytes) = program.scripts.get(&file.value) else {
        let help = match did_you_mean(&file.value, program.script_names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("put it at scripts/{} in the library, beside the runbooks", file.value),
        };
        let message = format!("there is no file scripts/{} in this library", file.value);
        found.error("RB512", source, file.span, message).label("not there").help(help);
        return;
    };
    if let Some((message, help)) = unfit(&step.step.work, word, bytes) {
        found.error("RB513", source, file.span, message).label(format!("scripts/{}", file.value)).help(help);
    }
}

/// Why a file cannot be used so, with the remedy.
fn unfit(work: &Work, word: &str, bytes: &Bytes) -> Option<(String, String)> {
    if bytes.as_slice().contains(&0) {
        let help = "fetch such a file on the host itself, from where it is built".to_owned();
        return Some((format!("`{word}:` sends text: this file holds NUL bytes"), help));
    }
    match work {
        Work::Script { shell, .. } => shebang(bytes, shell.as_ref().map_or("sh", |shell| shell.value.as_str())),
        Work::Put(_) if word == "template" && bytes.as_str().is_none() => {
            let help = "write `file:`, which sends the bytes as they are".to_owned();
            Some(("a template is UTF-8 text: this file is not".to_owned(), help))
        }
        Work::Put(_) | Work::Run { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Reboot | Work::Manual { .. } => None,
        Work::Choose { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => None,
    }
}

/// A first line that asks for something else than the step does: nobody heeds it, since the shell is started by its name.
fn shebang(bytes: &Bytes, shell: &str) -> Option<(String, String)> {
    let first = bytes.as_slice().strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let first = String::from_utf8_lossy(first).trim().to_owned();
    let mut words = first.split_whitespace().skip_while(|word| word.ends_with("/env") || *word == "-S");
    let asked = words.next().unwrap_or_default();
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let options: Vec<&str> = words.collect();
    if name(asked) != name(shell) {
        let help = match SHELLS.contains(&name(asked).as_str()) {
            true => format!("write `shell: {}` on the step, or change the file's first line", name(asked)),
            false => format!("only shells run a script here: write the file to the host with `put:`, and `run: {} FILE`", name(asked)),
        };
        return Some((format!("its first line asks for {}, and this step runs it with {}", name(asked), name(shell)), help));
    }
    (!options.is_empty()).then(|| {
        let options = options.join(" ");
        let help = format!("write `set {options}` as the file's second line");
        (format!("its first line asks for `{} {options}`, and options there are not heeded", name(asked)), help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_line_that_asks_for_another_shell_is_refused_with_the_remedy() {
        let said = |text: &str, shell| shebang(&Bytes::from(text), shell).map(|(message, help)| format!("{message}; {help}"));
        for (text, shell) in
            [("#!/bin/sh\n", "sh"), ("#!/usr/bin/env bash\n", "bash"), ("#!/bin/bash\n", "/usr/bin/bash"), ("ls\n", "sh"), ("", "sh")]
        {
            assert_eq!(said(text, shell), None, "{text}");
        }
        let bash = said("#!/usr/bin/env bash\nls\n", "sh").unwrap();
        assert!(bash.contains("asks for bash, and this step runs it with sh") && bash.contains("shell: bash"), "{bash}");
        let python = said("#!/usr/bin/python3\n", "sh").unwrap();
        assert!(python.contains("`put:`") && python.contains("run: python3"), "{python}");
        let options = said("#!/bin/sh -eu\n", "sh").unwrap();
        assert!(options.contains("write `set -eu`"), "{options}");
    }
}
