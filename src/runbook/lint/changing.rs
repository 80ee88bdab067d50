//! Which commands change something, and which do something else the second time. A list of habits, not a proof: it can miss a command.

use super::shell::Simple;

/// Commands that change something whatever their arguments.
const ALWAYS: [&str; 66] = [
    "rm",
    "rmdir",
    "mv",
    "cp",
    "dd",
    "kill",
    "pkill",
    "killall",
    "killall5",
    "shutdown",
    "reboot",
    "halt",
    "poweroff",
    "init",
    "telinit",
    "tee",
    "truncate",
    "shred",
    "chmod",
    "chown",
    "chgrp",
    "chattr",
    "setfacl",
    "ln",
    "touch",
    "mkdir",
    "mknod",
    "mkfifo",
    "install",
    "unlink",
    "useradd",
    "usermod",
    "userdel",
    "groupadd",
    "groupdel",
    "passwd",
    "chpasswd",
    "umount",
    "swapon",
    "swapoff",
    "wipefs",
    "parted",
    "sgdisk",
    "lvremove",
    "lvextend",
    "lvcreate",
    "vgremove",
    "resize2fs",
    "xfs_growfs",
    "modprobe",
    "rmmod",
    "insmod",
    "rsync",
    "scp",
    "patch",
    "logrotate",
    "pg_resetwal",
    "pg_rewind",
    "pg_basebackup",
    "createdb",
    "dropdb",
    "vi",
    "vim",
    "nano",
    "visudo",
    "sponge",
];

/// Commands that change something with one of these as their first word that is no option.
const VERBS: [(&str, &[&str]); 24] = [
    (
        "systemctl",
        &[
            "start",
            "stop",
            "restart",
            "reload",
            "try-restart",
            "reload-or-restart",
            "enable",
            "disable",
            "mask",
            "unmask",
            "kill",
            "isolate",
            "daemon-reload",
            "daemon-reexec",
            "reset-failed",
            "set-property",
            "edit",
            "reboot",
            "poweroff",
            "halt",
            "suspend",
        ],
    ),
    ("rc-service", &["start", "stop", "restart", "reload"]),
    ("supervisorctl", &["start", "stop", "restart", "reload", "update", "signal"]),
    ("initctl", &["start", "stop", "restart", "reload"]),
    ("docker", &["run", "rm", "rmi", "stop", "start", "restart", "kill", "exec", "pull", "push", "build", "update", "prune", "cp"]),
    ("podman", &["run", "rm", "rmi", "stop", "start", "restart", "kill", "exec", "pull", "push", "build", "update", "cp"]),
    (
        "kubectl",
        &[
            "delete",
            "apply",
            "create",
            "replace",
            "patch",
            "edit",
            "scale",
            "drain",
            "cordon",
            "uncordon",
            "taint",
            "label",
            "annotate",
            "exec",
            "cp",
            "set",
            "autoscale",
            "expose",
            "run",
        ],
    ),
    ("helm", &["install", "upgrade", "uninstall", "rollback", "delete"]),
    ("terraform", &["apply", "destroy", "import", "taint"]),
    ("git", &["push", "commit", "reset", "checkout", "pull", "merge", "rebase", "clean", "rm", "mv", "add", "stash"]),
    ("apt", &["install", "remove", "purge", "upgrade", "full-upgrade", "autoremove", "update"]),
    ("apt-get", &["install", "remove", "purge", "upgrade", "dist-upgrade", "autoremove", "update"]),
    ("yum", &["install", "remove", "erase", "update", "upgrade"]),
    ("dnf", &["install", "remove", "erase", "update", "upgrade"]),
    ("apk", &["add", "del", "upgrade", "update"]),
    ("pip", &["install", "uninstall"]),
    ("npm", &["install", "uninstall", "update"]),
    ("pg_ctl", &["start", "stop", "restart", "reload", "promote", "kill"]),
    ("pg_ctlcluster", &["start", "stop", "restart", "reload", "promote"]),
    ("patronictl", &["failover", "switchover", "restart", "reload", "reinit", "pause", "resume", "edit-config", "remove"]),
    ("nginx", &[]),
    (
        "rabbitmqctl",
        &[
            "stop",
            "stop_app",
            "start_app",
            "reset",
            "force_reset",
            "delete_queue",
            "purge_queue",
            "forget_cluster_node",
            "close_connection",
        ],
    ),
    ("nodetool", &["drain", "decommission", "removenode", "repair", "cleanup", "flush", "stopdaemon", "compact"]),
    ("loginctl", &["kill-session", "kill-user", "terminate-session", "terminate-user", "reboot", "poweroff"]),
];

