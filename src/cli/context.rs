//! Everything impure that verbs share: where the library and the store lie, who sits here, where words go. The only place that reads the environment.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{Common, Output};
use super::elsewhere::ThisMachine;
use super::failure::Failure;
use crate::base::{Person, Timestamp, printable};
use crate::effects::{Claimed, Clock, Identity, SystemClock, who_am_i};
use crate::journal::{Seen, Store};
use crate::library::{Library, LibraryError, Roster};
use crate::text::Source;
use crate::views::{Colour, Page};

/// The world as a verb sees it.
pub struct Context {
    pub output: Output,
    pub quiet: bool,
    library: Option<PathBuf>,
    store: Option<PathBuf>,
    person: Option<String>,
    key: Option<PathBuf>,
    colour: Colour,
}

impl Context {
    /// From the words common to all verbs, and the environment.
    pub fn new(common: &Common) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
            || !std::io::stdout().is_terminal();
        Self {
            output: common.output.output(),
            quiet: common.quiet,
            library: common.library.clone(),
            store: common.store.clone(),
            person: common.person.clone(),
            key: common.key.clone(),
            colour: if plain { Colour::Never } else { Colour::Ansi },
        }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// Whether a person sits at a terminal and reads text.
    pub fn is_attended(&self) -> bool {
        self.output == Output::Text && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

    /// Whether and how standard output takes colours.
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// The same for diagnostics, which go to standard error.
    pub fn diagnostics_colour(&self) -> crate::text::Colour {
        if self.colour == Colour::Ansi && std::io::stderr().is_terminal() {
            crate::text::Colour::Styled
        } else {
            crate::text::Colour::Plain
        }
    }

    /// The team's library, found from the current folder upwards unless named.
    ///
    /// # Errors
    /// Where there is none, or something in its own files is wrong.
    pub fn library(&self) -> Result<Library, Failure> {
        self.library_on(None)
    }

    /// The same, with the hosts of another inventory of it.
    ///
    /// # Errors
    /// As [`Context::library`], and where there is no such inventory.
    pub fn library_on(&self, hosts_from: Option<&str>) -> Result<Library, Failure> {
        let library = open_library(&self.library_folder()?, hosts_from)?;
        if !library.warnings.is_empty() && !self.quiet {
            let (count, s) = (library.warnings.len(), if library.warnings.len() == 1 { "" } else { "s" });
            self.talk(&format!("warning: {count} warning{s} about the library's own files: `runbook lint` shows what\n"));
        }
        Ok(library)
    }

    /// Where the library lies, opened or not.
    ///
    /// # Errors
    /// Where none is named and none is found.
    pub fn library_folder(&self) -> Result<PathBuf, Failure> {
        match &self.library {
            Some(root) => Ok(root.clone()),
            None => Ok(Library::find(&current_folder()?)?),
        }
    }

    /// The store of runs: named, or `$XDG_STATE_HOME/runbook`.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn store(&self) -> Result<Store, Failure> {
        let root = match &self.store {
            Some(root) => root.clone(),
            None => own_state()?,
        };
        Ok(Store::open(&root)?)
    }

    /// The reader's own memory of runs: in the reader's state folder, whosever the store is.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn seen(&self) -> Result<Seen, Failure> {
        Seen::open(&own_state()?.join("seen")).map_err(Failure::recording)
    }

    /// Who sits here.
    ///
    /// # Errors
    /// Where nobody, or more than one, can be meant.
    pub fn identity(&self, roster: &Roster) -> Result<Identity, Failure> {
        let person = self.person.as_ref().map(|person| person.parse::<Person>()).transpose().map_err(Failure::usage)?;
        Ok(who_am_i(&Claimed { person, key: self.key.clone(), folder: current_folder()? }, roster)?)
    }

    /// Whether somebody said who sits here, so that nobody need be looked for.
    pub fn is_told_who(&self) -> bool {
        self.person.is_some()
    }

    /// Prints a page of results.
    pub fn print(&self, page: &Page) {
        self.write_out(&page.render(self.colour, None));
    }

    /// Prints one JSON object as a line.
    pub fn print_json(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(json) => self.write_out(&(json + "\n")),
            Err(error) => self.talk(&format!("error: the result cannot be said in JSON: {error}\n")),
        }
    }

    /// Prints text that is safe already.
    pub fn write_out(&self, text: &str) {
        // A reader that has gone away (`| head`) is no failure of what was asked.
        let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
    }

    /// Says something beside the results.
    pub fn talk(&self, text: &str) {
        let _ = std::io::stderr().write_all(printable_keeping_colour(text).as_bytes()); // nobody listens: nothing to do about it
    }

    /// Says why a command failed: for people on standard error, for programs as one object on standard output.
    pub fn report(&self, failure: &Failure) {
        match self.output {
            Output::Text => {
                let message = failure.message.trim_end();
                let names_itself =
                    message.trim_start_matches(|c: char| c == '\x1b' || c == '[' || c == ';' || c == 'm' || c.is_ascii_digit());
                let prefix = if names_itself.starts_with("error[") { "" } else { "error: " }; // diagnostics begin with their code
                self.talk(&format!("{prefix}{message}\n"));
            }
            Output::Json => self.print_json(&ErrorJson {
                error: ErrorBody { exit_status: failure.exit.code(), kind: failure.exit, message: &failure.message },
            }),
        }
    }
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    exit_status: u8,
    kind: super::failure::Exit,
    message: &'a str,
}

/// Diagnostics bring their own colours. Nothing else that begins with an escape passes: it could move the cursor over what was said.
fn printable_keeping_colour(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().map_or(String::new(), |piece| printable(piece.as_bytes()));
    pieces.fold(first, |said, piece| {
        let is_colour = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
        let escape = if is_colour { "\x1b[".to_owned() } else { printable(b"\x1b[") };
        said + &escape + &printable(piece.as_bytes())
    })
}

fn current_folder() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| Failure::usage(format!("the current folder cannot be read: {error}")))
}

/// `$XDG_STATE_HOME/runbook`, or `~/.local/state/runbook` (XDG Base Directory Specification 0.8).
fn own_state() -> Result<PathBuf, Failure> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    match state.or_else(home) {
        Some(state) => Ok(state.join("runbook")),
        None => Err(Failure::recording("there is no HOME and no XDG_STATE_HOME: say where the record goes with --store DIR")),
    }
}

/// A library with the hosts that it takes from elsewhere on this machine: its own, or those of another inventory of it.
///
/// # Errors
/// See [`LibraryError`].
pub fn open_library(root: &Path, hosts_from: Option<&str>) -> Result<Library, LibraryError> {
    Library::open_on(root, hosts_from, &ThisMachine)
}

/// A runbook's source by its name.
///
/// # Errors
/// Where there is none of that name.
pub fn source_of(library: &Library, name: &str) -> Result<Source, Failure> {
    Ok(library.runbook(name)?.source)
}
