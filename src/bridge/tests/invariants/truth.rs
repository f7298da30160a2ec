//! What an engineer who stands at the machines expects SiteWise to show.
//!
//! It is told what reached the bridge's socket, by its meaning, and knows nothing of how the
//! bridge works. Where nobody could say whether a message can be read, any answer is right until
//! the next birth.

use std::collections::{BTreeMap, BTreeSet};

use self::around::Around;
use self::shown::shown;
use super::plant::{Kind, Manner, Speech, Statement, Trait, Unit, Val, Verb};
use crate::sitewise::api::{PropertyDataType, Quality, Variant};
use crate::sparkplug::address::Source;

mod around;
mod shown;
mod unsure;

const WEEK: i64 = 7 * 24 * 3_600_000;
const FIVE_MINUTES: i64 = 5 * 60_000;

/// An asset: a source, or an instance of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) source: Source,
    pub(super) path: Vec<String>,
}

/// A measurement or an attribute of an asset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) spot: Spot,
    pub(super) name: String,
    pub(super) data_type: PropertyDataType,
    /// It is a point in time, which is a property of its own beside a number of the name.
    pub(super) is_time: bool,
}

/// Whether what a source says can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Known {
    /// Its birth is not known.
    #[default]
    No,
    /// Its latest birth is.
    Yes,
    /// Its birth is known, but it may count as dead.
    Perhaps,
    /// A birth that nobody heard came after the one that is known.
    Outdated,
}

/// Whether a value must be marked as no longer fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Fresh,
    Marked,
    /// An earlier process heard the value: the mark may not have been made.
    Either,
}

/// What is expected of a measurement.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) value: Variant,
    pub(super) quality: Quality,
    /// That of the value, whatever the instances around it are.
    own: Quality,
    /// What may stand there as well.
    pub(super) others: Vec<(Variant, Quality)>,
    pub(super) mark: Mark,
    pub(super) unit: Unit,
    /// Its sender said a unit of it once.
    pub(super) had_unit: bool,
    /// False where the value may have been lost, until it is said again.
    pub(super) claimed: bool,
    /// In the time of which process it was said.
    pub(super) process: u32,
    /// An earlier process heard its sender say another quality for the same time. SiteWise keeps
    /// both, and nobody can read which of them it shows.
    pub(super) tied: bool,
    time: i64,
    /// The latest time that it can stand under.
    high: i64,
    said_at: i64,
}

/// What is expected of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Want {
    Own(Val),
    /// The definition's default, or that of the model.
    Default(Val),
    /// The model's default, or no value.
    Nothing,
    /// No value.
    Null,
}

#[derive(Clone, Debug)]
pub(super) struct Attribute {
    /// Any of these.
    pub(super) want: Vec<Want>,
    pub(super) claimed: bool,
    /// The instance's asset was made for another template, which may not have it.
    pub(super) may_lack: bool,
    said_at: i64,
}

#[derive(Debug, Default)]
pub(super) struct Truth {
    known: BTreeMap<Source, Known>,
    pub(super) facts: BTreeMap<Place, Fact>,
    pub(super) attributes: BTreeMap<Place, Attribute>,
    /// The instances of the latest birth of each source.
    pub(super) pieces: BTreeMap<Source, BTreeSet<Vec<String>>>,
    pub(super) process: u32,
    /// The qualities that were said for a time, and to which process.
    said: BTreeMap<Place, BTreeSet<(i64, u32, Quality)>>,
    /// History that is later than the current value, and shows until the next birth: a process that
    /// has not heard that birth cannot tell.
    history: BTreeMap<Place, Vec<(Variant, Quality)>>,
    /// Nodes of which a message is missing since their birth.
    gaps: BTreeSet<Source>,
    /// Devices whose death nobody heard.
    dead_unheard: BTreeSet<Source>,
    /// Data that may have overtaken a birth, and when it came.
    early: Vec<(i64, Speech)>,
    around: Around,
}

