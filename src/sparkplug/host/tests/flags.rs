//! What an instance says of itself counts for its members: quality, null, history.

use super::*;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::Typed;
use crate::sparkplug::proto::payload as wire;

fn kind() -> [Metric; 2] {
    let inner = Template::definition().member(Metric::new("Oil", 0.5));
    let gear = Metric::template("Gear", Template::instance("Gearbox"));
    let outer = Template::definition().member(Metric::new("Speed", 0.5)).member(gear);
    [Metric::template("Gearbox", inner), Metric::template("Turbine", outer)]
}

/// `T1` with qualities of its own, of its gear, and of both members.
fn turbine([own, gear, speed, oil]: [i32; 4]) -> Metric {
    let inner = Template::instance("Gearbox").member(Metric::new("Oil", 1.5).quality(oil));
    let outer = Template::instance("Turbine")
        .member(Metric::new("Speed", 2.5).quality(speed))
        .member(Metric::template("Gear", inner).quality(gear));
    Metric::template("T1", outer).quality(own)
}

#[test]
fn the_quality_of_an_instance_counts_for_its_members() {
    let cases = [
        ([192, 192, 192, 192], "", ""),
        ([0, 192, 192, 192], " bad", " bad"),
        ([500, 192, 192, 192], " uncertain", " uncertain"),
        ([192, 0, 192, 192], "", " bad"),
        ([500, 0, 192, 192], " uncertain", " bad"),
        ([500, 192, 0, 500], " bad", " uncertain"),
        ([0, 500, 500, 192], " bad", " bad"),
        ([192, 500, 0, 0], " bad", " bad"),
    ];
    for aliased in [false, true] {
        for (codes, speed, oil) in cases {
            let mut stage = Stage::new();
            let mut edge = if aliased { edge().with_aliases() } else { edge() };
            let born = kind().into_iter().chain([turbine(codes)]);
            stage.send(&edge.nbirth(stage.time(), born));
            stage.send(&edge.dbirth("d", stage.time(), [turbine(codes)]));
            stage.send(&edge.ndata(stage.time(), [turbine(codes)]));
            stage.send(&edge.ddata("d", stage.time(), [turbine(codes)]));
            stage.check(&[
                &format!(
                    "birth g/n defines Gearbox defines Turbine: T1:Turbine{{Speed#2=2.5{speed}, \
                     Gear:Gearbox{{Oil#3=1.5{oil}}}}}"
                ),
                &format!(
                    "birth g/n/d: T1:Turbine{{Speed#0=2.5{speed}, Gear:Gearbox{{Oil#1=1.5{oil}}}}}"
                ),
                &format!("data g/n: #2=2.5{speed}, #3=1.5{oil}"),
                &format!("data g/n/d: #0=2.5{speed}, #1=1.5{oil}"),
            ]);
            stage.check_found(&[]);
        }
    }
}

#[test]
fn a_null_instance_has_the_quality_that_it_says() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let born = kind().into_iter().chain([turbine([192; 4])]);
    stage.send(&edge.nbirth(stage.time(), born));
    stage.look();
    let null = Metric::null("T1", DataType::Template);
    stage.send(&edge.ndata(stage.time(), [null.clone().quality(0)]));
    stage.send(&edge.ndata(stage.time(), [null.clone().quality(500).historical()]));
    stage.send(&edge.ndata(stage.time(), [null]));
    stage.check(&[
        "data g/n: #2=null bad, #3=null bad",
        "data g/n: #2=null uncertain historical, #3=null uncertain historical",
        "data g/n: #2=null, #3=null",
    ]);
}

