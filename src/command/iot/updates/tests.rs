use super::*;
use crate::sparkplug::message::Qos;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn at(millis: u64) -> Instant {
    Instant::from_start(ms(millis))
}

fn message(text: &str) -> Message {
    let (topic, payload) = ("answers".to_owned(), text.as_bytes().to_vec());
    Message { topic, payload, qos: Qos::AtLeastOnce, retain: false }
}

fn rejected(code: &str) -> Verdict {
    Verdict::Rejected(Rejection { code: code.to_owned(), message: "why".to_owned() })
}

fn heard() -> ExecutionUpdates {
    let mut updates = ExecutionUpdates::default();
    updates.handle_connected(Verdicts::Heard);
    updates
}

/// Updates of which the execution `one` was sent to the plant at 0; its sender waits so long.
fn started(timeout: Option<Duration>) -> ExecutionUpdates {
    let mut updates = heard();
    updates.handle_request("one", timeout, at(0));
    updates.handle_started("one", message("started"), at(0));
    assert_eq!(said(&mut updates), ["started"]);
    updates
}

fn answer(updates: &mut ExecutionUpdates, id: &str, millis: u64) -> Vec<String> {
    updates.handle_answer(id, message("answer"), Repetition::First, at(millis));
    said(updates)
}

fn verdict(updates: &mut ExecutionUpdates, verdict: Verdict, millis: u64) -> Vec<String> {
    updates.handle_verdict("one", verdict, at(millis));
    said(updates)
}

fn timeout(updates: &mut ExecutionUpdates, millis: u64) -> Vec<String> {
    updates.handle_timeout(at(millis));
    said(updates)
}

fn said(updates: &mut ExecutionUpdates) -> Vec<String> {
    std::iter::from_fn(|| updates.poll_output())
        .map(|output| match output {
            UpdateOutput::Publish(message) => String::from_utf8(message.payload).unwrap(),
            UpdateOutput::Lost { execution, rejection, attempts, repetition } => {
                format!("lost {execution} {} {attempts} {repetition:?}", rejection.code)
            }
        })
        .collect()
}

const NOTHING: [&str; 0] = [];

/// AWS IoT rejected what came milliseconds after IN_PROGRESS, and the execution timed out.
#[test]
fn an_answer_waits_until_in_progress_is_accepted() {
    let mut updates = started(None);
    assert_eq!(answer(&mut updates, "one", 10), NOTHING);
    assert!(!updates.is_settled());
    assert_eq!(verdict(&mut updates, Verdict::Accepted, 20), ["answer"]);
    assert_eq!(verdict(&mut updates, Verdict::Accepted, 30), NOTHING);
    assert!(updates.is_settled() && updates.executions.is_empty());
    // And at once where it was accepted before.
    let mut updates = started(None);
    assert_eq!(verdict(&mut updates, Verdict::Accepted, 20), NOTHING);
    assert_eq!(answer(&mut updates, "one", 21), ["answer"]);
}

#[test]
fn an_answer_waits_for_a_second_at_most() {
    let mut updates = started(None);
    assert_eq!(answer(&mut updates, "one", 10), NOTHING);
    assert_eq!(updates.poll_timeout(), Some(at(1_000)));
    assert_eq!(timeout(&mut updates, 999), NOTHING);
    assert_eq!(timeout(&mut updates, 1_000), ["answer"]);
    let mut updates = started(None);
    assert_eq!(answer(&mut updates, "one", 1_000), ["answer"]);
}

/// The verdict on IN_PROGRESS may come after the answer: it is not taken for the answer's.
#[test]
fn a_late_verdict_on_in_progress_does_not_end_the_answer() {
    for first in [Verdict::Accepted, rejected("InvalidStateTransition")] {
        let mut updates = started(None);
        answer(&mut updates, "one", 10);
        assert_eq!(timeout(&mut updates, 1_000), ["answer"]);
        assert_eq!(verdict(&mut updates, first.clone(), 1_100), NOTHING);
        assert_eq!(verdict(&mut updates, rejected("DataConflict"), 1_110), NOTHING);
        assert_eq!(timeout(&mut updates, 1_360), ["answer"], "{first:?}");
    }
}

