//! Reads `team/allowed_signers`, stricter than OpenSSH does: one person a line, named namespaces, strong keys. Never trusts a pattern.

use std::collections::{BTreeMap, HashMap};

use ssh_key::public::KeyData;
use ssh_key::{HashAlg, PublicKey};

use super::signer_line::{Line, cut, is_key_type};
use super::{NAMESPACES, Roster, Signer, namespace_matches};
use crate::base::{Person, is_plain};
use crate::text::{Diagnostics, Reader, Source, Span, Spanned, did_you_mean, refuse_hidden};

/// NIST SP 800-57: 3072 bits of RSA are as strong as 128 bits; less is refused.
const MIN_RSA_BITS: usize = 3072;

/// There are three; more is no line that people wrote.
const MAX_OPTIONS: usize = 16;

/// Reads the file. `domain` ends the namespaces that each line must cover; `people` are the policy's. A person of the policy without a key
/// is warned about: approving is out of reach for them. A signer whom the policy does not name is allowed and has no groups.
pub fn read_allowed_signers(source: &Source, domain: &str, people: &BTreeMap<Person, Vec<String>>) -> (Option<Roster>, Diagnostics) {
    let mut reader = Reader::new(source);
    refuse_hidden(source, &mut reader.diagnostics);
    if refuse_private_key(&mut reader) {
        return (None, reader.diagnostics);
    }
    let mut roster = Roster::default();
    let mut owners: HashMap<String, (Person, usize)> = HashMap::new();
    for line in cut(source.text()) {
        let line = match line {
            Ok(line) => line,
            Err(uncut) => {
                let help = "a line is PERSON namespaces=\"…\" KEYTYPE BASE64";
                reader.error("RB401", uncut.span, uncut.message).help(help);
                continue;
            }
        };
        let is_hidden =
            |span: Span| source.text().get(span.start..span.end).is_some_and(|text| !text.chars().all(|c| is_plain(c) || c == '\t'));
        if is_hidden(line.span) {
            continue; // told already; what else is wrong may come from it
        }
        let Some(signer) = read_line(&mut reader, &line, domain) else { continue };
        match owners.get(&signer.fingerprint) {
            Some((owner, number)) => twice(&mut reader, &line, &signer, owner, *number),
            None => {
                owners.insert(signer.fingerprint.clone(), (signer.person.clone(), signer.line));
                roster.signers.push(signer);
            }
        }
    }
    for person in people.keys().filter(|person| roster.find(person).is_empty()) {
        let message = format!("{person} is in the policy and has no key here");
        let help = format!("add a line: {person} namespaces=\"runbook-*@{domain}\" ssh-ed25519 AAAA…");
        reader.warning("RB409", Span::default(), message).help(help);
    }
    let complete = if reader.diagnostics.has_errors() { None } else { Some(roster) };
    (complete, reader.diagnostics)
}

/// Half of a team's keys lies in such a file next to the other half.
fn refuse_private_key(reader: &mut Reader) -> bool {
    let Some(start) = reader.source.text().find("-----BEGIN ") else { return false };
    let end = start + reader.source.text()[start..].find('\n').unwrap_or(reader.source.text().len() - start);
    let help = "remove it, make a new key (ssh-keygen -t ed25519), and add a line with its `.pub` file: who could read this one could sign";
    reader.error("RB406", Span { start, end }, "a private key in place of a public one").label("no secret any more").help(help);
    true
}

fn twice(reader: &mut Reader, line: &Line, signer: &Signer, owner: &Person, number: usize) {
    let (message, help) = if *owner == signer.person {
        (format!("this key is already {owner}'s, on line {number}"), "keep one of the two lines")
    } else {
        (format!("this key is also {owner}'s, on line {number}"), "a key belongs to one person: whoever signs with it must be known")
    };
    reader.error("RB407", line.key.span, message).label(signer.fingerprint.as_str()).help(help);
}

