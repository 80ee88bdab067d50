//! The words of the command line, once: help, completions, man pages and the reference come from here. Does nothing.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runbooks for the night when production is down: approved by two, run over SSH, all on record.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, about, long_about = None, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Begin with:  runbook demo\nExit status: 0 recovered or as asked, 1 failed or stopped, 2 usage or invalid input, 3 refused, denied or expired, 4 needs a person, 5 recording failed, 6 tampered or damaged, 7 interrupted, can be resumed.\nLooking for a fault in the program: RUNBOOK_LOG=debug makes it say what it does."
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Words that every verb takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The team's library [default: `runbooks` here or in a folder above]
    #[arg(long, global = true, env = "RUNBOOK_LIBRARY", value_name = "DIR", help_heading = "Everywhere")]
    pub library: Option<PathBuf>,
    /// Where runs are recorded [default: $XDG_STATE_HOME/runbook]
    #[arg(long, global = true, env = "RUNBOOK_STORE", value_name = "DIR", help_heading = "Everywhere")]
    pub store: Option<PathBuf>,
    /// Who you are, as in team/allowed_signers [default: git's user.email]
    #[arg(long = "as", global = true, env = "RUNBOOK_AS", value_name = "PERSON", help_heading = "Everywhere")]
    pub person: Option<String>,
    /// Your key: a private key's file, or a .pub whose key the agent holds [default: git's user.signingkey]
    #[arg(long, global = true, env = "RUNBOOK_KEY", value_name = "FILE", help_heading = "Everywhere")]
    pub key: Option<PathBuf>,
    /// For people, or one JSON object for programs; `lint` alone writes GitHub's annotations and SARIF, too
    #[arg(long, global = true, value_enum, default_value_t = Asked::Text, help_heading = "Everywhere")]
    pub output: Asked,
    /// Say less
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,
}

/// What `--output` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Asked {
    Text,
    Json,
    Github,
    Sarif,
}

/// Whom the output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Text,
    Json,
}

