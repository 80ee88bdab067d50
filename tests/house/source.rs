//! Rust source as the house rules see it: text and comments blanked out, tests known. Understands just enough of the language to judge layout.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One source file.
pub struct SourceFile {
    /// Relative to the package, such as `src/engine/fold.rs`.
    pub path: PathBuf,
    /// As it lies on disk.
    pub raw: String,
    /// The same length and lines, with the insides of comments, strings and characters blanked.
    pub code: String,
    /// Whether the file as a whole is compiled for tests only.
    pub is_test: bool,
    /// Byte ranges of items under `#[cfg(test)]`.
    tests: Vec<Range<usize>>,
}

impl SourceFile {
    /// Whether this byte belongs to tests.
    pub fn in_tests(&self, at: usize) -> bool {
        self.is_test || self.tests.iter().any(|range| range.contains(&at))
    }

    /// `path:line`, for a finding at this byte.
    pub fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path.display(), self.line(at))
    }

    /// The line of this byte, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.raw.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    /// The room: `engine` for `src/engine.rs` and all below `src/engine/`. None for the crate's roots and for tests.
    pub fn room(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src").ok()?;
        let first = below.components().next()?.as_os_str().to_str()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (name != "lib" && name != "main").then_some(name)
    }

    /// Every place outside tests where the code, comments and texts aside, has these words.
    pub fn finds<'a>(&'a self, words: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.match_indices(words).map(|(at, _)| at).filter(|at| !self.in_tests(*at))
    }
}

/// All Rust files below these folders of the package, by path; target-only folders do not exist there.
pub fn files_below(folders: &[&str]) -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    folders.iter().for_each(|folder| collect(&root.join(folder), &mut paths));
    paths.sort();
    let mut files: Vec<SourceFile> = paths.iter().map(|path| read(root, path)).collect();
    let test_files: BTreeSet<PathBuf> = files.iter().flat_map(test_modules).collect();
    for file in &mut files {
        file.is_test = test_files.contains(&file.path) || !file.path.starts_with("src");
    }
    files
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> SourceFile {
    let raw = fs::read_to_string(path).unwrap();
    let code = blank(&raw);
    let tests = test_items(&code);
    SourceFile { path: path.strip_prefix(root).unwrap().to_owned(), raw, code, is_test: false, tests }
}

/// Files that are modules under `#[cfg(test)]`: `mod tests;` of `src/approval.rs` is `src/approval/tests.rs`.
fn test_modules(file: &SourceFile) -> Vec<PathBuf> {
    let folder = file.path.with_extension("");
    let modules = file.tests.iter().filter_map(|range| {
        let item = file.code[range.clone()].trim_end().strip_suffix(';')?;
        item.rsplit_once("mod ").map(|(_, name)| folder.join(format!("{}.rs", name.trim())))
    });
    modules.collect()
}

/// Everything from `#[cfg(test)]` to the end of the item that it stands on.
fn test_items(code: &str) -> Vec<Range<usize>> {
    code.match_indices("#[cfg(test)]").map(|(at, mark)| at..item_end(code, at + mark.len())).collect()
}

/// The byte after an item: after its block, or after its semicolon.
pub fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments, texts and characters; line ends stay.
fn blank(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = hidden(bytes, at);
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// The end of the comment, text or character that begins here; `at` where none does.
fn hidden(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return find(bytes, at, b"\n").unwrap_or(bytes.len());
    }
    if rest.starts_with(b"/*") {
        return find(bytes, at, b"*/").map_or(bytes.len(), |end| end + 2);
    }
    match rest[0] {
        b'"' => text_end(bytes, at + 1),
        b'r' if at == 0 || !is_word(bytes[at - 1]) || bytes[at - 1] == b'b' => raw_text_end(bytes, at),
        b'\'' => character_end(bytes, at),
        _ => at,
    }
}

fn text_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// `r"…"` and `r#"…"#`; `r#type` is a name.
fn raw_text_end(bytes: &[u8], at: usize) -> usize {
    let hashes = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
    if bytes.get(at + 1 + hashes) != Some(&b'"') {
        return at;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    find(bytes, at + 2 + hashes, &close).map_or(bytes.len(), |end| end + close.len())
}

/// `'x'` and `'\n'`; `'a` without a second quote is a lifetime.
fn character_end(bytes: &[u8], at: usize) -> usize {
    /// `'\u{10FFFF}'` is the longest character.
    const LONGEST: usize = 12;
    if bytes.get(at + 1) == Some(&b'\\') {
        return find(bytes, at + 3, b"'").map_or(at, |end| end + 1);
    }
    let width = match bytes.get(at + 1) {
        Some(byte) if *byte < 0x80 => 1,
        Some(_) => bytes[at + 1..].iter().take(LONGEST).position(|&byte| byte == b'\'').unwrap_or(0),
        None => 0,
    };
    if width > 0 && bytes.get(at + 1 + width) == Some(&b'\'') { at + width + 2 } else { at }
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    bytes.get(from..)?.windows(what.len()).position(|window| window == what).map(|at| from + at)
}

/// Whether a byte may stand within a name.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_code_is_blanked_and_lines_stay() {
        let raw = "let a = \"}\\\"{\"; // }\nlet b: &'a str = r#\"{\"#; /* {\n */ let c = '{'; let r#type = '\\'';\n";
        let code = blank(raw);
        assert_eq!(code.len(), raw.len());
        assert!(!code.contains(['{', '}', '"']), "{code}");
        assert_eq!(code.matches('\n').count(), 3);
        assert!(code.contains("&'a str") && code.contains("r#type"), "{code}");
    }

    #[test]
    fn a_test_module_ends_with_its_last_brace() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { [1]; } }\nfn c() {}\n#[cfg(test)]\nmod far;\n";
        let found: Vec<&str> = test_items(code).into_iter().map(|range| &code[range]).collect();
        assert_eq!(found, ["#[cfg(test)]\nmod tests { fn b() { [1]; } }", "#[cfg(test)]\nmod far;"]);
    }
}
