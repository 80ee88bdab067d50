//! `put:` as commands: the look at the present file, the writing of the new one, and the way back. Quotes nothing itself.

use minijinja::value::Value;

use super::difference::{Seen, Wanted, difference};
use super::looks::{Found, LOOK_LIMIT, Looks};
use super::made::Made;
use super::program::{Program, ProgramStep};
use super::render::{RenderError, plain};
use super::template::{self, Scope};
use crate::base::{Bytes, Digest, HostName};
use crate::runbook::{PutContent, PutText};

const LOOK: &str = include_str!("put/look.sh");
const WRITE: &str = include_str!("put/write.sh");
const UNDO: &str = include_str!("put/undo.sh");
/// The digest of what stands on standard input, with what the host has.
const SUM: &str = include_str!("put/sum.sh");

/// As much as a file of the library may hold.
const MAX_CONTENT: usize = 1 << 20;
/// Bytes of one `printf` where each byte may become five characters: lines that an editor can still show.
const PIECE: usize = 1 << 10;
/// The longest name of a file that common file systems take.
const MAX_NAME: usize = 255;
const DEFAULT_MODE: &str = "0644";

/// The look that comes before.
pub(in crate::plan) fn look(put: &PutText, scope: &Scope) -> Result<Made, RenderError> {
    let to = path(put, scope)?;
    let scope = scope.with([("to", text(&to)), ("folder", text(folder(&to))), ("limit", Value::from(LOOK_LIMIT))]);
    Ok(Made { command: script(LOOK, &scope)?, undo: None, shows: None, keeps: Vec::new() })
}

/// What is done on one host, once it was looked at.
pub(in crate::plan) fn write(
    program: &Program,
    step: &ProgramStep,
    put: &PutText,
    (host, scope): (&HostName, &Scope),
) -> Result<Made, RenderError> {
    let (to, content) = (path(put, scope)?, content(program, put, scope)?);
    let owner = put.owner.as_ref().map(|owner| plain("owner", owner, scope).and_then(|owner| named(&owner))).transpose()?;
    let looks = scope.looks();
    let seen = match looks.and_then(|looks| looks.found.get(host)) {
        Some(Found::Said(said)) => read(said).map_err(|why| wrong(format!("{host}: {to}: {why}")))?,
        Some(Found::Refused(why)) => return Made::refusal(&format!("put: {why}"), scope),
        None => return Made::refusal(&format!("put: {to} could not be looked at, so nothing is written"), scope),
    };
    let mode = put.mode.as_ref().map(|mode| format!("{:0>4}", mode.value)).or(seen.as_ref().map(|seen| seen.mode.clone()));
    let mode = mode.unwrap_or_else(|| DEFAULT_MODE.to_owned());
    let owner = owner.or(seen.as_ref().map(|seen| seen.owner.clone()));
    let tag = tag(looks, step, &to);
    let wanted = Wanted { to: &to, content: &content, mode: &mode, owner: owner.as_deref() };
    let scope = names(&wanted, seen.as_ref(), &tag, scope);
    let changes =
        seen.as_ref().is_none_or(|seen| seen.digest != Digest::of(&content) || seen.mode != mode || Some(&seen.owner) != owner.as_ref());
    Ok(Made {
        command: script(WRITE, &scope)?,
        undo: changes.then(|| script(UNDO, &scope)).transpose()?,
        shows: Some(Bytes::from(difference(seen.as_ref(), &wanted).join("\n").as_str())),
        keeps: Vec::new(),
    })
}

/// What can be said before any host is looked at.
pub(in crate::plan) fn sketch(program: &Program, put: &PutText, scope: &Scope) -> Result<Vec<String>, RenderError> {
    let (to, content) = (path(put, scope)?, content(program, put, scope)?);
    let owner = put.owner.as_ref().map(|owner| plain("owner", owner, scope).and_then(|owner| named(&owner))).transpose()?;
    let mode = put.mode.as_ref().map_or("that of the old file".to_owned(), |mode| format!("{:0>4}", mode.value));
    let owner = owner.map_or(String::new(), |owner| format!(", owner {owner}"));
    let mut lines =
        vec![format!("{to} will be: {} bytes, mode {mode}{owner}; the difference is shown once the host was looked at", content.len())];
    match std::str::from_utf8(&content) {
        Ok(text) => lines.extend(text.lines().map(|line| format!("+{line}"))),
        Err(_) => lines.push(format!("sha256 {}", Digest::of(&content))),
    }
    Ok(lines)
}

