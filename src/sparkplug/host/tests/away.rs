//! Servers that are away, at the start or later, and come back.

use super::*;

const THERE: ServerId = ServerId(1);

fn two_servers() -> Stage {
    Stage::with(|config| config.servers = 2)
}

/// Whoever is behind the server that is away was told to be dead, and not to answer.
#[test]
fn who_may_be_behind_a_server_that_is_away_is_not_accused() {
    let mut stage = two_servers();
    let (online, offline) = (EdgeNode::new("g", "n"), EdgeNode::new("g", "off"));
    stage.host.expect_online(&online, &[], stage.now);
    stage.host.request_birth_if_back(&offline, stage.now);
    stage.pass(secs(300));
    let told = stage.look();
    // SiteWise shows it as offline, as it shows all whose server is lost.
    assert!(told.contains(&"death g/n connection @1010000".to_owned()), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("silent")), "{told:?}");
    assert_eq!((stage.host.problems().count(), stage.host.dead().count()), (0, 0));
    stage.check_found_of(Finding::RebirthUnanswered, 0);

    // Once that server is there, silence means something.
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.pass(secs(1));
    let asked = stage.look();
    assert!(asked.contains(&"rebirth 1 g/n".to_owned()), "{asked:?}");
    stage.pass(secs(60));
    let problems: Vec<_> = stage.host.problems().map(|(edge, _)| edge.clone()).collect();
    assert_eq!(problems, [online]);
    stage.check_found_of(Finding::RebirthUnanswered, 1);
}

#[test]
fn who_was_heard_is_accused_whichever_server_is_away() {
    let mut stage = two_servers();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    edge.skip(1);
    stage.send(&edge.ndata(stage.time(), [Metric::new("a", 2_i32)]));
    stage.pass(secs(60));
    assert_eq!(stage.host.problems().count(), 1);
}

#[test]
fn where_all_servers_are_there_silence_is_death() {
    let mut stage = two_servers();
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.host.expect_online(&EdgeNode::new("g", "n"), &[], stage.now);
    stage.pass(secs(30));
    let told = stage.look();
    assert!(told.contains(&"death g/n silent @1010000".to_owned()), "{told:?}");
}

/// How often each server was used to ask, among what was told.
fn asked(told: &[String], node: &str) -> [usize; 2] {
    [0, 1].map(|server| {
        let line = format!("rebirth {server} {node}");
        told.iter().filter(|told| **told == line).count()
    })
}

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

/// Quiet nodes stayed offline for up to an hour, or for good: only who was online was asked.
#[test]
fn whoever_is_not_online_is_asked_at_once_where_another_server_connects() {
    let mut stage = two_servers();
    let nodes = ["offline", "stored", "unread", "heard", "dead"].map(|n| EdgeNode::new("g", n));
    let [offline, stored, unread, heard, dead] = &nodes;
    let mut edges = nodes.clone().map(|node| Edge::new(node, 0));
    stage.host.request_birth_if_back(offline, stage.now);
    stage.send_retained(&edges[1].nbirth(stage.time(), a(1)));
    let damaged = edges[2].nbirth(stage.time(), a(1));
    stage.send_retained(&Message { payload: vec![0xff], ..damaged });
    let _unheard = edges[3].nbirth(stage.time(), a(1));
    stage.send(&edges[3].ndata(stage.time(), a(1)));
    stage.send(&edges[4].nbirth(stage.time(), a(1)));
    stage.send(&edges[4].will());
    stage.pass(secs(1_000));
    stage.look();
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.pass(secs(1));
    let told = stage.look();
    for node in [offline, stored, unread, heard, dead] {
        assert_eq!(asked(&told, &node.to_string())[1], 1, "{node} {told:?}");
    }
}

