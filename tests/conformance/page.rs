//! `docs/conformance.md`, made from the table and from the tests that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::statements::{self, Group, Verdict, test_of};

const HEAD: &str = "\
# Conformance

How Sparkwise stands to the Eclipse Sparkplug specification 3.0.0, statement by statement. This
page is made by `UPDATE=1 cargo test --test conformance` and held against the tests of that name
each time they run: every test below exists, and every statement has its test or a reason why it
has none.

Statements go by the ids that the specification gives them for tests; `5:145` is chapter 5, line
145 of its text. What it asks for stands here in our own words. Where it binds a host application,
a recording MQTT server judges what Sparkwise does over a real socket. Where it binds senders,
*met* means that Sparkwise takes what keeps to it, and that what does not is counted as a finding
or read all the same, stops nothing else, and brings nothing down.
";

/// The tests of this binary: the last part of the name, and the whole.
fn tests() -> BTreeMap<String, String> {
    let this = std::env::current_exe().unwrap();
    let list = Command::new(this).args(["--list", "--format", "terse"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    names.map(|name| (name.rsplit("::").next().unwrap().to_owned(), name.to_owned())).collect()
}

fn all() -> Vec<&'static Group> {
    statements::host().iter().chain(statements::senders()).collect()
}

fn ids<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Vec<&'static str> {
    groups.into_iter().flat_map(|group| group.of).map(|(id, _)| *id).collect()
}

#[test]
fn every_statement_stands_once_in_the_table() {
    let (host, senders) = (ids(statements::host()), ids(statements::senders()));
    // One of the host's statements has no id of its own.
    assert_eq!((host.len(), senders.len()), (92 + 1, 166));
    let all: BTreeSet<_> = host.iter().chain(&senders).collect();
    assert_eq!(all.len(), host.len() + senders.len());
}

#[test]
fn every_statement_has_its_test_or_a_reason() {
    let tests = tests();
    for group in all() {
        for (id, _) in group.of {
            let excused = matches!(group.verdict, Verdict::NotApplicable(_));
            assert!(excused || tests.contains_key(&test_of(id)), "no test of {id}");
        }
    }
}

#[test]
fn every_test_of_a_statement_stands_in_the_table() {
    let known: BTreeSet<_> = ids(all()).into_iter().map(test_of).collect();
    for (name, path) in tests() {
        let judge = path.starts_with("host::") || path.starts_with("consumer::");
        assert!(!judge || known.contains(&name), "{path} is the test of no statement");
    }
}

#[test]
fn the_page_is_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/conformance.md is out of step: run `UPDATE=1 cargo test --test conformance`"
    );
}

fn page() -> String {
    let tests = tests();
    let mut page = HEAD.to_owned();
    section(&mut page, "What binds a host application", statements::host(), &tests);
    section(&mut page, "What binds senders", statements::senders(), &tests);
    page
}

fn section(
    page: &mut String,
    title: &str,
    groups: impl IntoIterator<Item = &'static Group>,
    tests: &BTreeMap<String, String>,
) {
    let (mut rows, mut counts) = (String::new(), [0; 3]);
    for group in groups {
        let (place, verdict) = match group.verdict {
            Verdict::Met => (0, "met".to_owned()),
            Verdict::NotMet(why) => (1, format!("**not met.** {why}")),
            Verdict::NotApplicable(why) => (2, format!("not applicable. {why}")),
        };
        counts[place] += group.of.len();
        for (id, at) in group.of {
            let test = tests.get(&test_of(id)).map_or("-".to_owned(), |test| format!("`{test}`"));
            writeln!(rows, "| `{id}` | {at} | {} | {verdict} | {test} |", group.says).unwrap();
        }
    }
    let [met, not_met, not_applicable] = counts;
    let all = met + not_met + not_applicable;
    write!(
        page,
        "\n## {title}\n\n{all} statements: {met} met, {not_met} not met, {not_applicable} not \
         applicable.\n\n| Statement | Place | What it asks for | Verdict | Test |\n|---|---|---|---|---|\n{rows}"
    )
    .unwrap();
}
