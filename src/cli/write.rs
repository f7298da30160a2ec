//! `sparkwise write`: one request through the queue of commands.

use std::time::Duration;

use lexopt::Arg::{Long, Short};
use lexopt::ValueExt;
use serde_json::{Value as Json, json};

use crate::config::{Config, duration};
use crate::sqs::{Asked, SqsQueues, ask, explain};

/// What `sparkwise write --help` prints.
pub const HELP: &str = "\
sparkwise write: asks the running bridge to write one value to the plant

Usage: sparkwise write --asset ASSET --property PROPERTY --value VALUE [--expected VALUE]
                       [--timeout 20s] [--json]

It uses the same variables as the bridge, sends one request to COMMANDS_QUEUE_URL, and waits for the
answer in COMMANDS_ANSWER_QUEUE_URL. The bridge checks the request as any other: see COMMANDS_ALLOW.
It needs the permissions sqs:SendMessage on the first queue, and sqs:ReceiveMessage and
sqs:DeleteMessage on the second. Answers to other requests stay in the queue, hidden from
other readers for a second; another program that reads this queue may receive the answer first.

  --asset ASSET        its UUID, externalId:ID, or its address GROUP/NODE/DEVICE/INSTANCE
  --property PROPERTY  its name or UUID
  --value VALUE        a number, true, false, or text
  --expected VALUE     write only if the metric has this value
  --timeout DURATION   how long to wait for the answer (20s)
  --json               print the answer as JSON, on one line

Exit codes: 0 if the answer is SUCCEEDED, 2 if there is none (without a queue for answers, or in
time: the machine may have the value), 1 if it is FAILED or REJECTED or the queue cannot be used, 64
for invalid arguments or an invalid configuration.
";

/// How long to wait for the answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The parsed arguments of `sparkwise write`.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// How it is used.
    Help,
    /// One request.
    Send(Request),
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The asset.
    pub asset: String,
    /// The property.
    pub property: String,
    /// The value: numbers and Booleans are written as text, which the bridge reads by the metric's
    /// type.
    pub value: String,
    /// The value that the metric is to have before.
    pub expected: Option<String>,
    /// How long to wait.
    pub timeout: Duration,
    /// The answer as JSON.
    pub json: bool,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The machine has the value.
    Succeeded,
    /// It was not sent, or is not confirmed.
    NotSucceeded,
    /// There is no answer.
    Unanswered,
}

/// Reads the arguments after `write`.
///
/// # Errors
///
/// An argument that there is not, or one that is missing.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut asset, mut property, mut value, mut expected) = (None, None, None, None);
    let (mut timeout, mut json) = (TIMEOUT, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("asset") => asset = Some(parser.value()?.string()?),
            Long("property") => property = Some(parser.value()?.string()?),
            Long("value") => value = Some(parser.value()?.string()?),
            Long("expected") => expected = Some(parser.value()?.string()?),
            Long("timeout") => timeout = parser.value()?.parse_with(whole_seconds)?,
            Long("json") => json = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            argument => return Err(argument.unexpected()),
        }
    }
    let missing = |name: &str| lexopt::Error::from(format!("write needs --{name}"));
    Ok(Command::Send(Request {
        asset: asset.ok_or_else(|| missing("asset"))?,
        property: property.ok_or_else(|| missing("property"))?,
        value: value.ok_or_else(|| missing("value"))?,
        expected,
        timeout,
        json,
    }))
}

fn whole_seconds(text: &str) -> Result<Duration, String> {
    let read = duration(text)?;
    let is_whole = read.subsec_nanos() == 0 && (2..=600).contains(&read.as_secs());
    is_whole.then_some(read).ok_or_else(|| "must be whole seconds from 2s to 10m".to_owned())
}

impl Request {
    fn body(&self) -> String {
        let mut body = json!({
            "asset": self.asset,
            "property": self.property,
            "value": self.value,
            "timeout": self.timeout.as_secs(),
        });
        if let (Some(expected), Json::Object(fields)) = (&self.expected, &mut body) {
            fields.insert("expected".to_owned(), json!(expected));
        }
        body.to_string()
    }
}

/// What to say of a request that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What to print.
    pub text: String,
    /// What went wrong beside it, for stderr.
    pub remark: Option<String>,
    /// How it ended.
    pub outcome: WriteOutcome,
}

/// Sends it and waits for the answer.
///
/// # Errors
///
/// It cannot be sent, in a sentence.
pub async fn run(request: &Request, config: &Config) -> Result<Written, String> {
    let queue = config.commands.as_ref().and_then(|commands| commands.queue.clone());
    let queue = queue.ok_or(
        "needs COMMANDS_QUEUE_URL, over which requests come in; one over AWS IoT is started with \
        `aws iot-jobs-data start-command-execution`",
    )?;
    let has_answers = queue.answers.is_some();
    let queues = SqsQueues::from_env(queue.requests, queue.answers).await;
    let queues = queues.map_err(|error| error.to_string())?;
    let asked = Box::pin(ask(&queues, request.body(), request.timeout)).await;
    let Asked { id, answer, trouble } = asked.map_err(|fault| explain(&fault))?;
    let (text, outcome) = report(&id, answer.as_ref(), has_answers, request);
    Ok(Written { text, remark: trouble.map(|fault| explain(&fault)), outcome })
}

