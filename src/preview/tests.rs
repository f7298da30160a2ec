//! The report as it is read.

use std::sync::Mutex;

use super::*;
use crate::config::Config;
use crate::sitewise::api::*;
use crate::sitewise::tags::{Taggable, Tags};
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::edge::{Edge, Metric, Template};
use crate::sparkplug::event::Event;
use crate::sparkplug::host::{Host, ServerId};
use crate::sparkplug::message::Message;
use crate::time::Timestamp;
use crate::twin::plan::api_call::{ApiCall, CallResult};
use crate::twin::tests::fake::{FakeModel, FakeSiteWise};

mod buffered;
mod commands;
mod dashboards;
mod groups;
mod labels;

const START: i64 = 1_790_000_000_000;

/// SiteWise in memory. That anything is written to it is a failure.
struct ReadOnly(Mutex<FakeSiteWise>);

impl ReadOnly {
    fn read(&self, call: ApiCall) -> Result<CallResult, ApiFault> {
        assert!(!call.is_write(), "{call}");
        self.0.lock().unwrap().call(call)
    }

    fn page(&self, call: ApiCall) -> Result<Page<Asset>, ApiFault> {
        match self.read(call)? {
            CallResult::Assets(page) => Ok(page),
            done => panic!("{done:?}"),
        }
    }
}

impl SiteWise for ReadOnly {
    async fn create_model(&self, model: CreateModel) -> Result<(), ApiFault> {
        self.read(ApiCall::CreateModel(model)).map(drop)
    }

    async fn grow_model(&self, growth: GrowModel) -> Result<(), ApiFault> {
        self.read(ApiCall::GrowModel(growth)).map(drop)
    }

    async fn create_composite(&self, composite: CreateComposite) -> Result<(), ApiFault> {
        self.read(ApiCall::CreateComposite(composite)).map(drop)
    }

    async fn grow_composite(&self, growth: GrowComposite) -> Result<(), ApiFault> {
        self.read(ApiCall::GrowComposite(growth)).map(drop)
    }

    async fn describe_model(&self, id: uuid::Uuid) -> Result<Model, ApiFault> {
        match self.read(ApiCall::DescribeModel(id))? {
            CallResult::Model(model) => Ok(model),
            done => panic!("{done:?}"),
        }
    }

    async fn list_models(&self, token: Option<String>) -> Result<Page<ModelSummary>, ApiFault> {
        match self.read(ApiCall::ListModels(token))? {
            CallResult::Models(page) => Ok(page),
            done => panic!("{done:?}"),
        }
    }

    async fn create_asset(&self, asset: CreateAsset) -> Result<(), ApiFault> {
        self.read(ApiCall::CreateAsset(asset)).map(drop)
    }

    async fn describe_asset(&self, id: uuid::Uuid) -> Result<Asset, ApiFault> {
        match self.read(ApiCall::DescribeAsset(id))? {
            CallResult::Asset(asset) => Ok(asset),
            done => panic!("{done:?}"),
        }
    }

    async fn list_assets(
        &self,
        model: uuid::Uuid,
        token: Option<String>,
    ) -> Result<Page<Asset>, ApiFault> {
        self.page(ApiCall::ListAssets(model, token))
    }

    async fn read_properties(
        &self,
        asset: uuid::Uuid,
        token: Option<String>,
    ) -> Result<Page<(uuid::Uuid, AssetProperty)>, ApiFault> {
        match self.read(ApiCall::ReadProperties(asset, token))? {
            CallResult::Properties(page) => Ok(page),
            done => panic!("{done:?}"),
        }
    }

    async fn describe_property(
        &self,
        asset: uuid::Uuid,
        property: uuid::Uuid,
    ) -> Result<AssetProperty, ApiFault> {
        match self.read(ApiCall::DescribeProperty { asset, property })? {
            CallResult::Property(property) => Ok(property),
            done => panic!("{done:?}"),
        }
    }

    async fn update_property(&self, update: UpdateProperty) -> Result<(), ApiFault> {
        self.read(ApiCall::UpdateProperty(update)).map(drop)
    }

    async fn read_tags(&self, of: Taggable) -> Result<Tags, ApiFault> {
        match self.read(ApiCall::ReadTags(of))? {
            CallResult::Tags(tags) => Ok(tags),
            done => panic!("{done:?}"),
        }
    }

    async fn tag(&self, of: Taggable, tags: Tags) -> Result<(), ApiFault> {
        self.read(ApiCall::Tag(of, tags)).map(drop)
    }

