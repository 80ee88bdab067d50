//! The shapes of what only blocks have. Never has a step's own words.

use schemars::JsonSchema;

use crate::text::{PeriodTemplate, TextValue, WrittenValue};

/// The whole block on one batch of hosts after another.
#[derive(JsonSchema)]
pub(super) struct Rolling {
    /// Sizes of the batches, numbers or shares; the last one serves all that follow: `serial: [1, 25%]`.
    serial: Option<Serial>,
    /// The time between two batches: `pause: 2m`.
    pause: Option<PeriodTemplate>,
    /// How many hosts may fail before no further batch is begun: `max_failures: 0`.
    #[schemars(range(min = 0, max = 10000))]
    max_failures: Option<u32>,
    /// What goes last, in a batch of its own: `last: "{{ controller.stdout }}"`.
    last: Option<TextValue>,
}

/// One size, or several in turn.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Serial {
    Size(BatchSize),
    Sizes(#[schemars(length(min = 1))] Vec<BatchSize>),
}

/// How many hosts a batch has.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum BatchSize {
    /// So many.
    Count(#[schemars(range(min = 1, max = 10000))] u32),
    /// A share of all of them, or a number in quotes.
    Share(#[schemars(regex(pattern = "^0*([1-9][0-9]?|100)%$|^[0-9]+$"))] String),
}

/// What a block is repeated for.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum ForEach {
    /// One value that is a list.
    Value(#[schemars(regex(pattern = r"^\s*\{\{.*\}\}\s*$"))] String),
    /// These.
    Items(#[schemars(length(min = 1))] Vec<WrittenValue>),
}

/// When a block gives back what it took.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(super) enum ReleaseWhen {
    /// Only where the block went well; else it stays held until a person releases it.
    Success,
    /// However the block went.
    Always,
    /// A person says, where the block failed.
    Ask,
}
