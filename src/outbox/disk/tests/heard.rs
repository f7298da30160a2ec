//! What is heard before SiteWise is reached, as the engine sees it.

use std::fs;

use bytes::Bytes;

use super::*;
use crate::outbox::{Heard, What};

fn message(number: i64) -> Heard {
    let what = What::Message {
        topic: format!("spBv1.0/g/NDATA/{number}"),
        payload: Bytes::from_static(&[18, 2, 24, 1, 18, 2, 24, 2]),
        retain: false,
    };
    Heard { at: Timestamp::from_millis(number), server: 0, what }
}

#[test]
fn what_is_heard_while_the_disk_is_full_is_saved_when_it_takes_writes() {
    let mut world = World::new(u64::MAX, 100_000);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    world.keeper.ears().onto(full);
    world.disk.hear(&message(1));
    world.work(1);
    let change = world.disk.poll();
    assert!(matches!(&change, Some(Change::Refused(why)) if why.contains("space")), "{change:?}");
    assert!(matches!(world.disk.disk().unwrap().state, DiskState::Refuses(_)));
    world.disk.hear(&message(2));
    world.work(1);
    assert_eq!(world.disk.poll(), None);
    world.keeper.handle_timeout();
    assert_eq!(world.disk.poll(), Some(Change::Well));
    world.disk.hear(&message(3));
    world.rest();
    world.crash(0);
    assert_eq!(world.disk.heard().collect::<Vec<_>>(), [1, 2, 3].map(message));
}

#[test]
fn what_cannot_be_heard_again_is_counted_once() {
    let mut world = World::new(u64::MAX, 100_000);
    for number in 0..4 {
        world.disk.hear(&message(number));
    }
    world.rest();
    let file = world.folder.path().join("heard/00000001.heard");
    let mut bytes = fs::read(&file).unwrap();
    bytes[30] ^= 1;
    fs::write(&file, bytes).unwrap();
    for lost in [Some(Change::Lost(2)), None] {
        world.crash(0);
        assert_eq!(world.disk.heard().collect::<Vec<_>>(), [1, 2, 3].map(message));
        assert_eq!(world.disk.poll(), lost);
        let figures = world.disk.disk().unwrap();
        let count = if lost.is_some() { 2 } else { 0 };
        assert_eq!((figures.unreadable, figures.restored), (count, count));
        world.rest();
    }
    Outbox::forget(&mut world.disk);
    world.rest();
    world.crash(0);
    assert_eq!(world.disk.heard().count(), 0);
    assert_eq!(world.disk.poll(), None);
}