impl Asked {
    /// What every verb knows of it: annotations and SARIF are lint's own, and whatever else is said beside them is text.
    pub fn output(self) -> Output {
        match self {
            Asked::Text | Asked::Github | Asked::Sarif => Output::Text,
            Asked::Json => Output::Json,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The runbooks of the library: title, owner, last run
    #[command(after_help = "Example:  runbook list")]
    List,
    /// A runbook as a page to read: prose, steps, gates; or as a handout for the day without this program
    #[command(
        after_help = "Examples:\n  runbook show restart-db\n  runbook show restart-db --all\n  runbook show restart-db --markdown -p unit=postgresql@15-main > restart-db.md"
    )]
    Show(ShowArgs),
    /// Every problem with file, line, caret and remedy; exit status 1 on errors
    #[command(
        after_help = "Examples:\n  runbook lint\n  runbook lint restart-db\n  runbook lint --explain RB201\n  runbook lint --output github\n  runbook lint --output sarif > lint.sarif"
    )]
    Lint {
        /// Runbooks to look at, by name or by file [default: all]
        names: Vec<String>,
        /// Say what a code means, with an example that trips it and the way out
        #[arg(long, value_name = "CODE", conflicts_with = "names")]
        explain: Option<String>,
        /// Do not ask ShellCheck, even where it is installed
        #[arg(long)]
        no_shellcheck: bool,
    },
    /// Writes runbooks, inventory and policy in the house's style; comments stay, the meaning stays
    #[command(
        after_help = "Examples:\n  runbook fmt\n  runbook fmt restart-db\n  runbook fmt --check\n  runbook fmt --diff runbooks/restart-db.yaml\n  runbook fmt - < draft.yaml"
    )]
    Fmt {
        /// Runbooks by name, or files; `-` formats standard input to standard output [default: the whole library]
        #[arg(value_name = "NAME|FILE")]
        names: Vec<String>,
        /// Write nothing; exit status 1 where a file is not in the style
        #[arg(long)]
        check: bool,
        /// Write nothing; show what would change
        #[arg(long)]
        diff: bool,
    },
    /// What would run, to the byte, and on which hosts, without contacting any
    #[command(after_help = "Example:  runbook plan restart-db -p unit=postgresql")]
    Plan {
        /// The runbook's name
        name: String,
        #[command(flatten)]
        parameters: ParameterArgs,
    },
    /// What differs between two revisions of a runbook, in meaning; exit status 1 where something does
    #[command(
        after_help = "Examples:\n  runbook diff restart-db\n  runbook diff restart-db@v1 restart-db@v2\n  runbook diff main:restart-db restart-db\n  runbook diff restart-db /tmp/restart-db.yaml"
    )]
    Diff {
        /// A runbook's name (as it lies in the library), a file, NAME@REVISION or REVISION:NAME of git
        #[arg(value_name = "OLD")]
        first: String,
        /// The same [default: OLD is the working copy and compared with HEAD, or a revision and compared with the working copy]
        #[arg(value_name = "NEW")]
        second: Option<String>,
    },
    /// Runs a runbook
    #[command(
        after_help = "Examples:\n  runbook exec restart-db\n  runbook exec restart-db -p unit=postgresql@15-main --as alice@example.com\n  runbook exec restart-db --dry-run"
    )]
    Exec(ExecArgs),
    /// Rehearses a runbook on hosts that do not exist: its scenarios, or what becomes of it when each step fails in turn; or on real ones elsewhere
    #[command(
        after_help = "Examples:\n  runbook drill restart-db\n  runbook drill restart-db --scenario it-answers-after-all\n  runbook drill restart-db --sweep\n  runbook drill --from 01J9-K7QM --write the-night-of-the-full-disk\n  runbook drill --all --junit drills.xml\n  runbook drill restart-db --hosts-from staging --scenario the-connection-is-lost\nExit status: 0 where all went as expected, 1 where something differs."
    )]
    Drill(DrillArgs),
    /// The second person's side: shows exactly what would run, and signs
    #[command(
        after_help = "Examples:\n  runbook approve\n  runbook approve 01J9-K7QM\n  runbook approve 01J9-K7QM --check K7QM2P\n  runbook approve request.txt"
    )]
    Approve(AnswerArgs),
    /// Refuses a request, with a sentence that says why; final for that request
    #[command(after_help = "Example:  runbook deny 01J9-K7QM --because \"the standby is not caught up\"")]
    Deny {
        #[command(flatten)]
        answer: AnswerArgs,
        /// Why, in a sentence
        #[arg(long, value_name = "SENTENCE")]
        because: Option<String>,
    },
    /// Starts a runbook from a template, and lints it
    #[command(
        after_help = "Examples:\n  runbook new restart-web\n  runbook new --list\n  runbook new restart-web --from restart --title \"Restart the web servers\" --owner web --hosts web"
    )]
    New(NewArgs),
    /// Takes in a file from elsewhere: a signed approval or denial, or a Markdown page or Ansible playbook as the draft of a runbook
    #[command(
        after_help = "Examples:\n  runbook import approval.txt\n  runbook import wiki/failover.md\n  runbook import playbooks/restart.yml --write restart-web"
    )]
    Import {
        /// A document, whose signature lies beside it as FILE.sig; or what becomes a draft, which is printed
        file: PathBuf,
        /// Write the draft into the library under this name; never over a file that is there
        #[arg(long, value_name = "NAME")]
        write: Option<String>,
    },
    /// Goes on with a run that was interrupted, or whose runner died
    #[command(after_help = "Example:  runbook resume 01J9-K7QM")]
    Resume(ResumeArgs),
    /// Gives back what a run still holds, and ends it: 0 nothing is held any more, 4 something still is
    #[command(
        after_help = "Examples:\n  runbook release 01J9-K7QM\n  runbook release 01J9-K7QM --by-hand \"resumed the agent with agentctl\" --host db-1"
    )]
    Release(ReleaseArgs),
    /// Stops a run from elsewhere, as Ctrl-C does; closes one that nobody runs
    #[command(after_help = "Examples:\n  runbook stop 01J9-K7QM\n  runbook stop 01J9-K7QM --now")]
    Stop {
        /// The run: its id, its short form, or `latest`
        run: String,
        /// End what runs on the hosts, too
        #[arg(long)]
        now: bool,
    },
    /// Runs, newest first: state, verdict, who, how long
    #[command(after_help = "Examples:\n  runbook runs\n  runbook verify \"$(runbook runs --latest)\"")]
    Runs {
        /// Print the newest run's id only
        #[arg(long)]
        latest: bool,
    },
    /// The timeline of a run: every action, answer and approval
    #[command(after_help = "Examples:\n  runbook log latest\n  runbook log 01J9-K7QM --output-of restart-the-server")]
    Log {
        /// The run: its id, its short form, or `latest`
        run: String,
        /// Print what a step's hosts printed
        #[arg(long, value_name = "STEP")]
        output_of: Option<String>,
        /// List the evidence that was kept, with where it lies
        #[arg(long, conflicts_with = "output_of")]
        evidence: bool,
    },
    /// What the record of a run proves, level by level
    #[command(
        after_help = "Examples:\n  runbook verify latest\n  runbook verify latest --level anchored\n  runbook verify ./01J9ABCDEFGHJKMNPQRSTVK7QM"
    )]
    Verify {
        /// The run, or a run's folder
        run: String,
        /// Ask for this level: exit status 6 where it is not reached
        #[arg(long, value_enum)]
        level: Option<LevelArg>,
        /// Judge by this allowed_signers instead of the record's copy
        #[arg(long, value_name = "FILE")]
        signers: Option<PathBuf>,
        /// Ask for a real run: exit status 6 for a drill or a dry run
        #[arg(long)]
        real: bool,
    },
    /// The JSON Schema of a file of the library, for editors: completion, and a sentence for every word
    #[command(after_help = "Examples:\n  runbook schema --write\n  runbook schema policy > policy.schema.json")]
    Schema {
        /// Which file [default: runbook; with --write all of them]
        #[arg(value_enum, value_name = "FILE")]
        what: Option<SchemaOf>,
        /// Put it into the library, as .schema/FILE.json, where `# yaml-language-server: $schema=…` finds it
        #[arg(long)]
        write: bool,
    },
    /// Whether everything is ready: programs, library, store, who you are and whether you can sign; when asked, the hosts, too
    #[command(
        after_help = "Examples:\n  runbook doctor\n  runbook doctor restart-db\n  runbook doctor drain-replica -p target=db-3\n  runbook doctor --all\n  runbook doctor restart-db --hosts-from staging\n  runbook doctor --all --links --output json"
    )]
    Doctor(DoctorArgs),
    /// See it work in one minute: a wedged service, two people, a signed gate, a record
    #[command(after_help = "Example:  runbook demo")]
    Demo {
        /// Where to put it [default: a new temporary folder]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Shell completions
    #[command(after_help = "Example:  runbook completions bash > ~/.local/share/bash-completion/completions/runbook")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Values of a runbook's parameters.
#[derive(Debug, Clone, Args)]
pub struct ParameterArgs {
    /// A parameter's value, any bytes but NUL; may be given for each parameter
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<OsString>,
}

/// `runbook new`
#[derive(Debug, Clone, Args)]
pub struct NewArgs {
    /// The runbook's name: lower-case letters, digits and dashes
    #[arg(required_unless_present = "list")]
    pub name: Option<String>,
    /// The template to begin with; `--list` shows all
    #[arg(long, value_name = "TEMPLATE")]
    pub from: Option<String>,
    /// What it is for, in a line
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The team that looks after it
    #[arg(long, value_name = "TEAM")]
    pub owner: Option<String>,
    /// The hosts that it is about: a selector
    #[arg(long, value_name = "HOSTS")]
    pub hosts: Option<String>,
    /// Show the templates
    #[arg(long)]
    pub list: bool,
}

/// `runbook show`
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The runbook's name
    pub name: String,
    /// The steps of the runbooks that it calls, too
    #[arg(long)]
    pub all: bool,
    /// A handout in Markdown: exact commands, log-ins, boxes to tick, lines to sign, the way back
    #[arg(long, conflicts_with = "all")]
    pub markdown: bool,
    #[command(flatten)]
    pub parameters: ParameterArgs,
}