fn read_line(reader: &mut Reader, line: &Line, domain: &str) -> Option<Signer> {
    if is_key_type(&line.principals.value) {
        let help = format!("a line of authorized_keys has no person: write PERSON namespaces=\"runbook-*@{domain}\" before it");
        reader.error("RB402", line.principals.span, "this line begins with a key").label("whose key?").help(help);
        return None;
    }
    let person = read_principal(reader, &line.principals);
    let known = ["namespaces", "valid-after", "valid-before"];
    if line.options.len() > MAX_OPTIONS {
        reader
            .error("RB403", line.span, format!("more than {MAX_OPTIONS} options"))
            .help("known options: namespaces, valid-after, valid-before");
        return None;
    }
    for (at, (name, _)) in line.options.iter().enumerate() {
        let times = line.options[..=at].iter().filter(|(other, _)| other.value == name.value).count();
        refuse_option(reader, name, &known, times);
    }
    let value = |wanted: &str| line.options.iter().find(|(name, _)| name.value == wanted).and_then(|(_, value)| value.as_ref());
    let namespaces = read_namespaces(reader, line, value("namespaces"), domain);
    let [after, before] = ["valid-after", "valid-before"].map(|name| match value(name) {
        Some(value) => read_time(reader, value, name).map(Some),
        None => Some(None),
    });
    if let (Some(Some(after)), Some(Some(before)), Some(written)) = (after, before, value("valid-before"))
        && after >= before
    {
        reader
            .error("RB405", written.span, "this key is never valid: `valid-before` is not after `valid-after`")
            .label("too early")
            .help("swap them, or leave one out");
    }
    let (key, fingerprint) = read_key(reader, &line.key, line.span)?;
    Some(Signer {
        person: person?,
        key,
        fingerprint,
        namespaces: namespaces?,
        valid_after: after?,
        valid_before: before?,
        line: line.number,
    })
}

fn read_principal(reader: &mut Reader, principals: &Spanned<String>) -> Option<Person> {
    let text = &principals.value;
    let refusal = if text.contains(',') {
        Some(("two people on one line", "write one line a person: who signed must be one person"))
    } else if text.contains(['*', '?']) {
        Some(("a pattern in place of a person", "write the person's e-mail address in full"))
    } else if text.starts_with('!') {
        Some(("a negated person", "remove the line: who is not named cannot sign"))
    } else if text.contains('"') {
        Some(("a quoted person", "write the e-mail address without quotes"))
    } else {
        None
    };
    if let Some((message, help)) = refusal {
        reader.error("RB402", principals.span, format!("{message} is refused")).label("expected such as alice@example.com").help(help);
        return None;
    }
    let person = text.parse::<Person>();
    if let Err(error) = &person {
        reader.error("RB402", principals.span, error.to_string()).label("no person").help("a line begins with an e-mail address");
    }
    person.ok()
}

