//! Turns the bytes of a file round in place, so that what was written round and round stands in its right order. Needs no room.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes moved at once.
const PART: u64 = 64 << 10;

/// Makes the byte at `first` the first of a file of this length, and what stood before it the last.
///
/// # Errors
/// Where the file cannot be read or written.
pub(super) fn turn(file: &mut File, length: u64, first: u64) -> io::Result<()> {
    if first == 0 || first >= length {
        return Ok(());
    }
    // Each part backwards, then the whole: three passes instead of a second copy.
    reverse(file, 0, first)?;
    reverse(file, first, length)?;
    reverse(file, 0, length)
}

/// Reverses the bytes from `start` up to, not including, `end`.
fn reverse(file: &File, mut start: u64, mut end: u64) -> io::Result<()> {
    while end - start > 1 {
        let part = PART.min((end - start) / 2);
        let size = usize::try_from(part).unwrap_or_default();
        let (mut head, mut tail) = (vec![0; size], vec![0; size]);
        file.read_exact_at(&mut head, start)?;
        file.read_exact_at(&mut tail, end - part)?;
        head.reverse();
        tail.reverse();
        file.write_all_at(&tail, start)?;
        file.write_all_at(&head, end - part)?;
        start += part;
        end -= part;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_turned_at_every_place() {
        let mut file = tempfile::tempfile().unwrap();
        for length in [1u64, 2, 3, 10, 11, PART * 2 + 5] {
            let bytes: Vec<u8> = (0..length).map(|n| n as u8 ^ (n >> 8) as u8).collect();
            for first in [0, 1, 2, length / 3, length / 2, length - 1, length] {
                file.set_len(length).unwrap();
                file.write_all_at(&bytes, 0).unwrap();
                turn(&mut file, length, first).unwrap();
                let mut turned = vec![0; bytes.len()];
                file.read_exact_at(&mut turned, 0).unwrap();
                let mut expected = bytes.clone();
                expected.rotate_left(usize::try_from(first % length).unwrap());
                assert!(turned == expected, "{length} bytes at {first}");
            }
        }
    }
}
