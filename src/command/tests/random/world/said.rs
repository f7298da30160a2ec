//! What the machines have told, in the order in which the bridge may go by it.

use super::*;

/// What a metric has said last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) value: f64,
    pub(super) good: bool,
    at: i64,
    /// It may have another value by now, as far as was told.
    pub(super) doubted: bool,
    /// It was told by an old birth, after another one.
    old: bool,
}

impl Said {
    /// Whether that is a value, as the metric's type holds it.
    pub(super) fn is(&self, kind: Kind, value: f64) -> bool {
        match kind {
            Kind::Float => self.value as f32 == value as f32,
            Kind::Double | Kind::Int16 | Kind::Boolean => self.value == value,
        }
    }

    fn differs(&self, other: &Self) -> bool {
        (self.value, self.good) != (other.value, other.good)
    }
}

impl World {
    pub(super) fn report(&mut self) {
        let at = self.some_tag();
        self.report_of(at);
    }

    /// A machine says what it has. Whether it could.
    pub(super) fn report_of(&mut self, at: usize) -> bool {
        self.tell(at, |_| {})
    }

    /// A machine says something that is not its current value, or not by the time it says.
    pub(super) fn stray(&mut self) {
        let at = self.some_tag();
        let value = f64::from(self.rng.u8(0..6));
        let kind = if self.rng.bool() { Stray::Historical } else { self.older() };
        self.tell(at, |tag| {
            tag.value = if tag.kind == Kind::Boolean { value % 2.0 } else { value };
            tag.stray = Some(kind);
        });
    }

    fn older(&mut self) -> Stray {
        Stray::Older(self.now.wall.as_millis() - self.rng.i64(1..3_000))
    }

    fn tell(&mut self, at: usize, change: impl FnOnce(&mut Tag)) -> bool {
        let told = self.told.get(at).is_some_and(|told| told.there);
        let Some(mut tag) = self.tags.get(at).cloned() else { return false };
        if !told || !self.alive.contains(&tag.device) || tag.name == REBIRTH {
            return false;
        }
        change(&mut tag);
        self.heard(at, &tag);
        let (device, metric) = (tag.device, tag.metric());
        let data = match device {
            None => self.edge.ndata(self.now.wall, [metric]),
            Some(device) => self.edge.ddata(device, self.now.wall, [metric]),
        };
        self.send(&data);
        true
    }

    fn says(&self, tag: &Tag) -> Option<Said> {
        let at = match tag.stray {
            Some(Stray::Historical) => return None,
            Some(Stray::Older(at)) => at,
            None => self.now.wall.as_millis(),
        };
        Some(Said { value: tag.value, good: tag.good, at, doubted: false, old: false })
    }

    fn heard(&mut self, at: usize, tag: &Tag) {
        let Some(says) = self.says(tag) else { return };
        match &mut self.said[at] {
            Some(known) if says.at < known.at => {
                if known.differs(&says) {
                    known.doubted = true;
                    self.corners.insert("in doubt by an older value");
                }
            }
            known => *known = Some(says),
        }
    }

    /// The bridge hears of a birth, with these tags.
    pub(super) fn born(&mut self, tags: &[Tag], device: Option<&str>) {
        for (at, tag) in tags.iter().enumerate().filter(|(_, tag)| tag.device == device) {
            self.told[at] = tag.clone();
            let known = self.said[at].take().filter(|_| tag.there);
            let Some(mut says) = self.says(tag).filter(|_| tag.there) else { continue };
            if let Some(known) = known {
                let older = says.at < known.at;
                if known.old && says.at <= known.at || older && says.differs(&known) {
                    says = Said { good: false, doubted: true, old: true, ..says };
                    self.corners.insert("an old birth");
                } else if older {
                    says.doubted = known.doubted;
                }
            }
            self.said[at] = Some(says);
        }
    }

    /// The node's metrics by a birth that was kept on the way: their values are old.
    pub(super) fn old_birth(&mut self) {
        let mut tags = self.tags.clone();
        for tag in &mut tags {
            let value = f64::from(self.rng.u8(0..6));
            tag.value = if tag.kind == Kind::Boolean { value % 2.0 } else { value };
            tag.stray = Some(self.older());
        }
        self.node_birth_of(&tags);
    }

    /// A device is born, and its birth cannot be read.
    pub(super) fn unreadable_birth(&mut self) {
        let device = self.device();
        if !self.alive.contains(&None) {
            return;
        }
        let mut birth = self.edge.dbirth(device, self.now.wall, []);
        // It has no number that could be missed.
        self.edge.skip(255);
        birth.payload = vec![0xff; 3];
        if self.alive.remove(&Some(device)) {
            self.corners.insert("an unreadable birth");
        }
        self.send(&birth);
    }

    /// A message is lost: it may have been of any metric of the node.
    pub(super) fn gap(&mut self) {
        let at = self.some_tag();
        let before = self.said.clone();
        self.said.iter_mut().flatten().for_each(|said| said.doubted = true);
        self.edge.skip(1);
        if !self.report_of(at) {
            // Nothing is told that could show it.
            self.edge.skip(255);
            self.said = before;
            return;
        }
        // What comes behind a gap waits for what is missing, a death as well.
        self.pass(6_000);
    }
}