impl Truth {
    /// A message reached the bridge, whole.
    pub(super) fn hear(&mut self, speech: &Speech, arrival: i64) {
        let node = Source { device: None, ..speech.source.clone() };
        if speech.verb == Verb::Data
            && (self.knows(&speech.source) != Known::Yes || self.gaps.contains(&node))
        {
            // It may take the place of another message.
            self.gaps.insert(node.clone());
            self.early.push((arrival, speech.clone()));
        }
        match speech.verb {
            Verb::Birth if speech.source == node => {
                for known in self.of_node(&node) {
                    *known = Known::No;
                }
                self.born(speech, arrival);
                self.gaps.remove(&node);
                self.overtaken(speech, arrival);
            }
            Verb::Birth => match self.knows(&node) {
                // It may wait for the next birth, and be read by that.
                Known::No => self.whisper(speech),
                Known::Yes => self.born(speech, arrival),
                known @ (Known::Perhaps | Known::Outdated) => {
                    self.known.insert(speech.source.clone(), known);
                    self.murmur(speech);
                }
            },
            Verb::Data => match self.knows(&speech.source) {
                // It may wait for the next birth, and be read by that.
                Known::No => self.murmur(speech),
                Known::Yes => {
                    for statement in &speech.values {
                        self.told(&speech.source, statement, arrival);
                    }
                    self.around_told(speech, arrival);
                    self.changed(speech, arrival, true);
                }
                Known::Perhaps => {
                    self.murmur(speech);
                    self.changed(speech, arrival, false);
                }
                Known::Outdated => {
                    self.whisper(speech);
                    self.disclaim(&speech.source);
                }
            },
            Verb::Death if speech.source == node => {
                for known in self.of_node(&node) {
                    *known = Known::No;
                }
            }
            Verb::Death => {
                if self.knows(&node) == Known::Yes {
                    self.known.insert(speech.source.clone(), Known::No);
                }
            }
        }
    }

    /// Data that came when later messages of its sender had been told: older than what is known,
    /// unless its sender's time tells otherwise.
    pub(super) fn late(&mut self, speech: &Speech, arrival: i64) {
        if self.knows(&speech.source) != Known::Yes {
            return self.murmur(speech);
        }
        for statement in &speech.values {
            let place = place(&speech.source, &statement.path, &statement.member, statement.kind);
            match self.facts.get_mut(&place) {
                // Of one time, nobody can tell which was said last.
                Some(fact) if statement.time == Some(fact.time) => {
                    if statement.manner == Manner::Current {
                        fact.others.push(shown(statement));
                    }
                }
                // A birth lacks it since. Where the message came while the birth still waited for
                // it, it is the last that was said.
                Some(fact) if fact.mark != Mark::Fresh => {
                    let later = statement.time.is_some_and(|time| time > fact.time);
                    if later && statement.manner == Manner::Current {
                        fact.others.push(shown(statement));
                    }
                }
                _ => self.told(&speech.source, statement, arrival),
            }
            if statement.unit != Unit::Unsaid
                && let Some(fact) = self.facts.get_mut(&place)
            {
                (fact.unit, fact.had_unit) = (Unit::Unsaid, true);
            }
        }
        self.around_whispered(speech);
        self.changed(speech, arrival, false);
    }

    /// A message that nobody heard.
    pub(super) fn miss(&mut self, speech: &Speech) {
        self.gaps.insert(Source { device: None, ..speech.source.clone() });
        match speech.verb {
            Verb::Birth => self.doubt(&speech.source, Known::Outdated),
            Verb::Death => self.dead_unheard.extend([speech.source.clone()]),
            Verb::Data => {}
        }
    }

    /// A message that cannot be read. What follows a birth of that kind may be read by the birth
    /// before it as far as that is right, or not at all.
    pub(super) fn garble(&mut self, speech: &Speech) {
        self.gaps.insert(Source { device: None, ..speech.source.clone() });
        match speech.verb {
            Verb::Birth => self.doubt(&speech.source, Known::Perhaps),
            Verb::Death => self.dead_unheard.extend([speech.source.clone()]),
            Verb::Data => {}
        }
    }

    /// Another process of the bridge: it has heard no birth.
    pub(super) fn restart(&mut self, now: i64) {
        self.process += 1;
        self.known.clear();
        self.early.clear();
        for (place, history) in std::mem::take(&mut self.history) {
            if let Some(fact) = self.facts.get_mut(&place) {
                fact.others.extend(history);
            }
        }
        for fact in self.facts.values_mut() {
            if fact.mark == Mark::Marked {
                fact.mark = Mark::Either;
            }
            // It may have waited for a message before it.
            fact.claimed &= fact.said_at + 3_000 < now;
        }
        for attribute in self.attributes.values_mut() {
            attribute.claimed &= attribute.said_at + 3_000 < now;
        }
    }

    /// Values of this asset were lost.
    pub(super) fn lose(&mut self, lost: impl Fn(&Spot) -> bool) {
        for (_, fact) in self.facts.iter_mut().filter(|(place, _)| lost(&place.spot)) {
            fact.claimed = false;
        }
        for (_, fact) in self.attributes.iter_mut().filter(|(place, _)| lost(&place.spot)) {
            fact.claimed = false;
        }
    }

