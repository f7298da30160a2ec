//! A start while one of several servers is away.

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
