//! The queue of commands.

use super::*;

const REQUESTS: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/requests";
const ANSWERS: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/answers";

#[test]
fn the_queue_of_commands_needs_rules_and_its_answers_another_queue() {
    let given = Given::complete()
        .set("COMMANDS_ALLOW", "Turbine/Limit = 0..90")
        .set("COMMANDS_QUEUE_URL", REQUESTS);
    let commands = given.load().commands.unwrap();
    assert_eq!(commands.iot, None);
    let queue = commands.queue.unwrap();
    assert_eq!((queue.requests.as_str(), queue.answers), (REQUESTS, None));
    assert!(given.load().warnings.is_empty(), "{:?}", given.load().warnings);
    let queue = given.set("COMMANDS_ANSWER_QUEUE_URL", ANSWERS).load().commands.unwrap().queue;
    assert_eq!(queue.unwrap().answers.unwrap().as_str(), ANSWERS);

    let allow = ("COMMANDS_ALLOW", "Turbine/Limit = 0..90");
    let (requests, answers) = ("COMMANDS_QUEUE_URL", "COMMANDS_ANSWER_QUEUE_URL");
    for (variables, reason) in [
        (vec![(requests, REQUESTS)], "COMMANDS_QUEUE_URL needs COMMANDS_ALLOW"),
        (vec![allow, (answers, ANSWERS)], "COMMANDS_ANSWER_QUEUE_URL needs COMMANDS_QUEUE_URL"),
        (vec![allow, (requests, REQUESTS), (answers, REQUESTS)], "is the queue of the requests"),
        (vec![allow, (requests, "requests")], "COMMANDS_QUEUE_URL"),
        (vec![allow, (requests, "https://sqs.eu-west-1.amazonaws.com/1/a.fifo")], "FIFO"),
    ] {
        let mut given = Given::complete();
        for (name, value) in variables {
            given = given.set(name, value);
        }
        let faults = given.faults();
        assert!(faults.contains(reason), "{faults}");
    }
}
