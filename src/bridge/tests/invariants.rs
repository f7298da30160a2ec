//! The two invariants above the others, over plants as bad as real ones.
//!
//! 1. Latest is latest: once things are quiet, the latest value of every property in SiteWise is
//!    the latest that the plant said by the sender's own times within a session, with its quality
//!    and unit; an attribute's is the instance's own or the default.
//! 2. Everything born is alive: every node, device and instance that is online has its asset,
//!    `Online` = true, and every value that fits; what does not fit is told by name.
//!
//! `plant` draws a plant and says what its messages mean, `truth` is told what reached the socket
//! and knows what to expect, `world` moves both and the bridge, `claims` holds SiteWise against
//! the truth.
//!
//! `INVARIANT_CASES` is how many plants are tried (512 by default, the same ones every time),
//! `INVARIANT_SEED` which: a hundred times what CI runs is
//!
//! ```text
//! INVARIANT_CASES=51200 INVARIANT_SEED=1 \
//!     cargo test --release -p sparkwise --lib bridge::tests::invariants
//! ```
//!
//! In half of the cases everybody who is online is born once more before the plant is looked at,
//! which heals much; in the others those are passed over whose latest birth or death nobody heard.
//!
//! A plant that fails is made smaller before it is shown.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use self::claims::{Violation, violations};
use self::plant::Spelling;
use self::plant::change::Change;
use self::world::{Act, Fate, Spec, What, World};
use crate::random;

mod claims;
mod plant;
mod truth;
mod world;

const CASES: u32 = 512;

fn spec() -> impl Strategy<Value = Spec> {
    let caps = prop_oneof![
        3 => Just(None),
        2 => (3..11usize, 5..24usize, 8..24usize).prop_map(Some),
    ];
    let spelling = prop_oneof![
        4 => Just(Spelling::Templates),
        1 => Just(Spelling::Flattened),
        1 => Just(Spelling::Rules),
        1 => Just(Spelling::Kinds),
    ];
    let flags = (prop::bool::weighted(0.04), any::<bool>());
    (any::<u64>(), 1..4usize, caps, spelling, flags).prop_map(
        |(seed, size, caps, spelling, (wide, reborn))| Spec {
            seed,
            size,
            caps,
            wide,
            spelling,
            reborn,
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    let change = prop::sample::select(&Change::ALL[..]).prop_map(What::Change);
    let fates = [
        Fate::Lost,
        Fate::Lost,
        Fate::Damaged,
        Fate::Oversized,
        Fate::Twice,
        Fate::Overtaken,
        Fate::Late,
    ];
    let fate = prop::sample::select(fates.to_vec()).prop_map(What::Fate);
    let rare = [
        What::LateWill,
        What::DeviceDeath,
        What::DeviceReturn,
        What::ClockBack,
        What::ClockStill,
        What::Answers,
        What::Disconnect,
        What::Move,
        What::Stop,
        What::Kill,
        What::Storm,
        What::Calm,
    ];
    prop_oneof![
        12 => Just(What::Data),
        4 => Just(What::Birth),
        8 => change,
        2 => prop::sample::select(vec![What::Quality, What::Quality, What::Null]),
        6 => fate,
        2 => Just(What::Death),
        3 => Just(What::Return),
        9 => prop::sample::select(rare.to_vec()),
        6 => Just(What::Pass),
        2 => Just(What::PassLong),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    (what(), any::<u8>(), any::<u8>(), any::<u32>()).prop_map(|(what, node, part, seed)| Act {
        what,
        node,
        part,
        seed,
    })
}

fn case() -> impl Strategy<Value = (Spec, Vec<Act>)> {
    (spec(), prop::collection::vec(act(), 0..60))
}

fn run((spec, acts): &(Spec, Vec<Act>)) -> (World, Vec<Violation>) {
    let mut world = World::new(spec);
    for act in acts {
        world.act(act);
    }
    world.quieten(spec.reborn);
    let found = violations(&mut world);
    (world, found)
}

/// What the plants reach of themselves and of their surroundings, each in at least so many of a
/// thousand cases.
const CORNERS: [(&str, u32); 68] = [
    ("alarm", 15),
    ("aliases", 265),
    ("assets for all instances", 450),
    ("back to default", 65),
    ("births of the present", 200),
    ("cap", 155),
    ("carried out, answer lost", 60),
    ("clock back", 165),
    ("clock still", 155),
    ("damaged birth", 55),
    ("damaged data", 35),
    ("death", 330),
    ("definitions in the folder", 170),
    ("device death", 75),
    ("duplicate", 100),
    ("empty birth", 245),
    ("filled later", 55),
    ("flattened", 100),
    ("gap", 170),
    ("hidden", 150),
    ("history", 135),
    ("instance added", 180),
    ("instance's quality", 80),
    ("instance's quality alone", 60),
    ("instance's quality changed", 120),
    ("instance null", 30),
    ("kill", 165),
    ("kinds", 100),
    ("late", 30),
    ("late will", 110),
    ("Latin-1", 150),
    ("moved", 100),
    ("names", 420),
    ("nested", 150),
    ("no definitions", 175),
    ("no times", 215),
    ("not finite", 160),
    ("null", 260),
    ("oversized birth", 65),
    ("one server lost", 60),
    ("own drop", 170),
    ("parameter changed", 95),
    ("parameters", 355),
    ("points in time", 400),
    ("quality", 405),
    ("rebirth answered", 270),
    ("rebirth not answered", 110),
    ("references to the folder", 170),
    ("references with a version", 165),
    ("reordered", 20),
    ("restart", 265),
    ("retyped", 145),
    ("rules", 100),
    ("several devices", 350),
    ("shown again", 10),
    ("static changed", 135),
    ("static changed in data", 80),
    ("stopped empty", 155),
    ("stopped with a rest", 10),
    ("storm", 155),
    ("tag added", 145),
    ("template changed", 65),
    ("transient", 130),
    ("unit changed", 140),
    ("unit in data", 300),
    ("values lost", 120),
    ("without a last birth", 400),
    ("wide", 20),
];

#[test]
fn the_latest_is_the_latest_and_everything_born_is_alive() {
    let reached = RefCell::new(BTreeMap::<&str, u32>::new());
    let mut runner =
        random::runner(option_env!("INVARIANT_CASES"), option_env!("INVARIANT_SEED"), CASES);
    let outcome = runner.run(&case(), |case| {
        let (world, found) = run(&case);
        for corner in world.corners.into_keys() {
            *reached.borrow_mut().entry(corner).or_default() += 1;
        }
        prop_assert_eq!(found, []);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    random::check_corners(&reached.into_inner(), &CORNERS, &runner, CASES);
}
