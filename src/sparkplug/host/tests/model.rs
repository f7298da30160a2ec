//! Loss, duplication and reordering, held against what a reader of the sequence would expect.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What the network does with the next message, and how long it takes.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Deliver,
    Lose,
    Twice,
    /// Delivered after so many others.
    Delay(usize),
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        6 => Just(Fate::Deliver),
        1 => Just(Fate::Lose),
        1 => Just(Fate::Twice),
        2 => (1_usize..20).prop_map(Fate::Delay),
    ];
    prop::collection::vec(fate, 1..400)
}

/// The messages in the order of their arrival, each with its number in the order of sending.
fn network(fates: &[Fate]) -> Vec<usize> {
    let mut arrivals: Vec<(usize, usize)> = Vec::new();
    for (number, fate) in fates.iter().enumerate() {
        match fate {
            Fate::Deliver => arrivals.push((number, number)),
            Fate::Lose => {}
            Fate::Twice => arrivals.extend([(number, number), (number, number)]),
            Fate::Delay(by) => arrivals.push((number + by, number)),
        }
    }
    arrivals.sort_by_key(|(at, _)| *at);
    arrivals.into_iter().map(|(_, number)| number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every message that arrives gives its value exactly once; current values come in the
    /// order of sending; nothing but loss is called a gap, and none goes unseen.
    #[test]
    fn the_session_reads_what_arrives(fates in fates(), pace in 1_u64..300) {
        let mut stage = Stage::with(|config| config.rebirth.reasons = rebirth::RebirthReasons::NONE);
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", -1_i32)]));
        let messages: Vec<_> = (0_i32..)
            .zip(&fates)
            .map(|(value, _)| {
                let time = stage.time().plus(ms(u64::try_from(value).unwrap()));
                edge.ndata(time, [Metric::new("a", value)])
            })
            .collect();

        let arrivals = network(&fates);
        for number in &arrivals {
            stage.send(&messages[*number]);
            stage.pass(ms(pace));
        }
        stage.pass(secs(10));

        let (mut current, mut all) = (Vec::new(), Vec::new());
        while let Some(output) = stage.host.poll_output() {
            let Output::Event(Event::Data(data)) = output else { continue };
            for (_, sample) in data.samples {
                let Some(Value::Int(value)) = sample.value else { panic!("{sample:?}") };
                all.push(value);
                if !data.order.is_past() {
                    current.push(value);
                }
            }
        }
        prop_assert!(current.is_sorted(), "{current:?}");
        let arrived: BTreeSet<_> = arrivals.iter().map(|number| *number as i64).collect();
        let told: BTreeSet<_> = all.iter().copied().collect();
        prop_assert_eq!(all.len(), told.len(), "told twice: {:?}", all);
        prop_assert_eq!(&told, &arrived);

        let gaps = stage.host.figures(edge.node()).unwrap().gaps;
        let in_order = arrivals.is_sorted();
        let last = arrivals.iter().max().copied().unwrap_or_default();
        let lost_before_last = (0..last).any(|number| !arrived.contains(&(number as i64)));
        if in_order {
            prop_assert_eq!(gaps > 0, lost_before_last);
        }
    }

    /// With births asked for and given, the session is right again after one of them.
    #[test]
    fn a_rebirth_heals(fates in fates()) {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]));
        for fate in &fates {
            let message = edge.ndata(stage.time(), [Metric::new("a", 1_i32)]);
            if !matches!(fate, Fate::Lose) {
                stage.send(&message);
            }
            stage.pass(ms(50));
            for output in stage.look() {
                if output.starts_with("rebirth") {
                    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]));
                }
            }
        }
        stage.pass(secs(2));
        stage.look();
        stage.pass(secs(1));
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 0_i32)]));
        stage.send(&edge.ndata(stage.time(), [Metric::new("a", 7_i32)]));
        let outputs = stage.look();
        prop_assert_eq!(outputs.last().map(String::as_str), Some("data g/n: #2=7"));
    }
}
