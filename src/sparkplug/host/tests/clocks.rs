//! Senders whose clock is wrong.

use super::*;

const MINUTE: u64 = 60;

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn stage() -> Stage {
    let mut stage = Stage::with(|_| {});
    stage.host.judge_clocks(true);
    // Long after the epoch, so that a clock may be behind.
    stage.now.wall = Timestamp::from_millis(1_700_000_000_000);
    stage
}

fn off(stage: &Stage) -> Option<i64> {
    stage.host.clocks_off().next().map(|(_, off)| off.ahead)
}

/// A node that is asked for its birth, and answers with a clock that is so far behind.
fn answering(stage: &mut Stage, behind: Duration) -> Edge {
    let mut edge = edge();
    stage.send(&edge.ndata(stage.time().minus(behind), a(1)));
    stage.pass(secs(3));
    stage.send(&edge.nbirth(stage.time().minus(behind), a(1)));
    edge
}

/// One that is slow was told nowhere.
#[test]
fn a_clock_that_is_behind_is_told_with_the_amount() {
    let mut stage = stage();
    let behind = secs(47 * MINUTE);
    let mut edge = answering(&mut stage, behind);
    stage.send(&edge.ndata(stage.time().minus(behind), a(2)));
    assert_eq!(off(&stage), Some(-47 * 60_000));
    let found = std::iter::from_fn(|| stage.host.poll_output()).find_map(|output| match output {
        Output::Finding { edge: Some(edge), finding: Finding::ClockOff, example } => {
            Some(format!("{edge}: {example}"))
        }
        _ => None,
    });
    let found = found.expect("it is told");
    assert!(found.starts_with("g/n: its clock is 47 min behind"), "{found}");
    // Once, however often it says something.
    for _ in 0..100 {
        stage.pass(secs(10));
        stage.send(&edge.ndata(stage.time().minus(behind), a(2)));
    }
    stage.check_found_of(Finding::ClockOff, 1);
    // Set right.
    for _ in 0..10 {
        stage.pass(secs(10));
        stage.send(&edge.ndata(stage.time(), a(2)));
    }
    stage.pass(secs(10));
    for _ in 0..10 {
        stage.pass(secs(10));
        stage.send(&edge.ndata(stage.time(), a(2)));
    }
    assert_eq!(off(&stage), None);
}

#[test]
fn a_clock_is_told_also_by_data_alone_and_a_device_s() {
    for device in [None, Some("d")] {
        let mut stage = stage();
        let mut edge = edge();
        let behind = secs(5 * MINUTE);
        stage.send(&edge.nbirth(stage.time().minus(behind), a(1)));
        stage.send(&edge.dbirth("d", stage.time().minus(behind), a(1)));
        for _ in 0..12 {
            stage.pass(secs(10));
            let time = stage.time().minus(behind);
            let data = match device {
                None => edge.ndata(time, a(2)),
                Some(device) => edge.ddata(device, time, a(2)),
            };
            stage.send(&data);
        }
        assert_eq!(off(&stage), Some(-300_000), "{device:?}");
    }
}

#[test]
fn a_clock_is_not_judged_before_ours_is_known_to_be_right() {
    let mut stage = stage();
    stage.host.judge_clocks(false);
    let mut edge = answering(&mut stage, secs(47 * MINUTE));
    for _ in 0..20 {
        stage.pass(secs(10));
        stage.send(&edge.ndata(stage.time().minus(secs(47 * MINUTE)), a(2)));
    }
    assert_eq!(off(&stage), None);
}

/// A gateway was away for hours, is born now, and sends what it has stored: at once, or marked.
#[test]
fn what_is_stored_or_historical_shows_no_wrong_clock() {
    for marked in [false, true] {
        let mut stage = stage();
        let mut edge = edge();
        if !marked {
            stage.send(&edge.nbirth(stage.time(), a(1)));
        } else {
            // Even where the birth is as old as what follows.
            stage.send(&edge.nbirth(stage.time().minus(secs(180 * MINUTE)), a(1)));
        }
        for number in 0..600_u64 {
            stage.pass(ms(500));
            let time = stage.time().minus(secs(180 * MINUTE - u64::from(!marked) * number));
            let value = Metric::new("a", 2);
            let value = if marked { value.historical() } else { value };
            stage.send(&edge.ndata(time, [value]));
        }
        assert_eq!(off(&stage), None, "{marked}");
        stage.check_found_of(Finding::ClockOff, 0);
    }
}

