//! When what a model lacks is written.

use super::refusals::{begin, want};
use super::*;

/// Somebody asked for what was there, long ago: what came then was not collected, and the rest
/// waited a minute for the next update.
#[test]
fn growth_is_collected_however_long_ago_the_model_was_asked_for_something() {
    let (mut rig, mut sitewise) = begin();
    let model = want(&mut rig, 0..10, "kW");
    rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
    rig.plan.model_wanted(model, &rig.models, rig.now);
    rig.pass(Duration::from_secs(100), &mut |call| sitewise.call(call));
    sitewise.writes.clear();
    for number in 10..15 {
        want(&mut rig, number..number + 1, "kW");
        rig.pass(Duration::from_millis(100), &mut |call| sitewise.call(call));
    }
    rig.pass(Duration::from_secs(10), &mut |call| sitewise.call(call));
    assert_eq!(sitewise.writes.len(), 1, "{:?}", sitewise.writes);
    let (_, model) = sitewise.model("Pump");
    assert_eq!(model.properties.len(), 15);
}
