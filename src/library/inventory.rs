//! Reads `team/inventory.yaml` into an inventory. Never guesses: what two groups say differently is refused.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::foreign::{Elsewhere, Nowhere, Word};
use super::shape::PRODUCTION;
use super::{Connection, Host, Inventory};
use crate::base::HostName;
use crate::text::{Diagnostics, Fields, Node, Reader, Source, Spanned, Vocabulary, parse};

/// Also the bound of `expect_hosts`; a fleet beyond it needs another tool than one person at a terminal.
const MAX_HOSTS: usize = 10_000;

/// Names that selectors give a meaning of their own.
pub(super) const RESERVED: [&str; 3] = ["all", "local", "none"];

const TOP: Vocabulary = Vocabulary {
    foreign: &[
        ("all", "write `hosts:` and `groups:`"),
        ("children", "write `groups:`"),
        ("inventory", "write `hosts:` at the top"),
        ("nodes", "write `hosts:`"),
        ("from", "write `hosts_from: [hosts.ini]`"),
        ("include", "write `hosts_from: [hosts.ini]`"),
        ("import", "write `hosts_from: [hosts.ini]`"),
        ("sources", "write `hosts_from: [hosts.ini]`"),
        ("inventories", "write `hosts_from: [hosts.ini]`"),
        ("plugin", "write `hosts_from: [./script]`, a script that prints Ansible's JSON"),
    ],
};

const HOST: Vocabulary = Vocabulary {
    foreign: &[
        ("ansible_host", "write `address:`"),
        ("hostname", "write `address:`"),
        ("host", "write `address:`"),
        ("ip", "write `address:`"),
        ("ansible_user", "write `user:`"),
        ("username", "write `user:`"),
        ("ansible_port", "write `port:`"),
        ("env", "write `environment:`"),
        ("tags", "write `groups:`"),
        ("labels", "write `groups:`"),
        ("ansible_connection", "write `connection: local`"),
        ("key", "leave it to `~/.ssh/config`: `IdentityFile`"),
        ("identity_file", "leave it to `~/.ssh/config`: `IdentityFile`"),
        ("password", "there is none: use keys, as `ssh` does. Whoever reads this file knows the password now: change it"),
        ("proxy_jump", "leave it to `~/.ssh/config`: `ProxyJump`"),
    ],
};

const GROUP: Vocabulary = Vocabulary {
    foreign: &[
        ("members", "write `hosts: [db-1, db-2]`"),
        ("vars", "write `user:`, `port:` or `environment:` here"),
        ("children", "name the hosts; a union of groups is written in `hosts:` of a step"),
        ("env", "write `environment:`"),
    ],
};

const NONE: Vocabulary = Vocabulary { foreign: &[] };

/// What a host says of itself, or a group of its hosts.
#[derive(Default)]
struct Settings {
    user: Option<Spanned<String>>,
    port: Option<Spanned<String>>,
    environment: Option<Spanned<String>>,
    spool: Option<Spanned<String>>,
}

struct Written {
    name: Spanned<HostName>,
    address: Option<String>,
    local: bool,
    /// Whether something here says that it is reached by SSH.
    remote: bool,
    groups: Vec<Spanned<String>>,
    settings: Settings,
    /// What other tools say of it; heeded where nothing here says it.
    imported: BTreeMap<Word, String>,
}

struct Group {
    name: Spanned<String>,
    hosts: Vec<Spanned<String>>,
    settings: Settings,
    /// Something in it is told already, and may be what names its hosts.
    is_unclear: bool,
}

/// An inventory, and where its hosts came from.
pub struct Resolved {
    pub inventory: Inventory,
    /// What `hosts_from:` names, in its order; empty where the inventory says everything itself.
    pub sources: Vec<HostSource>,
}

/// A place that hosts were taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSource {
    /// As `hosts_from:` names it.
    pub name: String,
    pub hosts: usize,
}

/// Reads an inventory that takes no hosts from elsewhere. It is there only where nothing is wrong with it.
pub fn read_inventory(source: &Source) -> (Option<Inventory>, Diagnostics) {
    let (resolved, diagnostics) = resolve_inventory(source, Path::new(""), &Nowhere);
    (resolved.map(|resolved| resolved.inventory), diagnostics)
}

