//! What the quality of an instance is to its members.

use std::collections::{BTreeMap, BTreeSet};

use super::super::plant::{Code, Manner, Speech, Statement};
use super::shown::{self, shown};
use super::{Fact, Mark, Place, Source, Truth, is_taken, place};
use crate::sitewise::api::{PropertyDataType, Quality, Variant};

const ALL: [Quality; 3] = [Quality::Good, Quality::Uncertain, Quality::Bad];

/// What an instance said of its quality.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// By its last message: GOOD if that had none.
    last: Quality,
    /// By the last message that had one.
    own: Quality,
    time: i64,
}

/// What the instances of all sources said of their qualities.
#[derive(Debug, Default)]
pub(super) struct Around {
    said: BTreeMap<(Source, Vec<String>), Said>,
    /// Of which nobody can tell what was read, until the next birth.
    unsure: BTreeSet<Source>,
}

/// The quality of a value, whatever the instances around it are.
pub(super) fn own(statement: &Statement) -> Quality {
    shown(&Statement { qualities: statement.own.into_iter().collect(), ..statement.clone() }).1
}

fn quality(code: Option<Code>) -> Quality {
    code.map_or(Quality::Good, shown::quality)
}

/// Whether a place is within an instance.
fn is_in(place: &Place, source: &Source, piece: &[String]) -> bool {
    let full = format!("{}/{}", place.spot.path.join("/"), place.name);
    let is_member = place.spot.source == *source && !place.spot.path.is_empty();
    is_member && full.starts_with(&format!("{}/", piece.join("/")))
}

impl Truth {
    /// A birth says it of all instances. Of members that it lacks it stands, or it is marked.
    pub(super) fn around_born(&mut self, speech: &Speech, said: &BTreeSet<Place>, arrival: i64) {
        let source = &speech.source;
        self.around.said.retain(|(of, _), _| of != source);
        self.around.unsure.remove(source);
        let time = speech.time.unwrap_or(arrival);
        for (piece, code) in &speech.around {
            let quality = quality(*code);
            let new = Said { last: quality, own: quality, time };
            self.around.said.insert((source.clone(), piece.clone()), new);
            self.loosen(source, piece, |place, fact| {
                !said.contains(place) && fact.mark != Mark::Marked
            });
        }
    }

    /// Data that was heard: the members of an instance that says another quality follow.
    pub(super) fn around_told(&mut self, speech: &Speech, arrival: i64) {
        let source = &speech.source;
        let time = speech.time.unwrap_or(arrival);
        if let Some(piece) = &speech.nulled {
            // Members that the birth lacked are null too.
            for (place, fact) in &mut self.facts {
                if is_in(place, source, piece) && fact.mark != Mark::Fresh {
                    fact.others.push((Variant::Null(place.data_type), Quality::Bad));
                }
            }
        }
        let mut changed = Vec::new();
        for (piece, code) in &speech.around {
            let key = (source.clone(), piece.clone());
            let Some(said) = self.around.said.get_mut(&key) else {
                self.around.unsure.insert(source.clone());
                continue;
            };
            if time < said.time || !is_taken(time, arrival) {
                self.around.unsure.insert(source.clone());
            }
            let new = quality(*code);
            if speech.alone || code.is_some() && said.own != new {
                changed.push(piece);
            }
            *said = Said { last: new, own: if code.is_some() { new } else { said.own }, time };
        }
        let current = speech.values.iter().filter(|said| said.manner == Manner::Current);
        let told: BTreeSet<_> =
            current.map(|said| place(source, &said.path, &said.member, said.kind)).collect();
        for piece in changed {
            let is_unsure = self.around.unsure.contains(source);
            let around: Vec<_> =
                self.around.said.iter().filter(|((of, _), _)| of == source).collect();
            for (place, fact) in &mut self.facts {
                if !is_in(place, source, piece) || told.contains(place) {
                    continue;
                }
                let within = around.iter().filter(|((_, inner), _)| {
                    inner.starts_with(piece) && is_in(place, source, inner)
                });
                let quality = within.map(|(_, said)| said.last).chain([fact.own]).max();
                fact.follow(place, quality.unwrap_or(fact.own), is_unsure, (time, arrival));
            }
        }
    }

    /// Nobody can tell whether a message was read.
    pub(super) fn around_whispered(&mut self, speech: &Speech) {
        if speech.around.is_empty() {
            return;
        }
        self.around.unsure.insert(speech.source.clone());
        for (piece, _) in &speech.around {
            self.loosen(&speech.source, piece, |_, _| true);
        }
        if let Some(piece) = &speech.nulled {
            for (place, fact) in &mut self.facts {
                if is_in(place, &speech.source, piece) {
                    fact.others.push((Variant::Null(place.data_type), Quality::Bad));
                }
            }
        }
    }

    /// What stands there may be of any quality.
    fn loosen(&mut self, source: &Source, piece: &[String], of: impl Fn(&Place, &Fact) -> bool) {
        for (place, fact) in &mut self.facts {
            if is_in(place, source, piece) && of(place, fact) {
                fact.loosen(place.data_type);
            }
        }
    }
}

impl Fact {
    fn loosen(&mut self, data_type: PropertyDataType) {
        let values = self.others.iter().map(|(value, _)| value).chain([&self.value]).cloned();
        let mut values: Vec<_> =
            values.filter(|value| *value != Variant::Null(data_type)).collect();
        values.dedup();
        for value in values {
            for quality in ALL {
                let may_be = (value.clone(), quality);
                if !self.others.contains(&may_be) {
                    self.others.push(may_be);
                }
            }
        }
    }

    fn follow(
        &mut self,
        place: &Place,
        quality: Quality,
        is_unsure: bool,
        (time, arrival): (i64, i64),
    ) {
        if is_unsure || self.mark != Mark::Fresh || !self.others.is_empty() || time < self.high {
            return self.loosen(place.data_type);
        }
        if time < self.time {
            return;
        }
        if quality != self.quality {
            (self.quality, self.high) = (quality, time.max(self.high) + 2);
            self.said_at = arrival;
        }
    }
}
