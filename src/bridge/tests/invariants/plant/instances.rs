//! What instances say of themselves: their quality alone, or that they are null; and what births
//! have twice.

use fastrand::Rng;

use super::speak::with_quality;
use super::*;
use crate::sparkplug::edge::{Metric, Template};
use crate::sparkplug::message::Message;

const HOUR: i64 = 3_600_000;

impl Node {
    /// An instance says its quality, and nothing of its members.
    pub(in super::super) fn say_quality(
        &mut self,
        device: Option<usize>,
        rng: &mut Rng,
        wall: i64,
    ) -> Option<(Message, Speech)> {
        let piece = self.any_piece(device, rng)?;
        piece.quality = Some(Code::Number([0, 192, 192, 500][rng.usize(..4)]));
        let (name, shape, quality) = (piece.name.clone(), piece.shape, piece.quality);
        let mut wire = match rng.bool() {
            true => Metric::template(&name, Template::instance(&self.reference(shape))),
            false => Metric::null(&name, DataType::Template),
        }
        .into_wire();
        wire.is_null = None;
        let mut speech = self.speech(device, Verb::Data, self.time(wall));
        speech.alone = true;
        speech.around.push((vec![name], quality));
        Some(self.say_metric(device, with_quality(Metric::from(wire), quality), speech, wall))
    }

    /// An instance is null, with all that it has.
    pub(in super::super) fn say_null(
        &mut self,
        device: Option<usize>,
        rng: &mut Rng,
        wall: i64,
    ) -> Option<(Message, Speech)> {
        let time = self.time(wall);
        let mut speech = self.speech(device, Verb::Data, time);
        let said = (self.stamps != Stamps::Nowhere).then_some(time);
        let piece = self.any_piece(device, rng)?;
        let (name, quality) = (piece.name.clone(), piece.quality);
        annul(piece, &[], (time, said), &mut speech);
        speech.around.push((vec![name.clone()], quality));
        let metric = with_quality(Metric::null(&name, DataType::Template), quality);
        Some(self.say_metric(device, metric, speech, wall))
    }

    /// An instance that is said, unless it is spelled as flat metrics.
    fn any_piece(&mut self, device: Option<usize>, rng: &mut Rng) -> Option<&mut Piece> {
        if self.spelling == Spelling::Rules {
            return None;
        }
        let pieces = self.body_mut(device).pieces.iter_mut();
        let mut pieces: Vec<_> = pieces.filter(|piece| !piece.hidden).collect();
        (!pieces.is_empty()).then(|| pieces.swap_remove(rng.usize(..pieces.len())))
    }

    fn say_metric(
        &mut self,
        device: Option<usize>,
        metric: Metric,
        speech: Speech,
        wall: i64,
    ) -> (Message, Speech) {
        let time = self.time(wall);
        let metric = match self.stamps {
            Stamps::Each => metric.at(Timestamp::from_millis(time)),
            Stamps::Payload | Stamps::Nowhere => metric,
        };
        let stamp = self.stamp(time);
        let message = match device {
            None => self.edge.ndata(stamp, [metric]),
            Some(device) => {
                let name = self.devices[device].name.clone();
                self.edge.ddata(&name, stamp, [metric])
            }
        };
        (self.spelled(message), speech.placed(self.spelling))
    }

    /// What a tag was, which some births say before what it is.
    pub(super) fn past_tag(&self, tag: &Tag, time: i64) -> Option<Metric> {
        if !self.says_past(&tag.name, time) {
            return None;
        }
        let metric = Metric::new(&tag.name, other(&tag.value).typed(tag.kind));
        let metric = tag.statics.iter().fold(metric, |metric, (name, value)| {
            metric.property(name, other(value).typed(value.kind()))
        });
        Some(metric.historical().at(Timestamp::from_millis(tag.changed - HOUR)))
    }

    /// What an instance was.
    pub(super) fn past_piece(&self, piece: &Piece, time: i64) -> Option<Metric> {
        if !self.says_past(&piece.name, time) {
            return None;
        }
        let members = piece.members.iter().filter(|tag| !tag.hidden);
        let members = members.map(|tag| Metric::new(&tag.name, other(&tag.value).typed(tag.kind)));
        let mut template = Template::instance(&self.reference(piece.shape));
        if self.habit == Habit::Version {
            template = template.version("2.1");
        }
        let past = Metric::template(&piece.name, members.fold(template, Template::member));
        // History is older than what each member is since.
        let changed = piece.members.iter().map(|tag| tag.changed).min().unwrap_or(time);
        Some(past.historical().at(Timestamp::from_millis(changed - HOUR)))
    }

    fn says_past(&self, name: &str, time: i64) -> bool {
        let place = name.bytes().map(i64::from).sum::<i64>();
        self.stamps == Stamps::Each && (time + place) % 6 == 0
    }
}

/// Another value of the type.
fn other(value: &Val) -> Val {
    match value {
        Val::Null => Val::Null,
        Val::Int(value) => Val::Int(value.wrapping_add(1)),
        Val::Long(value) => Val::Long(value.wrapping_add(1)),
        Val::Double(value) => Val::Double(if *value == 0.25 { 0.5 } else { 0.25 }),
        Val::Bool(value) => Val::Bool(!value),
        Val::Text(_) => Val::Text("past".to_owned()),
        Val::Time(value) => Val::Time(value + 1),
    }
}

/// Makes all members null, and says so of those that are said.
fn annul(piece: &mut Piece, above: &[String], (time, said): (i64, Option<i64>), to: &mut Speech) {
    let path: Vec<_> = above.iter().chain([&piece.name]).cloned().collect();
    for tag in piece.members.iter_mut() {
        (tag.value, tag.changed) = (Val::Null, time);
        if !tag.hidden {
            to.values.push(Statement {
                path: path.clone(),
                member: tag.name.clone(),
                kind: tag.kind,
                value: Val::Null,
                own: None,
                qualities: Vec::new(),
                time: said,
                manner: Manner::Current,
                unit: Unit::Unsaid,
            });
        }
    }
    for below in piece.nested.iter_mut() {
        let before = to.values.len();
        annul(below, &path, (time, said), to);
        if below.hidden {
            to.values.truncate(before);
        }
    }
    if above.is_empty() {
        to.nulled = Some(path);
    }
}
