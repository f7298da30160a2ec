//! Data before a birth that never comes: a death is first.

use super::*;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn skipped(stage: &Stage) -> u64 {
    stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize]
}

/// After births of a node and a device, and a short drop of our link.
fn dropped(edge: &mut Edge) -> Stage {
    let mut stage = Stage::new();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    drop_link(&mut stage);
    stage
}

fn drop_link(stage: &mut Stage) {
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(ms(500));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.look();
}

/// The node and its device say something before the answer.
fn say(stage: &mut Stage, edge: &mut Edge) {
    stage.send(&edge.ndata(stage.time(), a(2)));
    stage.send(&edge.ddata("d", stage.time(), a(3)));
    stage.pass(ms(100));
    stage.look();
}

fn data(told: &[String]) -> Vec<&str> {
    told.iter().map(String::as_str).filter(|line| line.contains("data ")).collect()
}

/// It was counted as unread, though the number of the death proved whose it was.
#[test]
fn what_waits_is_read_by_its_names_where_a_death_proves_the_session() {
    let read = ["after gap data g/n: #2=2", "after gap data g/n/d: #0=3"];
    for (aliases, other, expected) in
        [(false, false, &read[..]), (true, false, &[]), (false, true, &[])]
    {
        let mut edge = match aliases {
            true => edge().with_aliases(),
            false => edge(),
        };
        let mut stage = dropped(&mut edge);
        say(&mut stage, &mut edge);
        if other {
            edge.reconnect();
        }
        stage.send(&edge.will());
        let told = stage.look();
        assert_eq!(data(&told), expected, "{aliases} {other}");
        stage.pass(secs(60));
        let told = stage.look();
        assert_eq!(data(&told), [""; 0], "{aliases} {other}");
        assert_eq!(skipped(&stage), 2 - expected.len() as u64, "{aliases} {other}");
        assert_eq!(stage.host.memory_use.bytes, 0);
    }
}

/// A birth of the device that waits too may mean something else by its names.
#[test]
fn what_follows_a_birth_that_waits_is_not_read_by_the_table_before_it() {
    let mut edge = edge();
    let mut stage = dropped(&mut edge);
    stage.send(&edge.ddata("d", stage.time(), a(3)));
    stage.send(&edge.dbirth("d", stage.time(), a(4)));
    stage.send(&edge.ddata("d", stage.time(), a(5)));
    stage.look();
    stage.send(&edge.will());
    let told = stage.look();
    assert_eq!(data(&told), ["after gap data g/n/d: #0=3"]);
    assert_eq!(skipped(&stage), 2);
}

/// As of a device, whose node is born again in the same session: it dies, with its node or by
/// itself, or is not born for long, or our link is lost once more.
#[test]
fn what_a_device_says_before_a_birth_that_never_comes_is_read_by_its_names() {
    let endings: [fn(&mut Stage, &mut Edge); 4] = [
        |stage, edge| stage.send(&edge.ddeath("d", stage.time())),
        |stage, edge| stage.send(&edge.will()),
        |stage, _| stage.pass(secs(60)),
        |stage, _| stage.host.handle_disconnected(SERVER, stage.now),
    ];
    for (number, ending) in endings.into_iter().enumerate() {
        for (aliases, other) in [(false, false), (true, false), (false, true)] {
            let mut edge = match aliases {
                true => edge().with_aliases(),
                false => edge(),
            };
            let mut stage = dropped(&mut edge);
            if other {
                edge.reconnect();
            }
            let mut before = edge.clone();
            stage.send(&edge.nbirth(stage.time(), a(1)));
            // By the alias of the birth before.
            let said = before.ddata("d", stage.time(), a(3));
            let mut payload = payload::decode(&said.payload).unwrap();
            payload.seq = Some(u64::from(edge.next_seq()));
            edge.skip(1);
            stage.send(&Message { payload: payload::encode(&payload), ..said });
            stage.pass(ms(100));
            stage.look();
            ending(&mut stage, &mut edge);
            stage.pass(secs(60));
            let told = stage.look();
            let read = !(aliases || other);
            let expected = ["after gap data g/n/d: #0=3"];
            let expected = if read { &expected[..] } else { &[] };
            assert_eq!(data(&told), expected, "{number} {aliases} {other}");
            assert_eq!(skipped(&stage), u64::from(!read), "{number} {aliases} {other}");
        }
    }
}

/// A device that is not born again with its node is told dead, after what it said.
#[test]
fn what_a_device_said_is_told_before_its_death() {
    let mut edge = edge();
    let mut stage = Stage::new();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.pass(secs(1));
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.ddata("d", stage.time(), a(3)));
    stage.look();
    stage.send(&edge.ddeath("d", stage.time()));
    let told = stage.look();
    assert_eq!(told[0], "after gap data g/n/d: #0=3", "{told:?}");
    assert!(told[1].starts_with("death g/n/d certificate"), "{told:?}");
}