/// Reads an inventory and takes in the hosts that it has from elsewhere. `folder` is its own.
pub fn resolve_inventory(source: &Source, folder: &Path, elsewhere: &dyn Elsewhere) -> (Option<Resolved>, Diagnostics) {
    let mut reader = Reader::new(source);
    let resolved = read_document(&mut reader, folder, elsewhere);
    let complete = if reader.diagnostics.has_errors() { None } else { resolved };
    (complete, reader.diagnostics)
}

fn read_document(reader: &mut Reader, folder: &Path, elsewhere: &dyn Elsewhere) -> Option<Resolved> {
    let document = parse(&reader.source.clone(), &mut reader.diagnostics)?;
    let mut fields = reader.fields(&document.root, "an inventory", "`hosts: {db-1: {address: 10.0.0.5}}`")?;
    let mut hosts = fields.optional("hosts").map_or(Vec::new(), |node| read_hosts(reader, node));
    let groups = fields.optional("groups").map_or(Vec::new(), |node| read_groups(reader, node));
    let ssh_config = fields.optional("ssh").and_then(|node| read_ssh(reader, node));
    let sources = fields.optional("hosts_from").map_or(Vec::new(), |node| imports::take_in(reader, node, &mut hosts, folder, elsewhere));
    fields.finish(reader, &TOP);
    let members = join(reader, &hosts, &groups);
    let mut inventory = Inventory { ssh_config, groups: members, ..Inventory::only_local() };
    for host in hosts {
        let host = settle(reader, host, &groups, &inventory.groups);
        inventory.hosts.insert(host.name.clone(), host);
    }
    Some(Resolved { inventory, sources })
}

fn read_ssh(reader: &mut Reader, node: &Node) -> Option<String> {
    let mut fields = reader.fields(node, "`ssh`", "`ssh: {config: ~/.ssh/config}`")?;
    let config = fields.required("config", "config: ~/.ssh/config").and_then(|node| reader.text(node, "`config`"));
    fields.finish(reader, &NONE);
    let config = config?;
    if config.value.starts_with('-') {
        reader.error("RB303", config.span, "a file's name that begins with `-` would be read as an option").help("write `./` before it");
    }
    Some(config.value)
}

fn read_hosts(reader: &mut Reader, node: &Node) -> Vec<Written> {
    let Some(mut fields) = reader.fields(node, "`hosts`", "`hosts: {db-1: {address: 10.0.0.5}}`") else { return Vec::new() };
    let named = fields.rest();
    if let Some((extra, _)) = named.get(MAX_HOSTS) {
        let message = format!("an inventory has at most {MAX_HOSTS} hosts, this one has {}", named.len());
        reader.error("RB301", extra.span, message).help("give each team an inventory of its own");
    }
    named.into_iter().filter_map(|(name, node)| read_host(reader, name, node)).collect()
}

fn read_host(reader: &mut Reader, name: Spanned<String>, node: &Node) -> Option<Written> {
    let host = check_name(reader, &name).map(|value| Spanned { value, span: name.span });
    let example = format!("`{}: {{environment: production}}`", name.value);
    let mut fields = reader.fields(node, format!("the host `{}`", name.value), &example)?;
    let address = fields.entry("address").map(|(key, node)| (key, read_address(reader, node)));
    let connection = fields.entry("connection").map(|(key, node)| (key, read_connection(reader, node)));
    let groups = fields.optional("groups").map_or(Vec::new(), |node| read_names(reader, node, "`groups`", "`groups: [db]`"));
    let settings = read_settings(reader, &mut fields);
    fields.finish(reader, &HOST);
    let is_own = name.value == "local";
    let local = is_own || connection.as_ref().is_some_and(|(_, connection)| *connection == Some(true));
    let reached = [
        address.as_ref().map(|(key, _)| ("address", *key)),
        settings.user.as_ref().map(|user| ("user", user.span)),
        settings.port.as_ref().map(|port| ("port", port.span)),
    ];
    for (word, span) in reached.into_iter().flatten().filter(|_| local) {
        let message = format!("`{word}` says how to reach a host by SSH, and `{}` is this machine", name.value);
        reader.error("RB304", span, message).label("would not be heeded").help("remove it, or `connection: local`");
    }
    if let (true, Some((key, Some(false)))) = (is_own, &connection) {
        reader
            .error("RB304", *key, "`local` is always the operator's own machine")
            .label("would not be heeded")
            .help("remove it; give a remote host another name");
    }
    let said_ssh = matches!(connection, Some((_, Some(false))));
    let remote = said_ssh || address.is_some() || settings.user.is_some() || settings.port.is_some();
    let address = address.and_then(|(_, address)| address);
    Some(Written { name: host?, address, local, remote, groups, settings, imported: BTreeMap::new() })
}

