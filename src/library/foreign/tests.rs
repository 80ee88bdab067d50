//! Sources of hosts in a made-up world: what is taken from them, and what is said about those that are wrong. Touches no file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Elsewhere;
use crate::library::{Connection, Inventory, resolve_inventory};
use crate::text::{Colour, Source};

/// Files by their paths; what a program prints is under its path and ` --list`.
struct World(BTreeMap<String, String>);

impl Elsewhere for World {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let file = self.0.get(&path.display().to_string()).ok_or("No such file or directory (os error 2)")?;
        Ok(file.clone().into_bytes())
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, String> {
        let inside = |path: &String| {
            Path::new(path).parent().filter(|parent| *parent == folder).and(Path::new(path).file_name()?.to_str().map(str::to_owned))
        };
        Ok(self.0.keys().filter_map(inside).collect())
    }

    fn ask(&self, program: &Path) -> Result<Vec<u8>, String> {
        self.0
            .get(&format!("{} --list", program.display()))
            .map(|said| said.clone().into_bytes())
            .ok_or("it ended with status 1\nit said:\nno token".to_owned())
    }

    fn home(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/home/alice"))
    }
}

fn resolve(inventory: &str, files: &[(&str, &str)]) -> Result<Inventory, String> {
    let world = World(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect());
    let source = Source::new("runbooks/team/inventory.yaml", inventory);
    let (resolved, problems) = resolve_inventory(&source, Path::new("/lib/team"), &world);
    let said = problems.render(Colour::Plain);
    resolved.map(|resolved| resolved.inventory).ok_or(said)
}

/// `name = how it is reached, environment, groups`, a line a host, without `local`.
fn said(inventory: &Inventory) -> Vec<String> {
    let hosts = inventory.hosts.values().filter(|host| host.name.as_str() != "local");
    let line = |host: &crate::library::Host| {
        let groups: Vec<&str> =
            inventory.groups.iter().filter(|(_, hosts)| hosts.contains(&host.name)).map(|(name, _)| name.as_str()).collect();
        let place = match &host.connection {
            Connection::Local => "here".to_owned(),
            Connection::Ssh { address, port, user } => {
                let user = user.as_ref().map_or(String::new(), |user| format!("{user}@"));
                format!("{user}{address}{}", port.map_or(String::new(), |port| format!(":{port}")))
            }
        };
        format!("{} = {place}, {}, {}", host.name, host.environment, groups.join(" "))
    };
    hosts.map(line).collect()
}

fn ini(text: &str) -> Result<Vec<String>, String> {
    resolve("hosts_from: [hosts.ini]\n", &[("/lib/team/hosts.ini", text)]).map(|inventory| said(&inventory))
}

fn yaml(text: &str) -> Result<Vec<String>, String> {
    resolve("hosts_from: [hosts.yml]\n", &[("/lib/team/hosts.yml", text)]).map(|inventory| said(&inventory))
}

fn program(text: &str) -> Result<Vec<String>, String> {
    let files = [("/lib/team/ec2.sh", "#!/bin/sh\n"), ("/lib/team/ec2.sh --list", text)];
    resolve("hosts_from: [./ec2.sh]\n", &files).map(|inventory| said(&inventory))
}

#[test]
fn an_ini_inventory_is_read_with_ranges_groups_and_variables() {
    let text = "\
; a remark
bastion:2222 ansible_host=10.0.0.1   # the way in

[web]
web[01:02].example.com ansible_user=ops unknown=\"a b # c\"

[db]
db-[a:b]
[db:vars]
ansible_user = postgres
environment=staging
[prod:children]
web
db
[prod:vars]
ansible_port=2200
[all:vars]
ansible_user=root
[control]
localhost ansible_connection=local ansible_host=127.0.0.1
";
    assert_eq!(
        ini(text).unwrap(),
        [
            "bastion = root@10.0.0.1:2222, production, ",
            "db-a = postgres@db-a:2200, staging, db prod",
            "db-b = postgres@db-b:2200, staging, db prod",
            "localhost = here, production, control",
            "web01.example.com = ops@web01.example.com:2200, production, prod web",
            "web02.example.com = ops@web02.example.com:2200, production, prod web",
        ]
    );
}

