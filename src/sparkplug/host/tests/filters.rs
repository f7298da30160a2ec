//! What is left out, and that nobody misses it.

use super::*;
use crate::globs::Globs;
use crate::sparkplug::filter::Filter;

fn globs(text: &str) -> Option<Globs> {
    (!text.is_empty()).then(|| Globs::parse_trees(text).unwrap())
}

fn filtered(include: &str, exclude: &str) -> Stage {
    Stage::with(|config| {
        config.filter = Filter { include: globs(include), exclude: globs(exclude) };
    })
}

fn metric(name: &str, value: i32) -> Metric {
    Metric::new(name, value)
}

/// Turbine: Speed, Gear with Temp and Oil; parameter Serial.
fn types() -> [Metric; 2] {
    let gearbox = Template::definition().member(metric("Temp", 0)).member(metric("Oil", 0));
    let turbine = Template::definition()
        .parameter("Serial", "")
        .member(metric("Speed", 0))
        .member(Metric::template("Gear", Template::instance("Gearbox")));
    [Metric::template("Turbine", turbine), Metric::template("Gearbox", gearbox)]
}

fn turbine(name: &str) -> Metric {
    let gear = Template::instance("Gearbox").member(metric("Temp", 40)).member(metric("Oil", 5));
    let turbine = Template::instance("Turbine")
        .member(metric("Speed", 12))
        .member(Metric::template("Gear", gear));
    Metric::template(name, turbine)
}

#[track_caller]
fn check_excluded(stage: &Stage, values: u64, messages: u64) {
    let HostCounters { excluded_values, excluded_messages, .. } = stage.host.counters();
    assert_eq!((excluded_values, excluded_messages), (values, messages));
}

#[test]
fn an_excluded_metric_is_counted_and_no_reason_for_anything() {
    for mut edge in [edge(), edge().with_aliases()] {
        let mut stage = filtered("", "*/Diagnostics, g/n/Load");
        let metrics = [metric("Diagnostics/Heap", 1), metric("a", 2), metric("Load", 3)];
        stage.send(&edge.nbirth(stage.time(), metrics.clone()));
        stage.send(&edge.ndata(stage.time(), metrics));
        stage.pass(secs(60));
        stage.check(&["birth g/n: a#2=2", "data g/n: #2=2"]);
        stage.check_found(&[]);
        check_excluded(&stage, 4, 0);
    }
}

#[test]
fn every_value_of_an_excluded_metric_is_counted() {
    let mut stage = filtered("", "*/a");
    let mut edge = edge();
    let twice = [metric("a", 1).historical(), metric("a", 2)];
    stage.send(&edge.nbirth(stage.time(), twice.clone()));
    stage.send(&edge.ndata(stage.time(), twice));
    stage.check(&["birth g/n: "]);
    check_excluded(&stage, 4, 0);
    stage.check_found(&[]);
}

#[test]
fn members_of_instances_are_taken_one_by_one_with_their_definitions() {
    let mut stage = filtered("g/n/d/T1/Speed, */Temp", "*/T2");
    let mut edge = edge();
    let instances = [turbine("T1"), turbine("T2"), metric("Load", 1)];
    stage.send(&edge.nbirth(stage.time(), types()));
    stage.send(&edge.dbirth("d", stage.time(), instances));
    let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
        panic!("the node tells nothing, the device something");
    };
    assert_eq!(
        told_birth(&birth),
        "birth g/n/d defines Gearbox defines Turbine: T1:Turbine{Speed#0=12, Gear:Gearbox{Temp#1=40}}"
    );
    assert_eq!(birth.slots, 2);
    let [gearbox, turbine_type] = &*birth.definitions else { panic!("two definitions") };
    assert_eq!(gearbox.members.len(), 1, "Oil is never taken");
    assert_eq!((turbine_type.members.len(), turbine_type.parameters.len()), (2, 1));

    stage.send(&edge.ddata("d", stage.time(), [turbine("T1"), turbine("T2")]));
    let flat = [metric("T1/Gear/Oil", 6), metric("T1/Gear/Temp", 41), metric("T2/Speed", 13)];
    stage.send(&edge.ddata("d", stage.time(), flat));
    stage.pass(secs(60));
    stage.check(&["data g/n/d: #0=12, #1=40", "data g/n/d: #1=41"]);
    stage.check_found(&[]);
    // Births: bdSeq, the rebirth command, Load, Oil, and three of T2; then 1 + 3; then 2.
    check_excluded(&stage, 2 + 5 + 4 + 2, 0);
}

