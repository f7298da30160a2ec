//! What an edge node says: the message and its meaning.

use super::change::collect;
use super::*;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::edge::{Metric, Template};
use crate::sparkplug::message::Message;
use crate::time::Timestamp;

impl Node {
    pub(in super::super) fn id(&self) -> EdgeNode {
        self.edge.node().clone()
    }

    pub(in super::super) fn source(&self, device: Option<usize>) -> Source {
        let device = device.map(|device| self.devices[device].name.as_str().into());
        Source { edge: self.id(), device }
    }

    pub(in super::super) fn body_mut(&mut self, device: Option<usize>) -> &mut Body {
        match device {
            None => &mut self.own,
            Some(device) => &mut self.devices[device].body,
        }
    }

    fn body(&self, device: Option<usize>) -> &Body {
        match device {
            None => &self.own,
            Some(device) => &self.devices[device].body,
        }
    }

    /// What its clock shows.
    pub(in super::super) fn time(&self, wall: i64) -> i64 {
        self.still.unwrap_or(wall + self.offset)
    }

    pub(super) fn stamp(&self, time: i64) -> Timestamp {
        // A time before the epoch is none on the wire.
        Timestamp::from_millis(if self.stamps == Stamps::Nowhere { -1 } else { time })
    }

    pub(super) fn speech(&self, device: Option<usize>, verb: Verb, time: i64) -> Speech {
        Speech {
            source: self.source(device),
            verb,
            values: Vec::new(),
            traits: Vec::new(),
            pieces: Vec::new(),
            around: Vec::new(),
            alone: false,
            nulled: None,
            time: (self.stamps != Stamps::Nowhere).then_some(time),
            by_alias: self.aliases && verb == Verb::Data,
        }
    }

    /// The birth of the node, or of a device.
    pub(in super::super) fn birth(
        &mut self,
        device: Option<usize>,
        wall: i64,
    ) -> (Message, Speech) {
        let time = self.time(wall);
        let mut speech = self.speech(device, Verb::Birth, time);
        if self.births_now {
            let body = self.body_mut(device);
            let mut all: Vec<(Vec<String>, &mut Tag)> = Vec::new();
            all.extend(body.tags.iter_mut().map(|tag| (Vec::new(), tag)));
            for piece in &mut body.pieces {
                collect(piece, &[], &mut all);
            }
            for (_, tag) in all.into_iter().filter(|(_, tag)| !tag.hidden) {
                tag.changed = time;
            }
        }
        let body = self.body(device).clone();
        let mut metrics = Vec::new();
        if device.is_none() && self.habit != Habit::Silent {
            metrics.extend((0..self.shapes.len()).map(|shape| self.definition(shape)));
        }
        for tag in body.tags.iter().filter(|tag| !tag.hidden) {
            metrics.extend(self.past_tag(tag, time));
            metrics.push(self.say_tag(tag, (&[], &[]), time, (None, false), &mut speech));
        }
        for piece in body.pieces.iter().filter(|piece| !piece.hidden) {
            match self.spelling {
                Spelling::Rules => self.say_flat(piece, &[], time, &mut metrics, &mut speech),
                _ => {
                    metrics.extend(self.past_piece(piece, time));
                    metrics.push(self.say_piece(piece, (&[], &[]), time, &mut speech));
                }
            }
        }
        let stamp = self.stamp(time);
        let message = match device {
            None => self.edge.nbirth(stamp, metrics),
            Some(device) => {
                let name = self.devices[device].name.clone();
                self.edge.dbirth(&name, stamp, metrics)
            }
        };
        (self.spelled(message), speech.placed(self.spelling))
    }

