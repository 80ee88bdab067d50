//! A gate on paper: who may sign, and a line for each signature. Decides nothing about who may.

use super::Handout;
use crate::base::GateNo;
use crate::plan::{OutlinedGate, signers_on_paper};
use crate::views::Inline;

impl Handout<'_> {
    /// The gate before the first step that it covers; once.
    pub(super) fn gate(&mut self, number: Option<GateNo>, level: usize) {
        let Some(number) = number.filter(|number| !self.shown.contains(number)) else { return };
        let Some(gate) = self.outline.gates.iter().find(|gate| gate.number == number) else { return };
        self.shown.insert(number);
        self.page.heading(level.min(6), &format!("Gate: {}", gate.gate.name));
        let covers: Vec<&str> =
            self.outline.steps.iter().filter(|step| step.gate == Some(number)).map(|step| step.step.number.as_str()).collect();
        let said = format!(
            "Nobody begins step {} before this is signed, by people other than the one who does it; within {} of being asked.",
            covers.join(", "),
            gate.expires
        );
        self.page.paragraph(said.as_str());
        if let Some(ask) = gate.gate.asks.as_ref().and_then(|asks| asks.ask.as_ref()) {
            self.page.quote(ask.trim());
        }
        self.lines(gate);
    }

    fn lines(&mut self, gate: &OutlinedGate<'_>) {
        let slots = signers_on_paper(self.outline, gate);
        self.page.list(
            slots
                .iter()
                .enumerate()
                .map(|(index, who)| Inline::new().strong(&format!("Signature {}", index + 1)).text(&format!(": {}", one_of(who)))),
        );
        let blank = |width: usize| Inline::new().text(&" ".repeat(width));
        let rows: Vec<Vec<Inline>> =
            (1..=slots.len()).map(|number| vec![Inline::from(number.to_string().as_str()), blank(24), blank(12), blank(24)]).collect();
        self.page.table(&["", "name                    ", "time (UTC)  ", "signature               "], &rows);
        if let Some(instead) = gate.gate.asks.as_ref().and_then(|asks| asks.instead.as_ref()) {
            let said = format!(
                "Where nobody of {} answers within {}, {} may sign in their place.",
                instead.of.value, instead.after.value, instead.by.value
            );
            self.page.paragraph(said.as_str());
        }
    }
}

fn one_of(slot: &[String]) -> String {
    match slot {
        [only] => only.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}
