//! Answers are sent until the queue has them, or their time is over.

use super::*;

fn answer_of(id: &str) -> QueueAnswer {
    QueueAnswer { id: id.into(), body: format!("<{id}>") }
}

#[tokio::test(start_paused = true)]
async fn answers_are_sent_together_and_again_where_they_failed() {
    let queues = FakeQueues {
        sends: Mutex::new(vec![Ok(vec![Ok(()), Err(fault()), Ok(())]), Err(fault())].into()),
        ..FakeQueues::default()
    };
    let (queues, status) = (Arc::new(queues), status());
    let (sender, answers) = mpsc::channel(64);
    for id in ["a", "b", "c"] {
        sender.try_send(answer_of(id)).unwrap();
    }
    let task = tokio::spawn(answer(Arc::clone(&queues), answers, status.clone()));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(queues.done(), ["send <a> <b> <c>", "send <b>", "send <b>"]);
    drop(sender);
    task.await.unwrap();
    assert_eq!(status.figures().unanswered, 0);
    assert!(status.troubles().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_sent_for_a_minute_is_dropped_and_counted() {
    let fails = (0..100).map(|_| Err(fault())).collect();
    let queues = Arc::new(FakeQueues { sends: Mutex::new(fails), ..FakeQueues::default() });
    let status = status();
    let (sender, answers) = mpsc::channel(64);
    sender.try_send(answer_of("a")).unwrap();
    let task = tokio::spawn(answer(Arc::clone(&queues), answers, status.clone()));
    tokio::time::sleep(Duration::from_secs(50)).await;
    let [(of, why)] = &status.troubles()[..] else { panic!("{:?}", status.troubles()) };
    assert!(of.ends_with("/answers") && why.contains("only the log"), "{of} {why}");
    assert!(status.is_receiving());
    assert_eq!(status.figures().unanswered, 0);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(status.figures().unanswered, 1);
    let tried = queues.done().len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(queues.done().len(), tried);
    drop(sender);
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_five_seconds_for_the_last_answers() {
    let fails = (0..100).map(|_| Err(fault())).collect();
    let queues = Arc::new(FakeQueues { sends: Mutex::new(fails), ..FakeQueues::default() });
    let status = status();
    let (sender, answers) = mpsc::channel(64);
    sender.try_send(answer_of("a")).unwrap();
    drop(sender);
    let began = tokio::time::Instant::now();
    answer(Arc::clone(&queues), answers, status.clone()).await;
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(status.figures().unanswered, 1);
}
