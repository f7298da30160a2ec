//! What becomes of what was flushed on a disk that loses it while it is used.

use super::*;
use crate::outbox::DiskState;
use crate::time;

/// Lets the disk lose all but `kept` of what was flushed, and its books with it if `all`; then it
/// takes writes again. What the engine is told of it.
fn loses(world: &mut World, kept: usize, all: bool) -> Vec<DiskEvent> {
    world.platter.platter().refuses = true;
    world.put(vec![(3, 3)]);
    world.rest();
    {
        let mut platter = world.platter.platter();
        let lost = platter.safe.len() - kept;
        for _ in 0..lost {
            platter.safe.pop_last();
        }
        match all {
            true => platter.batch = 0,
            false => platter.unreadable = lost as u64,
        }
        platter.refuses = false;
    }
    world.writer.handle_timeout();
    std::iter::from_fn(|| world.disk.poll_event()).collect()
}

/// Delivers what is there; how many points it was.
fn delivered(world: &mut World) -> usize {
    let mut count = 0;
    for _ in 0..9 {
        world.rest();
        world.take(9);
        count += world.taken.len();
        let keys: Vec<Key> = std::mem::take(&mut world.taken).into_keys().collect();
        world.disk.settle(&keys);
    }
    world.rest();
    count
}

#[test]
fn what_is_lost_while_the_disk_is_used_is_unreadable_and_not_overwritten() {
    for (kept, all) in [(1, false), (0, true)] {
        // All that is flushed is on disk alone.
        let mut world = World::new(u64::MAX, 0);
        world.put(vec![(0, 1), (1, 1), (2, 1)]);
        world.rest();
        assert_eq!(world.disk.disk().unwrap().cold, 3);
        let changes = loses(&mut world, kept, all);
        let lost = 3 - kept as u64;
        assert_eq!(changes, [DiskEvent::Recovered, DiskEvent::PointsLost(lost)], "{all}");
        // And the one that came while it took no writes.
        assert_eq!(delivered(&mut world), kept + 1, "{all}");
        let figures = world.disk.disk().unwrap();
        assert_eq!((figures.unreadable, figures.overwritten, figures.cold), (lost, 0, 0), "{all}");
        assert_eq!(world.disk.len(), 0);
    }
}

/// It was told as lost, and lost by the next kill, although delivery had it.
#[test]
fn what_is_in_flight_is_saved_again_and_not_told_as_lost() {
    for (kept, all) in [(1, false), (0, true)] {
        let mut world = World::new(u64::MAX, 100_000);
        world.put(vec![(0, 1), (1, 1), (2, 1)]);
        world.rest();
        world.take(9);
        assert_eq!(world.taken.len(), 3);
        let changes = loses(&mut world, kept, all);
        assert_eq!(changes, [DiskEvent::Recovered], "{all}");
        world.rest();
        assert_eq!(world.disk.disk().unwrap().unsaved, 0);
        // All of it is there for the process that follows a kill.
        world.crash(0);
        assert_eq!(world.undecided.len(), 4, "{all}");
        assert_eq!(delivered(&mut world), 4);
    }
}

#[test]
fn what_came_from_disk_alone_and_is_in_flight_is_saved_again() {
    let mut world = World::new(u64::MAX, 0);
    world.put(vec![(0, 1), (1, 1), (2, 1)]);
    world.rest();
    for _ in 0..3 {
        world.take(9);
        world.rest();
    }
    assert_eq!((world.taken.len(), world.disk.disk().unwrap().cold), (3, 0));
    assert_eq!(loses(&mut world, 0, true), [DiskEvent::Recovered]);
    world.rest();
    world.crash(0);
    assert_eq!(world.undecided.len(), 4);
}

#[test]
fn what_waits_in_memory_is_saved_again_where_the_disk_lost_it() {
    for (kept, all) in [(1, false), (0, true)] {
        let mut world = World::new(u64::MAX, 100_000);
        world.put(vec![(0, 1), (1, 1), (2, 1)]);
        world.rest();
        loses(&mut world, kept, all);
        world.rest();
        assert_eq!(world.platter.platter().safe.len(), 4, "{all}");
        assert_eq!(delivered(&mut world), 4);
        let figures = world.disk.disk().unwrap();
        assert_eq!((figures.unreadable, figures.overwritten), (0, 0), "{all}");
    }
}

/// A disk that was frozen for 77 s was told nowhere, with 6,000 values in memory only.
#[test]
fn a_disk_that_hangs_is_told_after_ten_seconds_with_what_is_in_memory_only() {
    let mut world = World::new(u64::MAX, 100_000);
    let at = |seconds| time::Instant::START + Duration::from_secs(seconds);
    let told = |world: &mut World, seconds| {
        world.disk.handle_timeout(at(seconds));
        world.disk.poll_event()
    };
    world.put(vec![(0, 1), (1, 1)]);
    assert_eq!(told(&mut world, 0), None);
    world.rest();
    assert_eq!((told(&mut world, 60), world.disk.poll_timeout()), (None, None));
    // The disk thread does nothing any more.
    world.put(vec![(2, 1)]);
    assert_eq!(told(&mut world, 70), None);
    world.disk.handle_timeout(at(70));
    assert_eq!(world.disk.poll_timeout(), Some(at(80)));
    world.put(vec![(3, 1)]);
    assert_eq!(told(&mut world, 79), None);
    assert_eq!(told(&mut world, 80), Some(DiskEvent::Hung(2)));
    world.put(vec![(0, 2)]);
    assert_eq!(told(&mut world, 200), None, "once");
    let figures = world.disk.disk().unwrap();
    assert_eq!((figures.state, figures.unsaved), (DiskState::TooSlow, 3));
    assert_eq!(world.disk.poll_timeout(), None);
    // It goes on.
    world.work(9);
    world.writer.handle_timeout();
    assert_eq!(world.disk.poll_event(), Some(DiskEvent::Recovered));
    world.rest();
    let figures = world.disk.disk().unwrap();
    assert_eq!((figures.state, figures.unsaved), (DiskState::Writable, 0));
    assert_eq!(told(&mut world, 300), None);
}
