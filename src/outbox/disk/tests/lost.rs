//! What becomes of what was safe on a disk that loses it while it is used.

use super::*;

/// Lets the disk lose all but `kept` of what was safe, and its books with it if `all`; then it takes
/// writes again. What the engine is told of it.
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
    world.keeper.handle_timeout();
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
        // All that is safe is on disk alone.
        let mut world = World::new(u64::MAX, 0);
        world.put(vec![(0, 1), (1, 1), (2, 1)]);
        world.rest();
        assert_eq!(world.disk.disk().unwrap().cold, 3);
        let changes = loses(&mut world, kept, all);
        let lost = 3 - kept as u64;
        assert_eq!(changes, [DiskEvent::Well, DiskEvent::Lost(lost)], "{all}");
        // And the one that came while it took no writes.
        assert_eq!(delivered(&mut world), kept + 1, "{all}");
        let figures = world.disk.disk().unwrap();
        assert_eq!((figures.unreadable, figures.overwritten, figures.cold), (lost, 0, 0), "{all}");
        assert_eq!(world.disk.len(), 0);
    }
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