    /// Data of some tags, the paths of whose instances come with them.
    pub(in super::super) fn data(
        &mut self,
        device: Option<usize>,
        tags: Vec<(Vec<String>, Tag, Manner)>,
        wall: i64,
    ) -> (Message, Speech) {
        let time = self.time(wall);
        let mut speech = self.speech(device, Verb::Data, time);
        let mut metrics = Vec::new();
        for (path, tag, manner) in tags {
            let mut metric = self.metric(&tag);
            let own = match manner {
                Manner::History => Some(tag.changed),
                _ => (self.stamps == Stamps::Each).then_some(time),
            };
            if let Some(own) = own {
                metric = metric.at(Timestamp::from_millis(own));
            }
            let unit = tag.unit.filter(|_| tag.says_unit);
            if let Some(unit) = unit {
                metric = metric.property("engUnit", unit);
            }
            let unit = match (unit, path.is_empty()) {
                (None, _) => Unit::Unsaid,
                (Some(unit), true) => Unit::Own(Some(self.lossy(unit))),
                (Some(unit), false) => Unit::Defined(Some(self.lossy(unit))),
            };
            for (name, value) in &tag.statics {
                metric = metric.property(name, value.typed(value.kind()));
                let (kind, own) = (value.kind(), Some(value.clone()));
                let (path, name) = (path.clone(), format!("{}/{name}", tag.name));
                let (reshaped, without) = (false, false);
                speech.traits.push(Trait {
                    path,
                    name,
                    kind,
                    own,
                    default: None,
                    reshaped,
                    without,
                });
            }
            metric = match manner {
                Manner::Current => metric,
                Manner::History => metric.historical(),
                Manner::Transient => metric.transient(),
                Manner::Alarm => metric.content_type("Alarm"),
            };
            let mut qualities: Vec<_> = tag.quality.into_iter().collect();
            if self.spelling == Spelling::Rules && !path.is_empty() {
                metric = renamed(metric, &path, &tag.name);
            }
            let pieces = match self.spelling {
                Spelling::Rules => Vec::new(),
                _ => self.pieces_on(device, &path),
            };
            for (depth, (name, (shape, quality))) in path.iter().zip(pieces).enumerate().rev() {
                let around = Template::instance(&self.reference(shape)).member(metric);
                // Some say it with each message, some with births alone.
                let quality = quality.filter(|_| time % 2 == 0);
                metric = with_quality(Metric::template(name, around), quality);
                qualities.extend(quality);
                if manner != Manner::History {
                    speech.around.push((path[..=depth].to_vec(), quality));
                }
            }
            metrics.push(metric);
            speech.values.push(Statement {
                path,
                member: tag.name,
                kind: tag.kind,
                value: tag.value,
                own: tag.quality,
                qualities,
                time: own.or((self.stamps != Stamps::Nowhere).then_some(time)),
                manner,
                unit,
            });
        }
        let stamp = self.stamp(time);
        let message = match device {
            None => self.edge.ndata(stamp, metrics),
            Some(device) => {
                let name = self.devices[device].name.clone();
                self.edge.ddata(&name, stamp, metrics)
            }
        };
        (self.spelled(message), speech.placed(self.spelling))
    }

    pub(in super::super) fn device_death(&mut self, device: usize, wall: i64) -> (Message, Speech) {
        let time = self.time(wall);
        let speech = self.speech(Some(device), Verb::Death, time);
        let name = self.devices[device].name.clone();
        (self.edge.ddeath(&name, self.stamp(time)), speech)
    }

    pub(in super::super) fn death(&self, wall: i64) -> (Message, Speech) {
        let time = self.time(wall);
        (self.edge.ndeath(), self.speech(None, Verb::Death, time))
    }

    /// The templates of the instances on a path, and their qualities.
    fn pieces_on(&self, device: Option<usize>, path: &[String]) -> Vec<(usize, Option<Code>)> {
        let mut pieces = &self.body(device).pieces;
        let mut shapes = Vec::new();
        for name in path {
            let Some(piece) = pieces.iter().find(|piece| piece.name == *name) else { break };
            shapes.push((piece.shape, piece.quality));
            pieces = &piece.nested;
        }
        shapes
    }

    fn metric(&self, tag: &Tag) -> Metric {
        with_quality(Metric::new(&tag.name, tag.value.typed(tag.kind)), tag.quality)
    }