fn wrong(why: String) -> RenderError {
    RenderError::Text { word: "put", why }
}

fn text(text: &str) -> Value {
    Value::from(text)
}

/// The names that the three scripts use.
fn names(wanted: &Wanted<'_>, seen: Option<&Seen>, tag: &str, scope: &Scope) -> Scope {
    let Wanted { to, content, mode, owner } = wanted;
    let digest = Digest::of(content);
    let name = to.rsplit('/').next().unwrap_or(to);
    let beside = |end: &str| format!("{}/.{name}.runbook-{tag}{end}", folder(to).trim_end_matches('/'));
    let (escaped, pieces) = pieces(content);
    let seen_digest = seen.map_or("absent".to_owned(), |seen| seen.digest.to_string());
    scope.with([
        ("to", text(to)),
        ("folder", text(folder(to))),
        ("new", text(&beside("-new~"))),
        ("old", text(&beside("~"))),
        ("seen", text(&seen_digest)),
        ("want", text(&digest.to_string())),
        ("had", Value::from(seen.is_some())),
        ("keeps", Value::from(seen.is_some_and(|seen| seen.digest != digest))),
        ("owner", owner.map_or(Value::from(""), text)),
        ("mode", text(mode)),
        ("was_owner", text(seen.map_or("", |seen| &seen.owner))),
        ("was_mode", text(seen.map_or("", |seen| &seen.mode))),
        ("escaped", Value::from(escaped)),
        ("pieces", pieces.into_iter().map(Value::from).collect()),
    ])
}

/// Text that people can read stays as it is; all else is escaped for `printf %b`, since not every shell keeps every byte.
fn pieces(content: &[u8]) -> (bool, Vec<String>) {
    let readable = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    match std::str::from_utf8(content) {
        Ok(text) if text.chars().all(readable) => (false, vec![text.to_owned()]),
        Ok(_) | Err(_) => (true, content.chunks(PIECE).map(|piece| piece.iter().map(|byte| escape(*byte)).collect()).collect()),
    }
}

fn escape(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("\\0{other:03o}"),
    }
}

fn script(text: &str, scope: &Scope) -> Result<Bytes, RenderError> {
    let whole = text.replace("@SUM@\n", SUM);
    let mut script = template::command(&whole, scope).map_err(|source| RenderError::Template { word: "put", source })?;
    script.push(b'\n');
    Ok(Bytes::from(script))
}

fn path(put: &PutText, scope: &Scope) -> Result<String, RenderError> {
    let to = plain("to", &put.to, scope)?;
    let names = to.split('/').skip(1);
    let is_whole = to.starts_with('/') && !to.ends_with('/') && !to.chars().any(char::is_control);
    match is_whole && names.clone().all(|name| !matches!(name, "" | "." | "..")) {
        true => Ok(to),
        false => Err(wrong(format!("expected an absolute path such as /etc/app.conf, without empty parts, `.` and `..`, got {to:?}"))),
    }
}

fn folder(to: &str) -> &str {
    match to.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((folder, _)) => folder,
    }
}

/// What the files beside are named after: this run, step and round, in a name that is not too long.
fn tag(looks: Option<&Looks>, step: &ProgramStep, to: &str) -> String {
    let (run, round) = looks.map_or((String::new(), 1), |looks| (looks.run.to_string(), looks.round));
    let round = if round > 1 { format!("-{round}") } else { String::new() };
    let name = to.rsplit('/').next().unwrap_or(to);
    let whole = format!("{run}-{}{round}", step.id);
    let beside = name.len() + whole.len() + ".".len() + ".runbook-".len() + "-new~".len();
    match beside > MAX_NAME {
        true => format!("{run}-{}{round}", &Digest::of(step.id.as_str().as_bytes()).to_string()[..8]),
        false => whole,
    }
}

fn content(program: &Program, put: &PutText, scope: &Scope) -> Result<Vec<u8>, RenderError> {
    let bytes = match &put.content {
        PutContent::Content(text) => {
            template::whole(&text.value, scope).map_err(|source| RenderError::Template { word: "content", source })?.into_bytes()
        }
        PutContent::File(file) | PutContent::Template(file) => {
            let missing = || wrong(format!("there is no file scripts/{} in this library", file.value));
            program.scripts.get(&file.value).ok_or_else(missing)?.as_slice().to_vec()
        }
    };
    match bytes {
        bytes if bytes.contains(&0) => Err(wrong("the content holds a NUL byte, which no shell can write".to_owned())),
        bytes if bytes.len() > MAX_CONTENT => Err(wrong(format!("the content is larger than {} KiB", MAX_CONTENT >> 10))),
        bytes => Ok(bytes),
    }
}

