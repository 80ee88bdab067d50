//! Whether a command becomes a `check` or a `run`. In doubt it is a `run`: that asks people, and a look that is called a change does no harm.

use crate::runbook::{first_change, simple_commands};

/// Commands that look whatever their arguments, unless lint knows better.
const LOOKS: [&str; 88] = [
    "true",
    "false",
    "test",
    "[",
    "[[",
    "echo",
    "printf",
    "cd",
    "pwd",
    "ls",
    "ll",
    "cat",
    "head",
    "tail",
    "less",
    "more",
    "zcat",
    "grep",
    "egrep",
    "fgrep",
    "rg",
    "zgrep",
    "wc",
    "sort",
    "uniq",
    "cut",
    "tr",
    "awk",
    "sed",
    "jq",
    "column",
    "find",
    "stat",
    "file",
    "du",
    "df",
    "mount",
    "findmnt",
    "lsblk",
    "blkid",
    "free",
    "vmstat",
    "iostat",
    "mpstat",
    "sar",
    "top",
    "uptime",
    "w",
    "who",
    "last",
    "id",
    "whoami",
    "hostname",
    "hostnamectl",
    "uname",
    "date",
    "timedatectl",
    "ps",
    "pgrep",
    "pidof",
    "pstree",
    "lsof",
    "fuser",
    "ss",
    "netstat",
    "ip",
    "ping",
    "dig",
    "host",
    "nslookup",
    "nc",
    "traceroute",
    "sha256sum",
    "md5sum",
    "diff",
    "cmp",
    "dmesg",
    "journalctl",
    "sysctl",
    "getent",
    "env",
    "printenv",
    "which",
    "type",
    "numfmt",
    "pg_isready",
    "redis-cli",
    "rabbitmq-diagnostics",
];

/// Commands that look with one of these as their first word that is no option, unless lint knows better.
const VERBS: [(&str, &[&str]); 17] = [
    (
        "systemctl",
        &["status", "is-active", "is-failed", "is-enabled", "show", "list-units", "list-timers", "list-unit-files", "cat", "list-jobs"],
    ),
    ("docker", &["ps", "logs", "inspect", "images", "stats", "info", "version", "top", "port", "diff", "events"]),
    ("podman", &["ps", "logs", "inspect", "images", "stats", "info", "version", "top", "port", "diff"]),
    ("kubectl", &["get", "describe", "logs", "top", "version", "explain", "cluster-info", "api-resources", "auth", "diff", "events"]),
    ("helm", &["list", "ls", "status", "history", "get", "show", "version"]),
    ("git", &["status", "log", "diff", "show", "rev-parse", "describe", "ls-files", "blame"]),
    ("etcdctl", &["get", "endpoint", "version"]),
    ("patronictl", &["list", "history", "topology", "show-config", "version"]),
    ("pg_lsclusters", &[]),
    (
        "rabbitmqctl",
        &["status", "list_queues", "list_connections", "list_channels", "cluster_status", "list_consumers", "node_health_check"],
    ),
    ("nodetool", &["status", "info", "tpstats", "ring", "compactionstats", "netstats", "gossipinfo", "describecluster"]),
    ("consul", &["members", "info", "version"]),
    ("nomad", &["status", "version"]),
    ("vault", &["status", "version"]),
    ("supervisorctl", &["status"]),
    ("loginctl", &["list-sessions", "show-session", "list-users"]),
    ("terraform", &["plan", "show", "output", "version", "validate"]),
];

/// Words that the shell gives to the flow of a text; what they guard stands beside them.
const FLOW: [&str; 12] = ["if", "then", "else", "elif", "fi", "for", "do", "done", "while", "until", "case", "esac"];

/// Whether a text only looks: lint sees no change in it, and every command in it is known to look.
pub(super) fn only_looks(text: &str) -> bool {
    let commands = simple_commands(text);
    first_change(text).is_none() && !commands.is_empty() && commands.iter().all(|words| looks(words))
}

fn looks(words: &[String]) -> bool {
    let Some(first) = words.first() else { return true };
    let name = first.rsplit('/').next().unwrap_or(first);
    let is_own = first.contains('/') && !["/bin/", "/sbin/"].iter().any(|folder| first.contains(folder)); // a script that nobody can look into
    if is_own {
        return false;
    }
    let options = words.iter().skip(1);
    match name {
        "nginx" | "haproxy" => options.clone().any(|word| matches!(word.as_str(), "-t" | "-T" | "-v" | "-V" | "-c")),
        "service" => words.last().is_some_and(|word| word == "status"),
        "ip" => true, // lint knows what of it changes something
        "nc" => options.clone().any(|word| word.starts_with('-') && word.contains('z')),
        "curl" => {
            options.clone().all(|word| !["-o", "-O", "--output", "--remote-name"].iter().any(|writes| word.starts_with(writes)))
                || words.iter().any(|word| word == "/dev/null")
        }
        "psql" | "mysql" | "mariadb" | "sqlite3" | "mongosh" => options.clone().any(|word| says_statement(word)),
        "openssl" => options.clone().next().is_some_and(|word| matches!(word.as_str(), "s_client" | "x509" | "version" | "verify")),
        _ => {
            let mut first_two = options.filter(|word| !word.starts_with('-')).take(2); // `kubectl -n prod get`
            let by_verb = VERBS.iter().find(|(known, _)| *known == name);
            let verb_looks = by_verb.is_some_and(|(_, verbs)| verbs.is_empty() || first_two.any(|word| verbs.contains(&word.as_str())));
            FLOW.contains(&name) || LOOKS.contains(&name) || verb_looks
        }
    }
}

/// An option by which a statement stands on the command line, where lint sees it: not in a file.
fn says_statement(word: &str) -> bool {
    let short = word.starts_with('-') && !word.starts_with("--") && !word.contains('f') && word.ends_with(['c', 'e', 'l']);
    short || ["--command", "--execute", "--eval", "--list"].iter().any(|option| word.starts_with(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_to_look_becomes_a_check() {
        for text in [
            "uptime",
            "df -h / | tail -n 1",
            "systemctl status postgresql",
            "journalctl -u db --since '1 hour ago' | grep -c ERROR",
            "psql -XAtc 'select 1'",
            "curl -fsS http://localhost/health",
            "kubectl -n prod get pods",
            "for i in 1 2 3; do ls $i; done",
            "if test -e /x; then cat /x; fi",
            "nginx -t",
            "curl -so /dev/null http://h",
            "/usr/bin/uptime",
        ] {
            assert!(only_looks(text), "{text}");
        }
    }

    #[test]
    fn what_changes_something_or_nobody_knows_becomes_a_run() {
        for text in [
            "systemctl restart db",
            "./failover.sh --yes",
            "bash fix.sh",
            "python3 repair.py",
            "uptime; frobnicate",
            "echo x > /etc/y",
            "kubectl rollout restart deploy/x",
            "kubectl drain n",
            "etcdctl del x",
            "aws ec2 terminate-instances --instance-ids i",
            "psql -c 'drop table x'",
            "curl -X POST http://h",
            "cat $(frobnicate)",
            "nginx -s reload",
            "psql -f fix.sql",
            "curl -o /etc/app.conf http://h",
            "/opt/app/bin/../fix",
            "service db restart",
            "",
        ] {
            assert!(!only_looks(text), "{text}");
        }
    }
}
