//! A step's words in sentences for paper. Guesses nothing: what is not simple is left as it is written.

use crate::event::{Effect, StageWork, Until};
use crate::plan::OutlinedStep;
use crate::runbook::Work;
use crate::views::Inline;

/// The effect, the user and the time in a line.
pub(super) fn facts(step: &OutlinedStep) -> Option<Inline> {
    let effect = match step.step.effect {
        Effect::Read => "only looks",
        Effect::Idempotent => "may be repeated",
        Effect::Once => "once: never begun twice",
        Effect::Destructive => "once: never begun twice, and it destroys information",
    };
    let contacts = match &step.step.step.work {
        Work::Manual { .. } | Work::Choose { .. } | Work::Wait { .. } | Work::Conclude { .. } | Work::Call { .. } | Work::Block(_) => false,
        Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => true,
    };
    if !contacts {
        return None;
    }
    let written = &step.step.step;
    let mut said = Inline::new().text(effect);
    let user = step.stage().and_then(|stage| stage.work.actions().first()?.command.r#become.clone());
    if let Some(user) = user.or_else(|| written.r#become.as_ref().map(|user| user.value.clone())) {
        said = said.text(" · as ").strong(&user);
    }
    let limit = step.stage().and_then(|stage| stage.work.actions().first().map(|action| action.timeout.to_string()));
    let limit = limit.or_else(|| written.timeout.as_ref().map(|limit| limit.value.clone()));
    if let Some(limit) = limit {
        said = said.text(&format!(" · give it at most {limit}"));
    }
    Some(said)
}

/// How a look is repeated.
pub(super) fn until(step: &OutlinedStep) -> Option<String> {
    let rendered = step.stage().and_then(|stage| match &stage.work {
        StageWork::Commands { until, .. } => *until,
        StageWork::Manual { .. } | StageWork::Choose { .. } | StageWork::Wait { .. } => None,
        StageWork::Conclude { .. } | StageWork::Skip { .. } | StageWork::Withheld { .. } => None,
    });
    if let Some(Until { within, every, healthy }) = rendered {
        return Some(repeated(&every.to_string(), healthy, &within.to_string()));
    }
    let written = step.step.step.until.as_ref()?;
    let every = written.every.as_ref().map_or("2s", |every| &every.value);
    Some(repeated(every, written.healthy.as_ref().map_or(1, |healthy| healthy.value), &written.within.value))
}

fn repeated(every: &str, healthy: u32, within: &str) -> String {
    let times = if healthy > 1 { format!(" {healthy} times in a row") } else { String::new() };
    format!(" Look again every {every} until that holds{times}, for at most {within}.")
}

/// The simple parts of an expression in words; empty where one of them is not simple.
pub(super) fn in_words(expression: &str) -> String {
    let words: Option<Vec<String>> = expression.split(" and ").map(|part| part_in_words(part.trim())).collect();
    words.map_or(String::new(), |words| words.join(", and "))
}

fn part_in_words(part: &str) -> Option<String> {
    let mut sides = ["==", "!=", ">=", "<=", ">", "<"].into_iter().filter_map(|sign| Some((sign, part.split_once(sign)?)));
    let (sign, (left, right)) = sides.next()?;
    let (left, right) = (left.trim(), right.trim());
    if right.contains(['(', '|', '[']) || right.contains(" or ") {
        return None;
    }
    let relation = match sign {
        "==" => "",
        "!=" => "anything but ",
        ">=" => "at least ",
        "<=" => "at most ",
        ">" => "more than ",
        _ => "less than ",
    };
    match left {
        "stdout" => Some(format!("it prints {relation}{right}")),
        "stderr" => Some(format!("it complains {relation}{right}")),
        "exit_code" => Some(format!("it ends with exit status {relation}{right}")),
        "value" => Some(format!("the value that it prints is {relation}{right}")),
        "seconds" => Some(format!("it takes {relation}{right} seconds")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn simple_expectations_are_said_in_words_and_others_are_not_guessed() {
        assert_eq!(in_words("stdout == \"1\""), "it prints \"1\"");
        assert_eq!(in_words("exit_code != 0 and seconds < 5"), "it ends with exit status anything but 0, and it takes less than 5 seconds");
        assert_eq!(in_words("stdout | matches(\"^v15\")"), "");
        assert_eq!(in_words("value > 90 or stdout == \"x\""), "");
    }
}
