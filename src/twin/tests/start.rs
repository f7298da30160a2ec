//! The start beside a SiteWise that has everything already.

use super::*;

/// So many turbines in one birth.
fn turbines(count: u32) -> Event {
    let metrics = (0..count).map(|n| turbine(&format!("T{n}"), n * 3, 12.0, 0));
    birth(node(), definitions(), metrics.collect())
}

/// A bridge that has just started, on a SiteWise with so many turbines, and knows its models.
fn restarted(config: &Config, count: u32) -> Rig {
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    rig.event(turbines(count));
    rig.seconds(60);
    let mut sitewise = rig.sitewise;
    sitewise.writes.clear();
    let mut rig = Rig::with(config.clone(), sitewise);
    rig.event(turbines(count));
    while !rig.twin.plan().models_known() {
        rig.pass(Duration::from_millis(10));
    }
    assert!(!rig.twin.plan().is_synced());
    rig
}

/// As many pages as 100,000 assets of ten models have.
#[test]
fn the_initial_sync_takes_a_tenth_longer_than_its_pages_at_most() {
    let plant = |offset: i64| {
        let metrics = (0..800).map(|n| {
            let speed = leaf(n, "Speed", DataType::Double, sample(0, Value::Double(12.0)));
            instance(&format!("T{n}"), &format!("Make {}", n % 10), vec![speed])
        });
        birth_at(offset, node(), Vec::new(), metrics.collect())
    };
    let mut rig = Rig::new();
    rig.event(plant(0));
    rig.seconds(60);
    assert!(rig.sitewise.assets.len() > 800);
    for latency in [0, 100, 250] {
        rig = rig.restart();
        let begin = rig.now.instant;
        rig.twin.handle_event(plant(0), rig.now);
        let (mut waiting, mut pages) = (std::collections::VecDeque::new(), 0);
        while !rig.twin.plan().is_synced() {
            while let Some(output) = rig.twin.poll_output(rig.now) {
                if let Output::Call(id, call) = output {
                    pages += u32::from(matches!(call, ApiCall::ListAssets(..)));
                    let at = rig.now.instant + Duration::from_millis(latency);
                    waiting.push_back((at, id, call));
                }
            }
            let first = waiting.front().map(|(at, ..)| *at);
            let next = [first, rig.twin.poll_timeout()].into_iter().flatten().min().unwrap();
            rig.now = rig.now.plus(next.since(rig.now.instant));
            while waiting.front().is_some_and(|(at, ..)| *at <= rig.now.instant) {
                let (_, id, call) = waiting.pop_front().unwrap();
                let answer = rig.sitewise.call(call);
                rig.twin.handle_result(id, answer, rig.now);
            }
            rig.twin.handle_timeout(rig.now);
        }
        let (took, quota) = (rig.now.instant.since(begin), Duration::from_secs(1) * pages / 30);
        assert!(pages >= 400, "{pages}");
        assert!(took < quota * 11 / 10, "{latency}: {took:?}, not {quota:?}");
    }
}

#[test]
fn values_of_instances_do_not_wait_until_all_assets_are_learned() {
    let mut rig = restarted(&config(), 40);
    rig.event(data(node(), vec![(0, sample(10_000, Value::Double(13.0)))]));
    let told = vec![
        (0, Quality::Good, Variant::Double(12.0)),
        (10_000, Quality::Good, Variant::Double(13.0)),
    ];
    assert_eq!(rig.written("T0", "Speed"), told);
    assert_eq!(rig.written("T39/Gearbox", "Temp").len(), 1);
    assert!(rig.points.iter().all(|waiting| waiting.gate.is_none()));
    rig.check_conservation();

    rig.seconds(600);
    assert!(rig.twin.plan().is_synced());
    // Nothing was written twice, and nothing is wanted.
    assert_eq!(rig.written("T0", "Speed"), told);
    assert_eq!(rig.written("T39/Gearbox", "Temp").len(), 1);
    assert_eq!(rig.sitewise.writes, Vec::<String>::new());
    assert_eq!(rig.twin.counts().points, 40 * 3 + 1);
    rig.check_conservation();
}

