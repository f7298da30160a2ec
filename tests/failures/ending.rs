//! Asked to end, and asked once more.

use std::time::{Duration, Instant};

use sitewise_local::{Effect, Fault, Options, Server as SiteWise};
use tokio::time::interval;

use super::plant::Server;
use super::program::Bridge;

/// The second time it ends at once, and says what is lost by that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once_and_says_what_is_left() {
    let _turn = super::alone().await;
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let (at, handle) = (sitewise.local_addr().port(), sitewise.handle());
    tokio::spawn(sitewise.run(std::future::pending()));
    // Values wait, for SiteWise takes none.
    let code = "ServiceUnavailableException".to_owned();
    let effect = Effect::Error { code, carried_out: false, retry_after_milliseconds: None };
    let mut fault = Fault::always(effect);
    fault.operations = vec!["BatchPutAssetPropertyValue".to_owned()];
    handle.order(fault).unwrap();

    let mut server = Server::start().await;
    let bridge = Bridge::start(server.port, at, &[("SHUTDOWN_GRACE", "1h".as_ref())]);
    bridge.learned().await;
    server.born(1).await;
    let mut pause = interval(Duration::from_millis(50));
    let waiting = "sparkwise_values_waiting{place=\"delivery\"}";
    while bridge.metric(waiting).await < 10.0 {
        pause.tick().await;
    }
    bridge.signal("INT").await;
    while !bridge.log().await.iter().any(|line| line.contains("shutting down:")) {
        pause.tick().await;
    }
    let second = Instant::now();
    let log = bridge.terminate().await;
    assert!(second.elapsed() < Duration::from_secs(10), "it took {:?}", second.elapsed());
    let last =
        log.iter().find(|line| line.contains("stopped immediately")).expect("it says nothing");
    assert!(last.contains("values that were only in memory"), "{last}");
}