    async fn read_values(
        &self,
        of: Vec<(uuid::Uuid, uuid::Uuid)>,
    ) -> Result<Vec<LatestValue>, ApiFault> {
        match self.read(ApiCall::ReadValues(of))? {
            CallResult::Values(values) => Ok(values),
            done => panic!("{done:?}"),
        }
    }

    async fn associate(&self, association: Associate) -> Result<(), ApiFault> {
        self.read(ApiCall::Associate(association)).map(drop)
    }

    async fn list_children(
        &self,
        parent: uuid::Uuid,
        token: Option<String>,
    ) -> Result<Page<Asset>, ApiFault> {
        self.page(ApiCall::ListChildren(parent, token))
    }

    async fn put(&self, entries: Vec<Entry>) -> Result<Vec<EntryError>, ApiFault> {
        panic!("values were written: {entries:?}");
    }
}

fn line_of(second: usize, message: &Message) -> String {
    let hex: String = message.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.5 {} {hex}\n", START / 1000 + second as i64, message.topic)
}

fn turbine(speed: f64) -> Template {
    Template::instance("Turbine").parameter("Serial", "WT-7").member(Metric::new("Speed", speed))
}

/// A gateway with a turbine by template, two pumps in folders, and twenty values.
fn captured() -> String {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let at = |second: usize| Timestamp::from_millis(START + second as i64 * 1000);
    let definition = Template::definition()
        .parameter("Serial", "unknown")
        .member(Metric::new("Speed", 0.0).property("engUnit", "rpm").property("engHigh", 20.0));
    let mut births =
        vec![Metric::template("_types_/Turbine", definition), Metric::template("T7", turbine(1.0))];
    for pump in ["P1", "P2"] {
        births.push(Metric::new(&format!("Pumps/{pump}/Flow"), 1.0));
        births.push(Metric::new(&format!("Pumps/{pump}/Pressure"), 2.0));
    }
    let mut lines = "# what a plant said\n\n".to_owned();
    lines.push_str(&line_of(0, &edge.nbirth(at(0), births)));
    for second in 1..=20 {
        let data = edge.ndata(at(second), [Metric::template("T7", turbine(second as f64))]);
        lines.push_str(&line_of(second, &data));
    }
    let mut silent = Edge::new(EdgeNode::new("Nordsee", "lost"), 0);
    let _ = silent.nbirth(at(0), []);
    lines.push_str(&line_of(20, &silent.ndata(at(20), [Metric::new("x", 1.0)])));
    lines
}

async fn planned(lines: &str, sitewise: FakeSiteWise) -> PlanReport {
    planned_with(&[], lines, sitewise).await
}

async fn planned_with(
    variables: &[(&str, &str)],
    lines: &str,
    sitewise: FakeSiteWise,
) -> PlanReport {
    let name = format!("sparkwise-plan-{:016x}.txt", fastrand::u64(..));
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, lines).unwrap();
    let usual = [("MQTT_URL", "mqtt://localhost"), ("AWS_REGION", "eu-west-1")];
    let variables: std::collections::BTreeMap<_, _> = usual
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let config = Config::load(&variables).unwrap();
    let options = PlanOptions { from: PlanSource::Captures(vec![path.clone()]), json: false };
    let report = run(&config, &options, ReadOnly(Mutex::new(sitewise)), "test").await;
    std::fs::remove_file(path).unwrap();
    report.unwrap()
}

