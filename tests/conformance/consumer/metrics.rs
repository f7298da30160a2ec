//! Metrics: names, aliases, times, datatypes, properties and tables.

use sparkwise::sparkplug::datatype::DataType;
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::event::{Content, Event};
use sparkwise::sparkplug::findings::Finding;
use sparkwise::sparkplug::host::Output;
use sparkwise::sparkplug::proto::payload::metric::Value as Arm;
use sparkwise::sparkplug::proto::payload::{self as wire};
use sparkwise::sparkplug::value::{DataSet, Value};
use sparkwise::time::Timestamp;

use super::stage::{ASKED, Stage, a, edge, secs};
use crate::judged;

/// The metrics of a birth that a host reads out of these.
fn born(
    stage: &mut Stage,
    metrics: impl IntoIterator<Item = Metric>,
) -> (Edge, Vec<(String, Content)>) {
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), metrics));
    let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
        panic!("a birth");
    };
    let metrics = birth.metrics.into_iter().skip(2);
    (edge, metrics.map(|metric| (metric.name.to_string(), metric.content)).collect())
}

fn time_of(content: &Content) -> i64 {
    let Content::Leaf { sample, .. } = content else { panic!("{content:?}") };
    sample.time.as_millis()
}

judged! {
    payloads_timestamp_in_utc, payloads_metric_timestamp_in_utc,
    payloads_name_birth_data_requirement =>
    fn a_value_has_its_own_time_the_payloads_or_that_of_its_arrival() {
        let mut stage = Stage::new();
        let own = Timestamp::from_millis(900_000);
        let zero = Timestamp::from_millis(0);
        let metrics = || [
            Metric::new("own", 1_i32).at(own),
            Metric::new("none", 1_i32),
            Metric::new("zero", 1_i32).at(zero),
        ];
        let (mut edge, leaves) = born(&mut stage, metrics());
        let times: Vec<_> = leaves.iter().map(|(_, content)| time_of(content)).collect();
        assert_eq!(times, [900_000, 1_000_000, 1_000_000]);
        stage.pass(secs(1));
        let data = edge.ndata(Timestamp::from_millis(950_000), metrics());
        for (time, expected) in [(Some(950_000), 950_000), (None, 1_001_000), (Some(0), 1_001_000)] {
            let mut other = stage_like(&mut stage, &mut edge);
            other.send_with(&data, |payload| {
                payload.timestamp = time;
                payload.seq = Some(1);
            });
            let Some(Output::Event(Event::Data(data))) = other.host.poll_output() else {
                panic!("data");
            };
            let times: Vec<_> = data.samples.iter().map(|(_, s)| s.time.as_millis()).collect();
            assert_eq!(times, [900_000, expected, expected]);
        }
    }
}

/// Another stage at the same time, with the same birth.
fn stage_like(stage: &mut Stage, edge: &mut Edge) -> Stage {
    let mut other = Stage::new();
    other.now = stage.now;
    let names = ["own", "none", "zero"].map(|name| Metric::new(name, 0_i32));
    other.send(&edge.nbirth(stage.time(), names));
    other.look();
    other
}

judged! {
    payloads_name_requirement =>
    fn a_metric_without_name_and_alias_is_left_out() {
        let mut stage = Stage::new();
        let nameless = || Metric::new("x", 1_i32).nameless();
        let (mut edge, leaves) = born(&mut stage, [nameless(), Metric::new("a", 1_i32)]);
        assert_eq!(leaves.len(), 1);
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.ndata(stage.time(), [nameless(), Metric::new("a", 2_i32)]));
        stage.check(&["birth g/n: a=1", "data g/n: a=2"]);
        assert_eq!(stage.found(Finding::Nameless), 2);
    }
}

judged! {
    payloads_alias_uniqueness =>
    fn an_alias_of_two_metrics_stands_for_neither() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let two = ["a", "b"].map(|name| Metric::new(name, 0_i32).alias(7));
        stage.send(&edge.nbirth(stage.time(), two));
        stage.send(&edge.ndata(stage.time(), [Metric::new("a", 1_i32).alias(7).nameless()]));
        stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32).alias(7)]));
        stage.check(&["birth g/n: a=0, b=0", "data g/n: a=2"]);
        assert_eq!(stage.found(Finding::AliasCollision), 2);
    }
}

judged! {
    payloads_alias_birth_requirement =>
    fn a_birth_with_an_alias_alone_names_nothing() {
        let mut stage = Stage::new();
        let (mut edge, leaves) =
            born(&mut stage, [Metric::new("x", 1_i32).alias(7).nameless(), Metric::new("a", 1_i32)]);
        assert_eq!(leaves.len(), 1);
        assert_eq!(stage.found(Finding::UnknownAlias), 1);
        stage.look();
        stage.send(&edge.ndata(stage.time(), [Metric::new("x", 1_i32).alias(7).nameless()]));
        stage.pass(secs(1));
        stage.check(&[ASKED]);
        assert_eq!(stage.found(Finding::UnknownAlias), 2);
    }
}