#[test]
fn an_instance_that_kept_another_model_gets_its_values_there() {
    let mut rig = Rig::new();
    rig.event(turbines(1));
    rig.seconds(60);
    let (turbine, _) = rig.sitewise.asset("T0");
    let (gearbox, _) = rig.sitewise.model("Gearbox");
    rig.sitewise.assets.get_mut(&turbine).unwrap().model = gearbox;
    let mut rig = rig.restart();
    rig.event(turbines(1));
    rig.seconds(60);
    assert_eq!(rig.written("T0", "Speed"), [(0, Quality::Good, Variant::Double(12.0))]);
    rig.check_conservation();
}

#[test]
fn where_there_is_a_second_model_values_wait_for_their_assets() {
    let config = Config { assets_per_model: 20, ..config() };
    let mut rig = restarted(&config, 40);
    assert_eq!(rig.written("T0", "Speed"), []);
    rig.seconds(60);
    assert_eq!(rig.written("T0", "Speed").len(), 1);
    assert_eq!(rig.written("T39", "Speed").len(), 1);
    assert_eq!(rig.sitewise.writes, Vec::<String>::new());
    rig.check_conservation();
}

#[test]
fn a_turbine_that_came_while_the_bridge_was_away_keeps_its_values() {
    let mut rig = restarted(&config(), 40);
    let new = turbine("N", 0, 12.0, 0);
    rig.event(birth(device("new"), Vec::new(), vec![new]));
    rig.seconds(60);
    // Sent before it was there: delivery repeats what SiteWise does not know yet.
    assert_eq!(rig.written("N", "Speed").len(), 1);
    assert_eq!(rig.sitewise.path("N"), ["Nordsee", "gw", "new", "N"]);
    rig.check_conservation();
}

/// Creations and associations go side by side: the slower quota alone decides.
#[test]
fn a_plant_is_there_as_fast_as_the_quotas_allow() {
    let mut rig = Rig::with(config(), FakeSiteWise::default());
    rig.seconds(10);
    let began = rig.now.instant;
    for node in 0..4_u32 {
        let source = Source { edge: EdgeNode::new("Nordsee", format!("gw{node}")), device: None };
        let speed = |n| leaf(n, "Speed", DataType::Double, sample(0, Value::Double(1.0)));
        let turbines = (0..100).map(|n| instance(&format!("T{n}"), "Mast", vec![speed(n)]));
        rig.event(birth(source, Vec::new(), turbines.collect()));
    }
    let linked = |rig: &Rig| rig.twin.plan().figures().assets_linked;
    while linked(&rig) < 404 {
        rig.pass(Duration::from_millis(50));
        assert!(rig.now.instant.since(began) < Duration::from_secs(60), "{}", linked(&rig));
    }
    let took = rig.now.instant.since(began);
    let quotas_alone = Duration::from_secs(405) / 50;
    assert!(took <= quotas_alone.mul_f64(1.1), "{took:?}, by the quotas {quotas_alone:?}");
}

/// SiteWise is away, and nodes are born again and again.
#[test]
fn of_births_that_wait_too_long_the_latest_of_each_source_is_kept() {
    let sensor = |value: f64, count: u32| {
        let leaf = |slot| {
            leaf(slot, &format!("M{slot}"), DataType::Double, sample(0, Value::Double(value)))
        };
        (0..count).map(leaf).collect::<Vec<_>>()
    };
    let mut rig = Rig::new();
    rig.twin.handle_event(birth(device("calm"), Vec::new(), sensor(1.0, 2)), rig.now);
    let mut given_up = 0;
    for round in 0..2_000 {
        let metrics = sensor(f64::from(round), 1_000);
        rig.twin.handle_event(birth(device("busy"), Vec::new(), metrics), rig.now);
        rig.twin.handle_event(death(device("busy"), 1), rig.now);
        let (held, lost) = (rig.twin.buffered(), rig.twin.counts().dropped(DropReason::BeforeSync));
        assert!(held <= event_buffer::DATA_LIMIT + 1_000, "{held} values are held");
        assert_eq!(held as u64 + lost, 2 + 1_000 * (u64::from(round as u32) + 1));
        given_up = lost;
    }
    assert!(given_up > 1_000_000, "{given_up}");
    rig.twin.handle_event(birth(device("busy"), Vec::new(), sensor(7.0, 2)), rig.now);
    rig.twin.handle_event(data(device("busy"), vec![(1, sample(5, Value::Double(8.0)))]), rig.now);
    rig.check_conservation();
    rig.seconds(60);
    // The latest is there, and whoever was born once has lost nothing.
    assert_eq!(rig.written("busy", "M1").last().unwrap().2, Variant::Double(8.0));
    assert_eq!(rig.written("busy", "Online").last().unwrap().2, Variant::Boolean(true));
    assert_eq!(rig.written("calm", "M1").len(), 1);
    rig.check_conservation();
}

