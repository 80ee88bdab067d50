//! The only truth of a run: lines, chain, writer, reader, output files and the store they lie in. Never decides anything and never changes
//! what was written.

#![allow(clippy::disallowed_methods, reason = "this room is the door to the record on disk")]

mod disk;
mod evidence;
mod folder;
mod follow;
mod line;
mod manifest;
mod memory;
mod output;
mod reader;
mod ring;
mod seen;
mod store;
mod writer;

pub use disk::{Disk, RealDisk};
pub use evidence::{About, Beginning, EvidenceFiles};
pub use folder::{Document, Dropped, FolderError, RunFolder, output_name};
pub use follow::{FollowError, Follower};
pub use line::{LineFault, MAX_LINE, decode, encode};
pub use memory::{Memory, MemoryWriter};
pub use output::{OutputError, OutputFiles};
pub use reader::{Damage, Reading, Torn, read_bytes};
pub use seen::{Seen, SeenError};
pub use store::{DrillLine, LedgerEvent, LedgerLine, NewRun, Store, StoreError};
pub use writer::{Clock, JournalWriter, OpenError, RESERVE, runner_of};