/// It was asked after the start alone, and not after a drop of our link: that it came back in
/// between nobody heard.
#[test]
fn who_sitewise_has_as_offline_is_asked_after_a_drop_of_our_link_as_well() {
    let mut stage = Stage::new();
    let node = EdgeNode::new("g", "n");
    stage.host.request_birth_if_back(&node, stage.now);
    stage.pass(secs(20));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.look();
    stage.pass(secs(3));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.pass(secs(1));
    assert_eq!(asked(&stage.look(), "g/n"), [1, 0]);
    stage.pass(secs(3600));
    assert!(asked(&stage.look(), "g/n")[0] > 5);
    assert_eq!(stage.host.problems().count(), 0);
}

/// It was asked on its old server alone, for ever.
#[test]
fn who_was_lost_with_its_server_is_asked_on_all_once_they_are_back() {
    let mut stage = two_servers();
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.send(&edge().nbirth(stage.time(), a(1)));
    stage.pass(secs(60));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.host.handle_disconnected(THERE, stage.now);
    stage.pass(secs(1));
    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.pass(secs(1));
    stage.look();
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.pass(secs(1));
    assert_eq!(asked(&stage.look(), "g/n"), [1, 1]);
}

/// It was neither dead nor forgotten for as long as the process ran, and a problem while its server
/// was away.
#[test]
fn who_was_lost_with_its_server_is_dead_once_that_is_back_and_it_does_not_answer() {
    let mut stage = two_servers();
    let edge = edge();
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.send(&edge.clone().nbirth(stage.time(), a(1)));
    stage.host.handle_disconnected(SERVER, stage.now);
    stage.pass(secs(60));
    // It may be there, and what it does not answer says nothing of where it was.
    stage.host.handle_disconnected(THERE, stage.now);
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.pass(secs(60));
    assert!(asked(&stage.look(), "g/n")[1] > 0);
    assert_eq!((stage.host.problems().count(), stage.host.dead().count()), (0, 0));
    assert_eq!(stage.host.phase(edge.node()), NodePhase::Offline);

    stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
    stage.pass(secs(60));
    assert_eq!((stage.host.problems().count(), stage.host.dead().count()), (1, 1));
}

/// Their places were never free again.
#[test]
fn nodes_of_a_server_that_is_lost_for_good_leave_their_places_after_a_week() {
    let mut stage = two_servers();
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    for node in 0..limits::NODES {
        let mut edge = Edge::new(EdgeNode::new("g", node.to_string()), 0);
        stage.send(&edge.nbirth(stage.time(), a(1)));
        stage.send(&edge.ndata(stage.time(), a(1)));
    }
    stage.host.handle_disconnected(SERVER, stage.now);
    let new = Edge::new(EdgeNode::new("g", "new"), 0);
    for (days, phase) in [(6, NodePhase::Unknown), (2, NodePhase::Online)] {
        stage.pass(secs(days * 24 * 3600));
        stage.send_via(THERE, &new.clone().nbirth(stage.time(), a(1)));
        assert_eq!(stage.host.phase(new.node()), phase, "{days}");
        stage.look();
    }
    assert_eq!(stage.host.nodes().count(), limits::NODES);
}

