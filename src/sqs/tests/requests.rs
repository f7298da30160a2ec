//! Nothing is handed over that is not deleted.

use super::*;

fn queues(received: Vec<Result<Vec<ReceivedMessage>, ApiFault>>) -> FakeQueues {
    FakeQueues { received: Mutex::new(received.into()), ..FakeQueues::default() }
}

#[tokio::test]
async fn a_request_is_deleted_and_then_handed_over() {
    let queues = Arc::new(queues(vec![Ok(vec![message("a", READABLE), message("b", READABLE)])]));
    let status = status();
    let all = handed_over(Arc::clone(&queues), status.clone()).await;
    assert_eq!(ids(&all), ["a", "b"]);
    assert_eq!(all[0].body, READABLE);
    // The deletion was answered before, and told the time.
    assert_eq!(all[0].time_at_start, Some(Timestamp::from_millis(7)));
    assert_eq!(queues.done(), ["delete r-a r-b"]);
    assert_eq!(status.figures(), QueueFigures { received: 2, ..QueueFigures::default() });
    assert!(status.troubles().is_empty());
}

#[tokio::test]
async fn what_is_not_deleted_is_not_handed_over() {
    let queues = FakeQueues {
        deletions: Mutex::new(
            // One of two; none at all; fewer results than messages.
            vec![Ok(vec![Err(fault()), Ok(())]), Err(fault()), Ok(Vec::new())].into(),
        ),
        ..queues(vec![
            Ok(vec![message("a", READABLE), message("b", READABLE)]),
            Ok(vec![message("c", READABLE)]),
            Ok(vec![message("d", READABLE)]),
            Ok(vec![message("e", READABLE)]),
        ])
    };
    let status = status();
    let all = handed_over(Arc::new(queues), status.clone()).await;
    assert_eq!(ids(&all), ["b", "e"]);
    assert_eq!((status.figures().received, status.figures().not_deleted), (2, 3));
    assert!(status.troubles().is_empty(), "the last call went well");
}

#[tokio::test]
async fn a_deletion_that_is_not_answered_in_time_counts_as_none() {
    let queues = FakeQueues {
        deletion: DeletionAnswer::NeverAnswered,
        ..queues(vec![Ok(vec![message("a", READABLE)])])
    };
    let status = status();
    assert_eq!(handed_over(Arc::new(queues), status.clone()).await, []);
    assert_eq!(status.figures().not_deleted, 1);
}

/// Another reader may have received it meanwhile, and deleted it as well.
#[tokio::test]
async fn what_was_hidden_too_long_ago_is_not_handed_over_although_it_is_deleted() {
    for (receiving_takes, expected) in [(44, vec!["a"]), (45, Vec::new())] {
        let queues = FakeQueues {
            receiving_takes: Duration::from_secs(receiving_takes),
            ..queues(vec![Ok(vec![message("a", READABLE)])])
        };
        let status = status();
        let all = handed_over(Arc::new(queues), status.clone()).await;
        assert_eq!(ids(&all), expected);
        assert_eq!(status.figures().not_deleted, 1 - expected.len() as u64);
    }
}

/// The host was stopped (a snapshot, a migration), and its clocks with it: the answer lay in its socket.
#[tokio::test]
async fn what_aws_says_was_hidden_too_long_ago_is_not_handed_over() {
    let at = |seconds: i64| Some(Timestamp::from_millis(1_000_000 + seconds * 1_000));
    for (received, deleted, expected) in [
        (at(0), at(44), vec!["a"]),
        (at(0), at(45), Vec::new()),
        (None, at(300), vec!["a"]),
        (at(0), None, vec!["a"]),
    ] {
        let queues = FakeQueues {
            dates: (received, deleted),
            ..queues(vec![Ok(vec![message("a", READABLE)])])
        };
        let all = handed_over(Arc::new(queues), status()).await;
        assert_eq!(ids(&all), expected);
        // Its age is judged by that.
        assert!(all.iter().all(|request| request.deleted_at == deleted));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_handed_over_and_stays_in_the_queue() {
    let unknown_field = r#"{"asset":"A","property":"P","value":1,"vlaue":2}"#;
    let queues = Arc::new(queues(vec![
        Ok(vec![message("a", "not JSON"), message("b", READABLE), message("c", unknown_field)]),
        Ok(vec![message("d", "")]),
    ]));
    let status = status();
    let all = handed_over(Arc::clone(&queues), status.clone()).await;
    assert_eq!(ids(&all), ["a", "c", "b", "d"]);
    assert_eq!(queues.done(), ["delete r-b"]);
    assert_eq!(status.figures().poisonous, 3);
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_still_too_long() {
    let body = "ü".repeat(500_000);
    let queues = queues(vec![Ok(vec![message("a", &body)])]);
    let all = handed_over(Arc::new(queues), status()).await;
    assert_eq!(all[0].body.len(), 32_770);
    let said = crate::command::request::WriteRequest::parse(all[0].body.as_bytes()).unwrap_err();
    assert!(said.contains("more than 32768 bytes"), "{said}");
}

#[tokio::test]
async fn calls_that_keep_failing_are_a_trouble_until_one_succeeds() {
    let fails = || Err(fault());
    let status = status();
    let queues = Arc::new(FakeQueues {
        status: Some(status.clone()),
        ..queues(vec![fails(), fails(), fails(), Ok(vec![message("a", READABLE)])])
    });
    assert_eq!(ids(&handed_over(Arc::clone(&queues), status.clone()).await), ["a"]);
    // One failure may be the network's; after the success there is one more call.
    assert_eq!(*queues.seen.lock().unwrap(), [true, true, false, false, true]);
    let waits = queues.clock.waits.lock().unwrap().clone();
    let seconds: Vec<f64> = waits.iter().map(Duration::as_secs_f64).collect();
    let [first, second, third] = seconds[..] else { panic!("{seconds:?}") };
    for (wait, least) in [(first, 1.0), (second, 2.0), (third, 4.0)] {
        assert!((least..=2.0 * least).contains(&wait), "{seconds:?}");
    }
}

#[test]
fn a_trouble_says_what_cannot_be_done() {
    let status = status();
    status.record_failure(super::super::status::QueueSide::Requests, &fault());
    assert_eq!(status.troubles(), []);
    status.record_failure(super::super::status::QueueSide::Requests, &fault());
    let [(of, why)] = &status.troubles()[..] else { panic!("{:?}", status.troubles()) };
    assert!(of.ends_with("/requests") && why.contains("no command arrives: away"), "{of} {why}");
}

/// What is deleted has to find room, and what finds none stays in the queue.
#[tokio::test]
async fn nothing_is_received_while_the_engine_has_no_room() {
    let one = |id| Ok(vec![message(id, READABLE)]);
    let queues = Arc::new(queues(vec![one("a"), one("b"), one("c")]));
    let (sender, mut requests) = mpsc::channel(BATCH + 1);
    let clock = queues.clock.clone();
    let running = receiving::run_at(&clock, Arc::clone(&queues), sender, status());
    let turns = async || {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    };
    let looking = async {
        turns().await;
        assert_eq!(queues.done(), ["delete r-a", "delete r-b"]);
        assert_eq!(&*requests.recv().await.unwrap().id, "a");
        turns().await;
        assert_eq!(queues.done().len(), 3);
        drop(requests);
    };
    tokio::join!(running, looking);
}
