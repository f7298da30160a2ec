//! Nothing is handed over that is not deleted.

use super::*;

fn queues(received: Vec<Result<Vec<ReceivedMessage>, ApiFault>>) -> FakeQueues {
    FakeQueues { received: Mutex::new(received.into()), ..FakeQueues::default() }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_deleted_and_then_handed_over() {
    let queues = Arc::new(queues(vec![Ok(vec![message("a", READABLE), message("b", READABLE)])]));
    let status = status();
    let all = handed_over(Arc::clone(&queues), status.clone()).await;
    assert_eq!(ids(&all), ["a", "b"]);
    assert_eq!(all[0].body, READABLE);
    assert_eq!(queues.done(), ["delete r-a r-b"]);
    assert_eq!(status.figures(), QueueFigures { received: 2, ..QueueFigures::default() });
    assert!(status.troubles().is_empty());
}

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
async fn a_deletion_that_is_not_answered_in_time_counts_as_none() {
    let queues = FakeQueues {
        deletion_takes: Duration::from_secs(6),
        ..queues(vec![Ok(vec![message("a", READABLE)])])
    };
    let status = status();
    assert_eq!(handed_over(Arc::new(queues), status.clone()).await, []);
    assert_eq!(status.figures().not_deleted, 1);
}

/// Another reader may have received it meanwhile, and deleted it as well.
#[tokio::test(start_paused = true)]
async fn what_was_hidden_too_long_ago_is_not_handed_over_although_it_is_deleted() {
    for (receiving_takes, expected) in [(40, vec!["a"]), (44, Vec::new())] {
        let queues = FakeQueues {
            receiving_takes: Duration::from_secs(receiving_takes),
            deletion_takes: Duration::from_secs(2),
            ..queues(vec![Ok(vec![message("a", READABLE)])])
        };
        let status = status();
        let all = handed_over(Arc::new(queues), status.clone()).await;
        assert_eq!(ids(&all), expected);
        assert_eq!(status.figures().not_deleted, 1 - expected.len() as u64);
    }
}

#[tokio::test(start_paused = true)]
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

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_cut_and_still_too_long() {
    let body = "ü".repeat(500_000);
    let queues = queues(vec![Ok(vec![message("a", &body)])]);
    let all = handed_over(Arc::new(queues), status()).await;
    assert_eq!(all[0].body.len(), 32_770);
    let said = crate::command::request::WriteRequest::parse(all[0].body.as_bytes()).unwrap_err();
    assert!(said.contains("more than 32768 bytes"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_keep_failing_are_a_trouble_until_one_succeeds() {
    let (sender, mut requests) = mpsc::channel(64);
    let fails = || Err(fault());
    let queues = queues(vec![fails(), fails(), fails(), Ok(vec![message("a", READABLE)])]);
    let status = status();
    let began = tokio::time::Instant::now();
    let task = tokio::spawn(receive(Arc::new(queues), sender, status.clone()));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(status.is_receiving(), "one failure may be the network's");
    // The first pause is one second, with as much jitter at most.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!status.is_receiving());
    let [(of, why)] = &status.troubles()[..] else { panic!("{:?}", status.troubles()) };
    assert!(of.ends_with("/requests") && why.contains("no command arrives: away"), "{of} {why}");
    assert_eq!(&*requests.recv().await.unwrap().id, "a");
    assert!(began.elapsed() >= Duration::from_secs(7), "1 s, 2 s and 4 s");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(status.is_receiving());
    drop(requests);
    task.await.unwrap();
}

/// What is deleted has to find room, and what finds none stays in the queue.
#[tokio::test(start_paused = true)]
async fn nothing_is_received_while_the_engine_has_no_room() {
    let one = |id| Ok(vec![message(id, READABLE)]);
    let queues = Arc::new(queues(vec![one("a"), one("b"), one("c")]));
    let (sender, mut requests) = mpsc::channel(BATCH + 1);
    let task = tokio::spawn(receive(Arc::clone(&queues), sender, status()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(queues.done(), ["delete r-a", "delete r-b"]);
    assert_eq!(&*requests.recv().await.unwrap().id, "a");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(queues.done().len(), 3);
    drop(requests);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_being_deleted_when_the_engine_closes_is_still_handed_over() {
    let queues = FakeQueues {
        deletion_takes: Duration::from_secs(2),
        ..queues(vec![Ok(vec![message("a", READABLE)]), Ok(vec![message("b", READABLE)])])
    };
    let (sender, mut requests) = mpsc::channel(64);
    let task = tokio::spawn(receive(Arc::new(queues), sender, status()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    requests.close();
    assert_eq!(&*requests.recv().await.unwrap().id, "a");
    assert_eq!(requests.recv().await, None);
    task.await.unwrap();
}
