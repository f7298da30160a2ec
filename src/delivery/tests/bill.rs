//! What delivery costs.

use super::*;

/// At one value a second per property and a linger of ten seconds: the rows of the README's
/// bill. Twenty edge nodes, each with a hundred properties and a second of its own.
#[test]
fn a_value_a_second_costs_a_ninth_of_a_message_and_an_eightieth_of_a_request() {
    const NODES: u128 = 20;
    const PROPERTIES: u128 = 100;
    const SECONDS: i64 = 300;
    let mut plant = Plant::new(Config { linger: Duration::from_secs(10), ..Config::default() });
    let mut given = 0_u64;
    for second in 0..SECONDS {
        for node in 0..NODES {
            let time = Timestamp::from_millis(plant.now.wall.as_millis());
            plant.give((0..PROPERTIES).map(|property| Point {
                stream: Stream {
                    asset: Uuid::from_u128(node + 1),
                    property: Uuid::from_u128(property + 1),
                },
                time,
                quality: Quality::Good,
                value: Variant::Double(second as f64),
                class: Class::Live,
            }));
            given += PROPERTIES as u64;
            plant.wait(Duration::from_millis(50));
            while plant.answer(Ok(Vec::new())) {}
        }
    }
    for _ in 0..12 {
        plant.wait(Duration::from_secs(1));
        while plant.answer(Ok(Vec::new())) {}
    }
    let figures = plant.delivery.figures();
    assert_eq!(figures.delivered, given);
    let each = |count: u64| count as f64 / given as f64;
    assert!(each(figures.billed_messages) <= 0.11, "{}", each(figures.billed_messages));
    assert!(each(figures.requests) <= 0.0125, "{}", each(figures.requests));
    // What was billed is what the estimate says of this linger; a longer one would not help.
    let [second, ten, minute] = figures.messages_at;
    assert_eq!((ten, minute), (figures.billed_messages, figures.billed_messages));
    assert!((0.45..=0.55).contains(&each(second)), "{}", each(second));
}
