//! Random plants in tests: how many are tried, from which seed, and what they have to reach.

use std::collections::BTreeMap;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// Tries as many cases as `cases` says, or `usual`; the same ones every time, until `seed` says
/// another.
pub(crate) fn runner(cases: Option<&str>, seed: Option<&str>, usual: u32) -> TestRunner {
    let number =
        |said: Option<&str>, usual: u64| said.and_then(|text| text.parse().ok()).unwrap_or(usual);
    let cases = number(cases, u64::from(usual)) as u32;
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number(seed, 0).to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// Each corner was reached in at least so many of a thousand cases. Of fewer cases than usual
/// nothing can be said.
pub(crate) fn check_corners(
    reached: &BTreeMap<&str, u32>,
    corners: &[(&str, u32)],
    runner: &TestRunner,
    usual: u32,
) {
    let cases = runner.config().cases;
    if cases < usual {
        return;
    }
    for (corner, least) in corners {
        let found = reached.get(corner).copied().unwrap_or_default();
        let least = cases * least / 1_000;
        assert!(found >= least, "{corner} in {found} cases, not {least}: {reached:#?}");
    }
}
