//! Rehearsals: scenarios, hosts and people that do not exist, and the runner of real runs among them. Never kinder than what is real.

mod actors;
mod answers;
mod cast;
mod compare;
mod guess;
mod interference;
mod record;
mod recorded;
mod rehearse;
mod scenario;
mod schema;
mod simulated;
mod stopping;
mod sweep;
mod unused;

pub use actors::LivePeople;
pub use answers::{Injected, Injection, Then, Unanswered};
pub use cast::{Cast, Real, Team};
pub use compare::{Difference, compare, held_steps, in_order, undone_steps, verdict};
pub use guess::value_for;
pub use interference::Interference;
pub use record::{Forgetful, Nobody};
pub use recorded::{Recorded, scenario_of};
pub use rehearse::{MOST_RUNNERS, Pace, Rehearsal};
pub use scenario::{AS_EXPECTED, Scenario, read_scenario};
pub use schema::scenario_schema;
pub use simulated::{Behaviour, Break, Kept, Reply, SimulatedClock, SimulatedHosts, System};
pub use sweep::{RolledBack, Row, Sweep};
pub use unused::{Unused, Used, no_longer_met, unused};
