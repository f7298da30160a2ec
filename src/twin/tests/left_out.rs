//! Members that a birth leaves out after a restart: an earlier process wrote their values.

use super::latest::born;
use super::*;

const SPEED: Variant = Variant::Double(1.0);

fn birth_of(rig: &mut Rig, members: [Option<f64>; 2], quality: Sent) {
    let at = rig.offset();
    let member = |slot: u32, name: &str, value: Option<f64>| {
        let said = Sample { quality, ..sample(at, value.map(Value::Double)) };
        leaf(slot, name, DataType::Double, Sample { without_value: value.is_none(), ..said })
    };
    let [speed, power] = members;
    let members = vec![member(0, "Speed", speed), member(1, "Power", power)];
    rig.event(birth_at(at, node(), definitions(), vec![instance("T1", "Turbine", members)]));
    rig.seconds(10);
}

/// Another process, whose first birth says no more than the power of a turbine.
fn restarted(quality: Sent) -> Rig {
    let mut rig = Rig::new();
    birth_of(&mut rig, [Some(1.0), Some(2.0)], Sent::Good);
    rig.seconds(60);
    let mut rig = rig.restart();
    rig.seconds(10);
    birth_of(&mut rig, [None, Some(2.0)], quality);
    rig
}

fn speed(rig: &Rig) -> (Quality, Variant) {
    rig.shown("T1", "Speed").unwrap()
}

/// It stayed GOOD for ever.
#[test]
fn a_member_that_was_left_out_after_a_restart_is_marked_when_its_machine_dies() {
    let mut rig = restarted(Sent::Good);
    rig.seconds(60);
    assert_eq!(speed(&rig), (Quality::Good, SPEED));
    assert_eq!(rig.written("T1", "Speed"), []);
    rig.event(death(node(), rig.offset()));
    rig.seconds(90);
    assert_eq!(speed(&rig), (Quality::Uncertain, SPEED));
    // What is left out again stays so, and what is said is GOOD.
    birth_of(&mut rig, [None, Some(2.0)], Sent::Good);
    assert_eq!(speed(&rig), (Quality::Uncertain, SPEED));
    birth_of(&mut rig, [Some(1.0), Some(2.0)], Sent::Good);
    assert_eq!(speed(&rig), (Quality::Good, SPEED));
}

/// It was GOOD within an instance that was BAD.
#[test]
fn a_member_that_was_left_out_after_a_restart_has_the_quality_of_its_instance() {
    let rig = restarted(Sent::Bad);
    assert_eq!(speed(&rig), (Quality::Bad, SPEED));
    let mut rig = restarted(Sent::Good);
    let at = rig.offset();
    let alone = Sample { quality: Sent::Bad, without_value: true, ..sample(at, None) };
    rig.event(data(node(), vec![(0, alone)]));
    rig.seconds(5);
    assert_eq!(speed(&rig), (Quality::Bad, SPEED));
}

/// A value whose time is before that which an earlier process wrote was never shown.
#[test]
fn a_clock_that_went_back_is_recognized_by_a_member_that_was_left_out() {
    let mut rig = restarted(Sent::Good);
    let back = rig.offset() - 1_000_000;
    rig.event(birth_at(back, node(), definitions(), {
        let absent = Sample { without_value: true, ..sample(back, None) };
        let speed = leaf(0, "Speed", DataType::Double, absent);
        let power = leaf(1, "Power", DataType::Double, sample(back, Value::Double(2.0)));
        vec![instance("T1", "Turbine", vec![speed, power])]
    }));
    rig.event(data(node(), vec![(0, sample(back, Value::Double(7.0)))]));
    rig.seconds(10);
    birth_of(&mut rig, [Some(7.0), Some(2.0)], Sent::Good);
    assert_eq!(speed(&rig), (Quality::Good, Variant::Double(7.0)));
}

/// SiteWise had both, and showed the history.
#[test]
fn a_value_of_the_time_of_history_is_written_after_it() {
    let past = |value, quality| Sample {
        historical: true,
        quality,
        ..sample(5_000, Value::Double(value))
    };
    for quality in [Sent::Uncertain, Sent::Good] {
        let mut rig = Rig::new();
        born(&mut rig, 1.0, 0);
        let now = sample(5_000, Value::Double(5.0));
        rig.event(data(node(), vec![(0, past(3.0, quality)), (0, now)]));
        let last = rig.written("gw", "Temp").pop().unwrap();
        assert_eq!(last, (5_001, Quality::Good, Variant::Double(5.0)), "{quality:?}");
        // History alone in the birth.
        let mut rig = Rig::new();
        let metrics = vec![leaf(0, "Temp", DataType::Double, past(3.0, quality))];
        rig.event(birth_at(5_000, node(), Vec::new(), metrics));
        rig.seconds(5);
        rig.event(data(node(), vec![(0, sample(5_000, Value::Double(5.0)))]));
        let last = rig.written("gw", "Temp").pop().unwrap();
        assert_eq!(last, (5_001, Quality::Good, Variant::Double(5.0)), "{quality:?} in the birth");
    }
}