#[test]
fn an_instance_that_is_null_in_its_birth_is_null_in_every_leaf() {
    let said = |metric: Metric| {
        let mut stage = Stage::new();
        stage.send(&edge().nbirth(stage.time(), kind().into_iter().chain([metric])));
        stage.look().remove(0).split_once("Turbine: ").unwrap().1.to_owned()
    };
    let mut wire = turbine([192; 4]).into_wire();
    wire.is_null = Some(true);
    let whole = "T1:Turbine{Speed#2=null, Gear:Gearbox{Oil#3=null}}";
    assert_eq!(said(Metric::from(wire.clone())), whole);
    // Its members are not even named.
    let mut bare = Metric::template("T1", Template::instance("Turbine")).into_wire();
    bare.is_null = Some(true);
    assert_eq!(said(Metric::from(bare.clone())), whole);
    assert_eq!(
        said(Metric::from(bare).quality(0)),
        "T1:Turbine{Speed#2=null bad, Gear:Gearbox{Oil#3=null bad}}"
    );
    // One of an instance's instances.
    let outer = Template::instance("Turbine").member(Metric::new("Speed", 2.5));
    let outer = outer.member(Metric::null("Gear", DataType::Template).quality(500));
    assert_eq!(
        said(Metric::template("T1", outer)),
        "T1:Turbine{Speed#2=2.5, Gear:Gearbox{Oil#3=null uncertain}}"
    );
}

#[test]
fn odd_qualities_have_their_place_in_births_and_in_data() {
    let cases = [
        (Typed::from(216), "", None),
        (Typed::from(20), " bad", None),
        (Typed::from(516), " uncertain", None),
        (Typed::from(192.0), "", Some(Finding::WrongQuality)),
        (Typed::from("Bad_Stale"), " uncertain", Some(Finding::WrongQuality)),
        (Typed::from(false), " bad", Some(Finding::WrongQuality)),
        (Typed::from(130), " uncertain", Some(Finding::UnknownQuality)),
        (Typed::from("fine"), " uncertain", Some(Finding::UnknownQuality)),
        (Typed::null(DataType::Int32), "", None),
    ];
    for (quality, said, finding) in cases {
        let mut stage = Stage::new();
        let mut edge = edge().with_aliases();
        let metric = |name: &str| Metric::new(name, 1_i32).property("Quality", quality.clone());
        let null = Metric::null("b", DataType::Int32).property("Quality", quality.clone());
        stage.send(&edge.nbirth(stage.time(), [metric("a"), null.clone()]));
        stage.send(&edge.ndata(stage.time(), [metric("a"), null]));
        stage.check(&[
            &format!("birth g/n: a#2=1{said}, b#3=null{said}"),
            &format!("data g/n: #2=1{said}, #3=null{said}"),
        ]);
        if let Some(finding) = finding {
            stage.check_found_of(finding, 4);
        } else {
            stage.check_found(&[]);
        }
    }
}

#[test]
fn what_is_past_says_nothing_of_what_a_metric_is_now() {
    for aliased in [false, true] {
        let speed = |unit: &str| Metric::new("Speed", 1.5).property("engUnit", unit);
        let serial = |serial: &str| {
            let instance = Template::instance("Gearbox").parameter("Serial", serial);
            Metric::template("T1", instance.member(Metric::new("Oil", 1.5)))
        };
        let told = |metrics: Vec<Metric>| {
            let mut stage = Stage::new();
            let mut edge = if aliased { edge().with_aliases() } else { edge() };
            stage.send(&edge.nbirth(stage.time(), [kind()[0].clone(), speed("rpm"), serial("a")]));
            stage.send(&edge.ndata(stage.time(), metrics));
            let mut outputs = std::iter::from_fn(|| stage.host.poll_output());
            let data = outputs.find_map(|output| match output {
                Output::Event(Event::Data(data)) => Some(data),
                _ => None,
            });
            let data = data.unwrap();
            (data.samples.len(), data.attributes.len())
        };
        assert_eq!(told(vec![speed("Hz"), serial("b")]), (2, 2));
        assert_eq!(told(vec![speed("Hz").historical(), serial("b").historical()]), (2, 0));
        assert_eq!(told(vec![speed("Hz").transient(), serial("b").transient()]), (2, 2));
    }
}