#[test]
fn an_answer_that_is_rejected_for_now_is_given_again() {
    for code in ["DataConflict", "RequestThrottled", "InternalError", "VersionMismatch", "New", ""]
    {
        let mut updates = started(Some(ms(20_000)));
        verdict(&mut updates, Verdict::Accepted, 5);
        assert_eq!(answer(&mut updates, "one", 10), ["answer"]);
        assert_eq!(verdict(&mut updates, rejected(code), 20), NOTHING);
        assert_eq!(updates.poll_timeout(), Some(at(270)), "{code}");
        // What comes twice changes nothing.
        assert_eq!(verdict(&mut updates, rejected(code), 30), NOTHING);
        assert_eq!(timeout(&mut updates, 269), NOTHING);
        assert_eq!(timeout(&mut updates, 270), ["answer"]);
        assert_eq!(verdict(&mut updates, rejected(code), 280), NOTHING);
        assert_eq!(timeout(&mut updates, 780), ["answer"], "twice the pause");
        assert_eq!(verdict(&mut updates, Verdict::Accepted, 790), NOTHING);
        assert!(updates.is_settled());
        assert_eq!(timeout(&mut updates, 60_000), NOTHING);
    }
}

/// Rejects every answer at once, and returns when it was given and what is said last.
fn rejected_always(mut updates: ExecutionUpdates) -> (Vec<u64>, Vec<String>) {
    verdict(&mut updates, Verdict::Accepted, 5);
    let mut now = 10;
    assert_eq!(answer(&mut updates, "one", now), ["answer"]);
    let mut given = vec![now];
    loop {
        let last = verdict(&mut updates, rejected("DataConflict"), now);
        if !last.is_empty() {
            assert!(updates.is_settled() && updates.executions.is_empty());
            return (given, last);
        }
        let due = updates.poll_timeout().unwrap();
        now = u64::try_from(due.since_start().as_millis()).unwrap();
        assert_eq!(timeout(&mut updates, now), ["answer"]);
        given.push(now);
    }
}

#[test]
fn answers_are_given_again_until_the_timeout_of_the_execution() {
    let (given, last) = rejected_always(started(Some(ms(2_000))));
    assert_eq!(given, [10, 260, 760, 1_760]);
    assert_eq!(last, ["lost one DataConflict 4 First"]);
    // Without one, for ten seconds after the answer.
    let (given, _) = rejected_always(started(None));
    assert_eq!(given, [10, 260, 760, 1_760, 3_760, 7_760]);
    // And not more than ten times.
    let (given, last) = rejected_always(started(Some(ms(3_600_000))));
    assert_eq!(given.len(), 10);
    assert!(given.windows(2).all(|two| two[1] - two[0] <= 5_000), "{given:?}");
    assert_eq!(last, ["lost one DataConflict 10 First"]);
}

#[test]
fn what_is_rejected_for_good_is_told_once_and_not_given_again() {
    for code in
        ["InvalidStateTransition", "ResourceNotFound", "InvalidRequest", "TerminalStateReached"]
    {
        let mut updates = started(None);
        verdict(&mut updates, Verdict::Accepted, 5);
        assert_eq!(answer(&mut updates, "one", 10), ["answer"]);
        let last = verdict(&mut updates, rejected(code), 20);
        assert_eq!(last, [format!("lost one {code} 1 First")]);
        assert_eq!(verdict(&mut updates, rejected(code), 30), NOTHING);
        assert_eq!(timeout(&mut updates, 60_000), NOTHING);
        assert!(updates.is_settled());
    }
}

/// Whatever was said of IN_PROGRESS, the answer is the truth.
#[test]
fn an_answer_is_given_although_in_progress_was_rejected() {
    for code in ["DataConflict", "ResourceNotFound"] {
        let mut updates = started(None);
        assert_eq!(answer(&mut updates, "one", 10), NOTHING);
        assert_eq!(verdict(&mut updates, rejected(code), 20), ["answer"]);
    }
}

#[test]
fn a_refusal_is_given_at_once_and_again_where_it_is_rejected_for_now() {
    let mut updates = heard();
    updates.handle_request("one", None, at(0));
    assert_eq!(answer(&mut updates, "one", 0), ["answer"]);
    verdict(&mut updates, rejected("RequestThrottled"), 10);
    assert_eq!(timeout(&mut updates, 260), ["answer"]);
}

#[test]
fn without_a_verdict_an_answer_is_taken_to_hold() {
    let mut updates = heard();
    updates.handle_request("one", Some(ms(60_000)), at(0));
    assert_eq!(answer(&mut updates, "one", 0), ["answer"]);
    assert!(!updates.is_settled());
    assert_eq!(timeout(&mut updates, 3_000), NOTHING);
    assert!(updates.is_settled() && updates.executions.is_empty());
}

