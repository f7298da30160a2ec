//! What the documents promise.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sparkwise::sparkplug::findings::Finding;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every document of the repository, as path from its root.
fn documents() -> Vec<String> {
    let mut found = vec![];
    let folders = ["", "docs", "docs/decisions", "infra", "infra/grafana", "infra/kubernetes"];
    let others = [
        "infra/systemd",
        "localstack",
        "localstack/iot",
        "localstack/sitewise",
        "localstack/windfarm",
    ];
    for folder in folders.into_iter().chain(others) {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                found.push(Path::new(folder).join(name).display().to_string());
            }
        }
    }
    assert!(found.len() > 10, "only {} documents found", found.len());
    found
}

/// What a link into a document can name: its headings, as GitHub makes anchors of them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    let anchor = |heading: &str| -> String {
        heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Every file, and every heading in it, that a document links to is there.
#[test]
fn links_between_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in documents() {
        let text = read(&document);
        let folder = root.join(&document).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            if target.contains("://") {
                continue;
            }
            let path = if target.is_empty() { root.join(&document) } else { folder.join(target) };
            assert!(path.exists(), "{document} links to {target}, not there");
            if path.extension().is_some_and(|extension| extension == "md") && !anchor.is_empty() {
                let there = anchors(&fs::read_to_string(&path).unwrap());
                assert!(there.contains(anchor), "{document} links to {link}: no such heading");
            }
        }
    }
}

/// Names of all functions in the project's Rust files.
fn functions() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = BTreeSet::new();
    let mut paths: Vec<PathBuf> = ["src", "tests", "localstack"].map(|part| root.join(part)).into();
    while let Some(path) = paths.pop() {
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with(".venv") {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let found = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            names.extend(found.map(str::to_owned));
        }
    }
    names
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `docs/semantics.md` names a test for each statement, and the test is there.
#[test]
fn every_statement_of_the_semantics_has_its_test() {
    let text = read("docs/semantics.md");
    let functions = functions();
    let (statements, _) = text.split_once("## Findings").unwrap();
    let mut rows = 0;
    for row in statements.lines().filter(|line| line.starts_with("| ")) {
        let (statement, tests) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        if statement == "| Statement" {
            continue;
        }
        rows += 1;
        assert!(tests.contains('`'), "no test: {row}");
        for test in quoted(tests) {
            assert!(functions.contains(test), "docs/semantics.md names {test}, not there");
        }
    }
    assert!(rows > 40, "only {rows} statements found");
}

/// Every finding is explained there.
#[test]
fn every_finding_is_explained() {
    let text = read("docs/semantics.md");
    for finding in Finding::ALL {
        let name = finding.name();
        assert!(text.contains(&format!("\n| `{name}` | ")), "docs/semantics.md lacks {name}");
    }
}

/// Every module that `ARCHITECTURE.md` names is there, and every one there is named.
#[test]
fn the_map_in_architecture_is_complete() {
    let text = read("ARCHITECTURE.md");
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".rs") {
            assert!(text.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name {name}");
        }
    }
}

/// The image is built with the toolchain that everything else is tested with.
#[test]
fn the_dockerfile_has_the_projects_toolchain() {
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.split('"').nth(1).unwrap();
    let (minor, _) = channel.rsplit_once('.').unwrap();
    assert!(read("Dockerfile").contains(&format!("FROM docker.io/library/rust:{minor}-")));
}
