use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::*;
use crate::api::{Latest, Usage};
use crate::story::{GATEWAY, Plot, Seen, Story};
use crate::tree;

const HEIGHT: usize = 24;
const WIDTH: usize = 80;

fn property(name: &str, unit: &str, value: Value) -> Property {
    Property {
        id: String::new(),
        name: name.to_owned(),
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
        is_measurement: true,
        latest: Some(Latest { value, quality: "GOOD".to_owned() }),
    }
}

fn number(name: &str, unit: &str, value: f64) -> Property {
    property(name, unit, json!({ "doubleValue": value }))
}

fn twin(name: &str, properties: Vec<Property>, children: Vec<Twin>) -> Twin {
    Twin {
        id: String::new(),
        name: name.to_owned(),
        model: "A model of some length (edge node)".to_owned(),
        active: true,
        properties,
        children,
    }
}

fn online(is_online: bool) -> Property {
    property("Online", "", json!({ "booleanValue": is_online }))
}

fn turbine(number: usize) -> Twin {
    let oil = self::number("Oil Temperature", "°C", 104.9);
    let gearbox = vec![oil, self::number("Vibration", "mm/s", 13.4)];
    let generator = vec![self::number("Winding Temperature", "°C", 104.9)];
    let name = format!("T{number:02}");
    let own = vec![
        property(
            "State",
            "",
            json!({ "stringValue": if number == 2 { "stopped" } else { "running" } }),
        ),
        self::number("Power", "kW", 8_000.1),
        self::number("Wind Speed", "m/s", 24.9),
        self::number("Rotor Speed", "rpm", 12.1),
        self::number("Last birth", "s", 1_795_968_601.0),
    ];
    let child = |part: &str, properties| twin(&format!("{name}/{part}"), properties, Vec::new());
    twin(&name, own, vec![child("Gearbox", gearbox), child("Generator", generator)])
}

fn farm(group: &str, node: &str, turbines: std::ops::Range<usize>, is_online: bool) -> Twin {
    let numbers: Vec<usize> = turbines.collect();
    let mut devices: Vec<Twin> = numbers
        .chunks(3)
        .map(|row| {
            let turbines = row.iter().map(|number| turbine(*number)).collect();
            twin(&format!("Row {}", row[0] / 3 + 1), vec![online(is_online)], turbines)
        })
        .collect();
    let weather = vec![number("Wind Speed", "m/s", 24.9), number("Air Temperature", "°C", -12.5)];
    devices.push(twin("Met Mast Nordsee", weather, Vec::new()));
    let own = vec![
        number("Power", "kW", 48_000.0),
        property("Turbines Running", "", json!({ "integerValue": 6 })),
        online(is_online),
    ];
    twin(group, Vec::new(), vec![twin(node, own, devices)])
}

fn plant(turbines: usize, is_online: bool) -> Snapshot {
    let half = turbines.div_ceil(2);
    Snapshot {
        roots: vec![
            farm("Alpen", "Gateway Süd", half + 1..turbines + 1, true),
            farm("Nordsee", GATEWAY, 1..half + 1, is_online),
            twin("sparkwise", vec![number("Heartbeat", "s", 1_795_968_601.0)], Vec::new()),
        ],
        usage: Usage { values_accepted: 123_456_789, models: 8 },
    }
}

fn addresses() -> Addresses {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 65_535));
    Addresses { mqtt: address, sitewise: address, console: Some(address), iot: None }
}

fn lines(now: &Snapshot, story: &Story, elapsed: Duration, height: usize) -> Vec<String> {
    View { now, story, addresses: &addresses(), elapsed, rate: 99_999 }.lines(height, WIDTH)
}

/// The story of two hours, with the picture of each second.
fn through(turbines: usize, mut check: impl FnMut(&[String], Duration)) {
    let empty = Snapshot { roots: Vec::new(), usage: Usage { values_accepted: 0, models: 0 } };
    let plants = [false, true].map(|is_online| plant(turbines, is_online));
    let mut story = Story::new(Plot::Eventful, plants[1].assets());
    let mut is_online = true;
    // Each second of three minutes, then by more than a minute.
    for second in (0..180).chain((180..7_200).step_by(67)) {
        let elapsed = Duration::from_secs(second);
        let now = if second < 40 { &empty } else { &plants[usize::from(is_online)] };
        let seen = Seen { all_live: second >= 40 && is_online, ..now.seen(GATEWAY) };
        if let Some(act) = story.go_on(seen, elapsed) {
            is_online = act == crate::story::Act::Restore;
        }
        check(&lines(now, &story, elapsed, HEIGHT), elapsed);
    }
}

#[test]
fn every_picture_fits_a_terminal_of_80_by_24_and_nothing_is_cut() {
    for turbines in [1, 12, 60] {
        through(turbines, |lines, elapsed| {
            assert!(lines.len() <= HEIGHT, "{} lines at {elapsed:?}", lines.len());
            for line in lines {
                // A line that fills the last column may have been longer.
                assert!(shown_width(line) < WIDTH, "{line}");
            }
            let text = lines.join("\n");
            assert!(text.contains("http://127.0.0.1:65535"), "{text}");
        });
    }
}

#[test]
fn twelve_turbines_are_all_there() {
    let now = plant(12, true);
    let story = Story::new(Plot::Calm, now.assets());
    for height in [HEIGHT, 50] {
        let text = lines(&now, &story, Duration::from_secs(9), height).join("\n");
        for number in 1..=12 {
            assert!(text.contains(&format!("T{number:02} ")), "{number}: {text}");
        }
        assert!(
            text.contains("T02 stopped")
                && text.contains("T01 8000")
                && !text.contains("lines more"),
            "{text}"
        );
    }
}

#[test]
fn more_than_fits_is_counted() {
    let now = plant(400, true);
    let story = Story::new(Plot::Calm, now.assets());
    let lines = lines(&now, &story, Duration::from_secs(9), HEIGHT);
    assert_eq!(lines.len(), HEIGHT);
    assert!(lines.iter().any(|line| line.starts_with("... and ")), "{lines:?}");
}

#[test]
fn a_dead_gateway_is_told_and_shown() {
    let mut deaths = 0;
    through(12, |lines, _| {
        let text = lines.join("\n");
        if text.contains("its twin was offline") {
            deaths += 1;
            let gateway = lines.iter().find(|line| line.contains(&format!("m {GATEWAY}")));
            assert!(gateway.is_some_and(|line| line.contains("offline")), "{text}");
        }
    });
    assert!(deaths > 20, "{deaths}");
}

#[test]
fn the_printed_tree_fits_too_and_its_times_are_written_as_people_do() {
    let lines = tree::everything(&plant(12, true));
    for line in &lines {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    let text = lines.join("\n");
    assert!(text.contains("2026-11-29 16:10:01 UTC") && !text.contains("1795968601"), "{text}");
}

#[test]
fn lines_are_cut_by_what_shows() {
    assert_eq!(cut("\x1b[32m●\x1b[0m T01 running", 5), "\x1b[32m●\x1b[0m T01");
    assert_eq!(cut("Süd", 9), "Süd");
}