fn refuse_option(reader: &mut Reader, name: &Spanned<String>, known: &[&'static str], times: usize) {
    if name.value == "cert-authority" {
        let help = "list each person's own key; signatures by certificates are not read";
        reader.error("RB403", name.span, "`cert-authority` is refused").label("anyone it certifies could sign").help(help);
    } else if !known.contains(&name.value.as_str()) {
        let help = match did_you_mean(&name.value, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known options: {}", known.join(", ")),
        };
        reader.error("RB403", name.span, format!("there is no option `{}`", name.value)).label("unknown option").help(help);
    } else if times > 1 {
        reader.error("RB403", name.span, format!("the option `{}` is written twice", name.value)).label("again").help("keep one of them");
    }
}

fn read_namespaces(reader: &mut Reader, line: &Line, value: Option<&Spanned<String>>, domain: &str) -> Option<Vec<String>> {
    let fix = format!("write namespaces=\"runbook-*@{domain}\" after the person; other namespaces may follow a comma");
    let Some(value) = value else {
        if line.options.iter().any(|(name, _)| did_you_mean(&name.value, ["namespaces"]).is_some()) {
            return None; // misspelt, and told
        }
        let message = "a key without `namespaces` could sign for anything";
        reader.error("RB404", line.principals.span, message).label("expected namespaces after this").help(fix);
        return None;
    };
    let patterns: Vec<String> = value.value.split(',').map(str::to_owned).collect();
    if patterns.iter().any(|pattern| pattern.starts_with('!') || pattern.is_empty() || pattern.contains(char::is_whitespace)) {
        let message = "a namespace that is empty, negated or has spaces is refused";
        reader.error("RB404", value.span, message).label("expected names with commas between").help(fix);
        return None;
    }
    let missing = NAMESPACES.map(|name| format!("{name}@{domain}")).into_iter().find(|namespace| {
        !patterns.iter().any(|pattern| namespace_matches(pattern, namespace)) // as OpenSSH decides
    });
    if let Some(missing) = missing {
        let message = "these namespaces do not cover what people sign here";
        reader.error("RB404", value.span, message).label(format!("does not cover {missing}")).help(fix);
        return None;
    }
    Some(patterns)
}

/// Seconds since 1970 of `YYYYMMDD[HHMM[SS]]Z`. Without the `Z` ssh-keygen takes the machine's own time zone: two machines would disagree.
fn read_time(reader: &mut Reader, value: &Spanned<String>, name: &str) -> Option<i64> {
    let seconds = value.value.strip_suffix('Z').and_then(|digits| {
        let padded = match digits.len() {
            8 => format!("{digits}000000"),
            12 => format!("{digits}00"),
            14 => digits.to_owned(),
            _ => return None,
        };
        let all_digits = padded.bytes().all(|c| c.is_ascii_digit());
        let time = all_digits.then(|| jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &padded).ok())??;
        Some(jiff::tz::Offset::UTC.to_timestamp(time).ok()?.as_second())
    });
    if seconds.is_none() {
        let local = value.value.len() >= 8 && value.value.bytes().all(|c| c.is_ascii_digit());
        let message = format!("`{name}` is a time in UTC, got {:?}", value.value);
        let help = if local {
            format!("write \"{}Z\": without the Z each machine would take its own time zone", value.value)
        } else {
            "write YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ".to_owned()
        };
        reader.error("RB405", value.span, message).label("expected such as 20261231Z").help(help);
    }
    seconds
}

