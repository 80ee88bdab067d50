//! `runbook schema`: the JSON Schemas that editors read. Writes nothing but those files, and each of them whole or not at all.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::args::{Output, SchemaOf};
use super::context::Context;
use super::failure::{Exit, Failure};
use crate::drill::scenario_schema;
use crate::library::{inventory_schema, policy_schema};

/// Where editors find the schemas, within the library.
const FOLDER: &str = ".schema";

const ALL: [SchemaOf; 4] = [SchemaOf::Runbook, SchemaOf::Inventory, SchemaOf::Policy, SchemaOf::Scenario];

/// `runbook schema [--write] [FILE]`
pub fn schema(context: &Context, what: Option<SchemaOf>, write: bool) -> Result<Exit, Failure> {
    if write {
        return write_schemas(context, what);
    }
    let schema = schema_of(what.unwrap_or(SchemaOf::Runbook));
    match context.output {
        Output::Text => context.write_out(&text(&schema)),
        Output::Json => context.print_json(&schema),
    }
    Ok(Exit::Ok)
}

fn schema_of(what: SchemaOf) -> Value {
    match what {
        SchemaOf::Runbook => crate::runbook::schema(),
        SchemaOf::Inventory => inventory_schema(),
        SchemaOf::Policy => policy_schema(),
        SchemaOf::Scenario => scenario_schema(),
    }
}

fn name(what: SchemaOf) -> &'static str {
    match what {
        SchemaOf::Runbook => "runbook.json",
        SchemaOf::Inventory => "inventory.json",
        SchemaOf::Policy => "policy.json",
        SchemaOf::Scenario => "scenario.json",
    }
}

fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

#[derive(Serialize)]
struct WrittenJson {
    written: Vec<PathBuf>,
}

fn write_schemas(context: &Context, what: Option<SchemaOf>) -> Result<Exit, Failure> {
    let folder = context.library_folder()?.join(FOLDER);
    let mut written = Vec::new();
    for what in what.map_or(ALL.to_vec(), |one| vec![one]) {
        let path = folder.join(name(what));
        write_file(&folder, &path, &text(&schema_of(what)))
            .map_err(|error| Failure::usage(format!("{} could not be written: {error}", path.display())))?;
        written.push(path);
    }
    match context.output {
        Output::Json => context.print_json(&WrittenJson { written }),
        Output::Text => {
            let lines: String = written.iter().map(|path| format!("wrote {}\n", path.display())).collect();
            context.write_out(&lines);
        }
    }
    Ok(Exit::Ok)
}

/// Another file first, then the name: an editor that reads meanwhile sees the old one or the new one.
fn write_file(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let readable = std::fs::Permissions::from_mode(0o644); // a library is shared; the umask may take more away
    let mut file = tempfile::Builder::new().permissions(readable).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