    /// The value of a dead source is marked.
    pub(super) fn settle(&mut self, alive: &BTreeSet<Source>) {
        let process = self.process;
        for (place, fact) in &mut self.facts {
            if !alive.contains(&place.spot.source) && fact.mark == Mark::Fresh {
                fact.mark = if fact.process == process { Mark::Marked } else { Mark::Either };
            }
        }
    }

    /// Those whose latest birth, or death, may not have been heard.
    pub(super) fn unknown(&self, of: &BTreeSet<Source>) -> BTreeSet<Source> {
        let unknown = of.iter().filter(|source| self.knows(source) != Known::Yes);
        unknown.chain(&self.dead_unheard).cloned().collect()
    }

    fn knows(&self, source: &Source) -> Known {
        self.known.get(source).copied().unwrap_or_default()
    }

    fn of_node(&mut self, node: &Source) -> impl Iterator<Item = &mut Known> {
        let edge = node.edge.clone();
        self.known.iter_mut().filter(move |(of, _)| of.edge == edge).map(|(_, known)| known)
    }

    fn born(&mut self, speech: &Speech, arrival: i64) {
        let source = &speech.source;
        self.known.insert(source.clone(), Known::Yes);
        // Its node's birth ends what is not born after it.
        let edge = &source.edge;
        self.dead_unheard
            .retain(|dead| source.device.is_some() && dead != source || dead.edge != *edge);
        let mut said = BTreeSet::new();
        for statement in &speech.values {
            let place = place(source, &statement.path, &statement.member, statement.kind);
            let (value, quality) = shown(statement);
            let birth = speech.time.filter(|time| is_taken(*time, arrival)).unwrap_or(arrival);
            let own = statement.time.filter(|time| is_taken(*time, arrival)).unwrap_or(birth);
            let before = self.facts.get(&place);
            let high = before.map_or(i64::MIN, |before| before.high + 1);
            self.history.remove(&place);
            let said_before = self.said.entry(place.clone()).or_default();
            said_before.insert((own, self.process, quality));
            let unit = match (&statement.unit, before) {
                // A unit that is said no more stays; what another process heard may be lost.
                (Unit::Own(None), Some(before)) if before.process != self.process => Unit::Unsaid,
                (Unit::Own(None), Some(before)) => before.unit.clone(),
                (unit, _) => unit.clone(),
            };
            // One that is unsaid here is that of either definition.
            let may_be_said = unit.is_said() || statement.unit == Unit::Unsaid;
            let had_unit = before.is_some_and(|before| before.had_unit) || may_be_said;
            let fact = Fact {
                value,
                quality,
                own: around::own(statement),
                others: Vec::new(),
                mark: Mark::Fresh,
                unit,
                had_unit,
                claimed: true,
                process: self.process,
                tied: said_before.iter().any(|(time, process, before)| {
                    *time == own && *process != self.process && *before != quality
                }),
                time: own,
                high: high.max(own).max(birth),
                said_at: arrival,
            };
            self.facts.insert(place.clone(), fact);
            said.insert(place);
        }
        let process = self.process;
        for (place, fact) in &mut self.facts {
            if place.spot.source == *source && !said.contains(place) && fact.mark == Mark::Fresh {
                // Of a member that an instance leaves out its definition says that it is there:
                // the last that was said of it stands, or is marked.
                let left_out = speech.pieces.contains(&place.spot.path);
                let heard = fact.process == process && !left_out;
                fact.mark = if heard { Mark::Marked } else { Mark::Either };
            }
        }
        self.around_born(speech, &said, arrival);
        self.traits(speech, arrival, &said);
        self.pieces.insert(source.clone(), speech.pieces.iter().cloned().collect());
    }

    /// Data that came just before the birth of its node, with a time that is not before it: it may
    /// have overtaken the birth, or a clock stands still.
    fn overtaken(&mut self, birth: &Speech, arrival: i64) {
        let (early, others) = std::mem::take(&mut self.early)
            .into_iter()
            .partition(|(_, early)| early.source == birth.source);
        self.early = others;
        for (at, early) in early {
            if at + 3_000 >= arrival && birth.time.is_some() && early.time >= birth.time {
                self.murmur(&early);
                self.gaps.insert(birth.source.clone());
                if early.by_alias {
                    // Read by the birth, its aliases may mean other metrics.
                    self.disclaim(&birth.source);
                }
                for said in &early.values {
                    let place = place(&birth.source, &said.path, &said.member, said.kind);
                    if let Some(fact) = self.facts.get_mut(&place) {
                        // Read by the birth, it may be of no type that it has.
                        fact.claimed &= fact.mark == Mark::Fresh;
                    }
                }
            }
        }
    }