fn check_name(reader: &mut Reader, name: &Spanned<String>) -> Option<HostName> {
    if name.value != "local" && RESERVED.contains(&name.value.as_str()) {
        let message = format!("`{}` cannot name a host: selectors use it for something else", name.value);
        reader.error("RB302", name.span, message).label("taken").help("give it another name; its address may stay");
        return None;
    }
    let parsed = name.value.parse::<HostName>();
    if parsed.is_err() {
        let message = format!("{:?} cannot name a host", name.value);
        let help = "use letters, digits, dots, dashes and underscores, not beginning with a dot or dash; the rest goes into `address:`";
        reader.error("RB302", name.span, message).label("no host's name").help(help);
    }
    parsed.ok()
}

fn read_address(reader: &mut Reader, node: &Node) -> Option<String> {
    let address = reader.as_written(node, "`address`")?;
    if let Some((user, rest)) = address.value.split_once('@') {
        let help = format!("write `address: {rest}` and `user: {user}`");
        reader.error("RB303", address.span, "an address without the user").label("two things in one").help(help);
    } else if address.value.starts_with('-') {
        let message = "an address that begins with `-` would be read as an option of ssh";
        reader.error("RB303", address.span, message).label("refused").help("write the host's name or IP address");
    } else if !is_address(&address.value) {
        let message = format!("{:?} is no address", address.value);
        reader.error("RB303", address.span, message).label("expected a host's name or IP address").help("the port goes into `port:`");
    } else {
        return Some(address.value);
    }
    None
}

/// A host's name or IP address that `ssh` cannot take for an option.
pub(super) fn is_address(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b':' | b'%' | b'[' | b']');
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain)
}

/// A user's name that `ssh` cannot take for an option.
pub(super) fn is_user(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'@' | b'+' | b'\\' | b'$');
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain)
}

/// Whether the connection is local.
fn read_connection(reader: &mut Reader, node: &Node) -> Option<bool> {
    let word = reader.text(node, "`connection`")?;
    match word.value.as_str() {
        "local" => Some(true),
        "ssh" => Some(false),
        other => {
            let help = "leave it out: hosts are reached by SSH; `connection: local` is this machine";
            reader.error("RB303", word.span, format!("`connection` cannot be `{other}`")).label("expected ssh or local").help(help);
            None
        }
    }
}

fn read_settings(reader: &mut Reader, fields: &mut Fields<'_>) -> Settings {
    Settings {
        user: fields.optional("user").and_then(|node| read_user(reader, node)),
        port: fields.optional("port").and_then(|node| {
            let port = reader.whole(node, "`port`", 1, 65_535)?;
            Some(Spanned { value: port.value.to_string(), span: port.span })
        }),
        environment: fields.optional("environment").and_then(|node| read_word(reader, node, "`environment`")),
        spool: fields.optional("spool").and_then(|node| read_spool(reader, node)),
    }
}

fn read_user(reader: &mut Reader, node: &Node) -> Option<Spanned<String>> {
    let user = reader.text(node, "`user`")?;
    if !is_user(&user.value) {
        let help = "write the log-in name alone; the address and the port have words of their own";
        reader.error("RB303", user.span, format!("{:?} is no user's name", user.value)).label("expected such as ops").help(help);
        return None;
    }
    Some(user)
}

fn read_spool(reader: &mut Reader, node: &Node) -> Option<Spanned<String>> {
    let spool = reader.text(node, "`spool`")?;
    let plain = spool.value.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'.' | b'-' | b'_'));
    if !plain || !spool.value.starts_with('/') || spool.value.split('/').any(|part| part == "..") {
        let message = format!("`spool` is a folder on the host, got {:?}", spool.value);
        let help = "write an absolute path of letters, digits, dots, dashes and underscores";
        reader.error("RB303", spool.span, message).label("expected such as /var/tmp/runbook").help(help);
        return None;
    }
    Some(spool)
}

