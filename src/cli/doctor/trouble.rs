//! Why a host gave no shell, from what `ssh` said, and what to type about it. Contacts nobody.

use super::Finding;
use super::hosts::limit;
use super::road::{Heard, Road};

/// What went wrong on the way, in the order in which it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// `ssh` cannot read its configuration.
    Settings,
    /// The name leads to no address.
    Name,
    ChangedKey,
    UnknownKey,
    LogIn,
    /// It logs in and gives no shell.
    NoShell,
    /// Nobody answers, or somebody hangs up.
    Way,
}

/// Words of OpenSSH that tell one from another; the first that is found counts.
const SIGNS: [(&str, Trouble); 12] = [
    ("Bad configuration option", Trouble::Settings),
    ("bad configuration option", Trouble::Settings),
    ("Can't open user config file", Trouble::Settings),
    ("Could not resolve hostname", Trouble::Name),
    ("HOST IDENTIFICATION HAS CHANGED", Trouble::ChangedKey),
    ("REVOKED HOST KEY", Trouble::ChangedKey),
    ("host key is known for", Trouble::UnknownKey),
    ("Host key verification failed", Trouble::UnknownKey),
    ("Permission denied", Trouble::LogIn),
    ("Too many authentication failures", Trouble::LogIn),
    ("This service allows sftp connections only", Trouble::NoShell),
    ("This account is currently not available", Trouble::NoShell),
];

/// The finding about a host from which no shell answered.
pub(super) fn unreached(road: &Road, heard: &Heard) -> Finding {
    if road.is_local() {
        return Finding::bad("reach", "/bin/sh of this machine does not answer", "/bin/sh -c 'echo here'");
    }
    let said = heard.words.join("\n");
    let found = SIGNS.iter().find(|(sign, _)| said.contains(sign)).map(|(_, trouble)| *trouble);
    let trouble = match found {
        None if !heard.is_late && said.is_empty() => Trouble::NoShell,
        None => Trouble::Way,
        Some(trouble) => trouble,
    };
    let last = heard.words.iter().rev().find(|word| !word.is_empty()).map_or(String::new(), |word| format!(": {word}"));
    let batch = road.typed("-v -oBatchMode=yes", "true");
    let address = &road.address;
    match trouble {
        Trouble::Settings => Finding::bad("reach", format!("ssh cannot use its configuration{last}"), road.typed("-G", "")),
        Trouble::Name => Finding::bad(
            "reach",
            format!("its name leads nowhere{last}"),
            format!("write its `address:` in team/inventory.yaml, or `HostName` in your ssh_config; try it: getent hosts {address}"),
        ),
        Trouble::ChangedKey => Finding::bad("host key", changed(heard), forget(road, heard)),
        Trouble::UnknownKey => Finding::bad(
            "host key",
            "its key is not known on this machine",
            format!(
                "ask for its fingerprint: on its console, ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n\
                 and say yes to that one alone: {}",
                road.typed("-oStrictHostKeyChecking=ask", "true")
            ),
        ),
        Trouble::LogIn => Finding::bad(
            "log-in",
            format!("your log-in is refused{last}"),
            format!("is your key at hand? ssh-add -l\nis it in ~/.ssh/authorized_keys there? {batch}"),
        ),
        Trouble::NoShell => Finding::bad(
            "log-in",
            format!("the log-in runs no shell{last}"),
            format!("give the user a shell there; try it: {}", road.typed("", "uptime")),
        ),
        Trouble::Way if heard.is_late => Finding::bad("reach", format!("no shell answered within {}{last}", limit()), batch),
        Trouble::Way => Finding::bad("reach", format!("cannot be reached{last}"), batch),
    }
}

fn changed(heard: &Heard) -> String {
    let offending = heard.words.iter().find(|word| word.contains("Offending"));
    format!("its key is another one than is known here{}", offending.map_or(String::new(), |line| format!(": {line}")))
}

/// `ssh` itself says what to type, with the file in which the old key stands.
fn forget(road: &Road, heard: &Heard) -> String {
    let own = heard.words.iter().map(|word| word.trim()).find(|word| word.starts_with("ssh-keygen -f"));
    let remove = own.map_or_else(|| format!("ssh-keygen -R {}", road.address), str::to_owned);
    format!("find out why before anything else: somebody may stand between\nonly where it was made anew: {remove}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::{Connection, Host};

    fn said(words: &[&str], is_late: bool) -> (&'static str, String) {
        let connection = Connection::Ssh { address: "10.0.0.5".into(), port: Some(2222), user: Some("ops".into()) };
        let host = Host { name: "db".parse().unwrap(), environment: "lab".into(), connection, spool: None };
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let finding = unreached(&Road::new(&host, Some("my config"), &[]), &Heard { output: Vec::new(), words, is_late });
        (finding.check, format!("{} | {}", finding.says, finding.remedy.unwrap_or_default()))
    }

    #[test]
    fn each_trouble_has_its_name_and_what_to_type() {
        let (check, says) = said(&["ssh: Could not resolve hostname nowhere: Name or service not known"], false);
        assert!(check == "reach" && says.contains("leads nowhere") && says.contains("getent hosts 10.0.0.5"), "{says}");
        let (check, says) =
            said(&["No ED25519 host key is known for x and you have requested strict checking.", "Host key verification failed."], false);
        assert!(
            check == "host key" && says.contains("ssh -oStrictHostKeyChecking=ask -F 'my config' -p 2222 -l ops 10.0.0.5 true"),
            "{says}"
        );
        let changed = [
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
            "Offending key in /x:3",
            "  ssh-keygen -f '/x' -R 'db'",
            "Host key verification failed.",
        ];
        let (check, says) = said(&changed, false);
        assert!(check == "host key" && says.contains("another one") && says.contains("ssh-keygen -f '/x' -R 'db'"), "{says}");
        assert_eq!(said(&["ops@db: Permission denied (publickey)."], false).0, "log-in");
        assert_eq!(said(&[], false).0, "log-in");
        assert!(said(&[], true).1.contains("within 10 s"));
        assert!(said(&["ssh: connect to host x port 1: Connection refused"], false).1.contains("cannot be reached: ssh: connect"));
    }
}
