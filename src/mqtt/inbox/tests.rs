//! What the queue takes, drops and remembers.

use super::*;

fn inbox(queue: mpsc::Sender<Inbound>) -> (Inbox, ConnectionStats) {
    let figures = ConnectionStats::default();
    (Inbox::new(7, queue, figures.clone(), 1024), figures)
}

fn topics(queue: &mut mpsc::Receiver<Inbound>) -> Vec<String> {
    let mut topics = Vec::new();
    while let Ok(inbound) = queue.try_recv() {
        topics.push(match inbound {
            Inbound::Message { topic, .. } | Inbound::Oversized { topic, .. } => topic,
            Inbound::Connected { .. } => "+".to_owned(),
            Inbound::Disconnected { .. } => "-".to_owned(),
        });
    }
    topics
}

const CONNECTED: Inbound =
    Inbound::Connected { server: 7, session_time: crate::time::Timestamp::from_millis(1) };

#[test]
fn a_full_queue_drops_and_counts() {
    let (queue, mut received) = mpsc::channel(2);
    let (mut inbox, figures) = inbox(queue);
    for topic in ["a", "b", "c"] {
        inbox.handle_message(topic.into(), Bytes::new(), 0, false);
    }
    inbox.handle_message(Bytes::from_static(&[0xff]), Bytes::new(), 0, false);
    assert_eq!((figures.received(), figures.dropped(), figures.malformed()), (4, 1, 1));
    assert_eq!(topics(&mut received), ["a", "b"]);
}

#[test]
fn retained_messages_leave_half_of_the_queue_to_live_ones() {
    let (queue, mut received) = mpsc::channel(4);
    let (mut inbox, figures) = inbox(queue);
    for (topic, retain) in
        [("a", true), ("b", true), ("c", true), ("d", true), ("e", false), ("f", false)]
    {
        inbox.handle_message(topic.into(), Bytes::new(), 0, retain);
    }
    inbox.handle_oversized("g".into(), 1 << 20, true);
    assert_eq!(topics(&mut received), ["a", "b", "e", "f"]);
    assert_eq!((figures.received(), figures.dropped()), (7, 3));
    assert_eq!(figures.retained_dropped(), 3);

    let most = Bytes::from(vec![0; QUEUED_BYTES - QUEUED_BYTES / LIVE_DIVISOR + 1024]);
    inbox.handle_message("h".into(), most, 0, true);
    inbox.handle_message("i".into(), Bytes::new(), 0, true);
    inbox.handle_message("j".into(), Bytes::from(vec![0; 1024]), 0, false);
    assert_eq!(topics(&mut received), ["h", "j"]);
}

/// They counted as live ones that a flood had cost.
#[test]
fn retained_messages_of_a_session_that_ends_before_it_is_announced_are_counted_as_such() {
    let (queue, _received) = mpsc::channel(4);
    let (mut inbox, figures) = inbox(queue);
    inbox.buffer_until_announced();
    inbox.handle_message("a".into(), Bytes::new(), 0, true);
    inbox.handle_message("b".into(), Bytes::new(), 0, false);
    inbox.buffer_until_announced();
    assert_eq!((figures.dropped(), figures.retained_dropped()), (2, 1));
}

#[test]
fn what_comes_after_the_end_is_not_lost() {
    let (queue, received) = mpsc::channel(2);
    let (mut inbox, figures) = inbox(queue);
    drop(received);
    inbox.handle_message("a".into(), Bytes::new(), 0, false);
    assert_eq!((figures.received(), figures.dropped()), (1, 0));
}

#[test]
fn the_announcement_goes_first_and_is_never_dropped() {
    let (queue, mut received) = mpsc::channel(3);
    let (mut inbox, figures) = inbox(queue.clone());
    inbox.buffer_until_announced();
    for topic in ["a", "b", "c"] {
        inbox.handle_message(topic.into(), Bytes::new(), 0, false);
    }
    for _ in 0..3 {
        queue.try_send(CONNECTED).unwrap();
    }
    assert!(!inbox.announce(CONNECTED));
    assert_eq!(topics(&mut received), ["+", "+", "+"]);
    assert!(inbox.announce(CONNECTED));
    inbox.handle_message("d".into(), Bytes::new(), 0, false);
    assert_eq!(topics(&mut received), ["+", "a", "b"]);
    assert_eq!(figures.dropped(), 2);
}

