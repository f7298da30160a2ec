//! Random lives: never two that act, and never long nobody.

use std::collections::BTreeMap;

use super::process::{ABLE, Micros, Network, SECOND};
use super::world::{Fault, World, number};
use crate::lease::{Ability, Sense};

/// Lives in every run of the tests; where `LEASE_LIVES` is set while they are built, so many, and
/// with `LEASE_SEED` others.
const LIVES: u64 = 300;

/// What has to be reached, in how many of a thousand lives at least.
const CORNERS: &[(&str, u32)] = &[
    ("a holder is killed", 200),
    ("a holder is paused for longer than its lease", 150),
    ("a holder leaves", 200),
    ("a leaving holder releases", 200),
    ("a holder lapses", 250),
    ("a lapsed holder acts again", 150),
    ("a holder sees that it lost the lease", 1),
    ("a deaf holder yields", 80),
    ("a holder without SiteWise yields", 50),
    ("a lease that ran out is taken", 300),
    ("a free lease is taken", 500),
    ("the answer to a take is lost", 15),
];

/// Two bridges, sometimes a third, and what happens to them.
fn life(seed: u64, traces: bool) -> World {
    let mut world = World::new(seed);
    world.traces = traces;
    world.at(0, Fault::Start);
    let second = world.random().u64(..5 * SECOND);
    world.at(second, Fault::Start);
    for place in 0..2 {
        let ready = world.random().u64(..4 * SECOND);
        world.at(second + ready, Fault::Ability(place, ABLE));
    }
    let end = world.random().u64(60 * SECOND..150 * SECOND);
    // Some lives are calm, and in some everything happens.
    let pause: Micros = match world.random().u32(..3) {
        0 => 30 * SECOND,
        1 => 10 * SECOND,
        _ => 3 * SECOND,
    };
    let deletes = world.random().u32(..20) == 0;
    let mut at = world.random().u64(..20 * SECOND);
    while at < end {
        plan(&mut world, at, deletes);
        at += world.random().u64(..2 * pause);
    }
    world.run(end);
    world
}

fn plan(world: &mut World, at: Micros, deletes: bool) {
    let which = world.random().usize(..6);
    let kind = world.random().u32(..100);
    let later = at + world.random().u64(..15 * SECOND);
    match kind {
        0..12 => {
            world.at(at, Fault::Kill(which));
            world.at(later, Fault::Start);
            let ready = later + world.random().u64(..4 * SECOND);
            world.at(ready, Fault::Ability(1, ABLE));
        }
        12..25 => {
            // Rolling: the new one first, or after.
            let started = match world.random().bool() {
                true => at.saturating_sub(5 * SECOND),
                false => later,
            };
            world.at(started, Fault::Start);
            for place in 0..3 {
                world.at(started + 2 * SECOND, Fault::Ability(place, ABLE));
            }
            world.at(at, Fault::Leave(which));
        }
        25..40 => {
            let length = world.random().u64(100_000..35 * SECOND);
            world.at(at, Fault::Pause(which, length));
        }
        40..70 => {
            let network = match world.random().u32(..4) {
                0 => Network::Slow,
                1 => Network::Lossy,
                2 => Network::AnswersLost,
                _ => Network::Cut,
            };
            world.at(at, Fault::Network(which, network));
            let end = at + world.random().u64(..40 * SECOND);
            world.at(end, Fault::Network(which, Network::Fine));
        }
        70..98 => {
            let mut sense = || match world.random().u32(..5) {
                0 => Sense::Unknown,
                1 | 2 => Sense::No,
                _ => Sense::Yes,
            };
            let ability = Ability { hears: sense(), reaches: sense() };
            world.at(at, Fault::Ability(which, ability));
            let end = at + world.random().u64(..60 * SECOND);
            world.at(end, Fault::Ability(which, ABLE));
        }
        _ if deletes => world.at(at, Fault::DeleteItem),
        _ => {}
    }
}

#[test]
fn never_do_two_act_and_never_is_there_long_nobody() {
    let (lives, first) =
        (number(option_env!("LEASE_LIVES"), LIVES), number(option_env!("LEASE_SEED"), 1));
    let mut reached: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut closest, mut longest) = (Micros::MAX, 0);
    for seed in first..first + lives {
        let lived = std::panic::catch_unwind(|| life(seed, lives == 1));
        let Ok(lived) = lived else { panic!("LEASE_SEED={seed} LEASE_LIVES=1 shows it") };
        for corner in lived.reached.keys() {
            *reached.entry(corner).or_default() += 1;
        }
        closest = closest.min(lived.closest.unwrap_or(Micros::MAX));
        longest = longest.max(lived.longest_takeover);
    }
    println!("{lives} lives; closest: {closest} µs; longest: {longest} µs; {reached:#?}");
    if lives >= LIVES {
        for (corner, least) in CORNERS {
            let found = u64::from(reached.get(corner).copied().unwrap_or_default());
            let least = lives * u64::from(*least) / 1_000;
            assert!(found >= least, "{corner} in {found} lives, not {least}: {reached:#?}");
        }
    }
}
