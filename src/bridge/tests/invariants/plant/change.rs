//! What happens in a plant between two messages.

use fastrand::Rng;

use super::draw;
use super::*;

/// A change of what a birth says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Change {
    Hide,
    Show,
    Retype,
    Unit,
    Parameter,
    Default,
    Static,
    /// The quality of an instance.
    Quality,
    Reshape,
    AddTag,
    AddPiece,
}

impl Change {
    pub(in super::super) const ALL: [Self; 11] = [
        Self::Hide,
        Self::Show,
        Self::Retype,
        Self::Unit,
        Self::Parameter,
        Self::Default,
        Self::Static,
        Self::Quality,
        Self::Reshape,
        Self::AddTag,
        Self::AddPiece,
    ];
}

impl Node {
    /// Changes one thing of the node or a device. False if there was nothing to change.
    pub(in super::super) fn change(
        &mut self,
        device: Option<usize>,
        change: Change,
        rng: &mut Rng,
        wall: i64,
    ) -> bool {
        let time = self.time(wall);
        let shapes = self.shapes.clone();
        let body = self.body_mut(device);
        let pieces = body.pieces.len();
        match change {
            Change::Hide if pieces > 0 && rng.u8(..4) == 0 => {
                body.pieces[rng.usize(..pieces)].hidden = true;
                return true;
            }
            Change::Show => {
                let members = body.pieces.iter().flat_map(|piece| &piece.members);
                if !body.tags.iter().chain(members).any(|tag| tag.hidden) {
                    let piece = body.pieces.iter_mut().find(|piece| piece.hidden);
                    return piece.is_some_and(|piece| std::mem::take(&mut piece.hidden));
                }
            }
            _ => {}
        }
        let mut tags: Vec<&mut Tag> = match change {
            Change::Hide | Change::Show | Change::Retype | Change::Unit | Change::Static => {
                let members = body.pieces.iter_mut().flat_map(|piece| &mut piece.members);
                body.tags.iter_mut().chain(members).collect()
            }
            _ => Vec::new(),
        };
        let count = tags.len();
        let mut any = || (count > 0).then(|| rng.usize(..count));
        match change {
            Change::Hide => {
                let Some(place) = any() else { return false };
                tags[place].hidden = true;
            }
            Change::Show => {
                let tag = tags.iter_mut().find(|tag| tag.hidden);
                return tag.is_some_and(|tag| std::mem::take(&mut tag.hidden));
            }
            Change::Retype => {
                let Some(place) = any() else { return false };
                let kind = draw::any_kind(rng);
                let tag = &mut *tags[place];
                if tag.name == "Online" {
                    return false;
                }
                (tag.kind, tag.value, tag.changed) = (kind, draw::value(rng, kind), time);
            }
            Change::Unit => {
                let Some(place) = any() else { return false };
                tags[place].unit = ["°C", "°F", "bar"].get(rng.usize(..4)).copied();
            }
            Change::Static => {
                let Some(place) = any() else { return false };
                let tag = &mut *tags[place];
                if tag.statics.pop_first().is_none() || rng.bool() {
                    tag.statics.insert("engHigh", draw::static_value(rng));
                }
            }
            Change::Quality => {
                if body.pieces.is_empty() {
                    return false;
                }
                let place = rng.usize(..pieces);
                body.pieces[place].quality = match body.pieces[place].quality {
                    Some(_) => None,
                    None => Some(Code::Number([0, 192, 500, 64][rng.usize(..4)])),
                };
            }
            Change::Parameter | Change::Default => {
                if body.pieces.is_empty() {
                    return false;
                }
                let place = rng.usize(..body.pieces.len());
                let piece = &mut body.pieces[place];
                let parameters = &shapes[piece.shape].parameters;
                if parameters.is_empty() {
                    return false;
                }
                let (name, kind, default) = &parameters[rng.usize(..parameters.len())];
                match (change, default) {
                    (Change::Default, Some(default)) if rng.bool() => {
                        piece.parameters.insert(name, default.clone());
                    }
                    (Change::Default, _) => return piece.parameters.remove(name).is_some(),
                    _ => {
                        piece.parameters.insert(name, draw::own_parameter(rng, *kind));
                    }
                }
            }
            Change::Reshape => {
                if body.pieces.is_empty() {
                    return false;
                }
                let place = rng.usize(..body.pieces.len());
                let name = body.pieces[place].name.clone();
                let other = rng.usize(..shapes.len());
                if other == body.pieces[place].shape {
                    return false;
                }
                let piece = draw::piece(rng, &name, &shapes, other, time);
                body.pieces[place] = Piece { reshaped: true, ..piece };
            }
            Change::AddTag => {
                let tag = draw::any_tag(rng, time);
                if body.tags.iter().any(|known| known.name == tag.name) {
                    return false;
                }
                body.tags.push(tag);
            }
            Change::AddPiece => {
                let name = format!("T{}", body.pieces.len());
                let shape = rng.usize(..shapes.len());
                body.pieces.push(draw::piece(rng, &name, &shapes, shape, time));
            }
        }
        true
    }

