//! Random lives of two bridges between a plant and SiteWise: what either heard arrives.

use std::collections::BTreeMap;

use super::plant::{Plant, Turn};
use super::process::{Micros, Network, SECOND};
use super::world::{Fault, World, number};

/// Terms of a holder in every run of the tests; where `LEASE_TERMS` is set while they are built, so
/// many, and with `LEASE_SEED` others.
const TERMS: u64 = 400;
/// From the last fault to the end: whatever happened is over by then.
const CALM: Micros = 150 * SECOND;
/// How long a connection can be dead before it is noticed: two keep-alives of 30 s.
const UNNOTICED: Micros = 60 * SECOND;

/// What has to be reached, in how many of a thousand terms at least.
const CORNERS: &[(&str, u64)] = &[
    ("a holder is killed", 50),
    ("a holder is paused for longer than its lease", 20),
    ("a leaving holder releases", 50),
    ("a holder lapses", 50),
    ("a deaf holder yields", 20),
    ("a holder without SiteWise yields", 20),
    ("a window is delivered", 300),
];

/// Two bridges, for a moment three, and what happens to them.
fn life(seed: u64, traces: bool) -> World {
    let mut world = World::new(seed);
    world.traces = traces;
    let end = world.random().u64(100 * SECOND..400 * SECOND);
    let has_disks = world.random().bool();
    world.plant = Some(Plant::new(has_disks, end + 5 * SECOND));
    world.at(0, Fault::Start);
    let second = world.random().u64(..5 * SECOND);
    world.at(second, Fault::Start);
    world.at(SECOND, Fault::Around(0, Turn::Say));
    world.at(SECOND, Fault::Around(0, Turn::Command));
    let pause: Micros = match world.random().u32(..3) {
        0 => 40 * SECOND,
        1 => 20 * SECOND,
        _ => 6 * SECOND,
    };
    let mut at = world.random().u64(..40 * SECOND);
    while at < end {
        plan(&mut world, at);
        at += world.random().u64(..2 * pause);
    }
    for place in 0..3 {
        world.at(end, Fault::Network(place, Network::Fine));
        world.at(end, Fault::Around(place, Turn::Undeafen));
        world.at(end, Fault::Around(place, Turn::Reconnect));
    }
    world.at(end, Fault::Start);
    world.run(end + CALM);
    world
}

fn plan(world: &mut World, at: Micros) {
    let which = world.random().usize(..6);
    let kind = world.random().u32(..100);
    let later = at + world.random().u64(..30 * SECOND);
    match kind {
        0..20 => {
            world.at(at, Fault::Kill(which));
            world.at(later, Fault::Start);
        }
        20..40 => {
            let started = match world.random().bool() {
                true => at.saturating_sub(20 * SECOND),
                false => later,
            };
            world.at(started, Fault::Start);
            world.at(at, Fault::Leave(which));
        }
        40..50 => {
            let length = world.random().u64(100_000..35 * SECOND);
            world.at(at, Fault::Pause(which, length));
        }
        50..65 => {
            let network = match world.random().u32(..4) {
                0 => Network::Slow,
                1 => Network::Lossy,
                2 => Network::AnswersLost,
                _ => Network::Cut,
            };
            // One of them, or all.
            let places = if world.random().u32(..3) == 0 { 0..3 } else { which..which + 1 };
            let end = at + world.random().u64(..40 * SECOND);
            for place in places {
                world.at(at, Fault::Network(place, network));
                world.at(end, Fault::Network(place, Network::Fine));
            }
        }
        65..85 => {
            // Noticed at once, or by the keep-alive.
            let noticed = match world.random().bool() {
                true => world.random().u64(1_000..100_000),
                false => world.random().u64(SECOND..UNNOTICED),
            };
            let long = world.random().bool();
            let lasts =
                world.random().u64(if long { SECOND..90 * SECOND } else { 1_000..3 * SECOND });
            world.at(at, Fault::Around(which, Turn::Deafen(noticed)));
            world.at(at + noticed.max(lasts), Fault::Around(which, Turn::Undeafen));
        }
        _ => {
            let end = at + world.random().u64(SECOND..30 * SECOND);
            world.at(at, Fault::Around(which, Turn::CutOff));
            world.at(end, Fault::Around(which, Turn::Reconnect));
        }
    }
}

#[test]
fn what_either_of_two_bridges_hears_arrives_and_no_command_twice() {
    let (terms, first) =
        (number(option_env!("LEASE_TERMS"), TERMS), number(option_env!("LEASE_SEED"), 1));
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut lived, mut values, mut commands, mut seed) = (0, 0, 0, first);
    while lived < terms {
        let life = std::panic::catch_unwind(|| {
            let life = life(seed, terms == 1);
            life.plant.as_ref().unwrap().check();
            life
        });
        let Ok(life) = life else { panic!("LEASE_SEED={seed} LEASE_TERMS=1 shows it") };
        for (corner, times) in life.reached {
            *reached.entry(corner).or_default() += u64::from(times);
        }
        let plant = life.plant.unwrap();
        let (delivered, carried_out) = plant.counts();
        (lived, values, commands) =
            (lived + plant.terms, values + delivered, commands + carried_out);
        seed += 1;
    }
    println!(
        "{lived} terms of a holder in {} lives, {values} values, {commands} commands; {reached:#?}",
        seed - first
    );
    assert!(commands * 4 > lived, "commands are carried out");
    if lived >= TERMS {
        for (corner, least) in CORNERS {
            let found = reached.get(corner).copied().unwrap_or_default();
            let least = lived * least / 1_000;
            assert!(found >= least, "{corner} in {found} terms, not {least}: {reached:#?}");
        }
    }
}
