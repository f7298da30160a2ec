//! The third invariant: nothing is lost in silence.
//!
//! Random plants with damaged and oversized births, gaps, late wills, two servers, our own drops and
//! restarts, floods and made-up nodes; some with a sender for each device, with a filter, with births
//! that the servers have stored, or where nobody may be asked for a birth. What reached the socket is
//! held against what the host told and counted: every value is in an account and none stands for
//! another metric or is told twice; what may be read is read; who lives and is heard is not told dead;
//! every node that is not understood is named by a finding; every honest node is heard again.
//!
//! `ACCOUNT_CASES` is how many plants are tried (256 by default, the same ones every time),
//! `ACCOUNT_SEED` which: a hundred times what CI runs is
//!
//! ```text
//! ACCOUNT_CASES=25600 ACCOUNT_SEED=1 cargo test --release host::tests::accounts
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;

use self::setup::host;
use self::world::{Act, What, World};
use super::{Config, Finding, Host};
use crate::random;

mod ledger;
mod setup;
mod world;

const CASES: u32 = 256;

fn what() -> impl Strategy<Value = What> {
    let rare = [
        What::Birth,
        What::Damaged,
        What::Oversized,
        What::DamagedDevice,
        What::DamagedDeath,
        What::DamagedData,
        What::NeverRead,
        What::Mended,
        What::Turned,
        What::Gap,
        What::Gap,
        What::LostBirth,
        What::Twice,
        What::Reordered,
        What::Ghost,
        What::LateWill,
        What::Death,
        What::Return,
        What::Return,
        What::DeviceDeath,
        What::DeviceReturn,
        What::Move,
        What::Drop,
        What::Drop,
        What::Answered,
        What::Answered,
        What::Connect,
        What::Connect,
        What::Restart,
        What::Flood,
        What::MadeUp,
        What::Retained,
        What::PassLong,
    ];
    prop_oneof![
        10 => Just(What::Data),
        6 => Just(What::DeviceData),
        5 => Just(What::Pass),
        20 => prop::sample::select(rare.to_vec()),
    ]
}

fn case() -> impl Strategy<Value = (u64, Vec<Act>)> {
    let act =
        (what(), any::<u8>(), any::<u16>()).prop_map(|(what, node, part)| Act { what, node, part });
    (any::<u64>(), prop::collection::vec(act, 0..60))
}

/// What the plants reach, each in at least so many of a thousand cases.
const CORNERS: [(&str, u32); 21] = [
    ("answered", 500),
    ("asked in vain", 10),
    ("damaged birth", 100),
    ("death", 100),
    ("drop", 200),
    ("duplicate", 50),
    ("ended", 100),
    ("ended while messages wait", 30),
    ("flood", 100),
    ("gap", 100),
    ("late will", 100),
    ("let go", 50),
    ("made up", 100),
    ("moved", 50),
    ("oversized birth", 50),
    ("own senders", 200),
    ("read after a drop", 100),
    ("read later", 50),
    ("restart", 100),
    ("turned", 100),
    ("unread", 100),
];

/// What was reached where this was found.
fn corner(finding: Finding) -> Option<&'static str> {
    match finding {
        Finding::RebirthUnanswered => Some("asked in vain"),
        Finding::NoRoom => Some("let go"),
        _ => None,
    }
}

#[test]
fn nothing_is_lost_in_silence() {
    let reached = RefCell::new(BTreeMap::<&str, u32>::new());
    let mut runner =
        random::runner(option_env!("ACCOUNT_CASES"), option_env!("ACCOUNT_SEED"), CASES);
    let outcome = runner.run(&case(), |(seed, acts)| {
        let mut world = World::new(seed);
        for act in &acts {
            world.act(*act);
        }
        world.quieten();
        for corner in &world.corners {
            *reached.borrow_mut().entry(corner).or_default() += 1;
        }
        prop_assert_eq!(world.violations, Vec::<String>::new());
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    random::check_corners(&reached.into_inner(), &CORNERS, &runner, CASES);
}

/// What waited behind a damaged message could not be read by what was known from before a drop. It
/// was a problem again with the birth that ended it, for good.
#[test]
fn what_an_earlier_birth_did_not_explain_is_no_problem_of_the_next() {
    let mut world = World::new(12_331_352_437_416_696_675);
    let acts = [
        (What::Answered, 6),
        (What::DamagedDeath, 133),
        (What::Data, 13),
        (What::DamagedData, 37),
        (What::Data, 57),
        (What::Birth, 2),
    ];
    for (what, node) in acts {
        world.act(Act { what, node, part: 0 });
    }
    world.quieten();
    assert_eq!(world.violations, Vec::<String>::new());
}

/// A sender that numbers each device by itself, and may not be asked: its device's birth was out of the
/// node's order, and was skipped for good.
#[test]
fn the_only_birth_of_a_device_is_read_also_out_of_its_order() {
    let mut world = World::new(6_285_930_593_695_468_143);
    world.quieten();
    assert_eq!(world.violations, Vec::<String>::new());
}