/// They were in no account.
#[test]
fn what_came_in_a_session_that_ended_before_it_was_announced_is_counted() {
    for retain in [false, true] {
        let (queue, mut received) = mpsc::channel(3);
        let (mut inbox, figures) = inbox(queue);
        for _ in 0..2 {
            inbox.buffer_until_announced();
            for topic in ["a", "b", "c"] {
                inbox.handle_message(topic.into(), Bytes::new(), 0, retain);
            }
        }
        assert!(inbox.announce(CONNECTED));
        assert_eq!((figures.received(), topics(&mut received).len()), (6, 3));
        // The announcement took the place of one.
        assert_eq!(figures.dropped(), 3 + 1);
    }
}

/// A death that was dropped left no gap, so that the node stayed online for ever.
#[test]
fn whose_live_messages_were_dropped_is_remembered() {
    let (queue, _received) = mpsc::channel(1);
    let (mut inbox, figures) = inbox(queue);
    assert_eq!(figures.take_lost(), None);
    inbox.handle_message("spBv1.0/g/NDATA/n".into(), Bytes::new(), 0, false);
    for (topic, retain) in [
        ("spBv1.0/g/NDEATH/dead", false),
        ("spBv1.0/g/DDEATH/n/d", false),
        ("spBv1.0/g/NCMD/other", false),
        ("spBv1.0/STATE/h", false),
        ("spBv1.0/g/NBIRTH/stored", true),
    ] {
        inbox.handle_message(topic.into(), Bytes::new(), 0, retain);
    }
    inbox.handle_oversized("spBv1.0/g/NBIRTH/large".into(), 1 << 30, false);
    let large = Bytes::from(vec![0; QUEUED_BYTES + 2048]);
    inbox.handle_message("spBv1.0/g/NBIRTH/huge".into(), large, 0, false);
    let names = |edges: &std::collections::BTreeSet<_>| {
        edges.iter().map(ToString::to_string).collect::<Vec<String>>()
    };
    let lost = figures.take_lost().unwrap();
    assert_eq!(names(&lost.senders), ["g/huge", "g/large", "g/n"]);
    assert_eq!((names(&lost.deaths), lost.are_more), (vec!["g/dead".to_owned()], false));
    assert_eq!(figures.take_lost(), None);
    for node in 0..1_001 {
        inbox.handle_message(format!("spBv1.0/g/NDATA/{node}").into(), Bytes::new(), 0, false);
    }
    let lost = figures.take_lost().unwrap();
    assert_eq!((lost.senders.len(), lost.are_more), (1_000, true));
    assert!(!lost.are_more_deaths);
    for node in 0..20_001 {
        inbox.handle_message(format!("spBv1.0/g/NDEATH/{node}").into(), Bytes::new(), 0, false);
    }
    let lost = figures.take_lost().unwrap();
    assert_eq!((lost.deaths.len(), lost.are_more, lost.are_more_deaths), (20_000, false, true));
}

#[test]
fn bytes_are_bounded_until_the_last_copy_is_gone() {
    let (queue, mut received) = mpsc::channel(1_000);
    let (mut inbox, figures) = inbox(queue);
    let payload = Bytes::from(vec![0; 1 << 20]);
    for _ in 0..65 {
        inbox.handle_message("a".into(), payload.clone(), 0, false);
    }
    assert_eq!(figures.dropped(), 1);
    let Ok(Inbound::Message { payload: first, .. }) = received.try_recv() else {
        panic!("a message is expected");
    };
    let part = first.slice(0..1);
    drop(first);
    inbox.handle_message("a".into(), payload.clone(), 0, false);
    assert_eq!(figures.dropped(), 2, "a part of the payload still holds all of it");
    drop(part);
    inbox.handle_message("a".into(), payload, 0, false);
    assert_eq!(figures.dropped(), 2);
}