/// It counted as a value that nobody could read, and the members stayed as they were.
#[test]
fn an_instance_that_says_its_quality_alone_says_that_of_its_members() {
    let alone = |code: i32, empty: bool| {
        let metric = match empty {
            true => Metric::template("T1", Template::instance("Turbine")),
            false => Metric::null("T1", DataType::Template),
        };
        let mut wire = metric.quality(code).into_wire();
        wire.is_null = None;
        Metric::from(wire)
    };
    for (aliased, empty) in [(false, false), (false, true), (true, false)] {
        let mut stage = Stage::new();
        let mut edge = if aliased { edge().with_aliases() } else { edge() };
        let born = kind().into_iter().chain([turbine([192, 500, 0, 192])]);
        stage.send(&edge.nbirth(stage.time(), born));
        stage.look();
        for (code, told) in [
            (0, "data g/n: #2=absent bad, #3=absent bad"),
            // The gear's own counts for what is within it.
            (192, "data g/n: #2=absent, #3=absent uncertain"),
        ] {
            stage.send(&edge.ndata(stage.time(), [alone(code, empty)]));
            stage.check(&[told]);
        }
        stage.check_found(&[]);
        assert_eq!(stage.host.counters().skipped_values, [0; SkipReason::ALL.len()]);
    }
}

/// They stayed BAD after their instance had said that it was GOOD, until each was said again.
#[test]
fn the_quality_that_an_instance_says_with_some_members_is_that_of_the_others_too() {
    let speed = |code: Option<i32>, speed: f64| {
        let turbine = Template::instance("Turbine").member(Metric::new("Speed", speed));
        let metric = Metric::template("T1", turbine);
        code.into_iter().fold(metric, Metric::quality)
    };
    for aliased in [false, true] {
        let mut stage = Stage::new();
        let mut edge = if aliased { edge().with_aliases() } else { edge() };
        let born = kind().into_iter().chain([turbine([192, 500, 192, 192])]);
        stage.send(&edge.nbirth(stage.time(), born));
        stage.look();
        for (said, told) in [
            (speed(Some(192), 1.0), "data g/n: #2=1"),
            (speed(Some(0), 2.0), "data g/n: #2=2 bad, #3=absent bad"),
            // It has said so already.
            (speed(Some(0), 3.0), "data g/n: #2=3 bad"),
            // A message without a quality says nothing of who is not in it.
            (speed(None, 4.0), "data g/n: #2=4"),
            (speed(Some(192), 5.0), "data g/n: #2=5, #3=absent uncertain"),
            // What is past says nothing of what it is now.
            (speed(Some(0), 6.0).historical(), "data g/n: #2=6 bad historical"),
            // It was BAD, then members came with a message that says none: what it says again counts.
            (speed(Some(0), 7.0), "data g/n: #2=7 bad, #3=absent bad"),
            (speed(None, 8.0), "data g/n: #2=8"),
            (speed(Some(0), 9.0), "data g/n: #2=9 bad, #3=absent bad"),
        ] {
            stage.send(&edge.ndata(stage.time(), [said]));
            stage.check(&[told]);
        }
        stage.check_found(&[]);
    }
}

/// It became a null, and the value was gone from SiteWise.
#[test]
fn a_leaf_in_data_that_says_its_quality_alone_keeps_its_value() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let member = Template::instance("K").member(Metric::new("m", 2_i32));
    stage
        .send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32), Metric::template("x", member)]));
    stage.look();
    let alone = |name: &str| {
        let mut wire = Metric::new(name, 1_i32).quality(0).into_wire();
        wire.value = None;
        Metric::from(wire)
    };
    let nested = Template::instance("K").member(alone("m"));
    stage.send(&edge.ndata(stage.time(), [alone("a"), Metric::template("x", nested)]));
    stage.check(&["data g/n: #2=absent bad, #3=absent bad"]);
    stage.check_found_of(Finding::NoValue, 0);
    // History without a value says nothing; nor does a metric that says nothing at all.
    let history =
        Metric::from(wire::Metric { is_historical: Some(true), ..alone("a").into_wire() });
    let nothing = Metric::from(wire::Metric { properties: None, ..alone("a").into_wire() });
    stage.send(&edge.ndata(stage.time(), [history, nothing]));
    stage.check(&["data g/n: #2=null"]);
    stage.check_found_of(Finding::NoValue, 2);
    // A birth says what there is.
    stage.send(&edge.nbirth(stage.time(), [alone("a")]));
    stage.check(&["birth g/n: a#2=null bad"]);
    stage.check_found_of(Finding::NoValue, 3);
}
