//! The invariants of `ARCHITECTURE.md` that can be read from the source.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `src`, as path from there and text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 50, "only {} files found", files.len());
    files
}

fn is_in(file: &str, module: &str) -> bool {
    file == format!("{module}.rs") || file.starts_with(&format!("{module}/"))
}

/// No file outside `modules` holds any of `words`.
fn only(modules: &[&str], words: &[&str]) {
    for (file, text) in sources() {
        if modules.iter().any(|module| is_in(&file, module)) {
            continue;
        }
        for word in words {
            assert!(!text.contains(word), "src/{file} names {word}, only {modules:?} may");
        }
    }
}

/// The tests of one file were compiled by nothing for a long time, after a merge had lost its line.
#[test]
fn every_file_is_a_module_of_its_parent() {
    let sources = sources();
    let roots = ["lib.rs", "main.rs"];
    for (file, _) in &sources {
        let path = Path::new(file);
        let folder = path.parent().unwrap();
        let parents = if folder.as_os_str().is_empty() {
            roots.map(str::to_owned).to_vec()
        } else {
            vec![format!("{}.rs", folder.display())]
        };
        let module = format!("mod {};", path.file_stem().unwrap().display());
        let is_named = sources.iter().any(|(name, text)| {
            parents.contains(name) && text.lines().any(|line| line.trim_end().ends_with(&module))
        });
        assert!(is_named || roots.contains(&file.as_str()), "src/{file} is in no module");
    }
}

#[test]
fn only_mqtt_names_the_mqtt_client() {
    only(&["mqtt"], &["rumqttc"]);
}

#[test]
fn only_sitewise_sqs_and_dynamodb_name_the_aws_sdk() {
    let words = ["aws_sdk", "aws_config", "aws_types", "aws_sigv4", "aws_smithy", "aws_credential"];
    only(&["sitewise", "sqs", "dynamodb"], &words);
    only(&["sitewise"], &["aws_sdk_iotsitewise", "aws_sdk_sts"]);
    only(&["sqs"], &["aws_sdk_sqs"]);
}

#[test]
fn only_the_outbox_names_the_store() {
    only(&["outbox"], &["fjall"]);
}

#[test]
fn the_pure_modules_read_no_clock_and_do_no_io() {
    let pure = [
        "sparkplug",
        "twin",
        "delivery",
        "labels",
        "late",
        "command",
        "bridge",
        "lease",
        "dashboards",
        "globs",
        "time",
    ];
    let banned = [
        "tokio",
        "Instant::now",
        "SystemTime",
        "std::fs",
        "std::net",
        "std::thread",
        "std::env",
        "async ",
        "Mutex",
        "RwLock",
        "tracing::",
    ];
    for (file, text) in sources() {
        if !pure.iter().any(|module| is_in(&file, module)) {
            continue;
        }
        for word in banned {
            assert!(!text.contains(word), "src/{file} is pure and holds {word:?}");
        }
    }
}

#[test]
fn no_file_is_longer_than_can_be_read() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 500, "src/{file} has {lines} lines: it has two subjects");
    }
}