/// Clients that take statements; those change something by one of [`STATEMENTS`].
const SQL: [&str; 8] = ["psql", "mysql", "mariadb", "sqlite3", "clickhouse-client", "cqlsh", "sqlplus", "mongosh"];

const STATEMENTS: [&str; 24] = [
    "insert",
    "update",
    "delete",
    "drop",
    "truncate",
    "alter",
    "create",
    "grant",
    "revoke",
    "vacuum",
    "reindex",
    "cluster",
    "copy",
    "merge",
    "replace",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_reload_conf",
    "pg_promote",
    "pg_switch_wal",
    "pg_drop_replication_slot",
    "kill",
    "optimize",
    "lock",
];

/// Redis commands that only look; every other one changes something.
const REDIS_READS: [&str; 28] = [
    "get", "mget", "info", "ping", "ttl", "pttl", "exists", "type", "keys", "scan", "dbsize", "llen", "lrange", "hget", "hgetall", "hlen",
    "scard", "smembers", "zcard", "zrange", "strlen", "memory", "slowlog", "role", "time", "lastsave", "client", "cluster",
];

/// What a command changes, in words; `None` where it looks as if it only looked.
pub(super) fn changes(command: &Simple, also: &[String]) -> Option<String> {
    if let Some((operator, file)) = command.writes.iter().find(|(operator, file)| writes_file(operator, file)) {
        return Some(format!("`{operator} {file}` writes to a file"));
    }
    let name = command.name();
    let said = || Some(format!("`{}` changes something", shown(command)));
    if ALWAYS.contains(&name) || name.starts_with("mkfs") || also.iter().any(|pattern| matches_words(command, pattern)) {
        return said();
    }
    let verbs = VERBS.iter().find(|(other, _)| *other == name).map_or(&[][..], |(_, verbs)| verbs);
    if command.arguments().iter().filter(|word| !word.starts_with('-')).take(2).any(|word| verbs.contains(&word.as_str()))
        || by_option(command)
    {
        return said();
    }
    statement(command).map(|word| format!("`{word}` in a statement changes something"))
}

fn writes_file(operator: &str, file: &str) -> bool {
    let descriptor = operator.ends_with('&') && (file == "-" || file.bytes().all(|c| c.is_ascii_digit()));
    !descriptor && !matches!(file, "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty" | "/dev/fd/1" | "/dev/fd/2")
}

/// The command's first words, for messages.
fn shown(command: &Simple) -> String {
    let words: Vec<&str> = command.words.iter().take(2).map(String::as_str).collect();
    words.join(" ").chars().take(60).collect()
}

/// Commands that look unless an option says otherwise.
fn by_option(command: &Simple) -> bool {
    let any = |options: &[&str]| command.arguments().iter().any(|word| options.contains(&word.as_str()));
    let starts = |options: &[&str]| command.arguments().iter().any(|word| options.iter().any(|option| word.starts_with(option)));
    match command.name() {
        "sed" | "perl" => starts(&["-i", "--in-place", "-pi"]),
        "curl" => curl_sends(command),
        "wget" => starts(&["--post", "--method", "--body"]),
        "find" => any(&["-delete"]),
        "sysctl" => any(&["-w", "-p", "--system"]) || command.arguments().iter().any(|word| word.contains('=')),
        "crontab" => any(&["-r", "-e", "-"]),
        "nginx" => any(&["-s"]),
        "journalctl" => starts(&["--vacuum", "--rotate", "--flush"]),
        "mount" => !command.arguments().is_empty() && !any(&["-l"]),
        "tar" => tar_writes(command),
        "iptables" | "ip6tables" => any(&["-A", "-D", "-I", "-R", "-F", "-X", "-N", "-P", "-Z"]),
        "ip" => any(&["add", "del", "delete", "set", "flush", "replace"]),
        "service" => any(&["start", "stop", "restart", "reload", "force-reload"]),
        "kubectl" => any(&["rollout"]) && any(&["restart", "undo", "pause", "resume"]),
        "docker" | "podman" => any(&["compose"]) && any(&["up", "down", "restart", "stop", "rm", "kill"]),
        "redis-cli" => redis_writes(command),
        "date" => starts(&["-s", "--set"]),
        "hostnamectl" | "timedatectl" => starts(&["set-"]),
        _ => false,
    }
}

