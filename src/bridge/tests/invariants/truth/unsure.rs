//! What nobody can tell: any answer is right until the next birth.

use super::super::plant::{Manner, Speech, Unit, Verb};
use super::shown::shown;
use super::{Known, Source, Truth, place};

impl Truth {
    /// Data from before a node's birth came after it, with a number of the session before. Where no
    /// time says so, nobody can tell it from data of the new session, nor the messages before its
    /// number, which come later, from late ones: until the next birth either is right.
    pub(in super::super) fn stray(&mut self, early: &Speech, birth: &Speech) {
        self.murmur(early);
        let before = early.time.zip(birth.time).is_some_and(|(early, birth)| early < birth);
        if !before {
            self.doubt(&birth.source, Known::Perhaps);
        }
    }

    /// The node may count as dead: it was not heard to be alive.
    pub(in super::super) fn suspect(&mut self, node: &Source) {
        self.doubt(node, Known::Perhaps);
    }

    pub(super) fn doubt(&mut self, source: &Source, doubt: Known) {
        for (of, known) in &mut self.known {
            let within = of == source || source.device.is_none() && of.edge == source.edge;
            if within && *known != Known::No && *known != Known::Outdated {
                *known = doubt;
            }
        }
    }

    /// What may have been read, or not.
    pub(in super::super) fn murmur(&mut self, speech: &Speech) {
        self.whisper(speech);
        if speech.verb == Verb::Birth {
            self.disclaim(&speech.source);
        }
    }

    pub(super) fn whisper(&mut self, speech: &Speech) {
        self.around_whispered(speech);
        for statement in speech.values.iter().filter(|said| said.manner == Manner::Current) {
            let place = place(&speech.source, &statement.path, &statement.member, statement.kind);
            let (_, quality) = shown(statement);
            let said = statement.time.map(|time| (time, self.process, quality));
            self.said.entry(place.clone()).or_default().extend(said);
            for (other, fact) in &mut self.facts {
                if *other == place {
                    fact.others.push(shown(statement));
                    if statement.unit != Unit::Unsaid {
                        (fact.unit, fact.had_unit) = (Unit::Unsaid, true);
                    }
                } else if other.spot == place.spot && other.name == place.name {
                    // It may be taken for one of the type that the tag had.
                    fact.claimed = false;
                }
            }
        }
    }

    pub(super) fn disclaim(&mut self, source: &Source) {
        self.lose(|spot| spot.source == *source);
    }
}