/// A field of bytes on the wire.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
    field.extend(bytes);
    field
}

/// Whether a birth with this metric cannot be read, and does no harm.
fn is_undecodable(metric: &[u8]) -> bool {
    let mut stage = Stage::new();
    stage.raw("spBv1.0/g/NBIRTH/n", &field(2, metric), false);
    stage.pass(secs(1));
    stage.check(&[ASKED]);
    stage.found(Finding::Undecodable) == 1
}

judged! {
    payloads_metric_datatype_value_type =>
    fn a_datatype_that_is_no_number_makes_the_payload_unreadable() {
        assert!(is_undecodable(&field(4, b"Int32")));
    }
}

judged! {
    payloads_metric_propertyvalue_type_type =>
    fn a_property_type_that_is_no_number_makes_the_payload_unreadable() {
        assert!(is_undecodable(&field(9, &field(2, &field(1, b"Int32")))));
    }
}

judged! {
    payloads_dataset_column_size =>
    fn a_number_of_columns_that_is_none_makes_the_payload_unreadable() {
        assert!(is_undecodable(&field(17, &field(1, b"two"))));
    }
}

judged! {
    payloads_template_parameter_value_type =>
    fn a_parameter_type_that_is_no_number_makes_the_payload_unreadable() {
        assert!(is_undecodable(&field(18, &field(3, &field(2, b"Int32")))));
    }
}

judged! {
    payloads_metric_datatype_value =>
    fn an_unknown_datatype_is_told_from_the_value() {
        let mut stage = Stage::new();
        let mut edge = edge();
        let birth = edge.nbirth(stage.time(), a(5));
        stage.send_with(&birth, |payload| payload.metrics[2].datatype = Some(99));
        stage.check(&["birth g/n: a=5"]);
        assert_eq!(stage.found(Finding::UnknownDatatype), 1);
    }
}

judged! {
    payloads_metric_datatype_req =>
    fn a_missing_datatype_is_told_from_the_value() {
        let mut stage = Stage::new();
        let (_, leaves) = born(&mut stage, [Metric::new("a", 1.5).untyped()]);
        let Content::Leaf { datatype, .. } = &leaves[0].1 else { panic!("{leaves:?}") };
        assert_eq!(*datatype, Some(DataType::Double));
        assert_eq!(stage.found(Finding::NoDatatype), 1);
    }
}

/// The static properties that a birth gives the metric `a`.
fn properties(set: wire::PropertySet) -> (Stage, Vec<(String, Option<Value>)>) {
    let mut stage = Stage::new();
    let birth = edge().nbirth(stage.time(), a(1));
    stage.send_with(&birth, |payload| payload.metrics[2].properties = Some(Box::new(set)));
    let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
        panic!("a birth");
    };
    let properties = birth.metrics[2].properties.iter();
    let properties = properties.map(|p| (p.name.to_string(), p.value.clone())).collect();
    (stage, properties)
}

fn property(datatype: Option<u32>, value: wire::property_value::Value) -> wire::PropertyValue {
    wire::PropertyValue { r#type: datatype, is_null: None, value: Some(value) }
}

judged! {
    payloads_propertyset_keys_array_size, payloads_propertyset_values_array_size =>
    fn keys_without_values_and_values_without_keys_are_left_out() {
        use wire::property_value::Value::IntValue;
        for (keys, values, expected) in [(2, 1, 1), (1, 2, 1), (2, 0, 0)] {
            let keys = (0..keys).map(|key| format!("k{key}").into()).collect();
            let values = (0..values).map(|value| property(Some(3), IntValue(value))).collect();
            let (stage, properties) = properties(wire::PropertySet { keys, values });
            assert_eq!(properties.len(), expected);
            assert_eq!(stage.found(Finding::PropertyCount), 1);
        }
    }
}

judged! {
    payloads_metric_propertyvalue_type_value, payloads_metric_propertyvalue_type_req =>
    fn a_property_type_that_is_missing_or_unknown_is_told_from_the_value() {
        use wire::property_value::Value::DoubleValue;
        for datatype in [None, Some(99)] {
            let (keys, values) = (vec!["k".into()], vec![property(datatype, DoubleValue(1.5))]);
            let (_, properties) = properties(wire::PropertySet { keys, values });
            assert_eq!(properties, [("k".to_owned(), Some(Value::Double(1.5)))]);
        }
    }
}

judged! {
    payloads_propertyset_quality_value_type =>
    fn a_quality_is_read_from_any_integer() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(0)));
        for (metric, told) in [
            (Metric::new("a", 1_i32).property("Quality", 500_i32), "data g/n: a=1 uncertain"),
            (Metric::new("a", 1_i32).property("Quality", 500_i64), "data g/n: a=1 uncertain"),
            (Metric::new("a", 1_i32).property("Quality", 500_u64), "data g/n: a=1 uncertain"),
            (Metric::new("a", 1_i32).property("Quality", "GOOD"), "data g/n: a=1"),
        ] {
            stage.look();
            stage.send(&edge.ndata(stage.time(), [metric]));
            stage.check(&[told]);
        }
        assert_eq!(stage.found(Finding::WrongQuality), 1);
    }
}