/// A word such as an environment or a group.
fn read_word(reader: &mut Reader, node: &Node, what: &str) -> Option<Spanned<String>> {
    let word = reader.text(node, what)?;
    if word.value.parse::<HostName>().is_err() {
        let message = format!("{what} is one word, got {:?}", word.value);
        let help = "use letters, digits, dots, dashes and underscores, not beginning with a dot or dash";
        reader.error("RB302", word.span, message).label("expected one word").help(help);
        return None;
    }
    Some(word)
}

fn read_names(reader: &mut Reader, node: &Node, what: &str, example: &str) -> Vec<Spanned<String>> {
    let mut names: Vec<Spanned<String>> = Vec::new();
    for item in reader.list(node, what, example).unwrap_or_default() {
        let Some(name) = read_word(reader, item, "a name") else { continue };
        if names.iter().any(|other| other.value == name.value) {
            reader.error("RB305", name.span, format!("`{}` is named twice", name.value)).label("again").help("name it once");
        } else {
            names.push(name);
        }
    }
    names
}

/// What `hosts_from:` names, each once.
fn read_names_of_sources(reader: &mut Reader, node: &Node) -> Vec<Spanned<String>> {
    let mut names: Vec<Spanned<String>> = Vec::new();
    for item in reader.list(node, "`hosts_from`", "`hosts_from: [hosts.ini, ~/.ssh/config]`").unwrap_or_default() {
        let Some(name) = reader.text(item, "a source of hosts") else { continue };
        if names.iter().any(|other| other.value == name.value) {
            reader.error("RB305", name.span, format!("`{}` is named twice", name.value)).label("again").help("name it once");
        } else {
            names.push(name);
        }
    }
    names
}

fn read_groups(reader: &mut Reader, node: &Node) -> Vec<Group> {
    let Some(mut fields) = reader.fields(node, "`groups`", "`groups: {db: {hosts: [db-1, db-2]}}`") else { return Vec::new() };
    fields.rest().into_iter().filter_map(|(name, node)| read_group(reader, name, node)).collect()
}

fn read_group(reader: &mut Reader, name: Spanned<String>, node: &Node) -> Option<Group> {
    let mut fields = reader.fields(node, format!("the group `{}`", name.value), &format!("`{}: {{hosts: [db-1, db-2]}}`", name.value))?;
    let hosts = fields.optional("hosts").map_or(Vec::new(), |node| read_names(reader, node, "`hosts`", "`hosts: [db-1, db-2]`"));
    let settings = read_settings(reader, &mut fields);
    let is_unclear = fields.left().next().is_some();
    fields.finish(reader, &GROUP);
    Some(Group { name, hosts, settings, is_unclear })
}

/// The members of each group, and what is wrong with the names.
fn join(reader: &mut Reader, hosts: &[Written], groups: &[Group]) -> BTreeMap<String, BTreeSet<HostName>> {
    let known: BTreeMap<&str, &Written> = hosts.iter().map(|host| (host.name.value.as_str(), host)).collect();
    let mut members: BTreeMap<String, BTreeSet<HostName>> = BTreeMap::new();
    let named = hosts.iter().flat_map(|host| host.groups.iter().map(move |group| (group, Some(host))));
    for (group, host) in named.chain(groups.iter().map(|group| (&group.name, None))) {
        if RESERVED.contains(&group.value.as_str()) || group.value.parse::<HostName>().is_err() {
            let help = "use letters, digits, dots, dashes and underscores; `all`, `local` and `none` are taken";
            reader.error("RB302", group.span, format!("`{}` cannot name a group", group.value)).label("taken, or no word").help(help);
        } else if let Some(other) = known.get(group.value.as_str()) {
            let message = format!("`{}` is a group and a host", group.value);
            let label = format!("the host is on line {}", reader.line(other.name.span));
            reader.error("RB305", group.span, message).label(label).help("give one of them another name: a selector could mean either");
        } else {
            members.entry(group.value.clone()).or_default().extend(host.map(|host| host.name.value.clone()));
        }
    }
    for group in groups {
        for name in &group.hosts {
            match known.get(name.value.as_str()) {
                Some(host) => {
                    members.entry(group.name.value.clone()).or_default().insert(host.name.value.clone());
                }
                None => unknown_host(reader, name, known.keys().copied()),
            }
        }
        if members.get(&group.name.value).is_some_and(BTreeSet::is_empty) && group.hosts.is_empty() && !group.is_unclear {
            let message = format!("no host is in the group `{}`", group.name.value);
            reader.warning("RB306", group.name.span, message).help("add `hosts: […]` here, or `groups: […]` on the hosts");
        }
    }
    members
}

