//! Asked to end before it has begun.

use super::program::Bridge;

/// No port: whoever connects there is refused.
const NOBODY: u16 = 1;

#[tokio::test]
async fn a_bridge_that_still_starts_ends_in_order() {
    let _turn = super::alone().await;
    let bridge = Bridge::start(NOBODY, NOBODY, &[]);
    // The console is there before all else.
    bridge.console().await;
    let log = bridge.terminate().await;
    assert!(log.iter().any(|line| line.contains("shutdown took")), "{log:#?}");
}
