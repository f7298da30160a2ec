use sparkwise::sparkplug::payload;
use sparkwise::sparkplug::proto::payload::metric;

use super::*;
use crate::model::Company;

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Topic, sequence number and metric names or aliases of a message.
fn outline(message: &Message) -> (String, Option<u64>, Vec<String>) {
    let payload = payload::decode(&message.payload).unwrap();
    let names = payload.metrics.iter().map(|metric| match &metric.name {
        Some(name) => String::from_utf8(name.to_vec()).unwrap(),
        None => format!("#{}", metric.alias.unwrap_or_default()),
    });
    (message.topic.clone(), payload.seq, names.collect())
}

#[test]
fn births_describe_everything() {
    let farm = &Company::default().farms()[1];
    let births: Vec<_> = Publisher::new(farm, Spelling::Templates)
        .births(farm, time(1))
        .iter()
        .map(outline)
        .collect();
    let topics: Vec<&str> = births.iter().map(|(topic, ..)| topic.as_str()).collect();
    assert_eq!(
        topics,
        [
            "spBv1.0/Alpen/NBIRTH/Gateway Süd",
            "spBv1.0/Alpen/DBIRTH/Gateway Süd/Row 3",
            "spBv1.0/Alpen/DBIRTH/Gateway Süd/Row 4",
            "spBv1.0/Alpen/DBIRTH/Gateway Süd/Met Mast Alpen",
        ]
    );
    assert_eq!(births.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>(), [0, 1, 2, 3].map(Some));
    assert_eq!(
        births[0].2,
        [
            "bdSeq",
            "Node Control/Rebirth",
            "_types_/Gearbox",
            "_types_/Generator",
            "_types_/WindTurbine",
            "Power",
            "Turbines Running"
        ]
    );
    assert_eq!(births[1].2, ["T07", "T08", "T09"]);
}

#[test]
fn data_holds_only_what_has_moved() {
    let mut farm = Company::default().farms().remove(0);
    let mut publisher = Publisher::new(&farm, Spelling::Templates);
    assert!(publisher.data(&farm, time(1)).is_empty(), "nothing is said before the births");
    publisher.births(&farm, time(1));
    assert!(publisher.data(&farm, time(2)).is_empty(), "nothing has moved");

    farm.step(1.0);
    let messages = publisher.data(&farm, time(3));
    assert!(!messages.is_empty());
    let members = |message: &Message| -> usize {
        let payload = payload::decode(&message.payload).unwrap();
        let count = |value: &Option<metric::Value>| match value {
            Some(metric::Value::TemplateValue(template)) => template.metrics.len(),
            _ => 1,
        };
        payload.metrics.iter().map(|metric| count(&metric.value)).sum()
    };
    let all: usize = messages.iter().map(members).sum();
    assert!((5..90).contains(&all), "{all} members");
    for message in &messages {
        assert!(message.topic.contains("DATA"));
        let (_, _, names) = outline(message);
        assert!(names.iter().all(|name| name.starts_with('#')), "{names:?}");
    }
}

#[test]
fn the_same_farm_is_spelled_in_three_ways() {
    let farm = &Company { turbines: 2, seed: 1 }.farms()[0];
    let mut moved = farm.clone();
    moved.step(30.0);
    let named = |spelling: Spelling| {
        let mut publisher = Publisher::new(farm, spelling);
        let births = publisher.births(farm, time(1));
        let data = publisher.data(&moved, time(2));
        let row = data.iter().find(|message| message.topic.ends_with("/Row 1")).unwrap();
        [&births[0], &births[1], row].map(|message| outline(message).2)
    };
    let [types, birth, data] = named(Spelling::Templates);
    assert!(types.contains(&"_types_/Gearbox".to_owned()));
    assert_eq!(birth, ["T01"]);
    assert!(data.len() == 1 && data[0].starts_with('#'), "a partial instance: {data:?}");

    let [types, birth, data] = named(Spelling::Optimized);
    assert!(types.contains(&"_types_/Gearbox".to_owned()));
    assert_eq!(birth, ["T01"]);
    assert!(data.contains(&"T01/Gearbox/Oil Temperature".to_owned()), "{data:?}");

    let [types, birth, data] = named(Spelling::Flat);
    assert_eq!(types, ["bdSeq", "Node Control/Rebirth", "Power", "Turbines Running"]);
    assert!(birth.contains(&"T01/Gearbox/Oil Temperature".to_owned()), "{birth:?}");
    assert!(data.len() > 1 && data.iter().all(|name| name.starts_with('#')), "{data:?}");
    assert!(sparkwise::twin::Rules::parse(Spelling::RULES).is_ok());
}
