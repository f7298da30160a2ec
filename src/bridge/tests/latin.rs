//! Names that are not UTF-8: each keeps what is its own, whichever is heard first.

use super::plant::Plant;
use super::*;
use crate::delivery::point::Stream;

/// They look alike once they are written in Latin-1.
const SIGNS: [&str; 2] = ["°", "±"];
/// As which both show: such a sign is two bytes long here, so that lengths stay what they are.
const SHOWN: &str = "\u{fffd}\u{fffd}";

/// The message with its signs in Latin-1.
fn in_latin(mut message: Message) -> Message {
    for place in 1..message.payload.len() {
        if let [0xc2, byte @ (0xb0 | 0xb1)] = message.payload[place - 1..=place] {
            message.payload[place - 1] = byte;
        }
    }
    message
}

/// A number of its own for every value, more than `add`.
fn number(add: u32, parts: [usize; 3]) -> f64 {
    let [of, part, other] = parts.map(|part| part as u32);
    f64::from(add + of * 100 + part * 10 + other)
}

/// Tags, and instances of templates, with members, parameters and static properties: two of each
/// that look alike, in this order.
fn metrics(order: &[usize], add: u32) -> Vec<Metric> {
    let templates = order.iter().map(|of| {
        let template = Template::definition().member(Metric::new("M", 0.0));
        Metric::template(&format!("K {}", SIGNS[*of]), template)
    });
    let tags = order.iter().map(|of| {
        let tag = Metric::new(&format!("T {}", SIGNS[*of]), number(add, [*of, 0, 0]));
        order.iter().fold(tag, |tag, other| {
            tag.property(&format!("p {}", SIGNS[*other]), number(add, [*of, 1, *other]))
        })
    });
    let instances = order.iter().map(|of| {
        let instance = Template::instance(&format!("K {}", SIGNS[*of]));
        let instance = order.iter().fold(instance, |instance, other| {
            let member =
                Metric::new(&format!("M {}", SIGNS[*other]), number(add, [*of, 2, *other]));
            let parameter = format!("P {}", SIGNS[*other]);
            instance.member(member).parameter(&parameter, number(add, [*of, 3, *other]))
        });
        Metric::template(&format!("I {}", SIGNS[*of]), instance)
    });
    templates.chain(tags).chain(instances).collect()
}

/// Where each of the numbers after `add` was written.
fn streams(plant: &Plant, add: u32) -> BTreeMap<u32, Stream> {
    let numbers = plant.points.iter().filter_map(|point| match point.value {
        Variant::Double(number) if (0.0..400.0).contains(&(number - f64::from(add))) => {
            Some((number as u32 - add, point.stream))
        }
        _ => None,
    });
    numbers.collect()
}

/// They were told apart by their order in the birth: in another order two tags changed places.
#[test]
fn names_that_look_alike_keep_their_values_in_any_order_and_over_restarts() {
    let mut plant = Plant::new(|_| {});
    let say = |plant: &mut Plant, order: &[usize], add: u32| {
        let message = plant.edge.nbirth(plant.now.wall, metrics(order, add));
        plant.send(&in_latin(message));
        plant.pass(Duration::from_secs(130));
    };
    // One alone is shown as it is read, and nobody who comes later changes that.
    say(&mut plant, &[1], 1_000);
    let alone = streams(&plant, 1_000);
    assert_eq!(alone.len(), 4);
    let shows = |plant: &Plant, asset: &str, property: String| {
        plant.property(asset, &property).map(|property| property.id)
    };
    let tag = shows(&plant, "gw", format!("T {SHOWN}"));
    assert!(tag.is_some());
    assert!(shows(&plant, "gw", format!("T {SHOWN}/p {SHOWN}")).is_some());
    assert!(shows(&plant, &format!("I {SHOWN}"), format!("M {SHOWN}")).is_some());
    assert!(shows(&plant, &format!("I {SHOWN}"), format!("P {SHOWN}")).is_some());
    plant.sitewise.model(&format!("K {SHOWN}"));

    say(&mut plant, &[0, 1], 2_000);
    let both = streams(&plant, 2_000);
    assert_eq!(both.values().collect::<std::collections::HashSet<_>>().len(), 14);
    assert_eq!(both.len(), 14);
    assert!(alone.iter().all(|(number, stream)| both[number] == *stream));
    assert_eq!(shows(&plant, "gw", format!("T {SHOWN}")), tag);
    assert!(shows(&plant, "gw", format!("T {SHOWN} (b0b0)")).is_some());
    let other = format!("I {SHOWN} (b0b0)");
    assert!(shows(&plant, &other, format!("M {SHOWN}")).is_some());
    assert!(shows(&plant, &other, format!("M {SHOWN} (b1b1)")).is_some());
    plant.sitewise.model(&format!("K {SHOWN} (b0b0)"));

    say(&mut plant, &[1, 0], 3_000);
    assert_eq!(streams(&plant, 3_000), both);
    // Data finds them by their bytes.
    let tags = [0, 1].map(|of| Metric::new(&format!("T {}", SIGNS[of]), number(4_000, [of, 0, 0])));
    let message = plant.edge.ndata(plant.now.wall, tags);
    plant.send(&in_latin(message));
    let told = streams(&plant, 4_000);
    assert_eq!((told.len(), told[&0], told[&100]), (2, both[&0], both[&100]));

    for (add, order) in [(5_000, [1, 0]), (6_000, [0, 1])] {
        let now = plant.now.wall;
        let (models, assets) = (plant.sitewise.models.len(), plant.sitewise.assets.len());
        plant = Plant::on(plant.sitewise, |_| {});
        plant.now.wall = now.plus(Duration::from_secs(1));
        say(&mut plant, &order, add);
        assert_eq!(streams(&plant, add), both, "{order:?}");
        assert_eq!((plant.sitewise.models.len(), plant.sitewise.assets.len()), (models, assets));
    }
}
