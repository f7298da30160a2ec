//! What births leave takes memory: who may be made up lets go of it first.

use super::*;

const ALL: usize = 1 << 20;
const UNPROVEN: usize = 256 << 10;
/// More than one of these births takes.
const ONE: usize = 40 << 10;

fn stage() -> Stage {
    Stage::with(|config| {
        config.table_bytes = ALL;
        config.unproven_table_bytes = UNPROVEN;
    })
}

fn metrics() -> impl Iterator<Item = Metric> {
    (0..100).map(|n| Metric::new(&format!("metric {n}"), n))
}

fn node(name: impl std::fmt::Display) -> Edge {
    Edge::new(EdgeNode::new("g", name.to_string()), 0).with_aliases()
}

/// Born, and it said something since.
fn spoken(stage: &mut Stage, name: impl std::fmt::Display) -> Edge {
    let mut edge = node(name);
    stage.send(&edge.nbirth(stage.time(), metrics()));
    stage.send(&edge.ndata(stage.time(), [Metric::new("metric 1", 5)]));
    edge
}

fn is_read(stage: &mut Stage, edge: &mut Edge) -> bool {
    stage.look();
    stage.send(&edge.ndata(stage.time(), [Metric::new("metric 1", 7)]));
    stage.look().iter().any(|line| line.ends_with("=7"))
}

#[test]
fn births_of_made_up_nodes_take_no_room_from_who_spoke() {
    let mut stage = stage();
    let mut honest: Vec<_> = (0..10).map(|n| spoken(&mut stage, n)).collect();
    let mut made_up: Vec<_> = (0..200).map(|n| node(format!("x{n}"))).collect();
    for edge in &mut made_up {
        stage.pass(ms(1));
        stage.send(&edge.nbirth(stage.time(), metrics()));
        assert!(stage.host.memory_use.unproven <= UNPROVEN + ONE, "{:?}", stage.host.memory_use);
    }
    assert!(honest.iter_mut().all(|edge| is_read(&mut stage, edge)));
    // Of each that is let go it is told once, by name.
    let gone = stage.host.nodes().filter(|node| {
        node.found.iter().any(|found| found.finding == Finding::NoRoom && found.count == 1)
    });
    assert!((150..200).contains(&gone.count()));
    assert_eq!(stage.host.phase(made_up[0].node()), NodePhase::Awaited);
    // The silent longest goes first, and is asked for its birth once it speaks.
    assert!(is_read(&mut stage, &mut made_up[199]));
    assert!(!is_read(&mut stage, &mut made_up[0]));
    stage.pass(secs(3));
    assert!(stage.look().contains(&"rebirth 0 g/x0".to_owned()));
    stage.send(&made_up[0].nbirth(stage.time(), metrics()));
    assert!(is_read(&mut stage, &mut made_up[0]));
}

/// Devices without a metric take room as well.
#[test]
fn devices_of_made_up_nodes_take_no_room_from_who_spoke() {
    let mut stage = stage();
    let mut honest = spoken(&mut stage, "honest");
    for number in 0..100 {
        let mut edge = node(format!("x{number}"));
        stage.send(&edge.nbirth(stage.time(), []));
        for device in 0..100 {
            stage.pass(ms(1));
            stage.send(&edge.dbirth(&format!("device {device}"), stage.time(), []));
            assert!(
                stage.host.memory_use.unproven <= UNPROVEN + ONE,
                "{:?}",
                stage.host.memory_use
            );
        }
        if number >= 50 {
            // These say something, and are taken for what they say they are.
            stage.send(&edge.ndata(stage.time(), []));
        }
        assert!(stage.host.memory_use.tables <= ALL + ONE, "{:?}", stage.host.memory_use);
    }
    assert!(is_read(&mut stage, &mut honest));
}

/// They are all honest, and more than there is room for: who speaks stays.
#[test]
fn who_spoke_is_let_go_only_after_ten_silent_minutes() {
    let mut stage = stage();
    let mut silent: Vec<_> = (0..20).map(|n| spoken(&mut stage, n)).collect();
    let mut edges = Vec::new();
    while stage.host.memory_use.tables <= ALL - ALL / 8 {
        assert!(edges.len() < 1_000);
        edges.push(spoken(&mut stage, format!("n{}", edges.len())));
    }
    stage.pass(secs(500));
    assert!(edges.iter_mut().all(|edge| is_read(&mut stage, edge)));
    assert_eq!(stage.host.counters().findings.count(Finding::NoRoom), 0);
    stage.pass(secs(101));
    assert!(edges.iter_mut().all(|edge| is_read(&mut stage, edge)));
    let read = silent.iter_mut().map(|edge| usize::from(is_read(&mut stage, edge))).sum::<usize>();
    assert!(
        (1..20).contains(&read),
        "the silent longest go first, and no more than needed: {read}"
    );
    assert!(stage.host.memory_use.tables <= ALL - ALL / 8, "{:?}", stage.host.memory_use);
    // Where there is no room at all a birth is cut.
    let mut last: Vec<_> = (0..100).map(|n| spoken(&mut stage, format!("last {n}"))).collect();
    for edge in &mut last {
        stage.send(&edge.nbirth(stage.time(), metrics()));
    }
    assert!(stage.host.memory_use.tables <= ALL + ONE, "{:?}", stage.host.memory_use);
}

