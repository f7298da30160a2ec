//! What is heard before SiteWise is reached, as the engine sees it.

use std::fs;

use bytes::Bytes;

use super::*;
use crate::outbox::{InboundKind, StoredInbound};

fn message(number: i64) -> StoredInbound {
    let kind = InboundKind::Message {
        topic: format!("spBv1.0/g/NDATA/{number}"),
        payload: Bytes::from_static(&[18, 2, 24, 1, 18, 2, 24, 2]),
        retain: false,
    };
    StoredInbound { at: Timestamp::from_millis(number), server: 0, kind }
}

#[test]
fn what_is_heard_while_the_disk_is_full_is_saved_when_it_takes_writes() {
    let mut world = World::new(u64::MAX, 100_000);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    world.writer.inbound_log().switch_file(full);
    world.disk.store_inbound(&message(1));
    world.work(1);
    let change = world.disk.poll_event();
    assert!(
        matches!(&change, Some(DiskEvent::NotWritable(why)) if why.contains("space")),
        "{change:?}"
    );
    assert!(matches!(world.disk.disk().unwrap().state, DiskState::NotWritable(_)));
    world.disk.store_inbound(&message(2));
    world.work(1);
    assert_eq!(world.disk.poll_event(), None);
    world.writer.handle_timeout();
    assert_eq!(world.disk.poll_event(), Some(DiskEvent::Recovered));
    world.disk.store_inbound(&message(3));
    world.rest();
    world.crash(0);
    assert_eq!(world.disk.stored_inbound().collect::<Vec<_>>(), [1, 2, 3].map(message));
}

#[test]
fn what_cannot_be_heard_again_is_counted_once() {
    let mut world = World::new(u64::MAX, 100_000);
    for number in 0..4 {
        world.disk.store_inbound(&message(number));
    }
    world.rest();
    let file = world.folder.path().join("heard/00000001.heard");
    let mut bytes = fs::read(&file).unwrap();
    bytes[30] ^= 1;
    fs::write(&file, bytes).unwrap();
    for lost in [Some(DiskEvent::PointsLost(2)), None] {
        world.crash(0);
        assert_eq!(world.disk.stored_inbound().collect::<Vec<_>>(), [1, 2, 3].map(message));
        assert_eq!(world.disk.poll_event(), lost);
        let figures = world.disk.disk().unwrap();
        let count = if lost.is_some() { 2 } else { 0 };
        assert_eq!((figures.unreadable, figures.restored), (count, count));
        world.rest();
    }
    Outbox::clear_inbound(&mut world.disk);
    world.rest();
    world.crash(0);
    assert_eq!(world.disk.stored_inbound().count(), 0);
    assert_eq!(world.disk.poll_event(), None);
}
