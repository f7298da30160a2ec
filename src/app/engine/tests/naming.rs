//! The account is not known at the start: STS is away as SiteWise is.

use super::*;
use crate::console::health::NotReadyReason;

/// What a process reads before it knows the account, with a disk.
fn unnamed(folder: &std::path::Path) -> (Engine<Silent>, mpsc::Receiver<Outgoing>) {
    let wake = Arc::new(Notify::new());
    let disk = DiskOutbox::open(folder, 1 << 20, Arc::clone(&wake)).unwrap();
    let (engine, published) = engine_with((Box::new(disk), wake));
    let never = || async { Err(ApiFault::new(ApiFaultKind::Unavailable, "no answer")) };
    (engine.with_naming(NamespaceRequest::start(never)), published)
}

/// Nothing was read until the account was known: what the plant said in an outage was lost.
#[tokio::test]
async fn what_is_read_before_the_account_is_known_outlives_the_process() {
    let name = format!("sparkwise-engine-unnamed-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let (mut engine, _published) = unnamed(&folder);
    engine.replay_stored();
    let session_time = crate::clock::wall();
    engine.handle_inbound(Inbound::Connected { server: 0, session_time });
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    engine.handle_inbound(inbound(edge.nbirth(session_time, [Metric::new("a", 1.0_f64)])));
    engine.handle_inbound(inbound(edge.ndata(session_time, [Metric::new("a", 2.0_f64)])));
    engine.handle_naming(Some(Err("no answer".to_owned()))).unwrap();
    engine.drain_outputs();
    assert!(engine.calls.is_empty(), "something is asked without a namespace");
    let links = [engine.server_statuses().remove(0)];
    let reasons = NotReadyReason::all(&engine.view(&links));
    let told = reasons.iter().map(NotReadyReason::line);
    let told = told.filter(|line| line.contains("determine the AWS account: no answer")).count();
    assert_eq!(told, 1, "{reasons:?}");
    engine.outbox.close(Duration::from_secs(5));
    drop(engine);

    let (mut engine, _published) = unnamed(&folder);
    engine.replay_stored();
    engine.drain_outputs();
    assert!(engine.bridge.twin().buffered() >= 2, "the next process hears them");
    assert!(engine.calls.is_empty());
    engine.handle_naming(Some(Ok("123456789012/eu-west-1".to_owned()))).unwrap();
    engine.drain_outputs();
    assert_eq!(engine.calls.len(), 1, "the initial sync does not begin");
    drop(engine);
    let _ = std::fs::remove_dir_all(&folder);
}

#[tokio::test]
async fn the_account_is_asked_for_until_there_is_an_answer_while_messages_are_handled() {
    let asked = Arc::new(AtomicU64::new(0));
    let (engine, _published) = engine();
    let count = Arc::clone(&asked);
    let engine = engine.with_naming(NamespaceRequest::start(move || {
        let is_first = count.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            match is_first {
                true => Err(ApiFault::new(ApiFaultKind::Unavailable, "no answer")),
                false => Ok(("123456789012".to_owned(), "eu-west-1".to_owned())),
            }
        }
    }));
    let (inbox, messages) = mpsc::channel(10);
    let session_time = crate::clock::wall();
    inbox.try_send(Inbound::Connected { server: 0, session_time }).unwrap();
    let (questions, answers) = EngineQueries::new("starting");
    answers.set_running();
    let engine =
        tokio::spawn(engine.run(messages, answers, (pending(), pending()), Duration::ZERO));
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    inbox.try_send(inbound(edge.nbirth(session_time, [Metric::new("a", 1.0_f64)]))).unwrap();
    let mut was_unnamed = false;
    loop {
        let (is_unnamed, read) = questions
            .ask(|look| {
                let is_unnamed = look.bridge.twin().plan().is_unnamed();
                (is_unnamed, look.bridge.host().counters().messages)
            })
            .await
            .unwrap();
        was_unnamed |= is_unnamed && read > 0;
        if !is_unnamed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(was_unnamed, "no message was read before");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    engine.abort();
}