/// Data may call a member by its path, which is kept; what it sends must not make a table grow.
#[test]
fn paths_into_instances_are_kept_within_a_bound() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let name = |n: usize| format!("{n:0>900}");
    let members = |n: usize| (0..n).map(|n| Metric::new(&name(n), 1_i32));
    let inner = Template::instance("Inner").members(members(100));
    let outer = (0..100).map(|n| Metric::template(&n.to_string(), Template::clone(&inner)));
    let outer = Template::instance("Outer").members(outer);
    stage.send(&edge.nbirth(stage.time(), [Metric::template("i", outer)]));
    let born = stage.host.memory_use.tables;
    let paths: Vec<_> =
        (0..100).flat_map(|o| (0..100).map(move |n| format!("i/{o}/{}", name(n)))).collect();
    let mut wire: Vec<_> = Vec::new();
    for path in &paths {
        wire.push(Metric::new(path, 2_i32));
    }
    stage.look();
    stage.send(&edge.ndata(stage.time(), wire.iter().cloned()));
    let read = stage.look().join("").matches("=2").count();
    assert_eq!((read, stage.host.memory_use.tables), (10_000, born));
    assert!(born < 4 << 20, "{born}");
}

/// Its own will was taken for that of the session before, and it stayed online until it was asked
/// in vain.
#[test]
fn the_will_of_a_node_that_was_let_go_ends_it() {
    let mut stage = stage();
    let mut edge = node("x");
    stage.send(&edge.nbirth(stage.time(), metrics()));
    evict(&mut stage, &edge);
    stage.send(&edge.will());
    assert!(stage.look().iter().any(|line| line.starts_with("death g/x certificate")));
    assert_eq!(stage.host.counters().findings.count(Finding::StaleDeath), 0);
}

/// After a start a flood of births declared dead who had not been asked yet.
#[test]
fn who_is_expected_and_not_asked_yet_is_not_let_go() {
    let mut stage = Stage::with(|config| {
        config.table_bytes = 16 << 20;
        config.unproven_table_bytes = UNPROVEN;
    });
    let now = stage.now;
    let devices: Vec<Arc<str>> = (0..20).map(|n| format!("device {n}").into()).collect();
    let honest: Vec<_> = (0..200).map(|n| EdgeNode::new("g", n.to_string())).collect();
    for edge in &honest {
        stage.host.expect_online(edge, &devices, now);
    }
    stage.look();
    // Alone it takes more than all of them may, and keeps its own while it speaks.
    let mut large = node("x");
    let many = |n: usize| (0..n).map(|n| Metric::new(&format!("metric {n}"), 1_i32));
    stage.send(&large.nbirth(stage.time(), many(20_000)));
    stage.send(&large.nbirth(stage.time(), many(20_000)));
    let told = stage.look();
    let dead = |line: &&String| line.starts_with("death g/") && !line.starts_with("death g/x");
    assert_eq!(told.iter().find(dead), None);
    let let_go = stage.host.nodes().filter(|node| {
        node.edge != large.node() && node.found.iter().any(|found| found.finding == Finding::NoRoom)
    });
    assert_eq!(let_go.count(), 0);
}

/// They filled the memory for good, and the births of all others were cut.
#[test]
fn device_names_of_evicted_nodes_that_sent_data_are_given_back() {
    let mut stage = stage();
    let devices: Vec<_> = (0..20).map(|n| format!("{n:0>1000}")).collect();
    let mut told = Vec::new();
    for number in 0..100 {
        let mut edge = node(number);
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
        for device in &devices {
            stage.send(&edge.dbirth(device, stage.time(), [Metric::new("b", 1_i32)]));
        }
        stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
        stage.pass(secs(700));
        told.extend(stage.look());
    }
    assert_eq!(stage.host.counters().findings.count(Finding::TooManyLeaves), 0);
    assert_eq!(told.iter().filter(|line| line.starts_with("birth g/")).count(), 2_100);
    // Nobody is told dead who was not asked.
    assert_eq!(stage.host.phase(&EdgeNode::new("g", "0")), NodePhase::Offline);
    let asked = told.iter().position(|line| line == "rebirth 0 g/0");
    let dead = told.iter().position(|line| line.starts_with("death g/0 "));
    assert!(asked.is_some() && asked < dead, "{asked:?} {dead:?}");
    assert_eq!(told.iter().filter(|line| line.starts_with("death g/0/")).count(), 20);
}

