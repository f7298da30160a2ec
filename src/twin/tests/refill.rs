//! What is written once more of an asset that somebody deleted.

use super::latest::{shown, temp};
use super::*;

const DAYS: Duration = Duration::from_secs(8 * 24 * 3600);

/// Somebody deletes an asset, and it is made again.
fn delete(rig: &mut Rig, name: &str) {
    let (id, _) = rig.sitewise.asset(name);
    rig.sitewise.assets.remove(&id);
    rig.sitewise.assets.values_mut().filter(|a| a.parent == Some(id)).for_each(|a| a.parent = None);
    rig.points.retain(|waiting| waiting.point.stream.asset != id);
    rig.twin.handle_missing(id, rig.now);
    rig.seconds(10);
}

/// Its value was out of the window of times, and our clock hid ten minutes of what it said next.
#[test]
fn what_is_written_once_more_does_not_hide_what_a_clock_that_is_behind_says_next() {
    let behind = 600_000;
    let mut rig = Rig::new();
    rig.event(birth_at(-behind, node(), Vec::new(), vec![temp(Value::Double(80.0), -behind)]));
    rig.seconds(10);
    rig.now = rig.now.plus(DAYS);
    rig.seconds(10);
    delete(&mut rig, "gw");
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
    let at = rig.offset() - behind;
    rig.event(data(node(), vec![(0, sample(at, Value::Double(81.0)))]));
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(81.0)));
    assert!(rig.found.is_empty(), "{:?}", rig.found);
}

/// A clock a few seconds behind ours hid the death behind the presence that was told once more.
#[test]
fn a_death_is_shown_after_presence_was_told_once_more() {
    let mut rig = Rig::new();
    rig.event(birth(device("mast"), Vec::new(), vec![temp(Value::Double(8.0), 0)]));
    rig.seconds(10);
    rig.now = rig.now.plus(DAYS);
    rig.seconds(10);
    delete(&mut rig, "mast");
    assert_eq!(rig.shown("mast", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    let at = rig.offset();
    rig.event(death(device("mast"), at - 30_000));
    assert_eq!(rig.shown("mast", "Online"), Some((Quality::Good, Variant::Boolean(false))));
}
