//! Arguments, filters, counts and answers.

use super::*;

fn of(arguments: &[&str]) -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_args(arguments.iter().copied());
    parse(&mut parser).map_err(|error| error.to_string())
}

pub(super) fn letter(id: u64, asset: &str, reason: &str, at: i64) -> DeadLetterRecord {
    DeadLetterRecord {
        id,
        asset: format!("id-of-{asset}"),
        property: "p".into(),
        asset_name: Some(asset.into()),
        property_name: Some("Speed".into()),
        alias: Some(format!("/N/{asset}/Speed")),
        time: at,
        quality: "GOOD".into(),
        data_type: "DOUBLE".into(),
        value: None,
        class: None,
        refusal: "invalid".into(),
        reason: reason.into(),
        first_attempt: at,
        last_attempt: at,
        attempts: 1,
    }
}

#[test]
fn letters_are_named_or_all() {
    let all = DeadLetterFilter::default();
    assert_eq!(of(&["list", "--json"]), Ok(Command::List { filter: all.clone(), json: true }));
    assert_eq!(of(&["show", "7"]), Ok(Command::Show { id: LetterId::of(7), json: false }));
    let ids = DeadLetterSelection::Ids(vec![LetterId::of(7), LetterId::of(9)]);
    assert_eq!(of(&["retry", "7", "9"]), Ok(Command::Request(DeadLetterAction::Retry, ids)));
    let passing = DeadLetterSelection::Matching(all);
    assert_eq!(of(&["drop", "--all"]), Ok(Command::Request(DeadLetterAction::Drop, passing)));
    assert_eq!(of(&[]), Ok(Command::Help));
    for wrong in [
        &["drop"][..],
        &["drop", "1", "--all"],
        &["drop", "1", "--asset", "a"],
        &["drop", "--all", "--asset", "a"],
        &["show"],
        &["lis"],
        &["show", "x"],
        &["list", "--since", "yesterday"],
    ] {
        assert!(of(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_filter_finds_by_asset_reason_and_time() {
    let letters = [letter(1, "Turbine 7", "a", 1_000), letter(2, "Turbine 8", "b", 3_000)];
    let found = |arguments: &[&str]| match of(&[&["list"], arguments].concat()) {
        Ok(Command::List { filter, .. }) => {
            let passing = letters.iter().filter(|letter| filter.passes(letter));
            passing.map(|letter| letter.id).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(found(&[]), [1, 2]);
    assert_eq!(found(&["--asset", "turbine 8"]), [2]);
    assert_eq!(found(&["--asset", "/N/Turbine 8/Speed"]), [2], "by alias");
    assert_eq!(found(&["--asset", "ID-OF-turbine 7"]), [1]);
    assert_eq!(found(&["--reason", "invalid"]), [1, 2]);
    assert_eq!(found(&["--reason", "b"]), [2]);
    assert_eq!(found(&["--since", "1970-01-01T00:00:02Z"]), [2]);
    assert_eq!(found(&["--until", "1970-01-01T00:00:03Z"]), [1]);
    assert_eq!(found(&["--asset", "turbine", "--reason", "c"]), [0; 0]);
}

#[test]
fn counts_group_what_has_one_cause() {
    let letters = [
        letter(1, "A", "clock", 5_000),
        letter(2, "B", "type", 2_000),
        letter(3, "B", "type", 1_000),
    ];
    let lines: Vec<_> = counts(letters.iter()).iter().map(Count::line).collect();
    let [first, second] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        first.trim(),
        "2  B  invalid  type  from 1970-01-01T00:00:01Z to 1970-01-01T00:00:02Z"
    );
    assert!(second.contains("1  A  invalid  clock"), "{second}");
}

/// The lines of two gateways were one row, and no address told whose they are.
#[test]
fn assets_of_one_name_are_counted_apart() {
    let named = |id, asset: &str| DeadLetterRecord {
        asset_name: Some("Line 1".into()),
        ..letter(id, asset, "clock", 1_000)
    };
    let letters = [named(1, "a"), named(2, "b"), named(3, "b")];
    let counts: Vec<_> = counts(letters.iter()).iter().map(|count| count.letters).collect();
    assert_eq!(counts, [2, 1]);
}

#[test]
fn what_became_of_a_request_is_said() {
    let say = |done, pending, unreadable, kept: &[&str]| {
        let unreadable_files = kept.iter().map(Into::into).collect();
        let progress = RequestProgress { done, pending, unreadable, unreadable_files };
        answer(DeadLetterAction::Retry, Path::new("/outbox"), &progress)
    };
    assert_eq!(say(3, 0, 0, &[]).unwrap(), "done: 3 dead letters retried\n");
    let pending = say(0, 3, 0, &[]).unwrap();
    assert!(pending.starts_with("requested: 3") && pending.contains("/outbox"), "{pending}");
    let unreadable = say(0, 0, 3, &["/outbox/1.unreadable"]).unwrap_err();
    assert!(unreadable.starts_with("not retried: 3 dead letters;"), "{unreadable}");
    assert!(unreadable.contains("/outbox/1.unreadable"), "{unreadable}");
    // One of three files: nothing was said to be done, although two thirds were.
    let parts = say(80_000, 7, 40_000, &["/outbox/2.unreadable"]).unwrap_err();
    let lines: Vec<_> = parts.lines().collect();
    assert_eq!(lines.len(), 3, "{parts}");
    for (line, start) in lines.iter().zip([
        "done: 80000 dead letters retried",
        "requested: 7 dead letters",
        "not retried: 40000 dead letters; the running bridge cannot read the request, kept as \
         /outbox/2.unreadable;",
    ]) {
        assert!(line.starts_with(start), "{line}");
    }
}

fn list(json: bool) -> Command {
    Command::List { filter: DeadLetterFilter::default(), json }
}

#[test]
fn without_a_folder_and_a_console_it_says_where_they_are() {
    let without = run(&list(false), None, None).unwrap_err();
    assert!(without.contains("set OUTBOX_DIR") && without.contains("CONSOLE_ADDR"), "{without}");
    let nowhere = run(&list(false), Some("/nowhere/at/all"), None).unwrap_err();
    assert!(nowhere.contains("/nowhere/at/all"));
}

/// It said that they are in the memory of the bridge, and did not ask it.
#[test]
fn without_a_folder_they_are_those_of_the_running_bridge() {
    let pages = |path: &str| match path {
        "/api/dead-letters?limit=100&after=0" => {
            (200, serde_json::json!({"rows": [letter(3, "A", "clock", 1_000)], "next": "3"}))
        }
        "/api/dead-letters?limit=100&after=3" => {
            (200, serde_json::json!({"rows": [letter(4, "B", "type", 2_000)], "next": null}))
        }
        path => (404, serde_json::json!(path)),
    };
    let console = console(pages);
    let told = |command: &Command| run(command, Some(" "), Some(&console));
    let listed = told(&list(false)).unwrap();
    let starts: Vec<&str> = listed.lines().map(|line| &line[..3]).collect();
    assert_eq!(starts, ["3  ", "4  "], "{listed}");
    let read: Vec<DeadLetterRecord> = serde_json::from_str(&told(&list(true)).unwrap()).unwrap();
    assert_eq!(read, [letter(3, "A", "clock", 1_000), letter(4, "B", "type", 2_000)]);
    let page = told(&Command::Show { id: LetterId::of(4), json: false }).unwrap();
    assert!(page.contains("B (id-of-B)"), "{page}");
    assert!(told(&Command::Show { id: LetterId::of(5), json: false }).is_err());
    // It has nothing to send again.
    let all = DeadLetterSelection::Matching(DeadLetterFilter::default());
    for wish in [DeadLetterAction::Retry, DeadLetterAction::Drop] {
        let why = told(&Command::Request(wish, all.clone())).unwrap_err();
        assert!(why.contains("cannot be retried") && why.contains("set OUTBOX_DIR"), "{why}");
    }
    let closed = self::console(|_| (401, serde_json::json!("")));
    let why = run(&list(false), None, Some(&closed)).unwrap_err();
    assert!(why.contains("CONSOLE_TOKEN") && why.contains("set OUTBOX_DIR"), "{why}");
}

/// A console that answers a path with a status and JSON, for as long as the test runs.
fn console(answer: impl Fn(&str) -> (u16, serde_json::Value) + Send + 'static) -> Console {
    use std::io::{BufRead, BufReader};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let lines = BufReader::new(&socket).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let path = head[0].split(' ').nth(1).unwrap_or_default();
            let (status, body) = answer(path);
            let _ = std::io::Write::write_all(
                &mut socket,
                format!("HTTP/1.1 {status} -\r\n\r\n{body}").as_bytes(),
            );
        }
    });
    Console { addr: Some(addr), token: None, emf: false, price: None }
}