/// The text to print, and the outcome.
fn report(
    id: &str,
    answer: Option<&Json>,
    has_answers: bool,
    request: &Request,
) -> (String, WriteOutcome) {
    let Some(answer) = answer else {
        let why = match has_answers {
            true => format!(
                "no answer within {} s: the machine may have the value; the bridge's log has \
                queue:{id}",
                request.timeout.as_secs()
            ),
            false => format!(
                "sent; without COMMANDS_ANSWER_QUEUE_URL the answer is only in the bridge's log, \
                as queue:{id}"
            ),
        };
        let text = match request.json {
            true => format!("{}\n", json!({ "id": id, "status": null, "reason": why })),
            false => format!("{why}\n"),
        };
        return (text, WriteOutcome::Unanswered);
    };
    let field = |name: &str| answer.get(name).and_then(Json::as_str).unwrap_or_default();
    let outcome = match field("status") {
        "SUCCEEDED" => WriteOutcome::Succeeded,
        _ => WriteOutcome::NotSucceeded,
    };
    let text = match request.json {
        true => format!("{answer}\n"),
        false => {
            let value = answer.get("value").map(|value| format!(" ({value})")).unwrap_or_default();
            format!("{} {}{value}: {}\n", field("status"), field("code"), field("reason"))
        }
    };
    (crate::telemetry::printable(text.trim_end()) + "\n", outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::request::WriteRequest;

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        let mut parser = lexopt::Parser::from_args(arguments.iter().map(ToString::to_string));
        parse(&mut parser).map_err(|error| error.to_string())
    }

    const LEAST: [&str; 5] = ["--asset", "g/n", "--property", "Pitch Limit", "--value=-42.5"];

    fn request(more: &[&str]) -> Request {
        match parsed(&[&LEAST, more].concat()) {
            Ok(Command::Send(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_one_that_the_bridge_reads() {
        let body = request(&["--expected", "on", "--timeout", "30s"]).body();
        let read = WriteRequest::parse(body.as_bytes()).unwrap();
        assert_eq!((read.asset.as_str(), read.property.as_str()), ("g/n", "Pitch Limit"));
        assert_eq!((read.value, read.expected), (json!("-42.5"), Some(json!("on"))));
        assert_eq!(read.timeout, Some(Duration::from_secs(30)));
        let body = request(&[]).body();
        let read = WriteRequest::parse(body.as_bytes()).unwrap();
        assert_eq!((read.expected, read.timeout), (None, Some(TIMEOUT)));
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        for (arguments, reason) in [
            (vec![], "write needs --asset"),
            (vec!["--asset", "a", "--value", "1"], "write needs --property"),
            (vec!["--asset", "a", "--property", "p"], "write needs --value"),
            ([&LEAST[..], &["--timeout", "1500ms"]].concat(), "whole seconds"),
            ([&LEAST[..], &["--force"]].concat(), "--force"),
        ] {
            let said = parsed(&arguments).unwrap_err();
            assert!(said.contains(reason), "{said}");
        }
        assert_eq!(parsed(&["--help"]), Ok(Command::Help));
    }

    #[test]
    fn the_answer_is_told_with_its_code_and_no_answer_as_unknown() {
        let answer = json!({
            "id": "m", "status": "SUCCEEDED", "code": "CONFIRMED", "reason": "b\u{1b}c",
            "value": 42.5,
        });
        let report =
            |answer: Option<&Json>, has, more: &[&str]| report("m", answer, has, &request(more));
        let (text, outcome) = report(Some(&answer), true, &[]);
        assert_eq!(outcome, WriteOutcome::Succeeded);
        assert!(text.starts_with("SUCCEEDED CONFIRMED (42.5): b"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let refused = json!({ "id": "m", "status": "REJECTED", "code": "STALE", "reason": "no" });
        let (text, outcome) = report(Some(&refused), true, &["--json"]);
        assert_eq!((outcome, text), (WriteOutcome::NotSucceeded, format!("{refused}\n")));
        let (text, outcome) = report(None, true, &[]);
        assert_eq!(outcome, WriteOutcome::Unanswered);
        assert!(text.contains("may have the value") && text.contains("queue:m"), "{text}");
        let (text, _) = report(None, false, &[]);
        assert!(text.contains("COMMANDS_ANSWER_QUEUE_URL"), "{text}");
    }
}
