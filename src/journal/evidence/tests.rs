//! Evidence files of every shape, and hosts that lie about them. Makes temporary folders only.

use super::*;

fn about() -> About {
    About {
        run: "01J9ABCDEFGHJKMNPQRSTVK7QM".parse().unwrap(),
        step: "save".parse().unwrap(),
        host: "db".parse().unwrap(),
        place: None,
        attempt: 1,
        by: "alice@example.com".parse().unwrap(),
        at: Timestamp::from_micros(0),
    }
}

fn artifact(name: &str, source: ArtifactSource, last: Option<u64>, most: u64) -> Artifact {
    Artifact { name: name.to_owned(), source, last, most }
}

fn file(last: Option<u64>, most: u64) -> Artifact {
    artifact("log", ArtifactSource::File("/log".into()), last, most)
}

fn of(size: u64) -> Beginning<'static> {
    Beginning { name: Some(b"/log"), size: Some(size), mtime: None, most: None }
}

const OUTPUT: Beginning<'static> = Beginning { name: None, size: None, mtime: None, most: None };

fn give(files: &mut EvidenceFiles, bytes: &[u8]) {
    files.came(bytes.len() as u64);
    files.bytes(bytes);
}

/// What is kept of one artifact, and the bytes of its files.
fn kept(wanted: Artifact, spare: u64, play: impl FnOnce(&mut EvidenceFiles)) -> (KeptArtifact, Vec<Vec<u8>>) {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(root.path()).unwrap();
    let mut files = EvidenceFiles::create(&folder, about(), vec![wanted], spare).unwrap();
    play(&mut files);
    let kept = files.finish().unwrap().1.remove(0);
    let path = |file: &KeptFile| folder.evidence_file(&about().step, &about().host, 1, &file.file).unwrap();
    let bytes: Vec<Vec<u8>> = kept.files.iter().map(|file| fs::read(path(file)).unwrap()).collect();
    for (file, bytes) in kept.files.iter().zip(&bytes) {
        assert_eq!((file.bytes, file.sha256), (bytes.len() as u64, Digest::of(bytes)));
    }
    (kept, bytes)
}

fn truncated(kept: &KeptArtifact) -> Option<Truncation> {
    kept.files[0].truncated
}

#[test]
fn a_file_that_grows_is_whole_and_one_that_shrinks_or_is_cut_off_is_not() {
    let play = |size: u64, end: bool| {
        move |files: &mut EvidenceFiles| {
            files.begin(0, of(size));
            give(&mut *files, b"12345");
            if end {
                files.end(0, Some(5));
            }
        }
    };
    assert_eq!(kept(file(None, 100), 0, play(3, true)).0.trouble, None);
    let shrunk = kept(file(None, 100), 0, play(9, true)).0;
    assert!(shrunk.trouble.unwrap().contains("shrank while it was read: 9 bytes were there, 5 came"));
    let cut = kept(file(None, 100), 0, play(9, false)).0;
    assert!(truncated(&cut) == Some(Truncation::CutOff) && cut.trouble.unwrap().contains("cut off after 5 bytes"));
    let missing = kept(file(None, 100), 0, |_| {}).0;
    assert!(missing.files.is_empty() && missing.trouble.unwrap().contains("ended before"));
}

#[test]
fn the_end_suffices_only_where_it_was_asked_for() {
    let play = |files: &mut EvidenceFiles| {
        files.begin(0, of(50));
        give(&mut *files, b"12345");
        files.end(0, Some(50));
    };
    let asked = kept(file(Some(5), 5), 0, play).0;
    assert_eq!((truncated(&asked), asked.trouble), (Some(Truncation::Asked), None));
    let limit = kept(file(None, 5), 0, play).0;
    assert!(truncated(&limit) == Some(Truncation::Limit) && limit.trouble.unwrap().contains("write `last:`"));
}

#[test]
fn the_newest_bytes_of_an_output_are_kept_in_their_order() {
    let text: Vec<u8> = (0..200u8).collect();
    for most in [1u64, 3, 7, 50, 100, 199, 200, 300] {
        for chunk in [1usize, 2, 5, 64, 200] {
            let wanted = artifact("out", ArtifactSource::Command("seq".into()), Some(most), most);
            let (kept, bytes) = kept(wanted, 0, |files| {
                files.begin(0, OUTPUT);
                text.chunks(chunk).for_each(|part| give(&mut *files, part));
                files.end(0, None);
            });
            let from = text.len().saturating_sub(usize::try_from(most).unwrap());
            assert_eq!(bytes[0], &text[from..], "the last {most} in parts of {chunk}");
            assert_eq!((kept.files[0].size, kept.trouble), (Some(200), None));
        }
    }
}

#[test]
fn a_disk_that_must_keep_some_room_stops_the_capture_and_is_named() {
    let (kept, bytes) = kept(file(None, 100), u64::MAX, |files| {
        files.begin(0, of(5));
        give(&mut *files, b"12345");
        files.end(0, Some(5));
    });
    assert_eq!((bytes[0].as_slice(), truncated(&kept)), (&b""[..], Some(Truncation::Room)));
    assert!(kept.trouble.unwrap().contains("must keep some room"));
}

#[test]
fn a_host_that_sends_more_than_was_asked_for_is_told_and_leaves_nothing_outside() {
    let many = artifact("logs", ArtifactSource::Files("/x/*".into()), None, 10);
    let (kept, bytes) = kept(many, 0, |files| {
        for name in [&b"/x/../../../etc/passwd"[..], b"/x/manifest.json", b"/x/\n", b".."] {
            files.begin(0, Beginning { name: Some(name), size: Some(4), mtime: None, most: None });
            give(&mut *files, b"1234");
            files.end(0, Some(4));
        }
        files.begin(0, OUTPUT);
        files.begin(7, of(1));
        give(&mut *files, b"lost");
    });
    let names: Vec<&str> = kept.files.iter().map(|file| file.file.as_str()).collect();
    assert_eq!(names, ["logs/001-passwd", "logs/002-manifest.json", "logs/003-_", "logs/004-.."]);
    assert_eq!(bytes, [&b"1234"[..], b"1234", b"12", b""], "ten bytes in all");
    let trouble = kept.trouble.unwrap();
    assert!(trouble.contains("not asked for") && trouble.contains("only 2 of 4 bytes"), "{trouble}");
}

#[test]
fn what_was_begun_and_never_named_is_put_aside_by_the_next_capture() {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(root.path()).unwrap();
    let mut torn = EvidenceFiles::create(&folder, about(), vec![file(None, 9)], 0).unwrap();
    torn.begin(0, of(9));
    give(&mut torn, b"half");
    drop(torn);
    let mut files = EvidenceFiles::create(&folder, about(), vec![file(None, 9)], 0).unwrap();
    files.begin(0, of(5));
    give(&mut files, b"whole");
    files.end(0, Some(5));
    files.finish().unwrap();
    let complete = folder.evidence_path(&about().step, &about().host, 1);
    assert_eq!(fs::read(complete.join("log")).unwrap(), b"whole");
    assert!(!complete.with_file_name("db.1.partial").exists());
}