/// It was awaited for ever: nothing of it was left to be doubted.
#[test]
fn silence_ends_a_node_whose_tables_were_evicted() {
    let mut stage = Stage::with(|config| {
        config.table_bytes = ALL;
        config.unproven_table_bytes = UNPROVEN;
        config.silence = Some(secs(60));
    });
    let mut edge = node("x");
    stage.send(&edge.nbirth(stage.time(), metrics()));
    let mut others: Vec<_> = (0..200).map(|n| node(format!("y{n}"))).collect();
    for other in &mut others {
        stage.pass(ms(1));
        stage.send(&other.nbirth(stage.time(), metrics()));
    }
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Awaited);
    stage.pass(secs(59));
    assert!(!stage.look().contains(&"rebirth 0 g/x".to_owned()));
    stage.pass(secs(30));
    let told = stage.look();
    let asked = told.iter().position(|line| line == "rebirth 0 g/x");
    let dead = told.iter().position(|line| line.starts_with("death g/x silent"));
    assert!(asked.is_some() && asked < dead, "{asked:?} {dead:?}");
}

/// Others need the room for the tables of this node.
fn evict(stage: &mut Stage, edge: &Edge) {
    let mut others: Vec<_> = (0..200).map(|n| node(format!("y{n}"))).collect();
    for other in &mut others {
        stage.pass(ms(1));
        stage.send(&other.nbirth(stage.time(), metrics()));
    }
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Awaited);
    stage.look();
}

/// A node whose tables are evicted, with the will of a session before it.
fn evicted(stage: &mut Stage) -> (Edge, Message) {
    let mut edge = node("x");
    let late = edge.will();
    edge.reconnect();
    stage.send(&edge.nbirth(stage.time(), metrics()));
    evict(stage, &edge);
    (edge, late)
}

/// A living node was told dead for it, and was not asked any more.
#[test]
fn a_late_will_of_a_node_whose_tables_were_evicted_is_asked_about() {
    let silence = |config: &mut Config| {
        config.table_bytes = ALL;
        config.unproven_table_bytes = UNPROVEN;
        config.silence = Some(secs(60));
    };
    // Before it is silent for long, before and after it is asked for that, and where the request is lost.
    for (after, answers) in [(1, true), (60, true), (63, true), (63, false), (1, false)] {
        let mut stage = Stage::with(silence);
        let (mut edge, late) = evicted(&mut stage);
        // Others are asked for their silence, too.
        stage.pass(secs(after));
        stage.send(&late);
        assert_eq!(stage.host.phase(edge.node()), NodePhase::Awaited, "{after}");
        stage.pass(secs(5));
        let told = stage.look();
        assert!(told.contains(&"rebirth 0 g/x".to_owned()), "{after}");
        assert!(!told.iter().any(|line| line.starts_with("death g/x")), "{after}");
        stage.check_found_of(Finding::StaleDeath, 1);
        if answers {
            stage.send(&edge.nbirth(stage.time(), metrics()));
        }
        stage.pass(secs(10));
        let dead = stage.look().iter().any(|line| line.starts_with("death g/x silent"));
        assert_eq!(dead, !answers, "{after}");
    }
}

/// Where nobody may be asked, or late wills are to be left alone, it stays as it is; where every death
/// counts, this does.
#[test]
fn the_number_of_a_session_whose_tables_were_evicted_tells_a_late_will() {
    use crate::sparkplug::config::BdSeq;
    use crate::sparkplug::rebirth::RebirthReasons;
    let (all, none) = (RebirthReasons::ALL, RebirthReasons::NONE);
    for (bd_seq, reasons, dies) in [
        (BdSeq::Strict, all, false),
        (BdSeq::Verify, none, false),
        (BdSeq::Strict, none, false),
        (BdSeq::Off, all, true),
        (BdSeq::Off, none, true),
    ] {
        let mut stage = Stage::with(|config| {
            config.table_bytes = ALL;
            config.unproven_table_bytes = UNPROVEN;
            config.bd_seq = bd_seq;
            config.rebirth.reasons = reasons;
        });
        let (edge, late) = evicted(&mut stage);
        stage.send(&late);
        stage.pass(secs(20));
        let told = stage.look().iter().any(|line| line.starts_with("death g/x "));
        assert_eq!(told, dies, "{bd_seq:?} {reasons}");
        assert_eq!(stage.host.counters().findings.count(Finding::StaleDeath), u64::from(!dies));
        // Its own ends it in any case.
        stage.send(&edge.will());
        assert_ne!(stage.host.phase(edge.node()), NodePhase::Awaited);
    }
}

