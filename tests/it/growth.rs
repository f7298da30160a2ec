//! Models that grow beside what people added to them.

use std::time::Duration;

use aws_sdk_iotsitewise::Client;
use aws_sdk_iotsitewise::operation::describe_asset_model::DescribeAssetModelOutput;
use aws_sdk_iotsitewise::types::{
    AssetModelCompositeModel, AssetModelProperty, Attribute, ExpressionVariable, Measurement,
    Metric as SiteWiseMetric, MetricWindow, PropertyDataType, PropertyType, Transform,
    TumblingWindow, VariableValue,
};
use sitewise_local::{Effect, Fault, Options};
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::twin::identity::Namespace;
use windfarm::Broker;

use crate::support::{Bridge, Emulator, Plant, eventually, now};

fn stray() -> Metric {
    Metric::new("stray", 1.0)
}

fn turbine(members: &[&str]) -> Template {
    let instance = Template::instance("Turbine");
    members.iter().fold(instance, |instance, name| instance.member(Metric::new(name, 1.0)))
}

fn births(name: &str, members: &[&str]) -> Vec<Metric> {
    let definition = members
        .iter()
        .fold(Template::definition(), |definition, name| definition.member(Metric::new(name, 0.0)));
    vec![Metric::template("_types_/Turbine", definition), Metric::template(name, turbine(members))]
}

async fn model(reader: &Client) -> Option<DescribeAssetModelOutput> {
    let id = Namespace::new("test").model("Turbine").to_string();
    reader.describe_asset_model().asset_model_id(id).send().await.ok()
}

fn names(model: &DescribeAssetModelOutput) -> Vec<&str> {
    let properties = model.asset_model_properties();
    properties.iter().map(AssetModelProperty::name).collect()
}

async fn has(reader: &Client, members: &[&str]) -> DescribeAssetModelOutput {
    eventually("the members", || async {
        let model = model(reader).await?;
        members.iter().all(|member| names(&model).contains(member)).then_some(model)
    })
    .await
}

fn property(name: &str, data_type: PropertyDataType, kind: PropertyType) -> AssetModelProperty {
    AssetModelProperty::builder().name(name).data_type(data_type).r#type(kind).build().unwrap()
}