#[test]
fn a_request_that_comes_twice_is_answered_twice_and_once_while_its_answer_waits() {
    let mut updates = started(None);
    assert_eq!(answer(&mut updates, "one", 10), NOTHING);
    updates.handle_request("one", None, at(20));
    assert_eq!(answer(&mut updates, "one", 20), NOTHING);
    assert_eq!(verdict(&mut updates, Verdict::Accepted, 30), ["answer"]);
    assert_eq!(answer(&mut updates, "one", 40), ["answer"]);
    assert_eq!(verdict(&mut updates, Verdict::Accepted, 50), NOTHING);
    assert_eq!(verdict(&mut updates, rejected("InvalidStateTransition"), 60), NOTHING);
    updates.handle_request("one", None, at(70));
    updates.handle_answer("one", message("again"), Repetition::Repeated, at(70));
    assert_eq!(said(&mut updates), ["again"]);
    let last = verdict(&mut updates, rejected("InvalidStateTransition"), 80);
    assert_eq!(last, ["lost one InvalidStateTransition 1 Repeated"]);
}

/// An older policy does not allow the topics of the verdicts.
#[test]
fn where_no_verdicts_are_heard_everything_is_said_at_once_and_once() {
    let mut updates = ExecutionUpdates::default();
    updates.handle_connected(Verdicts::Unheard);
    updates.handle_request("one", None, at(0));
    updates.handle_started("one", message("started"), at(0));
    assert_eq!(answer(&mut updates, "one", 0), ["started", "answer"]);
    assert_eq!(verdict(&mut updates, rejected("DataConflict"), 10), NOTHING);
    assert!(updates.is_settled());
    // What waits when they are heard no longer is said.
    let mut updates = started(None);
    assert_eq!(answer(&mut updates, "one", 10), NOTHING);
    updates.handle_connected(Verdicts::Unheard);
    assert_eq!(said(&mut updates), ["answer"]);
    assert!(updates.is_settled());
}

#[test]
fn verdicts_of_a_session_that_has_ended_are_not_waited_for() {
    let mut updates = started(None);
    updates.handle_disconnected();
    updates.handle_connected(Verdicts::Heard);
    assert_eq!(answer(&mut updates, "one", 10), ["answer"]);
    // The next verdict is the answer's.
    let mut updates = started(None);
    answer(&mut updates, "one", 10);
    assert_eq!(timeout(&mut updates, 1_000), ["answer"]);
    updates.handle_disconnected();
    verdict(&mut updates, Verdict::Accepted, 1_100);
    assert!(updates.is_settled());
}

/// The answer was accepted, and the connection ended before that was said.
#[test]
fn an_answer_whose_verdict_was_lost_with_its_session_is_not_one_that_was_rejected() {
    let mut updates = heard();
    updates.handle_request("one", None, at(0));
    assert_eq!(answer(&mut updates, "one", 0), ["answer"]);
    updates.handle_disconnected();
    updates.handle_connected(Verdicts::Heard);
    // Its request comes again, and so does its answer.
    assert_eq!(answer(&mut updates, "one", 100), ["answer"]);
    assert_eq!(verdict(&mut updates, rejected("TerminalStateReached"), 200), NOTHING);
    assert!(updates.is_settled());
}

#[test]
fn no_more_than_so_many_executions_are_followed() {
    let mut updates = heard();
    for number in 0..2 * EXECUTIONS {
        updates.handle_request(&number.to_string(), None, at(0));
    }
    assert_eq!(updates.executions.len(), EXECUTIONS);
    let last = (2 * EXECUTIONS - 1).to_string();
    updates.handle_started(&last, message("started"), at(0));
    assert_eq!(answer(&mut updates, &last, 0), ["started", "answer"]);
    assert_eq!(updates.executions.len(), EXECUTIONS);
}

#[test]
fn rejections_are_read() {
    let read = |payload: &str| {
        let Rejection { code, message } = Rejection::parse(payload.as_bytes());
        (code, message)
    };
    let known = r#"{"error":"DataConflict","errorMessage":"a moment\n ago","executionId":"1"}"#;
    assert_eq!(read(known), ("DataConflict".to_owned(), "a moment ago".to_owned()));
    for other in ["", "{}", "[", r#"{"error":7}"#, "null"] {
        assert_eq!(read(other), (String::new(), String::new()), "{other}");
    }
    let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(10_000));
    assert_eq!(read(&long).0.len(), SHOWN_CHARS);
}

