//! Captured payloads: a line for each message, its topic and its payload.
//!
//! `TOPIC PAYLOAD` or `TIME TOPIC PAYLOAD`, blanks between; the payload as hex digits or
//! base64, the time in seconds since 1970. `mosquitto_sub -t 'spBv1.0/#' -F '%U %t %x'` prints
//! such lines, `-F '%t %x'` those without a time. Lines that are empty or begin with `#` are
//! left out. A topic alone is a message with an empty payload, as some senders' NDEATH is.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::warn;

use super::{CapturedEvents, PlanError};
use crate::clock;
use crate::sparkplug::config::Config;
use crate::sparkplug::event::Event;
use crate::sparkplug::host::{Host, NodePhase, Output, ServerId};
use crate::sparkplug::topic::{CERTIFICATES, Topic};
use crate::time::{Instant, Now, Timestamp};
use crate::twin;

/// Metrics and values that are kept, all in memory: enough to estimate a rate.
pub(super) const PARTS: usize = 2_000_000;

/// A captured message.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureLine<'a> {
    /// Seconds since 1970, if the line has a time.
    pub time: Option<f64>,
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// A line that is no captured message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureLineError {
    /// There is no topic.
    #[error("the line has no topic")]
    NoTopic,
    /// The payload is neither hex nor base64.
    #[error("the payload is neither hex nor base64")]
    NotEncoded,
}

/// Reads a line.
///
/// # Errors
///
/// It is no captured message.
pub fn line(text: &str) -> Result<CaptureLine<'_>, CaptureLineError> {
    let text = text.trim();
    let timed = text.split_once(char::is_whitespace);
    let timed = timed.and_then(|(time, rest)| Some((time.parse().ok()?, rest.trim())));
    let (time, text) = timed.map_or((None, text), |(time, rest)| (Some(time), rest));
    let Some((topic, payload)) = text.rsplit_once(char::is_whitespace) else {
        let (topic, payload) = (text, Vec::new());
        return if is_topic(text) {
            Ok(CaptureLine { time, topic, payload })
        } else {
            Err(CaptureLineError::NoTopic)
        };
    };
    let topic = topic.trim();
    // A topic may have blanks in it, and nothing behind.
    if is_topic(text) && !is_topic(topic) {
        return Ok(CaptureLine { time, topic: text, payload: Vec::new() });
    }
    let payload = hex(payload).or_else(|| base64(payload)).ok_or(CaptureLineError::NotEncoded)?;
    Ok(CaptureLine { time, topic, payload })
}

/// Whether it is a whole topic of Sparkplug.
fn is_topic(text: &str) -> bool {
    Topic::parse(text.strip_prefix(CERTIFICATES).unwrap_or(text)).is_ok()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let pairs = digits?;
    let (pairs, rest) = pairs.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Of either alphabet, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut padded = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    padded.extend(std::iter::repeat_n('=', padded.len().next_multiple_of(4) - padded.len()));
    crate::sitewise::decode_base64(&padded)
}

/// Reads captures through a session of their own.
pub(super) fn read(
    host: &Config,
    groups: Option<&[String]>,
    paths: &[PathBuf],
) -> Result<CapturedEvents, PlanError> {
    let mut host = Host::new(host.clone(), super::SEED);
    let mut captured = CapturedEvents::default();
    let mut now = Now { instant: Instant::START, wall: clock::wall() };
    let (mut first, mut spans) = (None, Vec::new());
    host.handle_connected(ServerId(0), now.wall, now);
    let all: Result<Vec<_>, _> = paths.iter().map(|path| files(path)).collect();
    let files = all?.concat();
    let is_one = files.len() == 1;
    let time = |path: &Path| if is_one { f64::NEG_INFINITY } else { first_time(path) };
    let mut files: Vec<_> = files.into_iter().map(|path| (time(&path), path)).collect();
    // In the order of their times, not of their names: a session's clock runs forward.
    files.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    'all: for (_, path) in files {
        let mut span = None;
        let text = fs::read_to_string(&path);
        let text = text.map_err(|error| PlanError::Capture { path: path.clone(), error })?;
        for (number, text) in (1..).zip(text.lines()) {
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            let fault = |error| PlanError::Line { path: path.clone(), number, error };
            let line = line(text).map_err(fault)?;
            if let Some(time) = line.time {
                let first = *first.get_or_insert(time);
                let (begin, _) = span.unwrap_or((time, time));
                span = Some((begin, time));
                let since = Duration::try_from_secs_f64(time - first).unwrap_or_default();
                now.instant = now.instant.max(Instant::from_start(since));
                now.wall = Timestamp::from_millis((time * 1000.0) as i64);
            }
            host.handle_timeout(now);
            if !is_subscribed(line.topic, groups) {
                captured.of_other_groups += 1;
                continue;
            }
            host.handle_message(ServerId(0), line.topic, &line.payload, false, now);
            captured.take(&mut host, now);
            if captured.is_full() {
                spans.extend(span);
                break 'all;
            }
        }
        spans.extend(span);
    }
    // Lets the session's timers expire: messages that wait for missing ones are processed.
    for _ in 0..2 {
        now = now.plus(Duration::from_secs(60));
        host.handle_timeout(now);
        captured.take(&mut host, now);
    }
    captured.listened_for = listened(spans);
    if captured.of_other_groups > 0 {
        warn!(
            messages = captured.of_other_groups,
            "the captures have messages of groups that SPARKPLUG_GROUPS leaves out: the bridge would not \
             receive them, and they are skipped"
        );
    }
    captured.record_unborn(&host);
    Ok(captured)
}

