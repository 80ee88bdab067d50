//! Names in OpenSSH's own configuration. Takes names only: address, user and port stay OpenSSH's business.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Elsewhere, Imported, located};
use crate::base::HostName;
use crate::text::{Diagnostics, Source, Span, decode};

/// Files that include files; OpenSSH's own limit.
const MAX_DEPTH: usize = 16;
/// Files in all; more is a heap that somebody generated.
const MAX_FILES: usize = 256;

/// The hosts that a configuration and the files that it includes name.
pub(super) fn read(source: &Source, path: &Path, elsewhere: &dyn Elsewhere, found: &mut Diagnostics) -> Vec<Imported> {
    let mut taking = Taking { elsewhere, found, files: 0, hosts: BTreeMap::new() };
    taking.file(source, path, 0);
    taking.hosts.into_values().collect()
}

struct Taking<'a> {
    elsewhere: &'a dyn Elsewhere,
    found: &'a mut Diagnostics,
    files: usize,
    hosts: BTreeMap<HostName, Imported>,
}

impl Taking<'_> {
    fn file(&mut self, source: &Source, path: &Path, depth: usize) {
        self.files += 1;
        let mut start = 0;
        for line in source.text().split_inclusive('\n') {
            let span = Span { start: start + (line.len() - line.trim_start().len()), end: start + line.trim_end().len() };
            start += line.len();
            let (keyword, arguments) = cut(line);
            match keyword.as_str() {
                "host" => arguments.iter().for_each(|name| self.host(source, name, span)),
                "include" => arguments.iter().for_each(|pattern| self.include(source, path, pattern, span, depth)),
                _ => {} // every other keyword is OpenSSH's
            }
        }
    }

    /// Patterns name no host. `local` is the operator's own machine, and no name of another.
    fn host(&mut self, source: &Source, name: &str, span: Span) {
        if name.contains(['*', '?', '!']) || name == "local" || name == "all" || name == "none" {
            return;
        }
        let Ok(host) = name.parse::<HostName>() else {
            let message = format!("the name {name:?} is left out: it cannot name a host here");
            self.found
                .warning("RB317", source, span, message)
                .help("add a name of letters, digits, dots, dashes and underscores to the line");
            return;
        };
        let imported = Imported { name: host.clone(), source: source.clone(), words: BTreeMap::new(), groups: BTreeSet::new() };
        self.hosts.entry(host).or_insert(imported);
    }

    fn include(&mut self, source: &Source, path: &Path, pattern: &str, span: Span, depth: usize) {
        if depth >= MAX_DEPTH || self.files >= MAX_FILES {
            self.found.error("RB315", source, span, "too many files include each other").help("does a file include itself?");
            return;
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        let Some(target) = located(pattern, folder, self.elsewhere) else { return };
        let (Some(folder), Some(name)) = (target.parent(), target.file_name().and_then(|name| name.to_str())) else { return };
        let names = match name.contains(['*', '?']) {
            true => self.elsewhere.list(folder).unwrap_or_default(), // OpenSSH, too, includes what is there
            false => vec![name.to_owned()],
        };
        for file in names.iter().filter(|file| matches(name, file)) {
            let path = folder.join(file);
            let Ok(bytes) = self.elsewhere.read(&path) else { continue }; // as above
            match decode(&format!("{} ({pattern})", file), &bytes) {
                Ok(source) => self.file(&source, &path, depth + 1),
                Err(problems) => self.found.extend(problems),
            }
        }
    }
}

/// The keyword in lower case, and its arguments.
fn cut(line: &str) -> (String, Vec<String>) {
    let line = line.trim();
    if line.starts_with('#') {
        return (String::new(), Vec::new());
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let rest = line[end..].trim_start().trim_start_matches('=').trim();
    let words = rest.split_whitespace().take_while(|word| !word.starts_with('#')).map(|word| word.trim_matches('"').to_owned());
    (line[..end].to_ascii_lowercase(), words.collect())
}

/// `*` is any number of characters but a leading dot's, `?` is one; more than two `*` match nothing, which bounds the work.
fn matches(pattern: &str, name: &str) -> bool {
    fn at(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=name.len()).any(|skipped| at(rest, &name[skipped..])),
            (Some((b'?', rest)), Some((_, others))) => at(rest, others),
            (Some((sign, rest)), Some((other, others))) => sign == other && at(rest, others),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
    let hidden = name.starts_with('.') && !pattern.starts_with('.');
    !hidden && name.len() <= 255 && pattern.matches('*').count() <= 2 && at(pattern.as_bytes(), name.as_bytes())
}