/// `runbook doctor`
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Also whether these runbooks could be run tonight: reaches their hosts, and runs nothing of them [default: contacts no host]
    #[arg(value_name = "NAME", conflicts_with = "all")]
    pub names: Vec<String>,
    /// The same of every runbook, and of every host of the inventory
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    pub parameters: ParameterArgs,
    /// With NAME or --all: on the hosts of team/INVENTORY.yaml, as `drill --hosts-from` would run them
    #[arg(long, value_name = "INVENTORY")]
    pub hosts_from: Option<String>,
    /// With NAME or --all: ask `curl`, where it is installed, whether the links of the runbooks answer
    #[arg(long)]
    pub links: bool,
}

/// `runbook exec`
#[derive(Debug, Clone, Args)]
pub struct ExecArgs {
    /// The runbook's name
    pub name: String,
    #[command(flatten)]
    pub parameters: ParameterArgs,
    /// Run every `read` step for real; say of each step and host whether it would run, would be skipped, or cannot be known before
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub answers: PersonArgs,
}

/// `runbook resume`
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// The run: its id, its short form, or `latest`
    pub run: String,
    /// Go on with the copy that was approved although the library's runbook has changed
    #[arg(long)]
    pub approved_copy: bool,
    #[command(flatten)]
    pub answers: PersonArgs,
}