/// Whether a bridge that subscribes to these groups would receive a topic.
fn is_subscribed(topic: &str, groups: Option<&[String]>) -> bool {
    let topic = topic.strip_prefix(CERTIFICATES).unwrap_or(topic);
    match (Topic::parse(topic), groups) {
        (Ok(Topic::Edge(of)), Some(groups)) => groups.iter().any(|group| *group == of.group),
        _ => true,
    }
}

/// The time of a capture's first line that has one; what has none comes first, and so does a pipe, which
/// can be read once.
fn first_time(path: &Path) -> f64 {
    if !path.is_file() {
        return f64::NEG_INFINITY;
    }
    let lines = File::open(path).map(|file| BufReader::new(file).lines().map_while(Result::ok));
    let mut times = lines.into_iter().flatten().filter_map(|text| line(&text).ok()?.time);
    times.next().unwrap_or(f64::NEG_INFINITY)
}

/// How long was listened: the time that any of the captures covers. What lies between two of them does
/// not count, and what several cover counts once. None where none has times.
fn listened(mut spans: Vec<(f64, f64)>) -> Option<Duration> {
    spans.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut seconds, mut end) = (0.0, None);
    for (from, to) in spans {
        let from = end.map_or(from, |end: f64| end.max(from));
        seconds += (to - from).max(0.0);
        end = Some(to.max(from));
    }
    end.and_then(|_| Duration::try_from_secs_f64(seconds).ok())
}

/// A file, or all files in a folder, by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, PlanError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fault = |error| PlanError::Capture { path: path.to_owned(), error };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(fault)? {
        files.push(entry.map_err(fault)?.path());
    }
    files.retain(|file| file.is_file());
    files.sort();
    Ok(files)
}

impl CapturedEvents {
    /// Takes the host's events; what it would publish is not published.
    pub(super) fn take(&mut self, host: &mut Host, now: Now) {
        while let Some(output) = host.poll_output() {
            match output {
                // Deaths change nothing in what is planned.
                Output::Event(Event::Death(_))
                | Output::Publish(_)
                | Output::Finding { .. }
                | Output::AllNodesExcluded(_)
                | Output::NothingDelivered(_) => {}
                Output::Event(event) => self.push_event(now, event),
            }
        }
    }

    pub(super) fn push_event(&mut self, now: Now, event: Event) {
        self.parts += twin::parts(&event);
        self.events.push((now, event));
    }

    /// Whether the limit is reached: what came until then counts.
    pub(super) fn is_full(&self) -> bool {
        let full = self.parts >= PARTS;
        if full {
            warn!(
                "the plan's limit of metrics and values is reached: further ones are not counted"
            );
        }
        full
    }

    pub(super) fn record_unborn(&mut self, host: &Host) {
        let born: Vec<_> = self.births().map(|birth| birth.source.edge.clone()).collect();
        let unborn = host
            .phases()
            .filter(|(edge, phase)| *phase != NodePhase::Online && !born.contains(edge));
        self.without_birth =
            unborn.map(|(edge, _)| format!("{}/{}", edge.group, edge.node)).collect();
        self.without_birth.sort();
    }
}
