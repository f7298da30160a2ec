//! A plant drawn at random.

use fastrand::Rng;

use super::*;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::payload::Compression;

/// Names of flat tags with their usual type and the units that people give them.
const TAGS: [(&str, Kind, &[&str]); 13] = [
    ("Temperature", Kind::Double, &["°C", "°F", "K"]),
    ("Pressure", Kind::Double, &["bar", "psi"]),
    ("Flow", Kind::Double, &["l/min"]),
    ("State", Kind::Int, &[]),
    ("Serial No", Kind::Text, &[]),
    ("Motor/Speed", Kind::Int, &["rpm", "1/min"]),
    ("Motor/Current", Kind::Double, &["A"]),
    ("Level", Kind::Double, &["mm", "in"]),
    ("Mode", Kind::Text, &[]),
    ("Running", Kind::Bool, &[]),
    ("Energy", Kind::Long, &["kWh"]),
    ("Started", Kind::Time, &[]),
    ("Online", Kind::Int, &[]),
];

const STATICS: [&str; 3] = ["engHigh", "engLow", "documentation"];

/// Up to `size` edge nodes, at a time that right clocks show as `wall`.
pub(in super::super) fn plant(
    seed: u64,
    size: usize,
    wide: bool,
    spelling: Spelling,
    wall: i64,
) -> Vec<Node> {
    let rng = &mut Rng::with_seed(seed);
    let shapes = shapes(rng);
    let mut nodes: Vec<Node> = Vec::new();
    for place in 0..size {
        let group = if rng.u8(..3) == 0 { "Ostsee" } else { "Nordsee" };
        let mut node = node(rng, EdgeNode::new(group, format!("gw{place}")), &shapes, wall);
        node.spelling = spelling;
        if spelling == Spelling::Rules {
            node.habit = Habit::Silent;
        }
        nodes.push(node);
    }
    if wide && let Some(node) = nodes.first_mut() {
        let tags = (0..rng.usize(495..520)).map(|number| {
            let mut tag = tag(rng, "Level", Kind::Double, wall);
            tag.name = format!("Tag {number:03}");
            tag
        });
        node.own.tags.extend(tags);
    }
    nodes
}

fn node(rng: &mut Rng, id: EdgeNode, shapes: &[Shape], wall: i64) -> Node {
    let aliases = rng.u8(..3) == 0;
    let latin = rng.u8(..6) == 0;
    let mut edge = Edge::new(id, rng.u8(..));
    if aliases {
        edge = edge.with_aliases();
    }
    if rng.bool() {
        edge = edge.without_datatypes();
    }
    if !latin && rng.u8(..10) == 0 {
        edge = edge.with_compression(Compression::Gzip);
    }
    let mut node = Node {
        edge,
        spelling: Spelling::default(),
        own: Body::default(),
        devices: Vec::new(),
        shapes: shapes.iter().map(|shape| own_version(rng, shape)).collect(),
        births_now: rng.u8(..3) == 0,
        habit: [Habit::Plain, Habit::Folder, Habit::BothFolder, Habit::Version, Habit::Silent]
            [rng.usize(..5)],
        stamps: [Stamps::Each, Stamps::Each, Stamps::Payload, Stamps::Nowhere][rng.usize(..4)],
        aliases,
        latin,
        alive: false,
        answers: if rng.u8(..4) == 0 { Answers::Never } else { Answers::After(rng.u64(50..4_000)) },
        offset: if rng.u8(..4) == 0 { -rng.i64(0..7_200_000) } else { rng.i64(-2_000..2_000) },
        still: None,
    };
    let time = wall + node.offset;
    node.own = body(rng, &node.shapes, time);
    let kind = body(rng, &node.shapes, time);
    for number in 0..rng.usize(..4) {
        // Devices of one kind, with a tag more or less, or of their own.
        let own = match rng.u8(..4) {
            0 => body(rng, &node.shapes, time),
            1 => Body::default(),
            _ => Body { tags: fresh(rng, &kind.tags, time), pieces: kind.pieces.clone() },
        };
        let name = format!("Pump {number}");
        node.devices.push(Device { name, body: own, alive: rng.u8(..5) > 0 });
    }
    node
}

fn fresh(rng: &mut Rng, tags: &[Tag], time: i64) -> Vec<Tag> {
    let mut tags = tags.to_vec();
    for tag in &mut tags {
        tag.value = value(rng, tag.kind);
        tag.changed = changed(rng, time);
    }
    if tags.len() > 1 && rng.bool() {
        tags.swap_remove(rng.usize(..tags.len()));
    }
    tags
}