/// `runbook release`
#[derive(Debug, Clone, Args)]
pub struct ReleaseArgs {
    /// The run: its id, its short form, or `latest`
    pub run: String,
    /// Run nothing: you have given it back yourself, in a sentence that says how
    #[arg(long, value_name = "SENTENCE")]
    pub by_hand: Option<String>,
    /// With --by-hand: on this host only; may be given for each
    #[arg(long = "host", value_name = "HOST", requires = "by_hand")]
    pub hosts: Vec<String>,
    /// Use the copy that was approved although the library's runbook has changed
    #[arg(long)]
    pub approved_copy: bool,
}

/// Answers that are given beforehand.
#[derive(Debug, Clone, Args)]
pub struct PersonArgs {
    /// Answer beforehand: STEP=done, STEP=not-done, STEP.FACT=value, STEP=OPTION of a choice, STEP.undo=done
    #[arg(long = "answer", value_name = "STEP=ANSWER")]
    pub answers: Vec<String>,
}

/// `runbook approve` and `runbook deny`
#[derive(Debug, Clone, Args)]
pub struct AnswerArgs {
    /// The run, or a request's file [default: the one run that waits]
    pub run: Option<String>,
    /// Sign without asking, if this is the check code of what would be shown
    #[arg(long, value_name = "CODE")]
    pub check: Option<String>,
}

/// A file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    Runbook,
    Inventory,
    Policy,
    Scenario,
}

/// A level of `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelArg {
    Parsed,
    Chain,
    Files,
    Signatures,
    Authority,
    Anchored,
}

/// What `drill` takes.
#[derive(Debug, Args)]
pub struct DrillArgs {
    /// The runbook's name
    #[arg(required_unless_present_any = ["all", "from"], conflicts_with_all = ["all", "from"])]
    pub name: Option<String>,
    /// Every scenario of the library
    #[arg(long)]
    pub all: bool,
    /// Replay what a run met, with its runbook as it is now
    #[arg(long, value_name = "RUN", conflicts_with_all = ["all", "scenario", "sweep"])]
    pub from: Option<String>,
    /// With --from: keep the scenario as drills/RUNBOOK/NAME.yaml
    #[arg(long, value_name = "NAME", requires = "from")]
    pub write: Option<String>,
    /// This scenario alone: its file's stem
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub scenario: Option<String>,
    /// Let each step fail once in turn, and show what the runbook makes of it; without scenarios that is done anyway
    #[arg(long)]
    pub sweep: bool,
    /// Show the timeline of each drill, too
    #[arg(long)]
    pub log: bool,
    /// Take the time that it takes: a pause of five minutes is five minutes
    #[arg(long, conflicts_with = "sweep")]
    pub real_time: bool,
    /// The people are you, at this terminal: questions and gates are asked here, and nothing that the scenario says of people counts
    #[arg(long, conflicts_with_all = ["all", "sweep", "junit"])]
    pub live_people: bool,
    /// For real, on the hosts of team/INVENTORY.yaml, behind the gates of their environment; what the scenario breaks is broken on our side
    #[arg(long, value_name = "INVENTORY", conflicts_with_all = ["all", "from", "sweep", "real_time", "seed"])]
    pub hosts_from: Option<String>,
    #[command(flatten)]
    pub parameters: ParameterArgs,
    /// Write the results as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// What makes the drills' ids: two drills with one seed are alike to the byte
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}