/// Births alone must not fill the memory while Open: SiteWise is unreachable.
#[test]
fn births_that_wait_are_bounded_and_who_spoke_keeps_its_own() {
    let machine = |node: &str| Source { edge: EdgeNode::new("Nordsee", node), device: None };
    let metrics = |count: u32| {
        let leaf =
            |slot| leaf(slot, &format!("M{slot}"), DataType::Double, sample(0, Value::Double(1.0)));
        (0..count).map(leaf).collect::<Vec<_>>()
    };
    let mut rig = Rig::new();
    let says = |rig: &mut Rig, node: &str, value: f64| {
        let told = data(machine(node), vec![(0, sample(5, Value::Double(value)))]);
        rig.twin.handle_event(told, rig.now);
    };
    // One that speaks, one that is quiet, and many that are made up.
    rig.twin.handle_event(birth(machine("honest"), Vec::new(), metrics(30_000)), rig.now);
    says(&mut rig, "honest", 7.0);
    rig.twin.handle_event(birth(machine("quiet"), Vec::new(), metrics(3)), rig.now);
    let mut told = BTreeSet::new();
    for made_up in 0..150 {
        let name = format!("m{made_up}");
        rig.twin.handle_event(birth(machine(&name), Vec::new(), metrics(20_000)), rig.now);
        assert!(
            rig.twin.buffered() <= event_buffer::BIRTH_LIMIT,
            "{} values are held",
            rig.twin.buffered()
        );
        while let Some(output) = rig.twin.poll_output(rig.now) {
            if let Output::Finding { edge, finding, .. } = output {
                assert_eq!(finding, Finding::TooManyLeaves);
                assert!(told.insert(edge.node.to_string()), "{edge} is told twice");
            }
        }
    }
    let lost = rig.twin.counts().dropped(DropReason::BeforeSync);
    assert_eq!(rig.twin.buffered() as u64 + lost, 30_001 + 3 + 150 * 20_000);
    assert_eq!(told.len() as u64 * 20_000, lost);
    assert!(told.len() > 100 && !told.contains("honest") && !told.contains("quiet"), "{told:?}");
    // What one says whose birth was given up can be read by none.
    let given_up = told.first().unwrap().clone();
    says(&mut rig, &given_up, 3.0);
    assert_eq!(rig.twin.counts().dropped(DropReason::BeforeSync), lost + 1);
    rig.check_conservation();
}

/// SiteWise is away, and what was held filled up.
#[test]
fn whoever_said_what_was_given_up_is_asked_to_say_it_again() {
    let machine = |node: &str, device: Option<&str>| Source {
        edge: EdgeNode::new("Nordsee", node),
        device: device.map(Into::into),
    };
    let speed = |value: f64| vec![leaf(0, "S", DataType::Double, sample(0, Value::Double(value)))];
    let says = |rig: &mut Rig, source: Source| {
        let told = data(source, vec![(0, sample(5, Value::Double(2.0)))]);
        rig.twin.handle_event(told, rig.now);
    };
    let mut rig = Rig::new();
    let all = [
        machine("calm", None),
        machine("behind", None),
        machine("above", None),
        machine("above", Some("d")),
        machine("reborn", None),
        machine("dead", None),
    ];
    for source in all.clone() {
        rig.twin.handle_event(birth(source, Vec::new(), speed(1.0)), rig.now);
    }
    // There is room for less than another value.
    let count = event_buffer::DATA_LIMIT - all.len() * 5 - 4 - 3;
    let filler = (0..count as u32).map(|slot| (slot, sample(0, Value::Double(0.0))));
    rig.twin.handle_event(data(machine("filler", None), filler.collect()), rig.now);
    for source in [&all[1], &all[3], &all[4], &all[5]] {
        says(&mut rig, source.clone());
    }
    let filler = birth(machine("filler", None), Vec::new(), speed(1.0));
    rig.twin.handle_event(filler, rig.now);
    rig.twin.handle_event(birth(all[4].clone(), Vec::new(), speed(2.0)), rig.now);
    rig.twin.handle_event(death(all[5].clone(), 6), rig.now);
    rig.check_conservation();
    rig.seconds(60);
    assert_eq!(rig.expected, ["again Nordsee/above", "again Nordsee/behind"]);
    rig.check_conservation();
}