/// What was shown of them stayed online and GOOD for as long as the server was away.
#[test]
fn who_is_awaited_is_lost_with_its_server_as_well() {
    for why in ["birth unread", "evicted", "expected", "no server since the start"] {
        let mut stage = match why {
            "no server since the start" => Stage::unconnected(|_| {}),
            _ => Stage::new(),
        };
        let mut edge = edge();
        if ["birth unread", "evicted"].contains(&why) {
            stage.send(&edge.nbirth(stage.time(), a(1)));
            stage.send(&edge.dbirth("d", stage.time(), a(1)));
            if why == "evicted" {
                stage.evict_tables();
            } else {
                let birth = edge.nbirth(stage.time(), a(1));
                stage.send(&Message { payload: vec![0xff], ..birth });
            }
        } else {
            stage.host.expect_online(edge.node(), &["d".into()], stage.now);
            stage.pass(secs(3));
        }
        if why == "no server since the start" {
            assert_eq!(stage.look(), [""; 0]);
            stage.pass(secs(7));
        } else {
            stage.look();
            stage.host.handle_disconnected(SERVER, stage.now);
        }
        let told = stage.look();
        let deaths: Vec<_> =
            told.iter().filter_map(|line| line.split_once(" connection ")).collect();
        let deaths: Vec<_> = deaths.into_iter().map(|(who, _)| who).collect();
        assert_eq!(deaths, ["death g/n/d", "death g/n"], "{why}");
        assert_eq!(stage.host.phase(edge.node()), NodePhase::Offline, "{why}");
        stage.pass(secs(60));
        stage.check(&[]);
        // It is asked as soon as there is a server, and alive by its birth.
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        stage.pass(ms(1));
        assert_eq!(asked(&stage.look(), "g/n"), [1, 0], "{why}");
        stage.send(&edge.nbirth(stage.time(), a(1)));
        assert_eq!(stage.look().len(), 1, "{why}");
    }
}

/// Its silence never counted, and everybody was asked every few seconds.
#[test]
fn a_server_that_comes_and_goes_gives_the_nodes_of_others_no_time_anew() {
    let mut stage = two_servers();
    let node = EdgeNode::new("g", "n");
    stage.host.expect_online(&node, &[], stage.now);
    let mut told = Vec::new();
    for _ in 0..20 {
        stage.pass(secs(5));
        stage.host.handle_connected(THERE, stage.now.wall, stage.now);
        stage.pass(secs(1));
        stage.host.handle_disconnected(THERE, stage.now);
        told.extend(stage.look());
    }
    let deaths: Vec<_> = told.iter().filter(|line| line.starts_with("death")).collect();
    assert_eq!(deaths.len(), 1, "{deaths:?}");
    // Once at the start, once for the first session there, and ever rarer since.
    let [here, there] = asked(&told, "g/n");
    assert!((4..8).contains(&here) && there <= here, "{here} {there}");
    // Once it stays, its own time counts.
    stage.pass(secs(1800));
    stage.look();
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.pass(secs(1));
    stage.host.handle_disconnected(THERE, stage.now);
    stage.pass(secs(5));
    stage.look();
    stage.host.handle_connected(THERE, stage.now.wall, stage.now);
    stage.pass(secs(9));
    stage.look();
    stage.pass(secs(2));
    assert_eq!(asked(&stage.look(), "g/n")[1], 1);
}

/// Living nodes were told dead without having been asked: with the loss of a server that has stored a birth
/// of them, of long ago, although they live behind another, which is there.
#[test]
fn what_a_server_has_stored_of_a_node_says_nothing_of_where_it_lives() {
    for case in ["expected", "evicted", "unread", "heard"] {
        let mut stage = two_servers();
        stage.host.handle_connected(THERE, stage.now.wall, stage.now);
        stage.look();
        let mut edge = edge();
        let stored = edge.nbirth(stage.time(), a(1));
        match case {
            "expected" => stage.host.expect_online(edge.node(), &["d".into()], stage.now),
            "evicted" => {
                stage.send(&edge.nbirth(stage.time(), a(1)));
                stage.evict_tables();
            }
            "unread" => {
                let birth = edge.nbirth(stage.time(), a(1));
                stage.send(&birth);
                stage.send(&Message { payload: vec![0xff], ..birth });
            }
            _ => stage.send(&edge.ndata(stage.time(), a(1))),
        }
        stage.look();
        stage.send_via(THERE, &Message { retain: true, ..stored });
        stage.host.handle_disconnected(THERE, stage.now);
        stage.pass(secs(3));
        let told = stage.look();
        assert!(!told.iter().any(|line| line.starts_with("death")), "{case} {told:?}");
        assert!(told.contains(&"rebirth 0 g/n".to_owned()), "{case} {told:?}");
    }
}