judged! {
    payloads_propertyset_quality_value_value =>
    fn each_quality_has_its_meaning_and_none_is_good() {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), a(0)));
        stage.look();
        let with = |code| Metric::new("a", 1_i32).quality(code);
        let metrics = [with(0), with(192), with(500), Metric::new("a", 1_i32)];
        stage.send(&edge.ndata(stage.time(), metrics));
        stage.check(&["data g/n: a=1 bad, a=1, a=1 uncertain, a=1"]);
    }
}

/// What a table becomes once `change` has been made to it; none is a value that is not taken.
fn table(change: impl FnOnce(&mut wire::DataSet)) -> (Stage, Option<Value>) {
    let mut stage = Stage::new();
    let columns = ["x", "y"].map(str::to_owned).to_vec();
    let rows = vec![vec![Some(Value::Int(-1)), Some(Value::Boolean(true))]];
    let types = [DataType::Int8, DataType::Boolean];
    let metric = Metric::data_set("t", &types, &DataSet { columns, rows });
    let birth = edge().nbirth(stage.time(), [metric]);
    stage.send_with(&birth, |payload| {
        let Some(Arm::DatasetValue(table)) = &mut payload.metrics[2].value else {
            panic!("a table")
        };
        change(table);
    });
    let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
        panic!("a birth");
    };
    let Content::Leaf { sample, .. } = &birth.metrics[2].content else { panic!("a leaf") };
    (stage, sample.value.clone())
}

judged! {
    payloads_dataset_column_num_headers, payloads_dataset_types_num =>
    fn a_table_whose_parts_do_not_agree_is_bad() {
        assert!(table(|_| {}).1.is_some());
        let wounds: [fn(&mut wire::DataSet); 5] = [
            |table| table.num_of_columns = Some(3),
            |table| table.columns.push("z".into()),
            |table| table.types.truncate(1),
            |table| table.types.push(3),
            |table| table.rows[0].elements.truncate(1),
        ];
        for wound in wounds {
            let (stage, value) = table(wound);
            assert_eq!((value, stage.found(Finding::WrongValue)), (None, 1));
        }
    }
}

judged! {
    payloads_dataset_parameter_type_req, payloads_dataset_types_def =>
    fn a_table_without_types_is_bad() {
        let (stage, value) = table(|table| table.types.clear());
        assert_eq!((value, stage.found(Finding::WrongValue)), (None, 1));
    }
}

judged! {
    payloads_dataset_types_type =>
    fn a_column_type_that_is_no_number_makes_the_payload_unreadable() {
        // A fixed64 where a number of varying length belongs.
        let mut types = vec![3 << 3 | 1];
        types.extend([0; 8]);
        assert!(is_undecodable(&field(17, &types)));
    }
}

/// The cells of a table's only row.
fn cells(value: Option<Value>) -> Vec<Option<Value>> {
    let Some(Value::DataSet(table)) = value else { panic!("{value:?}") };
    table.rows[0].clone()
}

judged! {
    payloads_dataset_types_value =>
    fn a_column_of_an_unknown_type_is_read_by_its_cells() {
        let (_, value) = table(|table| table.types[1] = 99);
        assert_eq!(cells(value), [Some(Value::Int(-1)), Some(Value::Boolean(true))]);
    }
}

judged! {
    payloads_template_dataset_value =>
    fn cells_are_read_by_the_type_of_their_column() {
        use wire::data_set::data_set_value::Value::{IntValue, LongValue};
        for arm in [IntValue(0xff), IntValue(u32::MAX), LongValue(u64::MAX)] {
            let (_, value) = table(|table| {
                table.rows[0].elements[0].value = Some(arm);
                table.rows[0].elements[1].value = None;
            });
            assert_eq!(cells(value), [Some(Value::Int(-1)), None]);
        }
    }
}