/// A birth repeats a value while SiteWise is learned: the mark came before what had been sent.
#[test]
fn a_mark_comes_after_what_was_sent_while_sitewise_was_learned() {
    let mut rig = restarted(&config(), 40);
    let again = vec![turbine("T0", 0, 12.0, 5_000)];
    rig.event(birth_at(5_000, node(), definitions(), again));
    rig.event(death(node(), 4_000));
    rig.seconds(600);
    assert_eq!(rig.shown("T0", "Speed"), Some((Quality::Uncertain, Variant::Double(12.0))));
    rig.check_conservation();
}

/// Of a nested instance, of one of a device, and of a tag on a model that many machines share.
#[test]
fn an_instance_that_went_while_the_bridge_was_away_is_marked() {
    let born = |rig: &mut Rig, all: bool| {
        let at = rig.offset();
        let mut metrics = vec![turbine("T1", 0, 12.0, at)];
        metrics.extend(all.then(|| turbine("T2", 3, 13.0, at)));
        rig.event(birth_at(at, node(), definitions(), metrics.clone()));
        rig.event(birth_at(at, device("row"), Vec::new(), metrics));
        rig.seconds(90);
    };
    let mut rig = Rig::new();
    born(&mut rig, true);
    let mut rig = rig.restart();
    born(&mut rig, false);
    let shown = |rig: &Rig, asset: &str, name: &str| rig.shown(asset, name).unwrap().0;
    for gone in ["T2", "Nordsee/gw/row/T2"] {
        assert_eq!(shown(&rig, gone, "Speed"), Quality::Uncertain, "{gone}");
    }
    assert_eq!(shown(&rig, "T2/Gearbox", "Temp"), Quality::Uncertain);
    assert_eq!(shown(&rig, "T1", "Speed"), Quality::Good);
    rig.check_conservation();
    // It comes back, with what it said before.
    born(&mut rig, true);
    assert_eq!(shown(&rig, "T2", "Speed"), Quality::Good);
    assert_eq!(rig.shown("T2/Gearbox", "Temp").unwrap().0, Quality::Good);
    let written = rig.written("T2", "Speed").len();
    born(&mut rig, true);
    assert_eq!(rig.written("T2", "Speed").len(), written);
}

/// A start while the account is unknown read nothing of the plant, for as long as STS was away.
#[test]
fn what_comes_before_the_namespace_is_known_gets_the_ids_of_the_real_one() {
    let mut rig = Rig::new();
    rig.event(turbines(2));
    rig.seconds(60);
    let known: Vec<_> = rig.sitewise.assets.keys().copied().collect();
    let points = rig.points.len();

    let mut late =
        Rig::with(Config { namespace: Namespace::new(""), ..config() }, FakeSiteWise::default());
    late.twin.await_namespace();
    late.twin.namespace_unknown("STS does not answer");
    late.event(turbines(2));
    late.seconds(60);
    assert_eq!((late.sitewise.reads, late.sitewise.writes.len()), (0, 0));
    assert!(late.twin.buffered() > 0 && late.points.is_empty());
    let problems: Vec<_> = late.twin.plan().problems().collect();
    assert_eq!(problems, [("determine the AWS account", "STS does not answer")]);
    late.twin.handle_namespace(config().namespace);
    late.seconds(60);
    let found: Vec<_> = late.sitewise.assets.keys().copied().collect();
    assert_eq!((found, late.points.len()), (known, points));
    assert_eq!((late.twin.buffered(), late.twin.plan().problems().count()), (0, 0));
    // It is handed over once.
    late.twin.handle_namespace(Namespace::new("another"));
    late.twin.namespace_unknown("too late");
    assert!(late.twin.plan().problems().next().is_none());
}
