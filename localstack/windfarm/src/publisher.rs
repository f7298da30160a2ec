//! A farm as a Sparkplug edge node: births with everything, data by exception. Pure.

use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};
use sparkwise::sparkplug::message::Message;
use sparkwise::time::Timestamp;

use crate::model::{Farm, Row, Turbine};
use crate::signal::{self, Reading, Signal};
use crate::spelling::Spelling;

const TURBINE: &str = "WindTurbine";
const GEARBOX: &str = "Gearbox";
const GENERATOR: &str = "Generator";

/// Publishes for a farm, and remembers the last published readings.
#[derive(Clone, Debug)]
pub struct Publisher {
    edge: Edge,
    spelling: Spelling,
    farm: Vec<Reading>,
    mast: Vec<Reading>,
    /// By row and turbine, as in the farm.
    turbines: Vec<Vec<LastReadings>>,
}

/// The last published readings of a turbine.
#[derive(Clone, Debug)]
struct LastReadings {
    turbine: Vec<Reading>,
    gearbox: Vec<Reading>,
    generator: Vec<Reading>,
}

impl Publisher {
    /// An edge node for `farm`, about to connect for the first time.
    pub fn new(farm: &Farm, spelling: Spelling) -> Self {
        Self::with_bd_seq(farm, spelling, 0)
    }

    /// The same, with the bdSeq of its first connection.
    pub(crate) fn with_bd_seq(farm: &Farm, spelling: Spelling, bd_seq: u8) -> Self {
        let node = EdgeNode::new(farm.group, farm.node);
        Self {
            edge: Edge::new(node, bd_seq).with_aliases(),
            spelling,
            farm: Vec::new(),
            mast: Vec::new(),
            turbines: Vec::new(),
        }
    }

    /// The edge's own session: wills and commands.
    pub fn edge(&mut self) -> &mut Edge {
        &mut self.edge
    }

    /// Where commands to the gateway and to its devices come in.
    pub(crate) fn command_filters(&self) -> [String; 2] {
        let EdgeNode { group, node } = self.edge.node();
        [self.edge.command_topic(), format!("spBv1.0/{group}/DCMD/{node}/+")]
    }

    /// NBIRTH, and a DBIRTH for each row and for the mast.
    pub fn births(&mut self, farm: &Farm, now: Timestamp) -> Vec<Message> {
        self.farm = read_all(&signal::FARM, farm);
        self.mast = read_all(&signal::MAST, &farm.mast);
        self.turbines = farm
            .rows
            .iter()
            .map(|row| row.turbines.iter().map(LastReadings::of).collect())
            .collect();

        let mut metrics = definitions(farm);
        metrics.extend(described(&signal::FARM, &self.farm));
        let mut messages = vec![self.edge.nbirth(now, self.spelling.birth(metrics))];
        for row in &farm.rows {
            let instances = row.turbines.iter().map(instance).collect();
            messages.push(self.edge.dbirth(&row.name, now, self.spelling.birth(instances)));
        }
        let mast = described(&signal::MAST, &self.mast);
        messages.push(self.edge.dbirth(farm.mast.name, now, mast));
        messages
    }

    /// What has changed since it was last published; nothing before the births.
    pub fn data(&mut self, farm: &Farm, now: Timestamp) -> Vec<Message> {
        let mut messages = Vec::new();
        let metrics = changes(&signal::FARM, farm, &mut self.farm);
        if !metrics.is_empty() {
            messages.push(self.edge.ndata(now, metrics));
        }
        for (row, last) in farm.rows.iter().zip(&mut self.turbines) {
            let metrics = row_changes(row, last);
            if !metrics.is_empty() {
                messages.push(self.edge.ddata(&row.name, now, self.spelling.data(metrics)));
            }
        }
        let metrics = changes(&signal::MAST, &farm.mast, &mut self.mast);
        if !metrics.is_empty() {
            messages.push(self.edge.ddata(farm.mast.name, now, metrics));
        }
        messages
    }
}