fn body(rng: &mut Rng, shapes: &[Shape], time: i64) -> Body {
    let mut body = Body::default();
    let spelling = rng.u8(..4);
    if spelling != 0 {
        let mut pool: Vec<_> = TAGS.iter().collect();
        rng.shuffle(&mut pool);
        for (name, kind, _) in pool.into_iter().take(rng.usize(..8)) {
            // What the plant calls Online is a number, so that it can be told from presence.
            let odd = rng.u8(..10) == 0 && *name != "Online";
            let kind = if odd { any_kind(rng) } else { *kind };
            body.tags.push(tag(rng, name, kind, time));
        }
    }
    if spelling != 1 {
        for number in 0..rng.usize(..3) {
            let shape = rng.usize(..shapes.len());
            body.pieces.push(piece(rng, &format!("T{number}"), shapes, shape, time));
        }
    }
    body
}

pub(super) fn tag(rng: &mut Rng, name: &str, kind: Kind, time: i64) -> Tag {
    let units = TAGS.iter().find(|(known, ..)| *known == name).map_or(&[][..], |tag| tag.2);
    let unit = (!units.is_empty() && rng.u8(..3) > 0).then(|| units[rng.usize(..units.len())]);
    Tag {
        name: name.to_owned(),
        kind,
        value: value(rng, kind),
        quality: quality(rng),
        unit,
        statics: statics(rng),
        changed: changed(rng, time),
        says_unit: false,
        hidden: false,
    }
}

pub(super) fn any_tag(rng: &mut Rng, time: i64) -> Tag {
    let (name, kind, _) = TAGS[rng.usize(..TAGS.len())];
    tag(rng, name, kind, time)
}

fn statics(rng: &mut Rng) -> BTreeMap<&'static str, Val> {
    match rng.u8(..4) {
        0 => [(STATICS[rng.usize(..3)], static_value(rng))].into(),
        _ => BTreeMap::new(),
    }
}

pub(super) fn static_value(rng: &mut Rng) -> Val {
    match rng.u8(..6) {
        0 => Val::Null,
        1 | 2 => Val::Text(["as built", "see manual"][rng.usize(..2)].to_owned()),
        _ => Val::Int(rng.i32(0..4)),
    }
}

pub(super) fn piece(rng: &mut Rng, name: &str, shapes: &[Shape], of: usize, time: i64) -> Piece {
    let shape = &shapes[of];
    let mut members = Vec::new();
    for part in &shape.parts {
        let mut member = tag(rng, part.name, part.kind, time);
        // Most instances leave to the definition what it says.
        member.unit = member.unit.filter(|_| rng.u8(..6) == 0);
        member.statics = match part.statics.keys().next() {
            Some(name) if rng.u8(..3) == 0 => [(*name, Val::Int(rng.i32(0..4)))].into(),
            _ => BTreeMap::new(),
        };
        members.push(member);
    }
    if members.len() > 1 && rng.u8(..5) == 0 {
        members.pop();
    }
    let mut parameters = BTreeMap::new();
    for (name, kind, _) in &shape.parameters {
        if rng.bool() {
            parameters.insert(*name, own_parameter(rng, *kind));
        }
    }
    let nested = shape.nested.iter();
    let nested = nested.map(|(name, below)| piece(rng, name, shapes, *below, time)).collect();
    let name = name.to_owned();
    let quality = (rng.u8(..6) == 0).then(|| quality(rng)).flatten();
    Piece { name, shape: of, quality, members, parameters, nested, hidden: false, reshaped: false }
}

/// An instance's own value of a parameter; sometimes it has none.
pub(super) fn own_parameter(rng: &mut Rng, kind: Kind) -> Val {
    if rng.u8(..8) == 0 { Val::Null } else { parameter(rng, kind) }
}

/// The value of a parameter: of few, so that it often equals the default.
pub(super) fn parameter(rng: &mut Rng, kind: Kind) -> Val {
    match kind {
        Kind::Text => Val::Text(["none", "A-1", "B-2"][rng.usize(..3)].to_owned()),
        Kind::Double => Val::Double([8_000.0, 9_500.0][rng.usize(..2)]),
        Kind::Time => Val::Time([1_690_000_000_500, 1_700_000_000_000][rng.usize(..2)]),
        Kind::Int | Kind::Long | Kind::Bool => Val::Int(rng.i32(0..3)),
    }
}