/// A transform, a metric and an alarm, as a person adds them by hand.
async fn add_by_hand(reader: &Client, model: &DescribeAssetModelOutput) {
    let speed = model.asset_model_properties().iter().find(|p| p.name() == "Speed").unwrap();
    let value = VariableValue::builder().property_id(speed.id().unwrap()).build();
    let variable = || ExpressionVariable::builder().name("s").value(value.clone()).build().unwrap();
    let transform = Transform::builder().expression("s * 60").variables(variable());
    let transform = PropertyType::builder().transform(transform.build().unwrap()).build();
    let window = TumblingWindow::builder().interval("5m").build().unwrap();
    let window = MetricWindow::builder().tumbling(window).build();
    let metric = SiteWiseMetric::builder().expression("avg(s)").variables(variable());
    let metric = metric.window(window).build();
    let metric = PropertyType::builder().metric(metric).build();
    let attribute = Attribute::builder().default_value("IOT_EVENTS").build();
    let attribute = PropertyType::builder().attribute(attribute).build();
    let measurement = PropertyType::builder().measurement(Measurement::builder().build()).build();
    let state = AssetModelProperty::builder()
        .name("AWS/ALARM_STATE")
        .data_type(PropertyDataType::Struct)
        .data_type_spec("AWS/ALARM_STATE")
        .r#type(measurement)
        .build()
        .unwrap();
    let alarm = AssetModelCompositeModel::builder()
        .name("Too fast")
        .r#type("AWS/ALARM")
        .properties(property("AWS/ALARM_TYPE", PropertyDataType::String, attribute))
        .properties(state)
        .build()
        .unwrap();
    let mut properties = model.asset_model_properties().to_vec();
    properties.push(property("Speed per hour", PropertyDataType::Double, transform));
    properties.push(property("Mean speed", PropertyDataType::Double, metric));
    reader
        .update_asset_model()
        .asset_model_id(model.asset_model_id())
        .set_asset_model_external_id(model.asset_model_external_id().map(str::to_owned))
        .asset_model_name(model.asset_model_name())
        .set_asset_model_properties(Some(properties))
        .set_asset_model_hierarchies(Some(model.asset_model_hierarchies().to_vec()))
        .asset_model_composite_models(alarm)
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_member_appears_beside_what_people_added() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let reader = emulator.reader();
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, stray).await;
    plant.publish(edge.nbirth(now(), births("T7", &["Speed"]))).await;
    let before = has(&reader, &["Speed"]).await;
    add_by_hand(&reader, &before).await;
    let by_hand = has(&reader, &["Speed per hour", "Mean speed"]).await;

    plant.publish(edge.nbirth(now(), births("T7", &["Speed", "Pitch"]))).await;
    let after = has(&reader, &["Pitch"]).await;
    assert_eq!(names(&after), ["Speed", "Speed per hour", "Mean speed", "Pitch"]);
    let kept = |model: &DescribeAssetModelOutput| {
        let properties = model.asset_model_properties().iter().take(3);
        (properties.cloned().collect::<Vec<_>>(), model.asset_model_composite_models().to_vec())
    };
    assert_eq!(kept(&after), kept(&by_hand));
    assert_eq!(after.asset_model_composite_models().len(), 1);

    let ledger = bridge.stop().await;
    assert_eq!(ledger.problems, []);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_disagree_settle_in_one_model_that_is_written_once() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let reader = emulator.reader();
    let mut nodes = Vec::new();
    for (node, members) in [("one", ["Speed", "Power"]), ("two", ["Speed", "Pitch"])] {
        let mut edge = Edge::new(EdgeNode::new("Nordsee", node), 0);
        let mut plant = Plant::connect(&broker, &edge).await;
        plant.until_asked(&mut edge, stray).await;
        nodes.push((edge, plant, members));
    }
    for round in 0..4 {
        for (edge, plant, members) in &mut nodes {
            plant.publish(edge.nbirth(now(), births("T7", members.as_slice()))).await;
        }
        let model = has(&reader, &["Speed", "Power", "Pitch"]).await;
        assert_eq!(names(&model).len(), 3, "round {round}");
    }
    // Both births came within the time in which growth is collected.
    let writes = |operation: &str| emulator.handle.usage().requests.get(operation).copied();
    let of_models: Vec<_> = emulator.handle.usage().requests.into_iter().collect();
    assert_eq!(writes("UpdateAssetModel"), None, "{of_models:?}");
    let ledger = bridge.stop().await;
    assert_eq!((ledger.problems.as_slice(), ledger.provisioning.failures), (&[] as &[_], 0));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_five_hundred_members_go_into_composite_models() {
    let broker = Broker::start(0).await.unwrap();
    let delay = Duration::from_millis(100);
    let options = Options { create_delay: delay, update_delay: delay, ..Options::default() };
    let emulator = Emulator::start(options);
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let reader = emulator.reader();
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, stray).await;
    let members: Vec<String> = (0..640).map(|number| format!("M{number:03}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    plant.publish(edge.nbirth(now(), births("T7", &members))).await;
    let ledger = |reader: Client| async move {
        let id = Namespace::new("test").model("Turbine").to_string();
        let parts = reader.list_asset_model_composite_models().asset_model_id(id).send().await;
        let parts = parts.ok()?.asset_model_composite_model_summaries;
        let names: Vec<String> = parts.into_iter().map(|part| part.name).collect();
        (names == ["More members 1", "More members 2"]).then_some(())
    };
    eventually("the composite models", || ledger(reader.clone())).await;
    eventually("all values", || async {
        (emulator.handle.usage().values_accepted >= 640).then_some(())
    })
    .await;
    let ledger = bridge.stop().await;
    assert_eq!((ledger.waiting(), ledger.problems.as_slice()), (0, &[] as &[_]), "{ledger:#?}");
    broker.stop().await;
}

/// The next write of the model ends FAILED.
fn fail_turbines(emulator: &Emulator) {
    let fail = Fault {
        effect: Effect::FailModel { name: Some("Turbine".into()) },
        operations: Vec::new(),
        after: 0,
        count: Some(1),
        share: 1.0,
        seed: 0,
    };
    emulator.handle.order(fail).unwrap();
}

/// Waits until SiteWise has the model as FAILED.
async fn failure(reader: &Client) {
    eventually("the failure", || async {
        let status = model(reader).await?.asset_model_status?;
        (status.state().as_str() == "FAILED").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failed_growth_and_a_restart_the_values_of_what_was_there_arrive() {
    let ends_soon = [("SHUTDOWN_GRACE", "1s")];
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &ends_soon);
    let reader = emulator.reader();
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, stray).await;
    plant.publish(edge.nbirth(now(), births("T7", &["Speed"]))).await;
    has(&reader, &["Speed"]).await;
    fail_turbines(&emulator);
    plant.publish(edge.nbirth(now(), births("T7", &["Speed", "Pitch"]))).await;
    failure(&reader).await;
    bridge.stop().await;

    let bridge = Bridge::start(&broker, &emulator, &ends_soon);
    plant.until_asked(&mut edge, stray).await;
    plant.publish(edge.nbirth(now(), births("T7", &["Speed", "Pitch"]))).await;
    let speed =
        Metric::template("T7", Template::instance("Turbine").member(Metric::new("Speed", 7.5)));
    plant.publish(edge.ndata(now(), [speed])).await;
    let model = model(&reader).await.unwrap();
    let speed = model.asset_model_properties().iter().find(|p| p.name() == "Speed").unwrap();
    eventually("the speed", || async {
        let assets =
            reader.list_assets().asset_model_id(model.asset_model_id()).send().await.ok()?;
        let value = reader.get_asset_property_value();
        let value = value.asset_id(assets.asset_summaries().first()?.id());
        let value = value.property_id(speed.id()?).send().await.ok()?.property_value?;
        (value.value?.double_value == Some(7.5)).then_some(())
    })
    .await;
    // The growth is written again after a start, and what it brings arrives.
    has(&reader, &["Speed", "Pitch"]).await;
    let ledger = bridge.stop().await;
    assert_eq!((ledger.parked_points, ledger.problems), (0, Vec::new()));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_failed_is_mended_by_a_new_definition_and_its_values_arrive() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    fail_turbines(&emulator);
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let reader = emulator.reader();
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, stray).await;
    plant.publish(edge.nbirth(now(), births("T7", &["Speed"]))).await;
    failure(&reader).await;
    // The bridge looks again within a moment, and keeps what it cannot write yet.
    let until_then = emulator.handle.usage().values_accepted;
    plant.publish(edge.nbirth(now(), births("T7", &["Speed", "Pitch"]))).await;
    let mended = has(&reader, &["Speed", "Pitch"]).await;
    assert_eq!(names(&mended), ["Speed", "Pitch"]);
    eventually("the values of both births", || async {
        (emulator.handle.usage().values_accepted >= until_then + 3).then_some(())
    })
    .await;
    let ledger = bridge.stop().await;
    assert_eq!((ledger.waiting(), ledger.problems.as_slice()), (0, &[] as &[_]));
    broker.stop().await;
}