    fn traits(&mut self, speech: &Speech, arrival: i64, said: &BTreeSet<Place>) {
        let mut mentioned = BTreeSet::new();
        for Trait { path, name, kind, own, default, reshaped, without } in &speech.traits {
            let place = place(&speech.source, path, name, *kind);
            let finite = |value: &&Val| match value {
                Val::Double(of) => of.is_finite(),
                Val::Null => false,
                _ => true,
            };
            let want = match (own, default.as_ref().filter(finite)) {
                (Some(own), _) if !finite(&own) => Want::Null,
                (Some(own), _) => Want::Own(own.clone()),
                (None, Some(default)) => Want::Default(default.clone()),
                (None, None) if *without => Want::Null,
                (None, None) if self.attributes.contains_key(&place) => Want::Nothing,
                (None, None) => continue,
            };
            mentioned.insert(place.clone());
            let may_lack = own.is_none() && (*reshaped || *without);
            let want = vec![want];
            let attribute = Attribute { want, claimed: true, may_lack, said_at: arrival };
            self.attributes.insert(place, attribute);
        }
        for (place, attribute) in &mut self.attributes {
            if place.spot.source != speech.source || mentioned.contains(place) {
                continue;
            }
            let member = place.name.split_once("/eng").or(place.name.split_once("/documentation"));
            let stays = match member {
                Some((member, _)) => {
                    said.iter().any(|said| said.spot == place.spot && said.name == member)
                }
                None => false,
            };
            if stays {
                (attribute.want, attribute.claimed) = (vec![Want::Nothing], true);
                attribute.said_at = arrival;
            } else if !attribute.want.contains(&Want::Nothing) {
                attribute.want.push(Want::Nothing);
            }
        }
    }

    /// An attribute changes in data, where absence means nothing.
    fn changed(&mut self, speech: &Speech, arrival: i64, heard: bool) {
        for Trait { path, name, kind, own, .. } in &speech.traits {
            let place = place(&speech.source, path, name, *kind);
            let (Some(own), Some(attribute)) = (own, self.attributes.get_mut(&place)) else {
                continue;
            };
            if heard {
                (attribute.want, attribute.claimed) = (Vec::new(), true);
                attribute.said_at = arrival;
            }
            attribute.want.push(Want::Own(own.clone()));
        }
    }

    fn told(&mut self, source: &Source, statement: &Statement, arrival: i64) {
        let place = place(source, &statement.path, &statement.member, statement.kind);
        let time = statement.time.unwrap_or(arrival);
        let Some(fact) = self.facts.get_mut(&place).filter(|fact| fact.mark == Mark::Fresh) else {
            return;
        };
        if statement.manner == Manner::Current && statement.unit != Unit::Unsaid {
            (fact.unit, fact.had_unit) = (statement.unit.clone(), true);
        }
        if statement.manner == Manner::History && time > fact.time {
            self.history.entry(place).or_default().push(shown(statement));
            return;
        }
        if statement.manner != Manner::Current || !is_taken(time, arrival) || time < fact.time {
            return;
        }
        let (value, quality) = shown(statement);
        fact.said_at = arrival;
        if time < fact.time.max(fact.high) {
            // The sender's clock has gone back, or stood still.
            fact.others.push((value, quality));
            return;
        }
        fact.tied &= time == fact.time;
        self.said.entry(place).or_default().insert((time, self.process, quality));
        (fact.value, fact.quality, fact.time, fact.high) = (value, quality, time, time);
        (fact.claimed, fact.process, fact.own) = (true, self.process, around::own(statement));
        fact.others.clear();
    }
}

fn place(source: &Source, path: &[String], name: &str, kind: Kind) -> Place {
    let spot = Spot { source: source.clone(), path: path.to_vec() };
    let (data_type, is_time) = (data_type(kind), kind == Kind::Time);
    Place { spot, name: name.to_owned(), data_type, is_time }
}

pub(super) fn data_type(kind: Kind) -> PropertyDataType {
    match kind {
        Kind::Int => PropertyDataType::Integer,
        Kind::Long | Kind::Double | Kind::Time => PropertyDataType::Double,
        Kind::Bool => PropertyDataType::Boolean,
        Kind::Text => PropertyDataType::String,
    }
}

fn is_taken(time: i64, now: i64) -> bool {
    (now - WEEK..=now + FIVE_MINUTES).contains(&time)
}