#[test]
fn a_yaml_inventory_is_read_and_what_is_vaulted_is_not() {
    let text = "---\nall:\n  vars: {ansible_user: ops, secret: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      6162\n    }\n  children:\n    web:\n      hosts:\n        web[1:2]:\n          ansible_host: 10.0.0.5\n    db:\n      hosts:\n        db-1:\n      children:\n        standby: {hosts: {db-2: {ansible_port: 2222}}}\n";
    let text = text.replace(
        "vars: {ansible_user: ops, secret: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      6162\n    }",
        "vars:\n    ansible_user: ops\n    secret: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      6162",
    );
    assert_eq!(
        yaml(&text).unwrap(),
        [
            "db-1 = ops@db-1, production, db",
            "db-2 = ops@db-2:2222, production, db standby",
            "web1 = ops@10.0.0.5, production, web",
            "web2 = ops@10.0.0.5, production, web"
        ]
    );
}

#[test]
fn a_program_is_asked_once_and_its_json_is_read() {
    let text = "{\n\t\"_meta\": {\"hostvars\": {\"i-1\": {\"ansible_host\": \"10.0.0.9\", \"tags\": {\"a\": [1]}}, \"i-2\": {\"secret\": {\"__ansible_vault\": \"x\"}}}},\n\t\"all\": {\"children\": [\"ungrouped\", \"web\"]},\n\t\"web\": {\"hosts\": [\"i-1\"], \"vars\": {\"environment\": \"staging\"}},\n\t\"old\": [\"i-2\"]\n}\n";
    assert_eq!(program(text).unwrap(), ["i-1 = 10.0.0.9, staging, web", "i-2 = i-2, production, old"]);
}

#[test]
fn of_an_ssh_configuration_only_names_are_taken() {
    let config = "Host db-1 db-2 *.example.com !x\n  HostName 10.0.0.5\nhost=web-1\nInclude conf.d/*.conf /none\nMatch all\nHost *\n";
    let files = [
        ("/home/alice/.ssh/config", config),
        ("/home/alice/.ssh/conf.d/a.conf", "Host mq-1\nInclude config\n"),
        ("/home/alice/.ssh/conf.d/b.txt", "Host no\n"),
    ];
    let inventory = resolve("hosts_from: [~/.ssh/config]\n", &files).unwrap();
    let expected = ["db-1 = db-1, production, ", "db-2 = db-2, production, ", "mq-1 = mq-1, production, ", "web-1 = web-1, production, "];
    assert_eq!(said(&inventory), expected);
}

#[test]
fn a_configuration_that_includes_itself_is_refused() {
    let files = [("/home/alice/.ssh/config", "Host a\nInclude config\n")];
    assert!(resolve("hosts_from: [~/.ssh/config]\n", &files).unwrap_err().contains("include each other"));
}

#[test]
fn what_the_inventory_says_wins_and_groups_add_up() {
    let inventory = "hosts:\n  web-1: {user: me, groups: [first]}\n  here: {connection: local}\n  far: {address: 10.0.0.7}\ngroups:\n  web: {port: 22, environment: lab, hosts: [far]}\nhosts_from: [hosts.ini]\n";
    let files = [(
        "/lib/team/hosts.ini",
        "[web]\nweb-1 ansible_user=ops ansible_host=10.0.0.1 ansible_port=2222\nweb-2 ansible_user=ops\nhere ansible_host=10.0.0.3\nfar ansible_connection=local\n",
    )];
    assert_eq!(
        said(&resolve(inventory, &files).unwrap()),
        [
            "far = 10.0.0.7:22, lab, web",
            "here = here, lab, web",
            "web-1 = me@10.0.0.1:22, lab, first web",
            "web-2 = ops@web-2:22, lab, web"
        ]
    );
}

#[test]
fn sources_that_agree_add_up_and_those_that_do_not_are_refused_with_both_places() {
    let files = |other: &'static str| {
        [
            ("/lib/team/a.ini", "[web]\nweb-1 ansible_host=10.0.0.1\n"),
            ("/lib/team/b.yml", other),
            ("/home/alice/.ssh/config", "Host web-1\n"),
        ]
    };
    let from = "hosts_from: [a.ini, b.yml, ~/.ssh/config]\n";
    let agree = "all: {children: {prod: {hosts: {web-1: {ansible_host: 10.0.0.1, ansible_port: 22}}}}}\n";
    assert_eq!(said(&resolve(from, &files(agree)).unwrap()), ["web-1 = 10.0.0.1:22, production, prod web"]);
    let clash = "all:\n  hosts:\n    web-1: {ansible_host: 10.0.0.2}\n";
    insta::assert_snapshot!("clash", resolve(from, &files(clash)).unwrap_err());
    let settled = format!("hosts: {{web-1: {{address: 10.0.0.3}}}}\n{from}");
    assert_eq!(said(&resolve(&settled, &files(clash)).unwrap()), ["web-1 = 10.0.0.3, production, web"]);
}

