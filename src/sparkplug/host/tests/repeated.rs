//! Metrics and instances that a birth has more than once.

use super::*;

fn kind(name: &str) -> Metric {
    let members = Template::definition().member(Metric::new("Speed", 0_i32));
    Metric::template(name, members.member(Metric::new("Power", 0_i32)))
}

fn turbine(speed: i32) -> Metric {
    turbine_of("Turbine", speed)
}

fn turbine_of(kind: &str, speed: i32) -> Metric {
    Metric::template("T1", Template::instance(kind).member(Metric::new("Speed", speed)))
}

fn born(metrics: impl IntoIterator<Item = Metric>) -> (Stage, Edge) {
    let (mut stage, mut edge) = (Stage::new(), edge());
    let kinds = [kind("Turbine"), kind("Pump")];
    let message = edge.nbirth(stage.time(), kinds.into_iter().chain(metrics));
    stage.send(&message);
    (stage, edge)
}

const BORN: &str = "birth g/n defines Turbine defines Pump: T1:Turbine";

/// The second one was skipped: SiteWise showed history, and the first of two values.
#[test]
fn of_two_instances_of_one_name_the_later_one_is_shown() {
    let (mut stage, mut edge) = born([turbine(1).historical(), turbine(2)]);
    stage.check(&[&format!("{BORN}{{Speed#2=2, Power#3=absent}}"), "data g/n: #2=1 historical"]);
    stage.check_found_of(Finding::RepeatedMetric, 0);
    stage.send(&edge.ndata(stage.time(), [turbine(3)]));
    stage.check(&["data g/n: #2=3"]);

    let (mut stage, _) = born([turbine(1), turbine(2).historical()]);
    stage.check(&[&format!("{BORN}{{Speed#2=1, Power#3=absent}}"), "data g/n: #2=2 historical"]);
    stage.check_found_of(Finding::RepeatedMetric, 0);

    let (mut stage, _) = born([turbine(1), turbine(2)]);
    stage.check(&[&format!("{BORN}{{Speed#2=1, Power#3=absent}}"), "data g/n: #2=2"]);
    stage.check_found_of(Finding::RepeatedMetric, 1);

    // What it was had but one of the members that it has, and there is no definition.
    let pump = |speed: i32| Template::instance("Free").member(Metric::new("Speed", speed));
    let now = pump(2).member(Metric::new("Power", 3_i32));
    let (mut stage, _) =
        born([Metric::template("P1", pump(1)).historical(), Metric::template("P1", now)]);
    stage.check(&[
        "birth g/n defines Turbine defines Pump: P1:Free{Speed#2=2, Power#3=3}",
        "data g/n: #2=1 historical",
    ]);

    // One that is null, and one that says its quality.
    let null = Metric::null("T1", crate::sparkplug::datatype::DataType::Template);
    let (mut stage, _) = born([turbine(1), null]);
    stage.check(&[&format!("{BORN}{{Speed#2=1, Power#3=absent}}"), "data g/n: #2=null, #3=null"]);
    let (mut stage, _) = born([turbine(1), turbine(2).quality(0)]);
    stage.check(&[
        &format!("{BORN}{{Speed#2=1, Power#3=absent}}"),
        "data g/n: #2=2 bad, #3=absent bad",
    ]);
}

