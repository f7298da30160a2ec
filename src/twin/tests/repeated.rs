//! A birth that repeats a value says it for its own time: what is older than that does not show.

use super::*;

/// The value of a tag, or of a member of an instance, of an edge node or a device.
#[derive(Clone, Copy, Debug)]
struct Wind {
    device: bool,
    member: bool,
}

const ALL: [Wind; 4] = [
    Wind { device: false, member: false },
    Wind { device: false, member: true },
    Wind { device: true, member: false },
    Wind { device: true, member: true },
];

impl Wind {
    fn source(self) -> Source {
        if self.device { device("Mast") } else { node() }
    }

    fn born(self, rig: &mut Rig, value: f64, birth_ms: i64, own_ms: i64) {
        if self.device {
            rig.event(birth_at(birth_ms, node(), Vec::new(), Vec::new()));
        }
        let wind = leaf(0, "Wind", DataType::Double, sample(own_ms, Value::Double(value)));
        let metric = if self.member { instance("M1", "Mast", vec![wind]) } else { wind };
        rig.event(birth_at(birth_ms, self.source(), Vec::new(), vec![metric]));
        rig.pass(Duration::from_secs(5));
    }

    /// Data, of the past by its flag or by its order.
    fn said(self, rig: &mut Rig, value: f64, own_ms: i64, history: bool, order: SequenceOrder) {
        let mut said = sample(own_ms, Value::Double(value));
        said.historical = history;
        let (samples, attributes) = (vec![(Slot(0), said)], Vec::new());
        rig.event(Event::Data(Data {
            source: self.source(),
            samples,
            attributes,
            order,
            sent: None,
        }));
        rig.pass(Duration::from_secs(5));
    }

    fn asset(self) -> &'static str {
        match self {
            Self { member: true, .. } => "M1",
            Self { device: true, .. } => "Mast",
            _ => "gw",
        }
    }

    fn shown(self, rig: &Rig) -> (Quality, Variant) {
        rig.shown(self.asset(), "Wind").unwrap()
    }

    /// Born with 7 at the start, and once more, with the same value, after a hundred seconds.
    fn repeated() -> impl Iterator<Item = (Self, Rig)> {
        ALL.into_iter().map(|wind| {
            let mut rig = Rig::new();
            wind.born(&mut rig, 7.0, 0, 0);
            rig.seconds(95);
            wind.born(&mut rig, 7.0, 100_000, 100_000);
            (wind, rig)
        })
    }
}

fn good(value: f64) -> (Quality, Variant) {
    (Quality::Good, Variant::Double(value))
}

/// Gateways send what they stored after their births.
#[test]
fn history_from_before_a_birth_that_repeats_a_value_is_not_shown() {
    for (wind, mut rig) in Wind::repeated() {
        for (value, at) in [(9.0, 60_000), (8.0, 70_000), (6.0, 100_000)] {
            wind.said(&mut rig, value, at, true, SequenceOrder::InOrder);
            assert_eq!(wind.shown(&rig), good(7.0), "{wind:?} after {value}");
        }
        let written = rig.written(wind.asset(), "Wind");
        let of = |time| written.iter().filter(|(at, ..)| *at == time).count();
        let times = [0, 60_000, 70_000, 100_000, 100_001].map(of);
        // Once for all that is older, and once for what has the same time.
        assert_eq!((times, written.len()), ([1, 1, 1, 2, 1], 6), "{written:?}");
        // What comes next is shown at its own time, and so is history that is later.
        wind.said(&mut rig, 5.0, 101_000, false, SequenceOrder::InOrder);
        assert_eq!(wind.shown(&rig), good(5.0), "{wind:?}");
        assert_eq!(rig.written(wind.asset(), "Wind").last().unwrap().0, 101_000);
        rig.check_conservation();
    }
}

/// A birth that changes the value hides what is older than it: so does one that repeats it.
#[test]
fn data_from_before_a_birth_that_repeats_a_value_is_not_shown() {
    for order in [SequenceOrder::InOrder, SequenceOrder::AfterGap, SequenceOrder::Late] {
        for (wind, mut rig) in Wind::repeated() {
            wind.said(&mut rig, 6.0, 95_000, false, order);
            assert_eq!(wind.shown(&rig), good(7.0), "{wind:?} {order:?}");
            rig.event(death(wind.source(), 120_000));
            rig.seconds(70);
            let marked = (Quality::Uncertain, Variant::Double(7.0));
            assert_eq!(wind.shown(&rig), marked, "{wind:?} {order:?}");
            rig.check_conservation();
        }
    }
}

/// What is as old as the repeated value, or later, is what was said last.
#[test]
fn data_of_the_time_at_which_a_birth_repeats_a_value_is_shown() {
    for (wind, mut rig) in Wind::repeated() {
        wind.said(&mut rig, 6.0, 100_000, false, SequenceOrder::InOrder);
        assert_eq!(wind.shown(&rig), good(6.0), "{wind:?}");
        assert_eq!(rig.written(wind.asset(), "Wind").last().unwrap().0, 100_000);
    }
}

/// Most births repeat the time of the last change: data that is later than that is the latest.
#[test]
fn data_after_the_time_of_a_repeated_change_is_shown() {
    for wind in ALL {
        let mut rig = Rig::new();
        wind.born(&mut rig, 7.0, 0, 0);
        rig.seconds(95);
        wind.born(&mut rig, 7.0, 100_000, 0);
        wind.said(&mut rig, 6.0, 95_000, false, SequenceOrder::InOrder);
        assert_eq!(wind.shown(&rig), good(6.0), "{wind:?}");
    }
}

/// A value that the birth changes is later than what an earlier birth repeated, whatever the time
/// that it has of its own.
#[test]
fn a_birth_that_changes_a_value_is_later_than_one_that_repeated_it() {
    for (wind, mut rig) in Wind::repeated() {
        rig.seconds(5);
        wind.born(&mut rig, 9.0, 110_000, 60_000);
        assert_eq!(wind.shown(&rig), good(9.0), "{wind:?}");
        assert_eq!(rig.written(wind.asset(), "Wind").last().unwrap().0, 110_000);
        wind.said(&mut rig, 6.0, 105_000, false, SequenceOrder::InOrder);
        assert_eq!(wind.shown(&rig), good(9.0), "{wind:?}");
    }
}

/// It was taken for what the birth says more than once, and written 1 ms later.
#[test]
fn data_of_the_same_millisecond_as_its_birth_keeps_its_time() {
    let mut rig = Rig::new();
    let wind = leaf(0, "Wind", DataType::Double, sample(1_000, Value::Double(0.0)));
    rig.event(birth_at(1_000, node(), Vec::new(), vec![wind]));
    rig.event(Event::Data(Data {
        source: node(),
        samples: vec![(Slot(0), sample(1_000, Value::Double(1.0)))],
        attributes: Vec::new(),
        order: SequenceOrder::InOrder,
        sent: Some(Timestamp::from_millis(START + 1_000)),
    }));
    rig.pass(Duration::from_secs(5));
    let last = rig.written("gw", "Wind").last().cloned();
    assert_eq!(last, Some((1_000, Quality::Good, Variant::Double(1.0))));
}
