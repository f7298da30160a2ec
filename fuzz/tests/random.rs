//! The targets under random scripts: that they can be built and hold, where no fuzzer is at hand.

use sparkwise_fuzz::{decode, packets, session};

/// Scripts that each target is given.
const SCRIPTS: usize = 2_000;

fn scripts(seed: u64, longest: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..SCRIPTS).map(move |_| {
        let length = random.usize(..longest);
        // Small numbers are lengths and tags.
        let byte = |random: &mut fastrand::Rng| match random.bool() {
            true => random.u8(..),
            false => random.u8(..32),
        };
        (0..length).map(|_| byte(&mut random)).collect()
    })
}

#[test]
fn random_bytes_are_no_harm() {
    scripts(1, 200).for_each(|payload| decode::run(&payload));
}

#[test]
fn random_sessions_hold() {
    scripts(2, 300).for_each(|script| session::run(&script));
}

#[test]
fn random_packets_pass_or_do_not() {
    scripts(3, 600).for_each(|script| packets::run(&script));
}