/// The day between two captures was billed as listening, and in the wrong order they had no times.
#[tokio::test]
async fn a_gap_between_captures_is_no_listening_whatever_their_order() {
    let usual = [("MQTT_URL", "mqtt://localhost"), ("AWS_REGION", "eu-west-1")];
    let variables: std::collections::BTreeMap<_, _> =
        usual.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let config = Config::load(&variables).unwrap();
    let folder = std::env::temp_dir().join(format!("sparkwise-plan-{:016x}", fastrand::u64(..)));
    std::fs::create_dir(&folder).unwrap();
    let minute = |name: &str, begins: usize| {
        let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
        let at = |second: usize| Timestamp::from_millis(START + second as i64 * 1000);
        let mut lines = line_of(begins, &edge.nbirth(at(begins), [Metric::new("Load", 0.0)]));
        for second in begins + 1..=begins + 60 {
            let value = Metric::new("Load", second as f64);
            lines.push_str(&line_of(second, &edge.ndata(at(second), [value])));
        }
        let path = folder.join(name);
        std::fs::write(&path, lines).unwrap();
        path
    };
    let (monday, tuesday) = (minute("mon", 0), minute("tue", 86_400));
    let cost = async |paths: Vec<PathBuf>| {
        let options = PlanOptions { from: PlanSource::Captures(paths), json: false };
        let sitewise = ReadOnly(Mutex::new(FakeSiteWise::default()));
        run(&config, &options, sitewise, "test").await.unwrap().cost.unwrap()
    };
    let one = cost(vec![monday.clone()]).await;
    assert_eq!((one.listened, one.values), (Duration::from_secs(60), 60));
    let both = cost(vec![monday.clone(), tuesday.clone()]).await;
    assert_eq!((both.listened, both.values), (Duration::from_secs(120), 120));
    assert_eq!(cost(vec![tuesday, monday.clone()]).await, both);
    // What two captures of one time have was listened to once.
    let twice = cost(vec![monday.clone(), monday]).await;
    assert_eq!(twice.listened, Duration::from_secs(60));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn the_report_says_what_would_be_done() {
    let report = planned(&captured(), FakeSiteWise::default()).await;
    let expected = include_str!("tests/report.txt");
    assert!(report.changes());
    assert_eq!(report.to_string(), expected, "\n{report}");
}

#[tokio::test]
async fn a_model_of_the_same_name_that_others_made_is_a_conflict() {
    let mut sitewise = FakeSiteWise::default();
    let foreign = FakeModel {
        name: "Turbine".into(),
        external_id: None,
        description: None,
        properties: Vec::new(),
        composites: std::collections::BTreeMap::new(),
        hierarchies: Vec::new(),
        updates: 0,
        looks: 0,
        failed: None,
        usable: None,
    };
    sitewise.models.insert(uuid::Uuid::from_u128(1), foreign);
    let report = planned(&captured(), sitewise).await;
    let [(what, why)] = report.conflicts.as_slice() else { panic!("{report}") };
    assert_eq!(what, "model Turbine");
    assert!(why.contains("TWIN_MODEL_PREFIX"), "{why}");
    assert!(!report.to_string().contains("+ 1 of Turbine"), "{report}");
}

#[tokio::test]
async fn the_rules_there_are_are_not_suggested_again() {
    let rules = [("TWIN_RULES", "Pumps/{asset}/{member} => Pump")];
    let report = planned_with(&rules, &captured(), FakeSiteWise::default()).await;
    assert_eq!(report.rules, []);
    assert!(report.to_string().contains("+ 2 of Pump: Pumps/P1, Pumps/P2"), "{report}");
}

/// The births of a gateway and of devices with these tags.
fn devices(devices: &[(&str, &[&str])]) -> String {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let at = Timestamp::from_millis(START);
    let mut lines = line_of(0, &edge.nbirth(at, []));
    for (device, tags) in devices {
        let tags: Vec<Metric> = tags.iter().map(|tag| Metric::new(tag, 1.0)).collect();
        lines.push_str(&line_of(0, &edge.dbirth(device, at, tags)));
    }
    lines
}

#[tokio::test]
async fn flat_devices_are_told_by_name_with_the_model_that_they_share() {
    let lines = devices(&[
        ("P1", &["Flow", "Pressure"]),
        ("P2", &["Flow", "Pressure"]),
        ("M1", &["Energy", "Power"]),
    ]);
    let report = planned(&lines, FakeSiteWise::default()).await;
    let [(_, sources)] = report.shared.as_slice() else { panic!("{report}") };
    assert_eq!(sources, &["Nordsee/gw/P1", "Nordsee/gw/P2"]);
    let text = report.to_string();
    assert!(text.contains(": Nordsee/gw/P1, Nordsee/gw/P2\n"), "{text}");
    assert!(text.contains(": M1\n") && text.contains(": P1, P2\n"), "{text}");

    let kinds = [("TWIN_KINDS", "Nordsee/*/* => Machine")];
    let report = planned_with(&kinds, &lines, FakeSiteWise::default()).await;
    let all = ["Nordsee/gw/P1", "Nordsee/gw/P2", "Nordsee/gw/M1"].map(str::to_owned);
    assert_eq!(report.shared, [("Machine".to_owned(), all.to_vec())]);
    assert!(report.to_string().contains("+ 3 of Machine: P1, P2, M1"), "{report}");
}

#[tokio::test]
async fn what_lies_past_a_cap_is_foretold_by_machine_and_cap() {
    let lines = devices(&[("P1", &["Flow"]), ("P2", &["Flow"]), ("P3", &["Flow"])]);
    // The bridge, the group, the gateway and two devices.
    let most = [("TWIN_MAX_ASSETS", "5")];
    let report = planned_with(&most, &lines, FakeSiteWise::default()).await;
    let [(machine, why)] = report.conflicts.as_slice() else { panic!("{report}") };
    assert_eq!(machine, "Nordsee/gw/P3");
    assert!(why.contains("exceeds TWIN_MAX_ASSETS") && why.contains("raise it"), "{why}");
    // By name, and before what is planned, which may be long.
    let text = report.to_string();
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("no {words:?} in {text}"));
    assert!(place("Limits reached\n  ! Nordsee/gw/P3: exceeds") < place("\nModels\n"), "{text}");
    assert_eq!(text.matches("Nordsee/gw/P3: ").count(), 1, "{text}");
}

