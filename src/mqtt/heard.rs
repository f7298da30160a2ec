//! How old what arrives may be: TCP delivers late what it could not deliver at once, and what waits in a
//! socket has no time of its own.

use std::time::Duration;

use rumqttc::{Event, Outgoing, Packet};
use tokio::time::Instant;

/// By how much the answer to a ping may be late before what comes is taken for old.
const SLACK: Duration = Duration::from_secs(2);

/// What the server has to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    Ping,
    Publish(u16),
}

/// Since when a server is known to have been heard: what comes after its answer was sent after what it
/// answers.
#[derive(Debug)]
pub(super) struct LastHeard {
    /// How often it is asked; none where nobody wants to know.
    every: Option<Duration>,
    /// What is not answered yet, and when it was sent.
    asked: Option<(Probe, Instant)>,
    /// When what it answered last was sent; at first when the session began.
    heard: Instant,
}

impl LastHeard {
    /// Of a connection whose server is pinged this often.
    pub(super) fn new(every: Option<Duration>) -> Self {
        Self { every, asked: None, heard: Instant::now() }
    }

    /// A session begins.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.asked, self.heard) = (None, now);
    }

    /// Sees what the client does.
    pub(super) fn note(&mut self, event: &Event, now: Instant) {
        match event {
            // A publish is written instead of a ping; a ping overtakes one that is never acknowledged.
            Event::Outgoing(Outgoing::PingReq) => self.asked = Some((Probe::Ping, now)),
            Event::Outgoing(Outgoing::Publish(id)) if *id != 0 => {
                self.asked.get_or_insert((Probe::Publish(*id), now));
            }
            Event::Incoming(Packet::PingResp) => self.answered(Probe::Ping),
            Event::Incoming(Packet::PubAck(of)) => self.answered(Probe::Publish(of.pkid)),
            _ => {}
        }
    }

    fn answered(&mut self, by: Probe) {
        if let Some((_, at)) = self.asked.take_if(|(probe, _)| *probe == by) {
            self.heard = at;
        }
    }

    /// When a message that comes now may have been sent: now, unless the server was not heard for so
    /// long that the message may have been on its way since.
    pub(super) fn sent_at(&self, now: Instant) -> Instant {
        match self.every {
            Some(every) if now - self.heard > every + SLACK => self.heard,
            _ => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::PubAck;

    use super::*;

    const EVERY: Duration = Duration::from_secs(5);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A request that TCP delivered 25 s later was taken for one of now, and the machine moved when its
    /// sender had long been told that it did not.
    #[test]
    fn what_comes_after_a_silence_may_be_as_old_as_that() {
        let start = Instant::now();
        let mut heard = LastHeard::new(Some(EVERY));
        heard.begin(start);
        let ping = Event::Outgoing(Outgoing::PingReq);
        let answer = Event::Incoming(Packet::PingResp);
        for at in [5, 10, 15] {
            heard.note(&ping, start + seconds(at));
            assert_eq!(heard.sent_at(start + seconds(at)), start + seconds(at));
            heard.note(&answer, start + seconds(at + 1));
        }
        // The next one is not answered.
        heard.note(&ping, start + seconds(20));
        let late = start + seconds(22);
        assert_eq!(heard.sent_at(late), late);
        let later = start + seconds(23);
        assert_eq!(heard.sent_at(later), start + seconds(15));
        // Its answer comes before what was sent after it.
        heard.note(&answer, later);
        assert_eq!(heard.sent_at(later), later);
        heard.begin(start + seconds(60));
        assert_eq!(heard.sent_at(start + seconds(61)), start + seconds(61), "another session");
        assert_eq!(LastHeard::new(None).sent_at(later), later);
    }

    /// The client pings only while it has nothing else to write.
    #[test]
    fn acknowledged_publishes_are_heard_as_well() {
        let start = Instant::now();
        let mut heard = LastHeard::new(Some(EVERY));
        heard.begin(start);
        for second in 1..60 {
            let at = start + seconds(second);
            heard.note(&Event::Outgoing(Outgoing::Publish(second as u16)), at);
            heard.note(&Event::Outgoing(Outgoing::Publish(0)), at);
            assert_eq!(heard.sent_at(at), at);
            // Every third is never acknowledged, until a ping is answered.
            match second % 3 {
                0 => {
                    heard.note(&Event::Outgoing(Outgoing::PingReq), at);
                    heard.note(&Event::Incoming(Packet::PingResp), at);
                }
                _ => heard.note(&Event::Incoming(Packet::PubAck(PubAck::new(second as u16))), at),
            }
        }
    }
}