/// Two verdicts are on their way where `IN_PROGRESS` was answered late, and nothing in them says of
/// which update each is: the answer was accepted, and counted as one that never was.
#[test]
fn a_late_rejection_of_in_progress_does_not_make_an_accepted_answer_an_unanswered_one() {
    let late = || {
        let mut updates = started(None);
        answer(&mut updates, "one", 10);
        assert_eq!(timeout(&mut updates, 1_000), ["answer"]);
        updates
    };
    for ended in ["InvalidStateTransition", "TerminalStateReached"] {
        // The answer is accepted; then it is said that IN_PROGRESS came after it.
        let mut updates = late();
        assert_eq!(verdict(&mut updates, Verdict::Accepted, 1_100), NOTHING);
        assert_eq!(verdict(&mut updates, rejected(ended), 1_110), NOTHING, "{ended}");
        assert!(updates.is_settled() && updates.executions.is_empty());
        // The answer is accepted, and IN_PROGRESS was too near to it: one more answer finds that
        // the execution has ended.
        let mut updates = late();
        assert_eq!(verdict(&mut updates, Verdict::Accepted, 1_100), NOTHING);
        assert_eq!(verdict(&mut updates, rejected("DataConflict"), 1_110), NOTHING);
        assert_eq!(timeout(&mut updates, 1_360), ["answer"]);
        assert_eq!(verdict(&mut updates, rejected(ended), 1_400), NOTHING, "{ended}");
        assert!(updates.is_settled());
        // The same, where the verdict on the first answer comes last.
        let mut updates = late();
        assert_eq!(verdict(&mut updates, rejected("DataConflict"), 1_100), NOTHING);
        assert_eq!(timeout(&mut updates, 1_350), ["answer"]);
        assert_eq!(verdict(&mut updates, rejected(ended), 1_360), NOTHING, "{ended}");
        assert_eq!(verdict(&mut updates, Verdict::Accepted, 1_370), NOTHING);
        assert!(updates.is_settled());
        // A request that came twice is answered twice, with two verdicts as well.
        let mut updates = started(None);
        verdict(&mut updates, Verdict::Accepted, 5);
        assert_eq!(answer(&mut updates, "one", 10), ["answer"]);
        assert_eq!(answer(&mut updates, "one", 20), ["answer"]);
        assert_eq!(verdict(&mut updates, rejected(ended), 30), NOTHING, "{ended}");
        assert_eq!(verdict(&mut updates, Verdict::Accepted, 40), NOTHING);
        assert!(updates.is_settled());
    }
}

/// Where the sender's time is over it was not looked again, and the doubt stayed.
#[test]
fn a_rejection_that_may_be_of_in_progress_is_looked_into_once_although_the_time_is_over() {
    let mut updates = started(Some(ms(1_200)));
    answer(&mut updates, "one", 10);
    assert_eq!(timeout(&mut updates, 1_000), ["answer"]);
    assert_eq!(verdict(&mut updates, Verdict::Accepted, 1_100), NOTHING);
    assert_eq!(verdict(&mut updates, rejected("DataConflict"), 1_110), NOTHING);
    assert_eq!(timeout(&mut updates, 1_360), ["answer"]);
    let last = verdict(&mut updates, rejected("DataConflict"), 1_400);
    assert_eq!(last, ["lost one DataConflict 2 First"]);
}

/// One of two updates was accepted, and one was not. It was taken for granted that the answer was
/// the one that came first, or the last one.
#[test]
fn an_answer_of_which_nobody_knows_whether_it_was_accepted_is_given_again() {
    for code in ["InvalidRequest", "DataConflict"] {
        for accepted_first in [true, false] {
            let mut updates = started(None);
            answer(&mut updates, "one", 10);
            assert_eq!(timeout(&mut updates, 1_000), ["answer"]);
            let both = [Verdict::Accepted, rejected(code)];
            let order = if accepted_first { [0, 1] } else { [1, 0] };
            for at in order {
                assert_eq!(verdict(&mut updates, both[at].clone(), 1_100), NOTHING);
            }
            assert_eq!(timeout(&mut updates, 1_350), ["answer"], "{code} {accepted_first}");
            let last = verdict(&mut updates, rejected("InvalidRequest"), 1_400);
            assert_eq!(last, ["lost one InvalidRequest 2 First"]);
        }
    }
}
