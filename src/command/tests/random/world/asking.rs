//! Whoever sends requests.

use super::*;

impl World {
    pub(super) fn request(&mut self, ask: &Ask) {
        let id = self.write(ask);
        self.hand_in(id);
    }

    /// Puts a request together.
    pub(super) fn write(&mut self, ask: &Ask) -> usize {
        let at = match ask.tag {
            0..130 => self.focus,
            other => usize::from(other) % (self.tags.len() + 2),
        };
        let tag = self.tags.get(at);
        let (asset, property) = match tag {
            Some(tag) => (tag.asset, tag.property),
            None if ask.tag.is_multiple_of(2) => ("Nordsee/gw/Nobody", "Limit"),
            None => ("Nordsee/gw", "Nothing"),
        };
        let range = tag.and_then(|tag| tag.range().or(tag.listed)).unwrap_or((0.0, 90.0));
        let current = tag.map_or(0.0, |tag| tag.value);
        let number = match ask.value {
            0 => Some(range.0 - 1.0),
            1 => Some(range.1 + 1.0),
            2 => Some(current),
            3 => None,
            4 => Some(range.1),
            other => {
                let part = f64::from(other - 4) / 8.0 + self.rng.f64() / 16.0;
                Some(range.0 + (range.1 - range.0) * part)
            }
        };
        let boolean = tag.is_some_and(|tag| tag.kind == Kind::Boolean);
        let whole = tag.is_some_and(|tag| tag.kind == Kind::Int16);
        let number = number.map(|number| if whole { number.round() } else { number });
        let written = |number: f64| match ask.form {
            _ if boolean => json!(number != 0.0),
            0 => json!(number.to_string()),
            _ => json!(number),
        };
        let value = number.map_or_else(|| json!("much"), written);
        let now = self.now.wall.as_millis();
        let mut request = json!({ "asset": asset, "property": property, "value": value });
        let fields = request.as_object_mut().unwrap();
        let sent = match ask.sent {
            // That door takes what comes now.
            _ if ask.door == Door::Iot => Some(now),
            0 if ask.door == Door::Terminal => None,
            0 => Some(now),
            1 => Some(now - 30_000),
            2 => Some(now + 500),
            other => Some(now - i64::from(other) * 50),
        };
        // Its age is told by the difference of two clocks, where it comes from the queue.
        let from = match ask.door {
            Door::Queue => sent.map_or(now, |sent| sent + self.aws_ahead),
            Door::Terminal | Door::Iot => sent.map_or(now, |sent| sent.min(now)),
        };
        let mut until = Vec::new();
        if let Some(offset) = [0, 1, 5_000, 60_000, 900_000, 900_000].get(usize::from(ask.expires))
        {
            fields.insert("expires".to_owned(), json!(now + offset));
            until.push(now + offset);
        }
        if let Some(seconds) = [1, 5, 20].get(usize::from(ask.timeout)) {
            fields.insert("timeout".to_owned(), json!(seconds));
            until.push(from + seconds * 1_000);
        }
        let expected = [current, current + 1.0].get(usize::from(ask.expected)).copied();
        if let Some(expected) = expected {
            fields.insert("expected".to_owned(), written(expected));
        }
        let read = |number: f64| if boolean { f64::from(u8::from(number != 0.0)) } else { number };
        self.requests.push(Sent {
            door: ask.door,
            tag: (at < self.tags.len()).then_some(at),
            payload: request.to_string(),
            sent,
            until: until.into_iter().min().unwrap_or(from + 10_000),
            value: number.map(read),
            expected: expected.map(read),
            handed: 0,
            process: self.process,
            met: now,
            published: false,
            lapsed: false,
            answer: None,
        });
        self.requests.len() - 1
    }

    /// A door delivers again what it could not take off. One that keeps requests knows when each
    /// was sent; the other keeps none over a restart.
    pub(super) fn again(&mut self, which: u8) {
        let many = self.requests.len();
        // A recent one.
        let Some(id) = many.checked_sub(1 + usize::from(which) % many.clamp(1, 6)) else { return };
        let Some(request) = self.requests.get(id) else { return };
        let over_a_restart = request.process < self.process;
        let is_old = self.now.wall.as_millis() - request.met >= 720_000;
        let keeps_none = request.door == Door::Iot || request.sent.is_none();
        let never_came = request.door == Door::Iot && request.handed == 0;
        if (over_a_restart || is_old) && keeps_none || never_came {
            return;
        }
        if over_a_restart {
            self.corners.insert("redelivered over a restart");
        } else if request.published && request.answer.is_none() {
            self.corners.insert("repeated in flight");
        }
        self.hand_in(id);
    }
}