/// Those that the first one lacks had no place, in the birth and ever after.
#[test]
fn of_an_instance_that_a_birth_repeats_without_its_definition_no_member_is_lost() {
    let free = |members: &[(&str, i32)]| {
        let all = members.iter().map(|(name, value)| Metric::new(name, *value));
        all.fold(Template::instance("Free"), Template::member)
    };
    let pump = |members: &[(&str, i32)]| Metric::template("P1", free(members));
    const DEFINED: &str = "birth g/n defines Turbine defines Pump";
    let (mut stage, mut edge) =
        born([pump(&[("Speed", 1)]), pump(&[("Power", 2)]), pump(&[("Oil", 3), ("Speed", 4)])]);
    stage.check(&[
        &format!("{DEFINED}: P1:Free{{Speed#2=1, Power#3=absent, Oil#4=absent}}"),
        "data g/n: #3=2, #4=3, #2=4",
    ]);
    stage.send(&edge.ndata(stage.time(), [pump(&[("Power", 5), ("Oil", 6)])]));
    stage.pass(secs(5));
    stage.check(&["data g/n: #3=5, #4=6"]);

    // What it was had more members than what it is.
    let (mut stage, _) = born([pump(&[("Speed", 1)]), pump(&[("Power", 2)]).historical()]);
    stage.check(&[
        &format!("{DEFINED}: P1:Free{{Speed#2=1, Power#3=absent}}"),
        "data g/n: #3=2 historical",
    ]);

    // Within another instance, and where the definition has none of them.
    let nested = |members: &[(&str, i32)]| {
        let box_ = Metric::template("Box", free(members));
        Metric::template("T1", Template::instance("Turbine").member(box_))
    };
    let (mut stage, mut edge) = born([nested(&[("Heat", 1)]), nested(&[("Oil", 2)])]);
    stage.check(&[
        &format!(
            "{DEFINED}: T1:Turbine{{Box:Free{{Heat#2=1, Oil#3=absent}}, Speed#4=absent, \
             Power#5=absent}}"
        ),
        "data g/n: #3=2",
    ]);
    stage.send(&edge.ndata(stage.time(), [nested(&[("Oil", 3)])]));
    stage.check(&["data g/n: #3=3"]);

    // Those of another template are no members of it, nor is an alarm.
    let (mut stage, _) = born([turbine(1), turbine_of("Pump", 2), {
        let alarm = Template::instance("Turbine").member(Metric::new("Oil", 3_i32));
        Metric::template("T1", alarm).content_type("Alarm")
    }]);
    stage.check(&[&format!("{BORN}{{Speed#2=1, Power#3=absent}}")]);
}

#[test]
fn an_instance_of_another_template_or_a_value_by_its_name_is_another_metric() {
    let alarm = turbine(2).content_type("Alarm");
    for other in [turbine_of("Pump", 2), Metric::new("T1", 2_i32), alarm] {
        let (mut stage, _) = born([turbine(1), other]);
        stage.check(&[&format!("{BORN}{{Speed#2=1, Power#3=absent}}")]);
        stage.check_found_of(Finding::RepeatedMetric, 1);
        let skipped: u64 = stage.host.counters().skipped_values.iter().sum();
        assert_eq!(skipped, 1);
    }
}

#[test]
fn an_alias_of_an_instance_that_a_birth_repeats_is_known() {
    let (mut stage, mut edge) = born([turbine(1).alias(70), turbine(2).alias(71)]);
    stage.look();
    stage.send(&edge.ndata(stage.time(), [turbine(3).alias(71).nameless()]));
    stage.check(&["data g/n: #2=3"]);
}

/// Each of them costs its sender a few bytes.
#[test]
fn null_instances_that_a_birth_repeats_are_bounded() {
    let members = (0..100).map(|n| Metric::new(&format!("m{n}"), n));
    let template = members.fold(Template::instance("Wide"), Template::member);
    let null = Metric::null("T1", crate::sparkplug::datatype::DataType::Template);
    let count = limits::LEAVES / 100 + 1_000;
    let all = [Metric::template("T1", template)].into_iter();
    let (mut stage, _) = born(all.chain(std::iter::repeat_n(null, count)));
    let samples: usize = std::iter::from_fn(|| stage.host.poll_output())
        .map(|output| match output {
            Output::Event(Event::Data(data)) => data.samples.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(samples, limits::LEAVES);
    stage.check_found_of(Finding::TooManyLeaves, 1_000);
}

/// It was a value of a wrong type, however often it came, and nobody was asked for a birth.
#[test]
fn an_instance_whose_birth_was_null_without_its_template_is_asked_about() {
    use crate::sparkplug::datatype::DataType;
    for alias in [None, Some(70)] {
        let null = Metric::null("T1", DataType::Template);
        let null = alias.into_iter().fold(null, Metric::alias);
        let (mut stage, mut edge) = born([null]);
        stage.pass(secs(60));
        stage.look();
        let said = match alias {
            Some(alias) => turbine(6).alias(alias).nameless(),
            None => turbine(6),
        };
        stage.send(&edge.ndata(stage.time(), [said]));
        stage.pass(secs(2));
        stage.check(&["rebirth 0 g/n"]);
        // Null again says nothing new.
        let (mut stage, mut edge) = born([Metric::null("T1", DataType::Template)]);
        stage.pass(secs(60));
        stage.look();
        stage.send(&edge.ndata(stage.time(), [Metric::null("T1", DataType::Template)]));
        stage.pass(secs(60));
        stage.check(&["data g/n: #2=null"]);
    }
}