#[test]
fn an_included_instance_keeps_all_that_is_below_it() {
    let mut stage = filtered("g/n/T1", "");
    let types = types();
    stage.send(
        &edge().nbirth(stage.time(), types.into_iter().chain([turbine("T1"), turbine("T2")])),
    );
    stage.check(&["birth g/n defines Gearbox defines Turbine: T1:Turbine{Speed#0=12, \
         Gear:Gearbox{Temp#1=40, Oil#2=5}}"]);
}

#[test]
fn an_excluded_node_is_not_even_listened_to() {
    let mut stage = filtered("", "g/n, Test");
    let mut edges = [edge(), Edge::new(EdgeNode::new("Test", "x"), 0)];
    for edge in &mut edges {
        // Data before a birth would be asked about.
        stage.send(&edge.ndata(stage.time(), [metric("a", 1)]));
        stage.send(&edge.nbirth(stage.time(), [metric("a", 1)]));
        stage.send(&edge.will());
    }
    let mut other = Edge::new(EdgeNode::new("g", "n2"), 0);
    stage.send(&other.nbirth(stage.time(), [metric("a", 1)]));
    stage.pass(secs(60));
    stage.check(&["birth g/n2: a#2=1"]);
    check_excluded(&stage, 0, 6);
    assert_eq!(stage.host.phases().count(), 1);
}

#[test]
fn an_excluded_device_keeps_its_place_in_the_sequence() {
    let mut stage = filtered("", "*/d");
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [metric("a", 1)]));
    stage.send(&edge.dbirth("d", stage.time(), [metric("a", 1)]));
    stage.send(&edge.ddata("d", stage.time(), [metric("a", 2)]));
    stage.send(&edge.ddeath("d", stage.time()));
    stage.send(&edge.dbirth("d", stage.time(), [metric("a", 1)]));
    stage.send(&edge.ndata(stage.time(), [metric("a", 3)]));
    stage.send(&edge.will());
    stage.pass(secs(60));
    stage.check(&["birth g/n: a#2=1", "data g/n: #2=3", "death g/n certificate @1000000"]);
    stage.check_found(&[]);
    check_excluded(&stage, 3, 0);
}

#[test]
fn a_node_of_which_nothing_is_included_is_not_told_but_its_device_is() {
    let mut stage = filtered("*/d/a", "");
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [metric("b", 1)]));
    stage.send(&edge.dbirth("d", stage.time(), [metric("a", 1), metric("b", 1)]));
    stage.send(&edge.ndata(stage.time(), [metric("b", 2)]));
    stage.send(&edge.will());
    stage.check(&["birth g/n/d: a#0=1", "death g/n/d node @1000000"]);
    stage.check_found(&[]);
}

#[test]
fn a_node_that_was_told_is_told_again_without_its_metrics() {
    let mut stage = filtered("*/a", "");
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [metric("a", 1)]));
    stage.send(&edge.nbirth(stage.time().plus(ms(1)), [metric("b", 1)]));
    stage.send(&edge.will());
    stage.check(&["birth g/n: a#0=1", "birth g/n: ", "death g/n certificate @1000000"]);
}

#[test]
fn what_is_excluded_counts_against_the_limits() {
    let mut stage = filtered("", "g/n/x*");
    let metrics = (0..=limits::LEAVES).map(|number| metric(&format!("x{number}"), 1));
    stage.send(&edge().nbirth(stage.time(), metrics));
    // bdSeq and the rebirth command take their places too.
    assert_eq!(stage.host.counters().findings.count(Finding::TooManyLeaves), 3);
}

#[test]
fn a_filter_that_admits_nobody_is_told_once() {
    let mut stage = filtered("works/*", "");
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [metric("a", 2)]));
    stage.pass(secs(4));
    stage.check(&[]);
    assert!(stage.host.excludes_all_nodes(stage.now.instant).is_none(), "others may come");
    stage.send(&edge.ndata(stage.time(), [metric("a", 3)]));
    stage.pass(secs(60));
    stage.check(&["nobody admitted, first g/n"]);
    assert_eq!(stage.host.excludes_all_nodes(stage.now.instant), Some(("g/n", 2)));
}