#[test]
fn what_is_wrong_with_a_source_is_told_with_its_place() {
    let mut told = String::new();
    let mut tell = |what: &str, result: Result<Vec<String>, String>| told.push_str(&format!("=== {what}\n{}\n\n", result.unwrap_err()));
    tell("ini", ini("web[1:\n[web:what]\n[db\nhost user\n[a:vars]\nansible_user\n[b:children]\nwbe\n[wbe2]\n"));
    tell("values", ini("a ansible_host={{ip}}\nb ansible_port=ssh\nc ansible_user=-x\nd ansible_host=\ne@f\n"));
    tell("twice", ini("[x]\na ansible_host=10.0.0.1\n[y]\na ansible_host=10.0.0.2\n"));
    tell("groups disagree", ini("[x]\na\n[y]\na\n[x:vars]\nansible_user=one\n[y:vars]\nansible_user=two\n"));
    tell("vault", ini("$ANSIBLE_VAULT;1.1;AES256\n6162\n"));
    tell("yaml", yaml("all:\n  host: {a: {}}\n  hosts: [a, b]\n  children:\n    web: {hosts: {\"w[1:0]\": {}}}\n"));
    tell("vaulted address", yaml("all:\n  hosts:\n    a:\n      ansible_host: !vault |\n        $ANSIBLE_VAULT\n"));
    tell("plugin", yaml("plugin: aws_ec2\nregions: [x]\n"));
    tell("a list", yaml("---\n- a\n"));
    tell("not yaml", yaml("all:\n\thosts:\n"));
    tell("no meta", program("{\"web\": [\"a\"]}"));
    tell("no json", program("Traceback (most recent call last):\n"));
    tell("too many", ini("a[1:9000]\nb[1:9000]\n"));
    insta::assert_snapshot!("wrong", told);
}

#[test]
fn what_is_wrong_with_naming_a_source_is_told_in_the_inventory() {
    let mut told = String::new();
    let mut tell = |inventory: &str, files: &[(&str, &str)]| told.push_str(&format!("{}\n\n", resolve(inventory, files).unwrap_err()));
    tell("hosts_from: [none.ini]\n", &[]);
    tell("hosts_from: hosts.ini\n", &[]);
    tell("hosts_from: [a.ini, a.ini, 5]\n", &[("/lib/team/a.ini", "x\n")]);
    tell("hosts_from: [ec2.sh]\n", &[("/lib/team/ec2.sh", "#!/bin/sh\n")]);
    tell("from: [a.ini]\n", &[]);
    tell("hosts: {web: {}}\nhosts_from: [a.ini]\n", &[("/lib/team/a.ini", "[web]\nx\n")]);
    insta::assert_snapshot!("named", told);
}

#[test]
fn what_cannot_be_ours_is_left_out_with_a_warning() {
    let world = World(BTreeMap::from([(
        "/lib/team/hosts.ini".to_owned(),
        "[local]\nlocalhost ansible_connection=local\nwin ansible_connection=winrm\n[all]\nx\n[x]\nlocal\n".to_owned(),
    )]));
    let source = Source::new("runbooks/team/inventory.yaml", "hosts_from: [hosts.ini]\n");
    let (resolved, problems) = resolve_inventory(&source, Path::new("/lib/team"), &world);
    assert_eq!(said(&resolved.unwrap().inventory), ["localhost = here, production, ", "x = x, production, "]);
    insta::assert_snapshot!("left_out", problems.render(Colour::Plain));
}

#[test]
fn without_anybody_to_ask_nothing_is_taken_from_elsewhere() {
    let (inventory, problems) = crate::library::read_inventory(&Source::new("i", "hosts_from: [hosts.ini]\n"));
    assert!(inventory.is_none() && problems.render(Colour::Plain).contains("looks at the inventory alone"));
}
