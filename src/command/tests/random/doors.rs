//! The two doors, with what may go wrong between them and AWS, and AWS behind them: the code that
//! speaks for the bridge is the real one, without its client.

use std::collections::BTreeSet;

use self::iot::IotDoor;
use super::*;
use crate::command::queue;
use crate::command::request::CommandChannel;
use crate::sqs::tests::by_hand::QueueDoor;

mod iot;

/// Where a request comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// One that loses nothing.
    Terminal,
    Iot,
    Queue,
}

pub(super) struct Doors {
    pub(super) iot: IotDoor,
    pub(super) queue: QueueDoor,
}

impl Doors {
    pub(super) fn new(seed: u64, now: Now, aws_ahead: i64) -> Self {
        // What AWS's answers tell of its time: somewhat more than it was, or nothing.
        let slack = fastrand::Rng::with_seed(seed ^ 3).i64(0..3_000);
        let time_at_start = Timestamp::from_millis(START + aws_ahead + slack);
        let time_at_start = (!seed.is_multiple_of(5)).then_some(time_at_start);
        let queue = QueueDoor::new(seed, (since_1970(now), aws_ahead), time_at_start);
        let mut doors = Self { iot: IotDoor::new(seed), queue };
        doors.iot.connect();
        doors
    }

    /// The process ends. What it had taken off a door and not handled is lost, if `in_between`.
    pub(super) fn kill(&mut self, in_between: bool) {
        self.iot.kill();
        self.queue.kill(in_between);
    }

    /// Another process begins.
    pub(super) fn start(&mut self, now: Now) {
        self.queue.start(since_1970(now));
    }

    /// From now on nothing goes wrong.
    pub(super) fn quieten(&mut self) {
        self.iot.quieten();
        self.queue.quieten();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        // Both clocks of a test begin together.
        let queue = self
            .queue
            .poll_timeout()
            .map(|at| Instant::from_start(at - Duration::from_millis(START.cast_unsigned())));
        self.iot.poll_timeout().into_iter().chain(queue).min()
    }

    pub(super) fn started(&mut self, id: usize, channel: CommandChannel, value: &Value, now: Now) {
        if channel == CommandChannel::Iot {
            self.iot.started(id, value, now.instant);
        }
    }

    pub(super) fn answer(
        &mut self,
        key: &RequestKey,
        answer: &Arc<Answer>,
        repeated: bool,
        now: Now,
    ) {
        let id = key.id.parse().unwrap();
        match key.channel {
            CommandChannel::Iot => self.iot.answer(id, answer, repeated, now.instant),
            CommandChannel::Queue => {
                self.queue.answer(id, queue::answered(&key.id, answer));
            }
            CommandChannel::Terminal => {}
        }
    }

    pub(super) fn corners(&self) -> BTreeSet<&'static str> {
        self.iot.corners.union(&self.queue.corners()).copied().collect()
    }
}

/// To the nanosecond, which the wall clock does not show: what waits for a moment is due then.
pub(super) fn since_1970(now: Now) -> Duration {
    Duration::from_millis(START.cast_unsigned()) + now.instant.since_start()
}