/// A will is as old as its session, and what a server has stored as what it stored.
#[test]
fn wills_and_stored_messages_show_no_clock() {
    let mut stage = stage();
    let mut edge = edge();
    for _ in 0..20 {
        stage.pass(secs(10));
        let old = stage.time().minus(secs(600 * MINUTE));
        stage.send_retained(&edge.ndata(old, a(2)));
        stage.send(&edge.will());
    }
    assert_eq!(off(&stage), None);
}

fn of_device(stage: &Stage) -> Option<(Option<String>, i64, u64)> {
    let (_, off) = stage.host.clocks_off().next()?;
    Some((off.device.map(str::to_owned), off.ahead, off.others))
}

/// Its messages were judged together with the node's, which are right.
#[test]
fn a_device_with_a_wrong_clock_under_a_node_with_a_right_one_is_told() {
    for wrong in [&["d"][..], &["d", "e"]] {
        let mut stage = stage();
        let mut edge = edge();
        let behind = |device| if wrong.contains(&device) { secs(30 * MINUTE) } else { secs(0) };
        stage.send(&edge.nbirth(stage.time(), a(1)));
        for device in ["d", "e", "f"] {
            stage.send(&edge.dbirth(device, stage.time().minus(behind(device)), a(1)));
        }
        for _ in 0..14 {
            stage.pass(secs(5));
            stage.send(&edge.ndata(stage.time(), a(2)));
            for device in ["d", "e", "f"] {
                stage.send(&edge.ddata(device, stage.time().minus(behind(device)), a(2)));
            }
        }
        let others = wrong.len() as u64 - 1;
        assert_eq!(of_device(&stage), Some((Some("d".to_owned()), -1_800_000, others)));
        stage.check_found_of(Finding::ClockOff, wrong.len() as u64);
        // It is set right.
        for _ in 0..30 {
            stage.pass(secs(5));
            for device in wrong {
                stage.send(&edge.ddata(device, stage.time(), a(2)));
            }
        }
        assert_eq!(of_device(&stage), None);
    }
}

#[test]
fn a_device_that_is_off_as_its_node_is_one_row_with_it_and_one_that_is_gone_none() {
    let mut stage = stage();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    for _ in 0..3 {
        stage.pass(secs(1));
        let time = stage.time().plus(secs(30 * MINUTE));
        stage.send(&edge.ddata("d", time, a(2)));
        stage.send(&edge.ndata(time, a(2)));
    }
    assert_eq!(of_device(&stage), Some((None, 1_800_000, 0)));
    let mut stage = self::stage();
    let mut edge = self::edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    stage.send(&edge.ndata(stage.time(), a(2)));
    for _ in 0..3 {
        stage.pass(secs(1));
        stage.send(&edge.ddata("d", stage.time().plus(secs(30 * MINUTE)), a(2)));
    }
    assert_eq!(of_device(&stage), Some((Some("d".to_owned()), 1_800_000, 0)));
    stage.send(&edge.ddeath("d", stage.time()));
    assert_eq!(of_device(&stage), None);
}

/// Its birth is right, and so what follows was held back.
#[test]
fn what_a_device_has_stored_shows_no_wrong_clock() {
    let mut stage = stage();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), a(1)));
    stage.send(&edge.dbirth("d", stage.time(), a(1)));
    for _ in 0..200 {
        stage.pass(secs(1));
        stage.send(&edge.ndata(stage.time(), a(2)));
        stage.send(&edge.ddata("d", stage.time().minus(secs(30 * MINUTE)), a(2)));
    }
    assert_eq!(of_device(&stage), None);
}