/// `user`, `user:group`, or numbers: nothing that `chown` could take for an option.
fn named(owner: &str) -> Result<String, RenderError> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
    };
    match owner.split(':').count() <= 2 && owner.split(':').all(is_name) {
        true => Ok(owner.to_owned()),
        false => Err(RenderError::Text { word: "owner", why: format!("expected `user` or `user:group`, got {owner:?}") }),
    }
}

/// What a look printed: `absent`, or a line about the file and, where it is not too large, all that it holds.
fn read(said: &Bytes) -> Result<Option<Seen>, String> {
    let said = said.as_slice();
    if said == b"absent\n" {
        return Ok(None);
    }
    let unreadable = || "what was seen there cannot be read".to_owned();
    let end = said.iter().position(|&byte| byte == b'\n').ok_or_else(unreadable)?;
    let line = std::str::from_utf8(&said[..end]).map_err(|_| unreadable())?;
    let words: Vec<&str> = line.split(' ').collect();
    let ["file", mode, owner, size, digest] = words.as_slice() else { return Err(unreadable()) };
    let (size, digest): (u64, Digest) = (size.parse().map_err(|_| unreadable())?, digest.parse().map_err(|_| unreadable())?);
    let rest = &said[end + 1..];
    let is_whole = size <= LOOK_LIMIT as u64;
    if is_whole && Digest::of(rest) != digest {
        return Err("it was changed while it was looked at; try again".to_owned());
    }
    let content = is_whole.then(|| Bytes::from(rest.to_vec()));
    Ok(Some(Seen { digest, size, mode: octal(mode).ok_or_else(unreadable)?, owner: (*owner).to_owned(), content }))
}

/// `-rwsr-x--T`, as `ls -l` writes it, in four octal digits.
fn octal(mode: &str) -> Option<String> {
    let signs = mode.as_bytes().get(1..10)?;
    let mut bits = 0u32;
    for (index, sign) in signs.iter().enumerate() {
        let bit = 0o400 >> index;
        let special = [0o4000, 0o2000, 0o1000][index / 3];
        bits |= match sign {
            b'-' => 0,
            b'r' | b'w' | b'x' => bit,
            b's' | b't' => bit | special,
            b'S' | b'T' => special,
            _ => return None,
        };
    }
    Some(format!("{bits:04o}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_as_ls_writes_it() {
        for (mode, octal_digits) in [("-rw-r--r--", "0644"), ("-rwsr-xr-x.", "4755"), ("-rwxrwSr-T+", "3764"), ("----------", "0000")] {
            assert_eq!(octal(mode).as_deref(), Some(octal_digits), "{mode}");
        }
        assert_eq!(octal("-rw"), None);
        assert_eq!(octal("-rw-r--r-?"), None);
    }

    #[test]
    fn what_a_look_printed_is_read_and_not_believed_where_it_contradicts_itself() {
        let digest = Digest::of(b"a\n");
        let said = |text: String| read(&Bytes::from(text.as_str()));
        assert_eq!(said("absent\n".to_owned()), Ok(None));
        let seen = said(format!("file -rw------- 0:5 2 {digest}\na\n")).unwrap().unwrap();
        assert_eq!((seen.mode.as_str(), seen.owner.as_str(), seen.size), ("0600", "0:5", 2));
        assert!(said(format!("file -rw------- 0:5 2 {digest}\nb\n")).unwrap_err().contains("changed while"));
        assert!(said("file\n".to_owned()).is_err());
    }

    #[test]
    fn only_a_plain_absolute_path_and_a_plain_owner_are_taken() {
        for owner in ["root", "www-data:www-data", "0:0", "_app"] {
            assert!(named(owner).is_ok(), "{owner}");
        }
        for owner in ["", "-R", "a:b:c", "a b", ":a", "root:"] {
            assert!(named(owner).is_err(), "{owner}");
        }
        assert_eq!((folder("/etc/x"), folder("/x")), ("/etc", "/"));
    }
}