fn unknown_host<'a>(reader: &mut Reader, name: &Spanned<String>, known: impl Iterator<Item = &'a str>) {
    let help = match crate::text::did_you_mean(&name.value, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "add it under `hosts:`".to_owned(),
    };
    reader.error("RB307", name.span, format!("there is no host `{}`", name.value)).label("unknown host").help(help);
}

/// The host with what its groups say of it.
fn settle(reader: &mut Reader, host: Written, groups: &[Group], members: &BTreeMap<String, BTreeSet<HostName>>) -> Host {
    let mine: Vec<&Group> =
        groups.iter().filter(|group| members.get(&group.name.value).is_some_and(|members| members.contains(&host.name.value))).collect();
    let Written { name, address, local, settings, mut imported, .. } = host;
    let mut inherit = |key: &str, own: Option<Spanned<String>>, of: fn(&Settings) -> &Option<Spanned<String>>| {
        if let Some(own) = own {
            return Some(own.value);
        }
        let said: Vec<(&str, &str)> =
            mine.iter().filter_map(|group| Some((group.name.value.as_str(), of(&group.settings).as_ref()?.value.as_str()))).collect();
        if let Some((first, rest)) = said.split_first()
            && let Some(other) = rest.iter().find(|other| other.1 != first.1)
        {
            let message = format!("two groups of the host `{}` give it another `{key}`", name.value);
            let label = format!("`{}` says {}, `{}` says {}", first.0, first.1, other.0, other.1);
            reader.error("RB308", name.span, message).label(label).help(format!("write `{key}:` on the host itself"));
        }
        said.first().map(|(_, value)| (*value).to_owned())
    };
    let environment =
        inherit("environment", settings.environment, |group| &group.environment).or_else(|| imported.remove(&Word::Environment));
    let environment = environment.unwrap_or_else(|| PRODUCTION.to_owned());
    let spool = inherit("spool", settings.spool, |group| &group.spool);
    let connection = if local {
        Connection::Local
    } else {
        let user = inherit("user", settings.user, |group| &group.user).or_else(|| imported.remove(&Word::User));
        let port = inherit("port", settings.port, |group| &group.port).or_else(|| imported.remove(&Word::Port));
        let address = address.or_else(|| imported.remove(&Word::Address)).unwrap_or_else(|| name.value.to_string());
        Connection::Ssh { address, port: port.and_then(|port| port.parse().ok()), user }
    };
    Host { name: name.value, environment, connection, spool }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Colour;

    fn read(text: &str) -> Result<Inventory, String> {
        let (inventory, diagnostics) = read_inventory(&Source::new("team/inventory.yaml", text));
        inventory.ok_or_else(|| diagnostics.render(Colour::Plain))
    }

    #[test]
    fn a_host_takes_from_its_groups_what_it_does_not_say_itself() {
        let text = "hosts:\n  a: {groups: [db]}\n  b: {user: me, groups: [db]}\n  c: {}\ngroups:\n  db: {user: pg, port: 2222, environment: staging}\n  web: {hosts: [c]}\n";
        let inventory = read(text).unwrap();
        let host = |name: &str| inventory.hosts[&name.parse::<HostName>().unwrap()].clone();
        assert_eq!(host("a").connection, Connection::Ssh { address: "a".into(), port: Some(2222), user: Some("pg".into()) });
        assert_eq!(host("b").connection, Connection::Ssh { address: "b".into(), port: Some(2222), user: Some("me".into()) });
        assert_eq!((host("a").environment.as_str(), host("c").environment.as_str()), ("staging", "production"));
        assert_eq!(inventory.groups["web"].iter().map(HostName::as_str).collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn the_operators_machine_is_always_there_and_in_production_until_said_otherwise() {
        assert_eq!(read("hosts: {a: {}}").unwrap().hosts[&HostName::local()], Host::local());
        let inventory = read("hosts: {local: {environment: lab}}").unwrap();
        assert_eq!(inventory.hosts[&HostName::local()].environment, "lab");
        assert_eq!(inventory.hosts[&HostName::local()].connection, Connection::Local);
    }

    #[test]
    fn an_address_is_never_an_option() {
        for address in ["-oProxyCommand=x", "\"a b\"", "root@a", "\"\""] {
            assert!(read(&format!("hosts: {{a: {{address: {address}}}}}")).is_err(), "{address}");
        }
    }
}
