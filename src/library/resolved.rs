//! Writes an inventory out, whole and always in the same way: what a run keeps and what people approve where hosts come from other tools.
//! Never writes where a host came from: a line that moved in another tool's file is no change.

use super::{Connection, Host, Inventory};
use crate::base::HostName;

/// The inventory as the text of an inventory that takes nothing from elsewhere; reading it gives the same inventory.
pub(super) fn written_out(inventory: &Inventory) -> String {
    let mut out = "# What team/inventory.yaml and the sources of its `hosts_from:` came to.\nhosts:\n".to_owned();
    for host in inventory.hosts.values() {
        out.push_str(&format!("  {}: {{{}}}\n", text(host.name.as_str()), words(inventory, host).join(", ")));
    }
    let empty: Vec<String> =
        inventory.groups.iter().filter(|(_, hosts)| hosts.is_empty()).map(|(name, _)| format!("{}: {{}}", text(name))).collect();
    if !empty.is_empty() {
        out.push_str(&format!("groups: {{{}}}\n", empty.join(", ")));
    }
    if let Some(config) = &inventory.ssh_config {
        out.push_str(&format!("ssh: {{config: {}}}\n", text(config)));
    }
    out
}

fn words(inventory: &Inventory, host: &Host) -> Vec<String> {
    let mut words = vec![format!("environment: {}", text(&host.environment))];
    match &host.connection {
        Connection::Local if host.name == HostName::local() => {}
        Connection::Local => words.push("connection: local".to_owned()),
        Connection::Ssh { address, port, user } => {
            if address != host.name.as_str() {
                words.push(format!("address: {}", text(address)));
            }
            words.extend(port.map(|port| format!("port: {port}")));
            words.extend(user.as_ref().map(|user| format!("user: {}", text(user))));
        }
    }
    words.extend(host.spool.as_ref().map(|spool| format!("spool: {}", text(spool))));
    let groups: Vec<String> = inventory.groups.iter().filter(|(_, hosts)| hosts.contains(&host.name)).map(|(name, _)| text(name)).collect();
    if !groups.is_empty() {
        words.push(format!("groups: [{}]", groups.join(", ")));
    }
    words
}

/// In quotes, so that YAML takes it for text.
fn text(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::read_inventory;
    use crate::text::{Colour, Source};

    #[test]
    fn what_is_written_out_is_read_as_the_same_inventory() {
        let source = "hosts:\n  a: {address: 10.0.0.1, user: ops, port: 22, groups: [db, web], spool: /var/tmp/x}\n  \"12\": {environment: lab}\n  here: {connection: local}\n  local: {environment: lab}\ngroups: {empty: {}, db: {user: pg}}\nssh: {config: ./ssh config}\n";
        let inventory = read_inventory(&Source::new("i", source)).0.unwrap();
        let text = written_out(&inventory);
        let (again, problems) = read_inventory(&Source::new("i", &text));
        assert_eq!(again.unwrap_or_else(|| panic!("{}\n{text}", problems.render(Colour::Plain))), inventory);
        insta::assert_snapshot!(text);
    }
}
