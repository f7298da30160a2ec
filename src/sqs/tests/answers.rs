//! Answers are sent until the queue has them, or their time is over.

use super::*;

fn answer_of(id: &str) -> QueueAnswer {
    QueueAnswer { id: id.into(), body: format!("<{id}>") }
}

fn failing(times: usize) -> FakeQueues {
    let fails: VecDeque<Batch> = (0..times).map(|_| Err(fault())).collect();
    FakeQueues { sends: Mutex::new(fails), ..FakeQueues::default() }
}

/// Sends these, and then the process ends.
async fn sent(queues: &Arc<FakeQueues>, status: &QueueStatus, ids: &[&str]) {
    let (sender, answers) = mpsc::channel(64);
    for id in ids {
        sender.try_send(answer_of(id)).unwrap();
    }
    drop(sender);
    let clock = queues.clock.clone();
    answering::run_at(&clock, Arc::clone(queues), answers, status.clone()).await;
}

#[tokio::test]
async fn answers_are_sent_together_and_again_where_they_failed() {
    let queues = Arc::new(FakeQueues {
        sends: Mutex::new(vec![Ok(vec![Ok(()), Err(fault()), Ok(())]), Err(fault())].into()),
        ..FakeQueues::default()
    });
    let status = status();
    sent(&queues, &status, &["a", "b", "c"]).await;
    assert_eq!(queues.done(), ["send <a> <b> <c>", "send <b>", "send <b>"]);
    assert_eq!(status.figures().unanswered, 0);
    assert_eq!(status.troubles(), []);
}

/// They were sent again without a pause, and for ever.
#[tokio::test]
async fn answers_of_which_sqs_says_nothing_are_sent_again_after_a_pause() {
    let queues = Arc::new(FakeQueues {
        sends: Mutex::new(vec![Ok(vec![Ok(())]), Ok(Vec::new())].into()),
        ..FakeQueues::default()
    });
    let status = status();
    sent(&queues, &status, &["a", "b"]).await;
    assert_eq!(queues.done(), ["send <a> <b>", "send <b>", "send <b>"]);
    let took = queues.clock.now().monotonic;
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert_eq!((status.figures().unanswered, status.troubles()), (0, Vec::new()));
}

#[tokio::test]
async fn an_answer_that_cannot_be_sent_for_a_minute_is_dropped_and_counted() {
    let (queues, status) = (Arc::new(failing(100)), status());
    let (sender, answers) = mpsc::channel(64);
    sender.try_send(answer_of("a")).unwrap();
    let clock = queues.clock.clone();
    let running = answering::run_at(&clock, Arc::clone(&queues), answers, status.clone());
    let looking = async {
        while status.figures().unanswered == 0 {
            let tried = queues.done().len();
            assert!(tried < 100, "{tried} attempts");
            tokio::task::yield_now().await;
        }
        let took = queues.clock.now().monotonic;
        // The last attempt may be a pause of twenty seconds late, and another one has begun.
        assert!((60..=100).contains(&took.as_secs()), "{took:?}");
        let [(of, why)] = &status.troubles()[..] else { panic!("{:?}", status.troubles()) };
        assert!(of.ends_with("/answers") && why.contains("only the log"), "{of} {why}");
        assert!(status.is_receiving());
        drop(sender);
    };
    tokio::join!(running, looking);
    assert_eq!(status.figures().unanswered, 1);
}

#[tokio::test]
async fn the_end_waits_five_seconds_for_the_last_answers() {
    let (queues, status) = (Arc::new(failing(100)), status());
    let ids: Vec<String> = (0..12).map(|id| id.to_string()).collect();
    sent(&queues, &status, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let took = queues.clock.now().monotonic;
    assert!((5..=10).contains(&took.as_secs()), "{took:?}");
    assert_eq!(status.figures().unanswered, 12);
}
