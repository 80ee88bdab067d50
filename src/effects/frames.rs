//! Reads what a capture's script sends: files, one after another, between lines of its own. Believes a host about its own files only.
//!
//! The first line is `runbook-evidence 1 WORD`; WORD is by chance, chosen on the host, and begins each later line of the script: `run N` or
//! `file N` (the file's name follows), `data SIZE MTIME MOST` (its bytes follow), `end CODE SIZE`, `end gone`, `end special`, `end denied`,
//! `many N COUNT`, `done`. N counts artifacts from 1.

use super::marks::{Found, Marks};

const GREETING: &str = "runbook-evidence 1 ";

/// The greeting and the longest word by chance fit in this.
const LONGEST_GREETING: usize = 200;

/// No system takes a longer path.
const LONGEST_NAME: usize = 4096;

/// A part of what a host sends.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The output of an artifact's command follows.
    Output { artifact: usize },
    /// A file of an artifact, by its name there, of so many bytes, last changed so many seconds after 1970. At most so many bytes are sent.
    File { artifact: usize, name: &'a [u8], size: Option<u64>, mtime: Option<i64>, most: Option<u64> },
    /// Bytes of the file or the output.
    Bytes(&'a [u8]),
    /// It is over.
    End(FileEnd),
    /// More files match than are sent.
    TooMany { artifact: usize, count: u64 },
    /// The script has come to its end.
    Done,
    /// What cannot be read, as a line.
    Stray(&'a [u8]),
}

/// How reading one file ended on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileEnd {
    /// With this exit status; so many bytes were in the file then.
    Read { code: i32, size: Option<u64> },
    /// There was no such file, or it went away.
    Gone,
    /// It is a folder, a pipe, a device.
    Special,
    /// This user may not read it.
    Denied,
}

/// Takes a stream apart.
#[derive(Default)]
pub struct Frames {
    greeting: Vec<u8>,
    marks: Option<Marks>,
    inside: Inside,
}

/// What the bytes before the next line of the script are.
#[derive(Default)]
enum Inside {
    #[default]
    Nothing,
    Name {
        artifact: usize,
        name: Vec<u8>,
    },
    Content,
}

impl Frames {
    /// Takes in more of the stream and tells what is certain.
    pub fn feed(&mut self, bytes: &[u8], mut tell: impl FnMut(Frame<'_>)) {
        let rest = match &self.marks {
            Some(_) => bytes.to_vec(),
            None => match self.greet(bytes) {
                Ok(rest) => rest,
                Err(stray) => return tell(Frame::Stray(&stray)),
            },
        };
        let Self { marks: Some(marks), inside, .. } = self else { return };
        marks.feed(&rest, |found| inside.take(found, &mut tell));
    }

    /// The stream has ended.
    pub fn end(&mut self, mut tell: impl FnMut(Frame<'_>)) {
        if let Some(marks) = &mut self.marks {
            let rest = marks.rest();
            self.inside.take(Found::Bytes(&rest), &mut tell);
        }
    }

    /// What follows the greeting; nothing while that is not complete.
    ///
    /// # Errors
    /// What stands in its place.
    fn greet(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
        self.greeting.extend_from_slice(bytes);
        let Some(end) = self.greeting.iter().position(|&byte| byte == b'\n') else {
            let too_long = self.greeting.len() > LONGEST_GREETING;
            return if too_long { Err(std::mem::take(&mut self.greeting)) } else { Ok(Vec::new()) };
        };
        let rest = self.greeting.split_off(end + 1);
        let line = std::mem::take(&mut self.greeting);
        let word = std::str::from_utf8(&line).ok().and_then(|line| line.trim_end().strip_prefix(GREETING)).filter(|word| is_chance(word));
        match word {
            Some(word) => {
                self.marks = Some(Marks::new(word));
                Ok(rest)
            }
            None => Err([line, rest].concat()),
        }
    }
}

/// Long enough that no file holds it by accident.
fn is_chance(word: &str) -> bool {
    (32..=128).contains(&word.len()) && word.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-')
}

impl Inside {
    fn take(&mut self, found: Found<'_>, tell: &mut impl FnMut(Frame<'_>)) {
        match (found, &mut *self) {
            (Found::Bytes([]), _) => {}
            (Found::Bytes(bytes), Inside::Content) => tell(Frame::Bytes(bytes)),
            (Found::Bytes(bytes), Inside::Name { name, .. }) => {
                let room = LONGEST_NAME.saturating_sub(name.len()).min(bytes.len());
                name.extend_from_slice(&bytes[..room]);
            }
            (Found::Bytes(bytes), Inside::Nothing) => tell(Frame::Stray(bytes)),
            (Found::Mark(line), _) => self.line(line, tell),
        }
    }

    fn line(&mut self, line: &str, tell: &mut impl FnMut(Frame<'_>)) {
        let words: Vec<&str> = line.split(' ').collect();
        let before = std::mem::take(self);
        match (words.as_slice(), before) {
            (["run", artifact], Inside::Nothing) if number(artifact).is_some() => {
                *self = Inside::Content;
                tell(Frame::Output { artifact: number(artifact).unwrap_or_default() });
            }
            (["file", artifact], Inside::Nothing) if number(artifact).is_some() => {
                *self = Inside::Name { artifact: number(artifact).unwrap_or_default(), name: Vec::new() };
            }
            (["data", size, mtime, most], Inside::Name { artifact, name }) => {
                *self = Inside::Content;
                tell(Frame::File { artifact, name: &name, size: size.parse().ok(), mtime: mtime.parse().ok(), most: most.parse().ok() });
            }
            (["end", words @ ..], Inside::Name { artifact, name }) => {
                tell(Frame::File { artifact, name: &name, size: None, mtime: None, most: None });
                ended(words, line, tell);
            }
            (["end", words @ ..], Inside::Content) => ended(words, line, tell),
            (["many", artifact, count], Inside::Nothing) if number(artifact).is_some() => {
                tell(Frame::TooMany { artifact: number(artifact).unwrap_or_default(), count: count.parse().unwrap_or(u64::MAX) });
            }
            (["done"], Inside::Nothing) => tell(Frame::Done),
            (_, _) => tell(Frame::Stray(line.as_bytes())),
        }
    }
}

fn ended(words: &[&str], line: &str, tell: &mut impl FnMut(Frame<'_>)) {
    let end = match words {
        ["gone", ..] => FileEnd::Gone,
        ["special", ..] => FileEnd::Special,
        ["denied", ..] => FileEnd::Denied,
        [code, size] => match code.parse() {
            Ok(code) => FileEnd::Read { code, size: size.parse().ok() },
            Err(_) => return tell(Frame::Stray(line.as_bytes())),
        },
        _ => return tell(Frame::Stray(line.as_bytes())),
    };
    tell(Frame::End(end));
}

/// The artifact's place from 0.
fn number(word: &str) -> Option<usize> {
    word.parse::<usize>().ok()?.checked_sub(1)
}

/// The stream that a host sends which has these artifacts' contents: each a file of its own, or a command's output and its exit status.
/// For hosts that do not exist.
pub fn framed(contents: &[(Option<&str>, &[u8], i32)]) -> Vec<u8> {
    const WORD: &str = "00000000-0000-4000-8000-000000000000";
    let mut stream = format!("{GREETING}{WORD}\n").into_bytes();
    let line = |stream: &mut Vec<u8>, text: String| stream.extend_from_slice(format!("{WORD} {text}\n").as_bytes());
    for (index, (file, bytes, code)) in (1..).zip(contents) {
        match file {
            None => line(&mut stream, format!("run {index}")),
            Some(name) => {
                line(&mut stream, format!("file {index}"));
                stream.extend_from_slice(name.as_bytes());
                line(&mut stream, format!("data {} 0 {}", bytes.len(), bytes.len()));
            }
        }
        stream.extend_from_slice(bytes);
        line(&mut stream, format!("end {code} {}", bytes.len()));
    }
    line(&mut stream, "done".to_owned());
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stream: &[u8], parts: usize) -> Vec<String> {
        let (mut frames, mut all) = (Frames::default(), Vec::new());
        let mut content = Vec::new();
        let mut tell = |frame: Frame<'_>| match frame {
            Frame::Bytes(bytes) => content.extend_from_slice(bytes),
            other => {
                if !content.is_empty() {
                    all.push(format!("{:?}", String::from_utf8_lossy(&std::mem::take(&mut content))));
                }
                all.push(format!("{other:?}"));
            }
        };
        stream.chunks(parts).for_each(|part| frames.feed(part, &mut tell));
        frames.end(&mut tell);
        all
    }

    #[test]
    fn files_are_taken_apart_wherever_the_stream_is_cut() {
        let stream = framed(&[(Some("/a\nb"), b"end 0 1\n\0x", 0), (None, b"", 3)]);
        let whole = told(&stream, stream.len());
        assert_eq!(whole.len(), 6, "{whole:#?}");
        assert!(whole[0].contains("name: [47, 97, 10, 98]") && whole[1].contains("end 0 1"), "{whole:#?}");
        assert!(whole[4].contains("code: 3") && whole[5] == "Done", "{whole:#?}");
        for parts in 1..stream.len() {
            assert_eq!(told(&stream, parts), whole, "in parts of {parts}");
        }
    }

    #[test]
    fn what_is_no_frame_is_never_taken_for_a_file() {
        assert!(told(b"Last login: now\nrunbook-evidence 1 x\n", 100)[0].starts_with("Stray"));
        assert!(told(b"runbook-evidence 1 short\n", 100)[0].starts_with("Stray"));
        let word = "0".repeat(32);
        for line in ["data 1 1 1", "end 0 1", "run 0", "file x", "done now", "boo"] {
            let said = told(format!("runbook-evidence 1 {word}\n{word} {line}\n").as_bytes(), 7);
            assert!(said.iter().all(|said| said.starts_with("Stray")), "{line}: {said:?}");
        }
    }
}