    fn say_tag(
        &self,
        tag: &Tag,
        (path, around): (&[String], &[Code]),
        time: i64,
        (part, reshaped): (Option<&Part>, bool),
        speech: &mut Speech,
    ) -> Metric {
        let mut metric = self.metric(tag);
        let own = (self.stamps == Stamps::Each).then_some(tag.changed);
        if let Some(own) = own {
            metric = metric.at(Timestamp::from_millis(own));
        }
        if let Some(unit) = tag.unit {
            metric = metric.property("engUnit", unit);
        }
        for (name, value) in &tag.statics {
            metric = metric.property(name, value.typed(value.kind()));
        }
        let unit = |unit: Option<&'static str>| unit.map(|unit| self.lossy(unit));
        let defined = part.and_then(|part| part.unit);
        let defined = defined.filter(|_| self.habit != Habit::Silent);
        speech.values.push(Statement {
            path: path.to_vec(),
            member: tag.name.clone(),
            kind: tag.kind,
            value: tag.value.clone(),
            own: tag.quality,
            qualities: around.iter().copied().chain(tag.quality).collect(),
            time: own.or((self.stamps != Stamps::Nowhere).then_some(time)),
            manner: Manner::Current,
            unit: match path {
                // Its asset was made for another template, or its definition speaks of another type.
                _ if tag.unit.is_none()
                    && defined.is_some()
                    && (reshaped || part.is_some_and(|part| part.kind != tag.kind)) =>
                {
                    Unit::Unsaid
                }
                [] => Unit::Own(unit(tag.unit)),
                _ => Unit::Defined(unit(tag.unit.or(defined))),
            },
        });
        let defaults = part.filter(|_| self.habit != Habit::Silent).map(|part| &part.statics);
        let names = tag.statics.keys().chain(defaults.into_iter().flat_map(|all| all.keys()));
        for name in names {
            let own = tag.statics.get(name).cloned();
            let default = defaults.and_then(|all| all.get(name)).cloned();
            let kind = own.as_ref().or(default.as_ref()).map_or(Kind::Int, Val::kind);
            let name = format!("{}/{name}", tag.name);
            let (path, without) = (path.to_vec(), false);
            speech.traits.push(Trait { path, name, kind, own, default, reshaped, without });
        }
        metric
    }

    fn say_piece(
        &self,
        piece: &Piece,
        (above, around): (&[String], &[Code]),
        time: i64,
        to: &mut Speech,
    ) -> Metric {
        let around: Vec<_> = around.iter().copied().chain(piece.quality).collect();
        let shape = &self.shapes[piece.shape];
        let path: Vec<_> = above.iter().chain([&piece.name]).cloned().collect();
        let mut template = Template::instance(&self.reference(piece.shape));
        if self.habit == Habit::Version {
            template = template.version("2.1");
        }
        to.pieces.push(path.clone());
        to.around.push((path.clone(), piece.quality));
        for tag in piece.members.iter().filter(|tag| !tag.hidden) {
            let part = shape.parts.iter().find(|part| part.name == tag.name);
            let part = (part, piece.reshaped);
            template = template.member(self.say_tag(tag, (&path, &around), time, part, to));
        }
        // Of a member that is left out its definition speaks.
        let said =
            |part: &&Part| piece.members.iter().any(|tag| tag.name == part.name && !tag.hidden);
        let silent = shape.parts.iter().filter(|part| !said(part));
        for part in silent.filter(|_| self.habit != Habit::Silent) {
            to.traits.extend(part.statics.iter().map(|(name, value)| Trait {
                path: path.clone(),
                name: format!("{}/{name}", part.name),
                kind: value.kind(),
                own: None,
                default: Some(value.clone()),
                reshaped: piece.reshaped,
                without: false,
            }));
        }
        for below in piece.nested.iter().filter(|below| !below.hidden) {
            // Within an asset that was made for another template.
            let reshaped = self.spelling == Spelling::Flattened && piece.reshaped;
            let below = Piece { reshaped: below.reshaped || reshaped, ..below.clone() };
            template = template.member(self.say_piece(&below, (&path, &around), time, to));
        }
        for (name, kind, default) in &shape.parameters {
            let own = piece.parameters.get(name).cloned();
            if let Some(own) = &own {
                template = template.parameter(name, own.typed(*kind));
            }
            let default = default.clone().filter(|_| self.habit != Habit::Silent);
            let (path, name) = (path.clone(), (*name).to_owned());
            let (kind, reshaped) = (*kind, piece.reshaped);
            let without = default.is_none() && self.habit != Habit::Silent;
            to.traits.push(Trait { path, name, kind, own, default, reshaped, without });
        }
        with_quality(Metric::template(&piece.name, template), piece.quality)
    }

