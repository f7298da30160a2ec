//! The ways for commands to come in: the connection to AWS IoT, and the queue.

use tokio::time::timeout;

use super::{Check, PATIENCE, Section, no_answer, server, spawn};
use crate::app::signed_address;
use crate::config::{Commands, Config, IotCommands, QueueCommands};
use crate::mqtt::Connection;
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sqs::{SqsQueues, explain};

/// The checks of what is configured; none without commands.
pub(super) fn sections(config: &Config, take_over: bool) -> Vec<Section> {
    let Some(Commands { iot, queue, .. }) = &config.commands else { return Vec::new() };
    let iot = iot.clone().map(|iot| {
        let of = iot.mqtt.servers.first().map(ToString::to_string).unwrap_or_default();
        spawn(of.clone(), async move { vec![check_iot(&iot, &of, take_over).await] })
    });
    let queue = queue.clone().map(|queue| {
        spawn(queue.requests.to_string(), async move { Box::pin(check_queue(queue)).await })
    });
    iot.into_iter().chain(queue).collect()
}

async fn check_iot(iot: &IotCommands, url: &str, take_over: bool) -> Check {
    let what = format!("commands over AWS IoT at {url}");
    if !take_over {
        let why = "connecting with the bridge's client id would disconnect a running bridge, and \
            the policy of the thing allows no other: use --take-over";
        return Check::not_checked(what, why);
    }
    let topic = iot.topics.requests();
    let signed = match Box::pin(signed_address(iot)).await {
        Ok(signed) => signed,
        Err(error) => return Check::wrong(what, error.to_string()),
    };
    let verdicts = iot.topics.verdicts();
    match Connection::of_commands(&iot.mqtt, vec![topic.clone()], verdicts, signed) {
        Ok(Some(connection)) => {
            let figures = connection.figures();
            match server::connect(connection, url).await {
                Ok(_) if !figures.has_optional() => Check::wrong(
                    what,
                    format!(
                        "subscribed to {topic}, but not to {}: an answer that AWS IoT rejects is \
                            not sent again; allow these topics in the thing's policy",
                        iot.topics.verdicts().join(" and ")
                    ),
                ),
                Ok(took) => {
                    let text = format!("subscribed to {topic} within {} ms", took.as_millis());
                    Check::ok(what, text)
                }
                Err(why) => Check::wrong(what, why),
            }
        }
        Ok(None) => Check::wrong(what, "COMMANDS_IOT_URL names no server"),
        Err(error) => Check::wrong(what, error.to_string().replace("MQTT_", "COMMANDS_IOT_")),
    }
}

async fn check_queue(queue: QueueCommands) -> Vec<Check> {
    let url = queue.requests.to_string();
    let answers = queue.answers.clone();
    let queues = match SqsQueues::from_env(queue.requests, queue.answers).await {
        Ok(queues) => queues,
        Err(error) => return vec![Check::wrong(url, error.to_string())],
    };
    let dead_letters = timeout(PATIENCE, queues.has_dead_letter_queue());
    let (dead_letters, deletion) =
        tokio::join!(dead_letters, timeout(PATIENCE, queues.may_delete()));
    let late = || ApiFault::new(ApiFaultKind::Unavailable, no_answer("SQS"));
    let mut checks = vec![
        judge_attributes(&url, dead_letters.unwrap_or_else(|_| Err(late()))),
        judge_deletion(&url, deletion.unwrap_or_else(|_| Err(late()))),
    ];
    checks.extend(answers.map(|answers| {
        let why = "nothing is sent there without a command; allow sqs:SendMessage";
        Check::not_checked(format!("answers to {answers}"), why)
    }));
    checks
}

fn judge_attributes(url: &str, answer: Result<bool, ApiFault>) -> Check {
    let what = format!("the dead-letter queue of {url}");
    match answer {
        Ok(true) => Check::ok(what, "messages that cannot be read are moved there"),
        Ok(false) => Check::wrong(
            what,
            "there is none: a message that cannot be read comes again and again until its \
                retention period ends; give the queue a redrive policy",
        ),
        Err(fault) if fault.kind == ApiFaultKind::Denied => {
            Check::not_checked(what, format!("{fault}; the bridge does not need this permission"))
        }
        Err(fault) => Check::wrong(what, explain(&fault)),
    }
}

fn judge_deletion(url: &str, answer: Result<(), ApiFault>) -> Check {
    let what = format!("sqs:DeleteMessage on {url}");
    match answer {
        Ok(()) => Check::ok(what, "allowed; sqs:ReceiveMessage is not checked"),
        Err(fault) => Check::wrong(what, explain(&fault)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_without_a_dead_letter_queue_is_wrong_and_one_that_is_not_shown_is_not() {
        let fault = |kind| ApiFault::new(kind, "why");
        let text = |answer| judge_attributes("https://q", answer).to_string();
        assert!(text(Ok(true)).starts_with("ok"));
        assert!(text(Ok(false)).contains("redrive policy"), "{}", text(Ok(false)));
        let denied = text(Err(fault(ApiFaultKind::Denied)));
        assert!(denied.starts_with("not checked"), "{denied}");
        assert!(text(Err(fault(ApiFaultKind::Unavailable))).starts_with("wrong"));
        let denied = judge_deletion("https://q", Err(fault(ApiFaultKind::Denied))).to_string();
        assert!(denied.starts_with("wrong"), "{denied}");
    }
}