/// All of them were asked at once, and their births filled the memory that was to be freed.
#[test]
fn no_more_silent_nodes_are_asked_than_room_is_needed_for() {
    use crate::sparkplug::rebirth::RebirthReason;
    let asked = |stage: &Stage| stage.host.counters().rebirths[RebirthReason::Probe as usize];
    let mut stage = Stage::with(|config| {
        config.table_bytes = 4 << 20;
        config.rebirth.per_second = 1_000;
    });
    // Each is evicted by the next, and leaves twenty names of devices.
    let devices: Vec<_> = (0..20).map(|n| format!("{n:0>1000}")).collect();
    let nodes = 180;
    for number in 0..nodes {
        let mut edge = node(number);
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
        for device in &devices {
            stage.send(&edge.dbirth(device, stage.time(), [Metric::new("b", 1_i32)]));
        }
        stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
        stage.pass(secs(15));
    }
    stage.pass(secs(3600));
    stage.look();
    let (before, filled) = (asked(&stage), stage.host.memory_use.tables);
    // Little is missing: few are asked, however often it is looked.
    for _ in 0..5 {
        stage.send(&node("new").nbirth(stage.time(), [Metric::new("a", 1_i32)]));
        stage.pass(secs(1));
    }
    let few = asked(&stage) - before;
    let most = (4 << 20) * 49 / 64;
    let each = filled / nodes as usize;
    let needed = filled.saturating_sub(most).div_ceil(each) as u64 + 1;
    // What is born meanwhile takes some, too.
    assert!((needed / 2..needed + 5).contains(&few), "{few} of {needed}");
}

/// Each is larger than what is left of the limit, which was not kept then.
#[test]
fn large_births_of_made_up_nodes_take_no_more_than_they_may() {
    let born = |stage: &mut Stage, name: usize, metrics: usize| {
        let metrics = (0..metrics).map(|n| Metric::new(&format!("metric {n}"), 1_i32));
        stage.send(&node(name).nbirth(stage.time(), metrics));
        stage.host.memory_use.unproven
    };
    // Two of them are more than there is room for.
    let metrics = 1_000 * (UNPROVEN * 5 / 8) / born(&mut stage(), 0, 1_000);
    let mut stage = stage();
    for number in 0..10 {
        stage.pass(ms(1));
        let taken = born(&mut stage, number, metrics);
        assert!(taken > UNPROVEN / 2 && taken < UNPROVEN * 3 / 2, "{number}: {taken}");
    }
}

/// They were taken for nodes that are asked whether they live, and nobody else was let go.
#[test]
fn who_is_expected_and_never_spoke_gives_no_room_back() {
    let mut stage = Stage::with(|config| {
        config.table_bytes = ALL;
        config.unproven_table_bytes = usize::MAX / 2;
    });
    let devices: Vec<Arc<str>> = (0..20).map(|n| format!("{n:0>1000}").into()).collect();
    for number in 0..20 {
        let expected = EdgeNode::new("g", number.to_string());
        stage.host.expect_online(&expected, &devices, stage.now);
    }
    assert!(stage.host.memory_use.tables > ALL / 4, "{:?}", stage.host.memory_use);
    for number in 0..200 {
        stage.send(&node(format!("x{number}")).nbirth(stage.time(), metrics()));
        assert!(stage.host.memory_use.tables <= ALL - ALL / 8 + ONE, "{:?}", stage.host.memory_use);
    }
    assert_eq!(stage.host.counters().findings.count(Finding::TooManyLeaves), 0);
}

/// A hundred, also where that does not give back enough: the rest once these had time to answer.
#[test]
fn no_more_than_a_hundred_silent_nodes_are_asked_at_once() {
    use crate::sparkplug::rebirth::{RebirthReason, RebirthReasons};
    let mut stage = Stage::with(|config| {
        config.rebirth.per_second = 1_000;
        config.rebirth.reasons = RebirthReasons::NONE.with(RebirthReason::Probe);
    });
    // Their births cannot be read, and twenty names of devices are left of each.
    let devices: Vec<_> = (0..20).map(|n| format!("{n:0>100}")).collect();
    for number in 0..600 {
        let mut edge = node(number);
        stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
        for device in &devices {
            stage.send(&edge.dbirth(device, stage.time(), []));
        }
        stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
        let birth = edge.nbirth(stage.time(), []);
        stage.send(&Message { payload: vec![0xff], ..birth });
    }
    stage.pass(secs(3600));
    stage.look();
    // A quarter of them would have to go.
    stage.host.config.table_bytes = stage.host.memory_use.tables;
    let mut new = node("new");
    for second in 0..3 {
        stage.send(&new.nbirth(stage.time(), [Metric::new("a", second)]));
        stage.pass(secs(1));
    }
    assert_eq!(stage.host.counters().rebirths[RebirthReason::Probe as usize], 100);
}
