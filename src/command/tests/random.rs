//! What must never happen, over random plants, requests, restarts, duplicates, late answers, and
//! reconnects of the plant's server and of both doors: nothing that is not listed, out of range,
//! expired or sent before reaches the plant, and every request gets exactly one final answer, or
//! none and a lapse: the process was killed in between, or the door could not be reached.
//!
//! `COMMAND_CASES` is how many plants are tried, `COMMAND_SEED` which.

use std::cell::RefCell;

use proptest::prelude::*;

use self::doors::Door;
use self::world::{Act, Ask, Moment, What, World};
use super::*;
use crate::random;

mod doors;
mod plant;
mod world;

const CASES: u32 = 512;

fn ask() -> impl Strategy<Value = Ask> {
    let door = prop_oneof![2 => Just(Door::Terminal), 1 => Just(Door::Iot), 1 => Just(Door::Queue)];
    (door, any::<u8>(), 0..12u8, 0..3u8, 0..20u8, 0..24u8, 0..20u8, 0..12u8).prop_map(
        |(door, tag, value, form, sent, expires, timeout, expected)| Ask {
            door,
            tag,
            value,
            form,
            sent,
            expires,
            timeout,
            expected,
        },
    )
}

fn moment() -> impl Strategy<Value = Moment> {
    let all = [Moment::Taking, Moment::Taken, Moment::Decided, Moment::Told];
    prop::sample::select(all.to_vec())
}

fn what() -> impl Strategy<Value = What> {
    let rare = [
        What::NodeDeath,
        What::DeviceDeath,
        What::Disconnect,
        What::Connect,
        What::Kill,
        What::Stop,
        What::Role,
        What::Clocks,
        What::Gap,
        What::Stray,
        What::OldBirth,
        What::Unreadable,
        What::Change,
        What::IotDown,
        What::IotUp,
        What::QueueAway,
        What::QueueBack,
    ];
    prop_oneof![
        14 => ask().prop_map(What::Request),
        4 => any::<u8>().prop_map(What::Again),
        5 => Just(What::NodeBirth),
        6 => Just(What::DeviceBirth),
        10 => Just(What::Report),
        4 => Just(What::Drift),
        6 => prop::sample::select(rare.to_vec()),
        1 => (ask(), moment()).prop_map(|(ask, moment)| What::KillWith(ask, moment)),
        5 => (0..3_000u32).prop_map(What::Pass),
        2 => (3_000..700_000u32).prop_map(What::Pass),
    ]
}

fn case() -> impl Strategy<Value = (u64, Vec<Act>)> {
    let act = (what(), any::<u8>()).prop_map(|(what, seed)| Act { what, seed });
    (any::<u64>(), prop::collection::vec(act, 0..80))
}

/// What the plants and requests reach, each in at least so many of a thousand cases.
const CORNERS: [(&str, u32); 48] = [
    ("CONFIRMED", 100),
    ("ALREADY", 100),
    ("SENT_UNCONFIRMED", 20),
    ("NOT_CONFIRMED", 100),
    ("NOT_ALLOWED", 200),
    ("UNKNOWN_ASSET", 50),
    ("UNKNOWN_PROPERTY", 50),
    ("WRONG_TYPE", 100),
    ("OUT_OF_RANGE", 100),
    ("NODE_OFFLINE", 100),
    ("DEVICE_OFFLINE", 20),
    ("AWAITING_BIRTH", 100),
    ("STALE", 20),
    ("EXPIRED", 100),
    ("TOO_MANY", 5),
    ("BUSY", 50),
    ("UNEXPECTED_VALUE", 50),
    ("STANDBY", 20),
    ("sent to a template", 50),
    ("sent to a template three deep", 20),
    ("sent to a device", 50),
    ("sent to an asset of the rules", 20),
    ("repeated answer", 100),
    ("repeated in flight", 5),
    ("redelivered over a restart", 50),
    ("killed in flight", 20),
    ("killed before it was handed over", 5),
    ("killed between taking a request and deciding", 50),
    ("killed between deciding and telling the plant", 5),
    ("killed between telling the plant and answering", 5),
    ("redelivered after such a kill", 20),
    ("redelivered, and younger than the process by the host's clock", 5),
    ("late answer", 20),
    ("in doubt by an older value", 20),
    ("an old birth", 50),
    ("an unreadable birth", 50),
    ("lost while AWS IoT was not connected", 20),
    ("an answer lost with the connection to AWS IoT", 20),
    ("an answer that AWS IoT rejected", 20),
    ("an answer that AWS IoT rejected for good", 5),
    ("an answer taken after it was rejected", 10),
    ("requests received and not seen", 5),
    ("a deletion that failed or seemed to", 10),
    ("an answer that seemed not to be sent", 10),
    ("sent over AWS IoT", 50),
    ("sent over the queue", 50),
    ("not sent after all", 20),
    ("long on its way from AWS IoT", 50),
];

#[test]
fn nothing_unlisted_out_of_range_expired_or_twice_reaches_the_plant() {
    let reached = RefCell::new(BTreeMap::<&str, u32>::new());
    let mut runner =
        random::runner(option_env!("COMMAND_CASES"), option_env!("COMMAND_SEED"), CASES);
    let outcome = runner.run(&case(), |(seed, acts)| {
        let mut world = World::new(seed);
        for act in &acts {
            world.act(act);
        }
        world.quieten();
        for corner in world.corners {
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