#[tokio::test]
async fn edge_nodes_that_disagree_about_a_unit_are_a_conflict() {
    let births = |node: &str, unit: &str| {
        let mut edge = Edge::new(EdgeNode::new("Nordsee", node), 0);
        let speed = Metric::new("Speed", 1.0).property("engUnit", unit);
        let definition = Metric::template("_types_/Pump", Template::definition().member(speed));
        line_of(0, &edge.nbirth(Timestamp::from_millis(START), [definition]))
    };
    let lines = births("gw1", "rpm") + &births("gw2", "1/min");
    let report = planned(&lines, FakeSiteWise::default()).await;
    let [(what, why)] = report.conflicts.as_slice() else { panic!("{report}") };
    assert_eq!(what, "Nordsee/gw2 gives Pump/Speed the unit \"1/min\", Nordsee/gw1 gave \"rpm\"");
    assert!(why.contains("make the edge nodes agree"), "{why}");
}

#[test]
fn lines_are_read_as_people_capture_them() {
    let payload = vec![0x08, 0xff];
    let topic = "spBv1.0/Nord see/NDATA/gw";
    for (text, time) in [
        ("spBv1.0/Nord see/NDATA/gw 08ff", None),
        ("1790000000.25 spBv1.0/Nord see/NDATA/gw 08FF", Some(1_790_000_000.25)),
        ("spBv1.0/Nord see/NDATA/gw\tCP8=", None),
    ] {
        assert_eq!(line(text), Ok(CaptureLine { time, topic, payload: payload.clone() }), "{text}");
    }
    // An NDEATH of Tahu's C library has no payload, and an editor takes the blank behind it.
    for (text, time, topic) in [
        ("spBv1.0/a/NDEATH/b ", None, "spBv1.0/a/NDEATH/b"),
        ("1790000000 spBv1.0/a/NDEATH/b", Some(1_790_000_000.0), "spBv1.0/a/NDEATH/b"),
        ("spBv1.0/Nord see/NDEATH/gw ", None, "spBv1.0/Nord see/NDEATH/gw"),
    ] {
        assert_eq!(line(text), Ok(CaptureLine { time, topic, payload: Vec::new() }), "{text}");
    }
    assert_eq!(line("08ff"), Err(CaptureLineError::NoTopic));
    assert_eq!(line("spBv1.0/a/NDATA/b ?"), Err(CaptureLineError::NotEncoded));
}