fn curl_sends(command: &Simple) -> bool {
    let mut words = command.arguments().iter().peekable();
    while let Some(word) = words.next() {
        let method = match word.as_str() {
            "-X" | "--request" => words.peek().map(|word| word.as_str()),
            other => other.strip_prefix("--request=").or_else(|| other.strip_prefix("-X")),
        };
        let sends = ["-d", "--data", "-F", "--form", "-T", "--upload-file", "--json"].iter().any(|option| word.starts_with(option));
        let reads = method.is_none_or(|method| matches!(method.to_ascii_uppercase().as_str(), "GET" | "HEAD" | "OPTIONS"));
        if !reads || (sends && !command.has("-G") && !command.has("--get")) {
            return true;
        }
    }
    false
}

/// What one can ask Sentinel without its doing anything: <https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/>.
const SENTINEL_READS: [&str; 8] =
    ["master", "masters", "replicas", "slaves", "sentinels", "get-master-addr-by-name", "ckquorum", "info-cache"];

/// Whether it writes files, or an archive that is one: `tar -czf -` sends it to standard output.
fn tar_writes(command: &Simple) -> bool {
    let words = command.arguments();
    let says = |short: char, long: &str| {
        words.first().is_some_and(|word| !word.starts_with("--") && word.contains(short)) || words.iter().any(|word| word == long)
    };
    let named_last = |word: &String| word.ends_with('f') && !word.starts_with("--");
    let to_stdout = words.windows(2).any(|pair| (named_last(&pair[0]) || pair[0] == "--file") && pair[1] == "-")
        || words.iter().any(|word| word == "--file=-" || word == "-f-");
    says('x', "--extract") || says('r', "--append") || (says('c', "--create") && !to_stdout)
}

fn redis_writes(command: &Simple) -> bool {
    const VALUED: [&str; 6] = ["-h", "-p", "-a", "-n", "-s", "-u"];
    let mut words = command.arguments().iter();
    while let Some(word) = words.next() {
        if VALUED.contains(&word.as_str()) {
            words.next();
        } else if !word.starts_with('-') {
            let verb = word.to_ascii_lowercase();
            let below = words.next().map_or(String::new(), |word| word.to_ascii_lowercase());
            let looks = match verb.as_str() {
                "config" => below == "get",
                "sentinel" => SENTINEL_READS.contains(&below.as_str()),
                verb => REDIS_READS.contains(&verb),
            };
            return !looks;
        }
    }
    false
}

/// The word of a statement that changes something.
fn statement(command: &Simple) -> Option<&'static str> {
    if !SQL.contains(&command.name()) {
        return None;
    }
    let text = format!("{} {}", command.arguments().join(" "), command.here).to_ascii_lowercase();
    let words: Vec<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    STATEMENTS.into_iter().find(|statement| words.contains(statement))
}

/// Whether the command is called as `pattern` says: the same name, and the pattern's other words among its arguments in that order.
pub(super) fn matches_words(command: &Simple, pattern: &str) -> bool {
    let mut wanted = pattern.split_whitespace();
    if wanted.next() != Some(command.name()) {
        return false;
    }
    let mut arguments = command.arguments().iter();
    wanted.all(|word| arguments.any(|argument| argument.eq_ignore_ascii_case(word)))
}