    /// The members of an instance, and of those in it, as flat metrics.
    fn say_flat(
        &self,
        piece: &Piece,
        above: &[String],
        time: i64,
        metrics: &mut Vec<Metric>,
        to: &mut Speech,
    ) {
        let path: Vec<_> = above.iter().chain([&piece.name]).cloned().collect();
        let before = metrics.len();
        for tag in piece.members.iter().filter(|tag| !tag.hidden) {
            let metric = self.say_tag(tag, (&path, &[]), time, (None, false), to);
            metrics.push(renamed(metric, &path, &tag.name));
        }
        for below in piece.nested.iter().filter(|below| !below.hidden) {
            self.say_flat(below, &path, time, metrics, to);
        }
        if metrics.len() > before {
            to.pieces.push(path);
        }
    }

    /// By which name instances refer to a template.
    pub(super) fn reference(&self, shape: usize) -> String {
        let name = self.shapes[shape].name;
        match self.habit {
            Habit::Plain | Habit::Folder | Habit::Silent => name.to_owned(),
            Habit::BothFolder => format!("_types_/{name}"),
            Habit::Version => format!("{name}:2.1"),
        }
    }

    fn definition(&self, shape: usize) -> Metric {
        let Shape { name, parts, parameters, nested } = &self.shapes[shape];
        let mut template = Template::definition();
        for part in parts {
            let mut member = Metric::null(part.name, part.kind.datatype());
            if let Some(unit) = part.unit {
                member = member.property("engUnit", unit);
            }
            for (name, value) in &part.statics {
                member = member.property(name, value.typed(value.kind()));
            }
            template = template.member(member);
        }
        for (name, below) in nested {
            let below = Template::instance(&self.reference(*below));
            template = template.member(Metric::template(name, below));
        }
        for (name, kind, default) in parameters {
            let typed = default.as_ref().map(|value| value.typed(*kind));
            template = template.parameter(name, typed.unwrap_or(Typed::null(kind.datatype())));
        }
        let name = match self.habit {
            Habit::Plain | Habit::Silent => (*name).to_owned(),
            Habit::Folder | Habit::BothFolder => format!("_types_/{name}"),
            Habit::Version => (*name).to_owned(),
        };
        if self.habit == Habit::Version {
            template = template.version("2.1");
        }
        Metric::template(&name, template)
    }

    /// The message with the degree signs of its strings in Latin-1, if that is how it writes.
    pub(super) fn spelled(&self, mut message: Message) -> Message {
        if self.latin {
            for place in 1..message.payload.len() {
                if message.payload[place - 1..=place] == [0xc2, 0xb0] {
                    message.payload[place - 1] = 0xb0;
                }
            }
        }
        message
    }

    /// What is left of a text that is written by this node.
    fn lossy(&self, text: &str) -> String {
        if self.latin { text.replace('°', "\u{fffd}\u{fffd}") } else { text.to_owned() }
    }
}

pub(super) fn with_quality(metric: Metric, quality: Option<Code>) -> Metric {
    match quality {
        None => metric,
        Some(Code::Number(code)) => metric.quality(code),
        Some(Code::Word(word)) => metric.property("Quality", word),
    }
}

/// A member of an instance as a flat metric.
fn renamed(metric: Metric, path: &[String], name: &str) -> Metric {
    let mut wire = metric.into_wire();
    wire.name = Some(format!("{}/{}/{name}", Spelling::FOLDER, path.join("/")).into());
    Metric::from(wire)
}