/// The folder was named, and a line was counted through all files before.
#[test]
fn of_a_folder_the_file_is_named_that_cannot_be_read() {
    let name = format!("sparkwise-captures-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let config = crate::sparkplug::config::Config::new("h");
    let read = || capture::read(&config, None, std::slice::from_ref(&folder)).unwrap_err();
    std::fs::write(folder.join("a"), "spBv1.0/g/NDATA/n 08ff\n\n").unwrap();
    std::fs::write(folder.join("b"), "# none\nnonsense\n").unwrap();
    let PlanError::Line { path, number, .. } = read() else { panic!("another error") };
    assert_eq!((path, number), (folder.join("b"), 2));
    // No text at all.
    std::fs::write(folder.join("b"), [0xff, 0xfe]).unwrap();
    let fault = read();
    assert!(fault.to_string().contains(folder.join("b").to_str().unwrap()), "{fault}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A thousand births of a hundred thousand metrics took all memory: it is not their number that counts.
#[test]
fn a_plan_is_bounded_by_what_births_hold_and_not_by_their_number() {
    let birth = |metrics: usize| {
        let mut host = Host::new(crate::sparkplug::config::Config::new("h"), 0);
        let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
        let metrics = (0..metrics).map(|n| Metric::new(&n.to_string(), 1.0));
        let message = edge.nbirth(Timestamp::from_millis(START), metrics);
        let now = Now::default();
        host.handle_message(ServerId(0), &message.topic, &message.payload, false, now);
        let mut told = CapturedEvents::default();
        told.take(&mut host, now);
        let [(_, event)] = <[_; 1]>::try_from(told.events).unwrap();
        event
    };
    let fill = |event: Event, most: usize| {
        let mut told = CapturedEvents { parts: capture::PARTS / 100 * 99, ..Default::default() };
        (0..most).find(|_| {
            told.push_event(Now::default(), event.clone());
            told.is_full()
        })
    };
    // Twenty thousand parts are left.
    assert!(fill(birth(1_000), 100).is_some_and(|at| (15..20).contains(&at)));
    assert_eq!(fill(birth(1), 1_000), None);
}

#[tokio::test]
async fn what_has_no_place_in_the_tree_is_foretold_by_name() {
    let names: Vec<(String, [String; 2])> =
        (0..150).map(|n| (format!("D{n:03}"), [format!("A{n}"), format!("B{n}")])).collect();
    let tags: Vec<[&str; 2]> = names.iter().map(|(_, [a, b])| [a.as_str(), b.as_str()]).collect();
    let all: Vec<(&str, &[&str])> =
        names.iter().zip(&tags).map(|((name, _), tags)| (name.as_str(), tags.as_slice())).collect();
    let report = planned(&devices(&all), FakeSiteWise::default()).await;
    let text = report.to_string();
    for (name, _) in &names {
        assert!(text.contains(&format!("+ 1 of {name} (device): {name}\n")), "{name} in {text}");
    }
    assert!(text.contains("+ 1 of gw (edge node), more: gw, more\n"), "{text}");
    for (what, why) in &report.conflicts {
        assert!(what.starts_with("placement of asset Nordsee/gw/D"), "{what}: {why}");
        assert!(why.contains("100 models in a tree"), "{what}: {why}");
    }
    // The gateway under its group, its overflow levels, and all devices but those that are named.
    let levels = text.matches("+ 1 of gw (edge node), more").count();
    assert_eq!(report.associations, 1 + levels + names.len() - report.conflicts.len());
    assert!((1..60).contains(&report.conflicts.len()), "{text}");
}

/// Each pause of more than a minute was taken for a stepped clock, which writes presence anew.
#[tokio::test]
async fn a_pause_between_two_messages_is_no_step_of_the_clock() {
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let at = |second: usize| Timestamp::from_millis(START + second as i64 * 1000);
    let mut lines = line_of(0, &edge.nbirth(at(0), []));
    for device in ["P1", "P2", "P3"] {
        lines.push_str(&line_of(0, &edge.dbirth(device, at(0), [Metric::new("Flow", 1.0)])));
    }
    for (n, second) in [100, 200, 300].into_iter().enumerate() {
        let flow = Metric::new("Flow", n as f64 + 2.0);
        lines.push_str(&line_of(second, &edge.ddata("P1", at(second), [flow])));
    }
    let report = planned(&lines, FakeSiteWise::default()).await;
    assert_eq!(report.cost.as_ref().map(|cost| cost.values), Some(3), "{report}");
}

/// They were "listen longer (--for 5m)", which is refused with a capture, and "[environment]".
#[tokio::test]
async fn a_capture_without_births_is_told_as_one_and_its_variables_as_unset() {
    let nothing = std::collections::BTreeMap::new();
    let config = Config::load(&WithoutServer(nothing)).unwrap();
    let shown = |name: &str| {
        let mut found = config.effective.iter().filter(|item| item.name == name);
        found.next().map(ToString::to_string)
    };
    assert_eq!(shown("MQTT_URL").as_deref(), Some("MQTT_URL=(not used) [default]"));
    assert_eq!(shown("AWS_REGION").as_deref(), Some("AWS_REGION=(the profile's) [default]"));
    let name = format!("sparkwise-plan-{:016x}.txt", fastrand::u64(..));
    let path = std::env::temp_dir().join(name);
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    edge.nbirth(Timestamp::from_millis(START), [Metric::new("Load", 0.0)]);
    let data = edge.ndata(Timestamp::from_millis(START + 1_000), [Metric::new("Load", 1.0)]);
    std::fs::write(&path, line_of(1, &data)).unwrap();
    let options = PlanOptions { from: PlanSource::Captures(vec![path.clone()]), json: false };
    let sitewise = ReadOnly(Mutex::new(FakeSiteWise::default()));
    let told = run(&config, &options, sitewise, "test").await.unwrap_err().to_string();
    std::fs::remove_file(path).unwrap();
    assert!(told.contains("the capture has no birth: capture for longer"), "{told}");
    assert!(!told.contains("--for"), "{told}");
}