    /// Some tags get new values, and data tells of them.
    pub(in super::super) fn move_on(
        &mut self,
        device: Option<usize>,
        rng: &mut Rng,
        wall: i64,
    ) -> Vec<(Vec<String>, Tag, Manner)> {
        let time = self.time(wall);
        let mut said = Vec::new();
        let body = self.body_mut(device);
        let mut all: Vec<(Vec<String>, &mut Tag)> = Vec::new();
        all.extend(body.tags.iter_mut().map(|tag| (Vec::new(), tag)));
        for piece in &mut body.pieces {
            collect(piece, &[], &mut all);
        }
        all.retain(|(_, tag)| !tag.hidden);
        if all.is_empty() {
            return said;
        }
        for _ in 0..rng.usize(1..4) {
            let place = rng.usize(..all.len());
            let (path, tag) = &mut all[place];
            let manner = match rng.u8(..16) {
                0 => Manner::Transient,
                1 if tag.kind == Kind::Text => Manner::Alarm,
                2 => Manner::History,
                _ => Manner::Current,
            };
            let mut now = tag.clone();
            now.value = draw::value(rng, tag.kind);
            now.quality = draw::quality(rng);
            match manner {
                // What was before the value that it has.
                Manner::History => now.changed = tag.changed - rng.i64(1..60_000),
                _ => now.changed = time,
            }
            // One value of a tag at a time.
            if said.iter().any(|(of, told, _): &(_, Tag, _)| of == path && told.name == now.name) {
                continue;
            }
            // A static property may change in data as well.
            let mut statics = std::mem::take(&mut now.statics);
            if manner == Manner::Current
                && rng.u8(..4) == 0
                && let Some(mut property) = statics.first_entry()
            {
                match property.get_mut() {
                    Val::Int(value) => *value = rng.i32(0..4),
                    other => *other = Val::Text(["as is", "see manual"][rng.usize(..2)].to_owned()),
                }
                now.statics.insert(property.key(), property.get().clone());
            }
            if manner == Manner::Current && rng.u8(..8) == 0 {
                now.unit = ["°C", "°F", "bar"].get(rng.usize(..3)).copied();
                now.says_unit = true;
            }
            if manner == Manner::Current {
                **tag = Tag { statics, says_unit: false, ..now.clone() };
            }
            said.push((path.clone(), now, manner));
        }
        said
    }
}

pub(super) fn collect<'a>(
    piece: &'a mut Piece,
    above: &[String],
    all: &mut Vec<(Vec<String>, &'a mut Tag)>,
) {
    if piece.hidden {
        return;
    }
    let path: Vec<_> = above.iter().chain([&piece.name]).cloned().collect();
    all.extend(piece.members.iter_mut().map(|tag| (path.clone(), tag)));
    for below in &mut piece.nested {
        collect(below, &path, all);
    }
}