#[test]
fn nobody_is_admitted_also_where_sitewise_has_nodes_that_are_left_out() {
    let mut stage = filtered("works/*", "");
    let mut edge = edge();
    stage.host.request_birth_if_back(&EdgeNode::new("g", "old"), stage.now);
    stage.look();
    stage.send(&edge.nbirth(stage.time(), [metric("a", 2)]));
    stage.pass(secs(10));
    assert!(stage.look().contains(&"nobody admitted, first g/n".to_owned()));
    assert!(stage.host.excludes_all_nodes(stage.now.instant).is_some());
    // One of those that SiteWise has is admitted: it may come.
    stage.host.request_birth_if_back(&EdgeNode::new("works", "gw"), stage.now);
    assert!(stage.host.excludes_all_nodes(stage.now.instant).is_none());
}

#[test]
fn nobody_is_admitted_where_the_only_one_heard_was_online_before_the_start() {
    let mut stage = filtered("works/*", "");
    let mut edge = edge();
    stage.host.expect_online(edge.node(), &[], stage.now);
    stage.look();
    stage.send(&edge.nbirth(stage.time(), [metric("a", 2)]));
    stage.pass(secs(10));
    assert!(stage.look().contains(&"nobody admitted, first g/n".to_owned()));
    assert!(stage.host.excludes_all_nodes(stage.now.instant).is_some());
}

#[test]
fn a_filter_that_admits_somebody_is_no_problem() {
    let mut stage = filtered("", "g/m");
    let (mut left_out, mut edge) =
        (Edge::new(EdgeNode { group: "g".into(), node: "m".into() }, 0), edge());
    stage.send(&left_out.nbirth(stage.time(), [metric("a", 2)]));
    stage.send(&edge.nbirth(stage.time(), [metric("a", 2)]));
    stage.pass(secs(60));
    stage.check(&["birth g/n: a#2=2"]);
    assert!(stage.host.excludes_all_nodes(stage.now.instant).is_none());
}

/// It was admitted, and nothing said that no value of it goes anywhere.
#[test]
fn a_filter_that_leaves_nothing_of_an_admitted_node_is_told_once_and_counted() {
    for (include, exclude) in [("g/n/Temp*, */d/Temp*", ""), ("", "*/a, */b")] {
        let mut stage = filtered(include, exclude);
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), [metric("a", 1)]));
        stage.send(&edge.dbirth("d", stage.time(), [metric("b", 1)]));
        stage.pass(secs(4));
        stage.check_found_of(Finding::NothingTaken, 0);
        stage.pass(secs(60));
        stage.check_found_of(Finding::NothingTaken, 1);
        let told = stage
            .host
            .findings()
            .any(|found| found.edge == Some(edge.node()) && found.finding == Finding::NothingTaken);
        assert!(told, "by name");
        stage.send(&edge.ndata(stage.time(), [metric("a", 2)]));
        stage.pass(secs(60));
        stage.check_found_of(Finding::NothingTaken, 1);
        assert!(stage.host.counters().excluded_values >= 3);
    }
}

#[test]
fn a_filter_that_leaves_a_device_or_an_instance_is_no_finding() {
    for include in ["*/d/a", "g/n/T1/Gear/Oil"] {
        let mut stage = filtered(include, "");
        let mut edge = edge();
        let metrics = types().into_iter().chain([turbine("T1"), metric("b", 1)]);
        stage.send(&edge.nbirth(stage.time(), metrics));
        stage.pass(secs(2));
        stage.send(&edge.dbirth("d", stage.time(), [metric("a", 1), metric("b", 1)]));
        stage.pass(secs(60));
        stage.check_found_of(Finding::NothingTaken, 0);
    }
    // Nor is a node without metrics, where nothing is left out.
    let mut stage = filtered("g/n", "");
    stage.send(&edge().nbirth(stage.time(), []));
    stage.pass(secs(60));
    stage.check_found_of(Finding::NothingTaken, 0);
}