impl LastReadings {
    fn of(turbine: &Turbine) -> Self {
        Self {
            turbine: read_all(&signal::TURBINE, turbine),
            gearbox: read_all(&signal::GEARBOX, &turbine.gearbox),
            generator: read_all(&signal::GENERATOR, &turbine.generator),
        }
    }
}

fn read_all<T>(signals: &[Signal<T>], of: &T) -> Vec<Reading> {
    signals.iter().map(|signal| signal.read(of)).collect()
}

fn described<'a, T>(
    signals: &'a [Signal<T>],
    readings: &'a [Reading],
) -> impl Iterator<Item = Metric> + 'a {
    signals.iter().zip(readings).map(|(signal, reading)| signal.described(*reading))
}

/// Metrics of the signals that have moved since `last`, which then has their readings.
fn changes<T>(signals: &[Signal<T>], of: &T, last: &mut [Reading]) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (signal, last) in signals.iter().zip(last) {
        let reading = signal.read(of);
        if signal.has_moved(*last, reading) {
            *last = reading;
            metrics.push(signal.metric(reading));
        }
    }
    metrics
}

/// Partial instances: only the members that have moved.
fn row_changes(row: &Row, last: &mut [LastReadings]) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (turbine, last) in row.turbines.iter().zip(last) {
        let mut members = changes(&signal::TURBINE, turbine, &mut last.turbine);
        let gearbox = changes(&signal::GEARBOX, &turbine.gearbox, &mut last.gearbox);
        let generator = changes(&signal::GENERATOR, &turbine.generator, &mut last.generator);
        for (name, inner) in [(GEARBOX, gearbox), (GENERATOR, generator)] {
            if !inner.is_empty() {
                members.push(Metric::template(name, Template::instance(name).members(inner)));
            }
        }
        if !members.is_empty() {
            let template = Template::instance(TURBINE).members(members);
            metrics.push(Metric::template(&turbine.name, template));
        }
    }
    metrics
}

/// The three kinds of equipment. A farm has at least one turbine to tell them from.
fn definitions(farm: &Farm) -> Vec<Metric> {
    let Some(like) = farm.turbines().next() else {
        return Vec::new();
    };
    let gearbox = Template::definition()
        .version("1.0")
        .parameter("Serial", "")
        .parameter("Ratio", 0.0)
        .members(signal::GEARBOX.iter().map(|signal| signal.defined(&like.gearbox)));
    let generator = Template::definition()
        .version("1.0")
        .parameter("Serial", "")
        .members(signal::GENERATOR.iter().map(|signal| signal.defined(&like.generator)));
    let turbine = Template::definition()
        .version("1.0")
        .parameter("Serial", "")
        .parameter("Firmware", "")
        .parameter("Rated Power", 0.0)
        .members(signal::TURBINE.iter().map(|signal| signal.defined(like)))
        .member(Metric::template(GEARBOX, Template::instance(GEARBOX)))
        .member(Metric::template(GENERATOR, Template::instance(GENERATOR)));
    [(GEARBOX, gearbox), (GENERATOR, generator), (TURBINE, turbine)]
        .map(|(name, template)| Metric::template(&format!("_types_/{name}"), template))
        .into()
}

fn instance(turbine: &Turbine) -> Metric {
    let readings = LastReadings::of(turbine);
    let gearbox = Template::instance(GEARBOX)
        .parameter("Serial", turbine.gearbox.serial.as_str())
        .parameter("Ratio", turbine.gearbox.ratio)
        .members(described(&signal::GEARBOX, &readings.gearbox));
    let generator = Template::instance(GENERATOR)
        .parameter("Serial", turbine.generator.serial.as_str())
        .members(described(&signal::GENERATOR, &readings.generator));
    let template = Template::instance(TURBINE)
        .parameter("Serial", turbine.serial.as_str())
        .parameter("Firmware", turbine.firmware)
        .parameter("Rated Power", turbine.rated_power)
        .members(described(&signal::TURBINE, &readings.turbine))
        .member(Metric::template(GEARBOX, gearbox))
        .member(Metric::template(GENERATOR, generator));
    Metric::template(&turbine.name, template)
}

#[cfg(test)]
mod tests;