/// The key in OpenSSH's form without a comment, and its fingerprint.
fn read_key(reader: &mut Reader, written: &Spanned<String>, line: Span) -> Option<(String, String)> {
    let span = if written.value.is_empty() { line } else { written.span };
    if written.value.is_empty() {
        reader.error("RB406", span, "this line has no key").help("add the key's type and text from the `.pub` file");
        return None;
    }
    if written.value.contains("-cert-v01@openssh.com") {
        let help = "list the key itself, the `.pub` file that has no `-cert` in its name";
        reader.error("RB406", span, "a certificate in place of a key").label("refused").help(help);
        return None;
    }
    let key = match PublicKey::from_openssh(&written.value) {
        Ok(key) => key,
        Err(error) => {
            let help = "copy the key's type and text from the `.pub` file, in one line";
            reader.error("RB406", span, format!("this is no public key: {error}")).label("expected KEYTYPE BASE64").help(help);
            return None;
        }
    };
    let refusal = match key.key_data() {
        KeyData::Ed25519(_) | KeyData::SkEd25519(_) | KeyData::Ecdsa(_) | KeyData::SkEcdsaSha2NistP256(_) => None,
        KeyData::Rsa(rsa) => {
            let modulus = rsa.n.as_positive_bytes().unwrap_or(&[]);
            let bits = modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
            (bits < MIN_RSA_BITS).then(|| format!("an RSA key of {bits} bits is refused, expected at least {MIN_RSA_BITS}"))
        }
        KeyData::Dsa(_) => Some("a DSA key is refused".to_owned()),
        other => Some(format!("a key of the type {} is refused", other.algorithm())),
    };
    if let Some(what) = refusal {
        let help = "make a new one: ssh-keygen -t ed25519";
        reader.error("RB406", span, what).label("too weak, or unknown").help(help);
        return None;
    }
    Some((written.value.clone(), key.fingerprint(HashAlg::Sha256).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Colour;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG/2AcqcXmm2ANHi7XrU74O8VAb4fHUjb9POO4bmgRn9";
    const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBELXpoytyCq+MH8agbxYgglVGuim+M3+gR3R4XrLiklPFdGjuAsU9TLmokV4fYNh+EWJCKYrlviqNZL3bu7K5XU=";
    const P384: &str = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBNU6R6vQTEkiAMmLDllmSrMjxH7iNN6HPhAY1hKV2wxC1XW9+nE7x4h+BlNETJVE+4340am48nFqUAjYIdUNb+u7h9Hpx/HiagzNsz74JyklyIuFSA5GdDq3JAs5Pdjg4g==";
    const P521: &str = "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAEcD4eZ7CAlsCrJuxqyt0aIle1zq6tES/uYf9yr0nSbiwVSeeSj1ZW5SA6fhEignaGp4PG3kBg6AuWzFm05oBHAdgHLjd8WPX6avEDxbq/bVL5YdpytgtMqaMyvtHXuOGhVFPMmMxDlug9bCf9cmIVOZhYsMZw1J1fZ/IOipbqYvhpifQ==";
    const N: &str = "namespaces=\"runbook-*@example.com\"";

    fn read(text: &str) -> Result<Roster, String> {
        let (roster, diagnostics) = read_allowed_signers(&Source::new("team/allowed_signers", text), "example.com", &BTreeMap::new());
        roster.ok_or_else(|| diagnostics.render(Colour::Plain))
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(read(&format!("alice@example.com {N} {}", &ED25519[..40])).unwrap_err().contains("no public key"));
        assert!(
            read(&format!("alice@example.com {N} {}", ED25519.replace("ssh-ed25519 ", "ssh-rsa "))).unwrap_err().contains("no public key")
        );
        assert!(read("alice@example.com").unwrap_err().contains("RB404"));
    }

    #[test]
    fn a_person_may_have_several_keys_and_each_is_kept_without_its_comment() {
        let lines: String = [ED25519, P256, P384, P521].iter().map(|key| format!("alice@example.com {N} {key} my laptop\r\n")).collect();
        let roster = read(&lines).unwrap();
        let alice: Person = "alice@example.com".parse().unwrap();
        assert_eq!(roster.find(&alice).len(), 4);
        assert_eq!(roster.people().len(), 1);
        assert_eq!(roster.signers[0].key, ED25519);
        assert_eq!(roster.signers[0].fingerprint, "SHA256:a0gEv3qlK414aJe9l2T6rTc95ZYcEXUrVFVUdwGg9PA");
        assert_eq!(roster.owner("SHA256:a0gEv3qlK414aJe9l2T6rTc95ZYcEXUrVFVUdwGg9PA").map(|signer| signer.line), Some(1));
    }

    #[test]
    fn a_key_counts_only_in_its_time_and_namespace() {
        let line = format!("alice@example.com {N},valid-after=\"20260101Z\",valid-before=\"202602010000Z\" {ED25519}");
        let signer = read(&line).unwrap().signers.remove(0);
        assert_eq!((signer.valid_after, signer.valid_before), (Some(1_767_225_600), Some(1_769_904_000)));
        let namespace = "runbook-approve-v1@example.com";
        assert!(signer.may_sign(namespace, 1_767_225_600) && !signer.may_sign(namespace, 1_767_225_599));
        assert!(!signer.may_sign(namespace, 1_769_904_001) && !signer.may_sign("git", 1_768_000_000));
    }

    #[test]
    fn an_empty_file_is_an_empty_roster() {
        assert!(read("# nobody yet\n").unwrap().signers.is_empty());
    }
}