/// Two or three templates; the last holds the first, so that they nest.
fn shapes(rng: &mut Rng) -> Vec<Shape> {
    let names = ["Gearbox", "Motor", "Turbine"];
    let parts = [
        ("Speed", Kind::Double, &["rpm", "1/min"][..]),
        ("Temp", Kind::Double, &["°C", "°F"][..]),
        ("Count", Kind::Int, &[][..]),
        ("Ready", Kind::Bool, &[][..]),
        ("Text", Kind::Text, &[][..]),
        ("Since", Kind::Time, &[][..]),
    ];
    let mut shapes: Vec<Shape> = Vec::new();
    for (place, name) in names.into_iter().enumerate() {
        let mut own = Vec::new();
        for (name, kind, units) in parts.iter().skip(rng.usize(..4)).take(rng.usize(1..4)) {
            let unit = (!units.is_empty() && rng.bool()).then(|| units[rng.usize(..units.len())]);
            let statics = match rng.u8(..3) {
                0 => [("engHigh", Val::Int(rng.i32(0..4)))].into(),
                _ => BTreeMap::new(),
            };
            own.push(Part { name, kind: *kind, unit, statics });
        }
        let mut parameters = Vec::new();
        for (name, kind) in [("Serial", Kind::Text), ("Rated", Kind::Double), ("Built", Kind::Time)]
        {
            if rng.u8(..3) > 0 {
                let default = match rng.u8(..6) {
                    0 if kind == Kind::Double => Some(Val::Double(f64::NAN)),
                    0 | 1 => None,
                    _ => Some(parameter(rng, kind)),
                };
                parameters.push((name, kind, default));
            }
        }
        let nested = if place == 2 && rng.bool() { vec![("Gear", 0)] } else { Vec::new() };
        shapes.push(Shape { name, parts: own, parameters, nested });
    }
    shapes
}

/// A template as one node has it: not always as the others do.
fn own_version(rng: &mut Rng, shape: &Shape) -> Shape {
    let mut own = shape.clone();
    if rng.u8(..4) == 0
        && let Some(part) = own.parts.first_mut()
        && part.unit.is_some()
    {
        part.unit = [Some("°F"), Some("1/min"), None][rng.usize(..3)];
    }
    if rng.u8(..4) == 0
        && let Some((_, kind, default)) = own.parameters.first_mut()
    {
        *default = Some(parameter(rng, *kind));
    }
    if rng.u8(..4) == 0 {
        let statics = BTreeMap::new();
        own.parts.push(Part { name: "Extra", kind: Kind::Int, unit: None, statics });
    }
    own
}

pub(super) fn any_kind(rng: &mut Rng) -> Kind {
    [Kind::Int, Kind::Long, Kind::Double, Kind::Bool, Kind::Text, Kind::Time][rng.usize(..6)]
}

pub(super) fn value(rng: &mut Rng, kind: Kind) -> Val {
    if rng.u8(..12) == 0 {
        return Val::Null;
    }
    match kind {
        Kind::Int => Val::Int(rng.i32(-5..5)),
        Kind::Long if rng.u8(..6) == 0 => Val::Long((1 << 53) + 1),
        Kind::Long => Val::Long(rng.i64(-5..5)),
        Kind::Double => match rng.u8(..20) {
            0 => Val::Double(f64::NAN),
            1 => Val::Double(f64::INFINITY),
            _ => Val::Double(f64::from(rng.i32(-50..50)) / 10.0),
        },
        Kind::Bool => Val::Bool(rng.bool()),
        Kind::Time => Val::Time(1_700_000_000_000 + rng.i64(0..5_000)),
        Kind::Text => Val::Text(["", "on", "a\tb", "Größe"][rng.usize(..4)].to_owned()),
    }
}

/// Most say none.
pub(super) fn quality(rng: &mut Rng) -> Option<Code> {
    let codes = [
        Code::Number(192),
        Code::Number(0),
        Code::Number(500),
        Code::Number(24),
        Code::Number(64),
        Code::Number(216),
        Code::Number(516),
        Code::Number(1_073_742_080),
        Code::Number(-2_147_483_132),
        Code::Number(-2_147_483_136),
        Code::Number(77_777),
        Code::Word("Good"),
        Code::Word("Bad_Stale"),
    ];
    (rng.u8(..4) == 0).then(|| codes[rng.usize(..codes.len())])
}

/// When a value changed: lately, an hour ago, or weeks ago.
fn changed(rng: &mut Rng, time: i64) -> i64 {
    match rng.u8(..6) {
        0 => time - 21 * 24 * 3_600_000,
        1 => time - rng.i64(1..3_600_000),
        _ => time - rng.i64(0..2_000),
    }
}
