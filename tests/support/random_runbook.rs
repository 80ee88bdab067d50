//! Runbooks by chance: the same seed, the same text. Knows the language, and nothing of what running it means.

use std::fmt::Write;

/// A small, good enough generator (SplitMix64, Steele et al. 2014): the same seed, the same runbook.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1))
    }

    pub fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }
}

/// A runbook of one to four steps or blocks, on all hosts.
pub fn text(dice: &mut Dice) -> String {
    let mut text = String::from("runbook: random\ntitle: A random runbook\nsteps:\n");
    if dice.one_in(4) {
        text = text.replace("steps:", "symptoms: {it is slow: {hosts: h0, check: look, every: 1s}}\nsteps:");
    }
    let steps = 1 + dice.below(4);
    for index in 0..steps {
        if dice.one_in(4) {
            let gate = if dice.one_in(2) { "    gate: {approvals: 1}\n" } else { "" };
            let _ = write!(text, "  - name: block {index}\n    hosts: all\n{gate}"); // a String takes all
            let around = match dice.below(6) {
                0 => "    rolling: {serial: 1, pause: 1s}\n",
                1 => "    for_each: [a, b]\n",
                2 => "    acquire: take\n    release: give back\n    release_when: success\n",
                3 => "    acquire: take\n    release: give back\n",
                _ => "",
            };
            let _ = writeln!(text, "{around}    steps:"); // a String takes all
            for inner in 0..=dice.below(2) {
                step(&mut text, dice, &format!("s{index}x{inner}"), "      ");
            }
            for word in ["rescue", "always"] {
                if dice.one_in(3) {
                    let _ = writeln!(text, "    {word}:"); // a String takes all
                    step(&mut text, dice, &format!("s{index}{word}"), "      ");
                }
            }
        } else {
            step(&mut text, dice, &format!("s{index}"), "  ");
        }
    }
    text
}

fn step(text: &mut String, dice: &mut Dice, name: &str, indent: &str) {
    let _ = write!(text, "{indent}- name: {name}\n{indent}  hosts: all\n"); // a String takes all
    let mut word = |line: &str| {
        let _ = writeln!(text, "{indent}  {line}"); // a String takes all
    };
    match dice.below(6) {
        0 => {
            word("check: look");
            if dice.one_in(2) {
                word("until: {within: 3s, every: 1s, healthy: 2}");
            }
        }
        1 => {
            word("run: change\n        # runbook: allow RB202 because it is a test".split('\n').next().unwrap_or_default());
            word("effect: idempotent");
            if dice.one_in(2) {
                word("retry: {attempts: 3, delay: 1s, backoff: 2}");
            }
        }
        2 => {
            word("run: look");
            word("effect: read");
        }
        _ => {
            word("run: change");
            word("effect: once");
            if dice.one_in(3) {
                word("done_when: is it done");
            }
            if dice.one_in(2) {
                word("undo: change back");
            }
        }
    }
    match dice.below(6) {
        0 => word("on_failure: continue"),
        1 | 2 => word("on_failure: rollback"),
        _ => {}
    }
    if dice.one_in(5) {
        word("max_failures: 1");
    }
}
