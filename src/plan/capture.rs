//! Renders a capture: what it keeps, and the script by which a host sends it. Pure; how the answer is read is `effects::Frames`.

use super::made::Made;
use super::program::{Program, ProgramStep};
use super::quote::{QuoteError, is_pattern, quoted, quoted_pattern};
use super::render::RenderError;
use super::template::{self, Scope};
use crate::base::{Bytes, HostName};
use crate::event::{Artifact, ArtifactSource};
use crate::runbook::{ArtifactOrigin, ArtifactText};
use crate::text::Spanned;

/// The functions that every capture's script begins with.
const FUNCTIONS: &str = include_str!("capture.sh");

/// Bytes that are kept of an artifact where its author does not say how much of the end suffices: what a small disk bears of each host.
pub const DEFAULT_ARTIFACT: u64 = 256 << 20;

/// A place where a file's name stands in the script.
enum Piece {
    /// As written: may be a pattern.
    Written(String),
    /// A value: never a pattern.
    Value(Vec<u8>),
}

/// What a capture keeps of a host, and its script.
///
/// # Errors
/// A template without a value, or a path that is none.
pub(in crate::plan) fn capture(
    program: &Program,
    step: &ProgramStep,
    artifacts: &[ArtifactText],
    (host, scope): (&HostName, &Scope),
) -> Result<Made, RenderError> {
    let mut script = super::render::preamble(program, step, scope, host)?;
    script.extend_from_slice(FUNCTIONS.as_bytes());
    let mut keeps = Vec::new();
    for (index, artifact) in (1u32..).zip(artifacts) {
        let last = artifact.last.as_ref().map(|last| last.value);
        let (source, most, line) = match &artifact.origin {
            ArtifactOrigin::Run(text) => command(index, text, last, scope)?,
            ArtifactOrigin::File(text) => files(index, text, last, scope)?,
        };
        script.extend(line);
        keeps.push(Artifact { name: artifact.name.value.clone(), source, last, most });
    }
    script.extend_from_slice(b"rb_say done; exit \"$rb_bad\"\n");
    Ok(Made { command: Bytes::from(script), undo: None, shows: None, keeps })
}

type Line = (ArtifactSource, u64, Vec<u8>);

fn command(index: u32, text: &Spanned<String>, last: Option<u64>, scope: &Scope) -> Result<Line, RenderError> {
    let body = template::command(&text.value, scope).map_err(|source| RenderError::Template { word: "capture", source })?;
    let body = body.trim_ascii_end();
    let careful: &[u8] = if body.contains(&b'\n') { b"set -e\n" } else { b"" };
    // As a text of its own, so that one that is not well-formed spoils no other artifact.
    let word = quoted(&[careful, body].concat()).map_err(refused)?;
    let line = [format!("rb_say run {index}; ( eval ").as_bytes(), &word, b" ); rb_end \"$?\" -\n"].concat();
    Ok((ArtifactSource::Command(Bytes::from(body.to_vec())), last.unwrap_or(DEFAULT_ARTIFACT), line))
}

fn files(index: u32, text: &Spanned<String>, last: Option<u64>, scope: &Scope) -> Result<Line, RenderError> {
    let pieces = pieces(&text.value, scope).map_err(|source| RenderError::Template { word: "capture", source })?;
    let (mut path, mut word, mut many) = (Vec::new(), Vec::new(), false);
    for piece in pieces {
        match piece {
            Piece::Written(text) => {
                many |= is_pattern(&text);
                word.extend(quoted_pattern(&text).map_err(refused)?);
                path.extend_from_slice(text.as_bytes());
            }
            Piece::Value(bytes) => {
                word.extend(quoted(&bytes).map_err(refused)?);
                path.extend(bytes);
            }
        }
    }
    let path = Bytes::from(path);
    if !path.as_slice().starts_with(b"/") {
        return Err(RenderError::Text { word: "capture", why: format!("expected an absolute path, got {path}") });
    }
    let most = last.map_or(DEFAULT_ARTIFACT, |last| if many { last.max(DEFAULT_ARTIFACT) } else { last });
    let (each, way) = last.map_or((most, "first"), |last| (last, "last"));
    let line = [format!("rb_files {index} {each} {most} {way} ").as_bytes(), &word, b"\n"].concat();
    Ok((if many { ArtifactSource::Files(path) } else { ArtifactSource::File(path) }, most, line))
}

/// The path in what is written and what is inserted, so that a value is the name of a file and never a pattern. A text with statements is all value.
fn pieces(text: &str, scope: &Scope) -> Result<Vec<Piece>, template::TemplateError> {
    if text.contains("{%") || text.contains("{#") {
        return Ok(vec![Piece::Value(template::plain_bytes(text, scope)?)]);
    }
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find("{{") {
        let end = rest[at..].find("}}").map_or(rest.len(), |end| at + end + 2);
        pieces.push(Piece::Written(rest[..at].to_owned()));
        pieces.push(Piece::Value(template::plain_bytes(&rest[at..end], scope)?));
        rest = &rest[end..];
    }
    pieces.push(Piece::Written(rest.to_owned()));
    pieces.retain(|piece| !matches!(piece, Piece::Written(text) if text.is_empty()));
    Ok(pieces)
}

fn refused(error: QuoteError) -> RenderError {
    RenderError::Text { word: "capture", why: error.to_string() }
}