/// Why a command does something else the second time; `None` where it looks repeatable. Restarting twice ends as restarting once.
pub(super) fn repeats_badly(command: &Simple) -> Option<String> {
    if let Some((_, file)) = command.writes.iter().find(|(operator, file)| operator.contains(">>") && writes_file(operator, file)) {
        return Some(format!("`>> {file}` adds once more each time"));
    }
    let name = command.name();
    let once = match name {
        "kill" | "pkill" | "killall" => Some("ends whatever has that name or number the second time"),
        "mkdir" if !command.has("-p") && !command.has("--parents") => Some("fails the second time; `mkdir -p` does not"),
        "mv" | "mkfs" | "dd" | "useradd" | "userdel" | "groupadd" | "createdb" | "dropdb" | "reboot" | "shutdown" | "lvextend"
        | "lvcreate" | "lvremove" => Some("does something else, or fails, the second time"),
        "tee" if command.has("-a") || command.has("--append") => Some("adds once more each time"),
        "curl" if command.arguments().iter().any(|word| word.eq_ignore_ascii_case("post")) => {
            Some("sends a POST, which servers may count twice")
        }
        name if name.starts_with("mkfs.") => Some("makes the file system once more"),
        _ => None,
    };
    if let Some(why) = once {
        return Some(format!("`{name}` {why}"));
    }
    statement(command)
        .filter(|word| matches!(*word, "insert" | "create" | "drop" | "alter"))
        .map(|word| format!("`{word}` is done once more each time"))
}

#[cfg(test)]
mod tests {
    use super::super::shell::commands;
    use super::*;

    fn changing(text: &str) -> bool {
        commands(text).iter().any(|command| changes(command, &["haproxyctl disable".to_owned()]).is_some())
    }

    #[test]
    fn what_changes_something_is_seen_through_its_disguises() {
        for text in [
            "rm -f x",
            "tar -cf x.tar -T -",
            "tar xf -",
            "tar -xf - -C /srv",
            "sudo -n systemctl restart db",
            "echo x > /etc/y",
            "echo x >>y",
            "a | tee b",
            "sed -i s/a/b/ x",
            "curl -X POST http://h",
            "curl -XDELETE h",
            "curl --data x h",
            "true && /bin/mv a b",
            "bash -c 'kill 1'",
            "x=$(rm y)",
            "find / -delete",
            "find / -exec rm {} ;",
            "xargs -n 1 rm",
            "mkfs.ext4 /dev/x",
            "psql -c 'DELETE FROM t'",
            "psql <<E\nupdate t set a = 1;\nE",
            "kubectl -n x delete pod y",
            "redis-cli -h x FLUSHALL",
            "redis-cli sentinel failover carts",
            "cat x &> y",
            "haproxyctl disable b",
            "nohup kill -9 5",
            "if true; then reboot; fi",
            "ssh host rm x",
            "env A=b systemctl --no-block stop x",
            "psql -Atc 'select pg_terminate_backend(5)'",
        ] {
            assert!(changing(text), "{text}");
        }
    }

    #[test]
    fn what_only_looks_is_left_in_peace() {
        for text in [
            "systemctl is-active db",
            "systemctl status restart-helper | grep x",
            "ls 2>/dev/null",
            "a >/dev/null 2>&1",
            "echo 'rm x'",
            "cat <<E\nrm x > y\nE",
            "curl -fsS http://h/health",
            "curl -X GET h",
            "curl -G -d a=b h",
            "psql -XAtc 'select 1'",
            "psql -c 'select updated from t where a > 5'",
            "redis-cli -h x info",
            "redis-cli config get maxmemory",
            "redis-cli -p 26379 SENTINEL CKQUORUM carts",
            "find / -name x",
            "sed -n 5p x",
            "sysctl vm.swappiness",
            "df -h {{ path }}",
            "mount",
            "kubectl get pods",
            "journalctl -u db --since '1 hour ago'",
            "test $((1 > 0)) = 1",
            "awk '$1 > 5' x",
            "# rm x",
            "git log",
            "tar --list -f x",
            "find x -print0 | tar -czPf - --null -T -",
            "tar --create --file=- x",
        ] {
            assert!(!changing(text), "{text}");
        }
    }

    #[test]
    fn what_must_not_be_repeated_is_seen() {
        let bad = |text: &str| commands(text).iter().any(|command| repeats_badly(command).is_some());
        for text in ["echo x >> y", "kill 5", "mkdir x", "mkfs.ext4 /dev/x", "psql -c 'insert into t values (1)'", "tee -a x"] {
            assert!(bad(text), "{text}");
        }
        for text in ["systemctl restart db", "mkdir -p x", "rm -f x", "echo x > y", "cp a b"] {
            assert!(!bad(text), "{text}");
        }
    }
}
