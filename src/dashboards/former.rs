//! What the files of an earlier run had, so that nothing of it is lost without a word.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::literal::named_by;
use super::survey::PRESENCE;
use super::{Machine, Model, Plant, Property, alerts, plant};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::text::shown;
use crate::twin::identity::{Address, Namespace, PropertyRole};
use crate::twin::mapping::ValueForm;

/// The machines that have an alert rule, and the models that have a row on the dashboard of the plant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Former {
    /// The machines, in the order of the file.
    pub machines: Vec<Machine>,
    /// The models, with what their rows show.
    pub models: Vec<Model>,
    /// Machines that have an alert rule, and by their ids are of another namespace.
    pub foreign: Vec<Machine>,
    /// The title of the alert rule of another bridge.
    pub other_bridge: Option<String>,
    /// The uids of all alert rules; behind them of those that had ended.
    pub rules: Vec<Uuid>,
}

/// The files that [`Former::read`] needs, below the folder that is written to.
pub fn files(plant: &Plant) -> [String; 2] {
    [alerts::PATH.to_owned(), plant::path(plant)]
}

impl Former {
    /// Reads the files that [`files`] names. What is not of the namespace of `plant`, or has no such form,
    /// is left out: a machine's id says whether it is its.
    ///
    /// # Errors
    ///
    /// Which of the files cannot be read: somebody changed its form.
    pub fn read(plant: &Plant, rules: &str, overview: &str) -> Result<Self, String> {
        let ids = Namespace::new(&plant.namespace);
        let [of_rules, of_plant] = files(plant);
        let mut former = of_rules_file(ids, plant, rules).ok_or(of_rules)?;
        former.models = models(ids, overview).ok_or(of_plant)?;
        Ok(former)
    }

    /// What of it `plant` does not have.
    #[must_use]
    pub fn missing(mut self, plant: &Plant) -> Self {
        let assets: BTreeSet<Uuid> = plant.machines.iter().map(|machine| machine.asset).collect();
        let models: BTreeSet<Uuid> = plant.models.iter().map(|model| model.id).collect();
        self.machines.retain(|machine| !assets.contains(&machine.asset));
        self.foreign.retain(|machine| !assets.contains(&machine.asset));
        self.models.retain(|model| !models.contains(&model.id));
        self
    }
}

impl Plant {
    /// Keeps what an earlier run had.
    pub fn keep(&mut self, missing: &Former) {
        self.machines.extend(missing.machines.iter().cloned());
        self.models.extend(missing.models.iter().cloned());
    }
}

/// What the file of alert rules has. None if it has another form.
fn of_rules_file(ids: Namespace, plant: &Plant, text: &str) -> Option<Former> {
    let mut json = text;
    while json.starts_with('#') {
        json = json.split_once('\n').map_or("", |(_, below)| below);
    }
    if json.trim().is_empty() {
        return Some(Former::default());
    }
    let json: Value = serde_json::from_str(json).ok()?;
    let groups = json.get("groups")?.as_array()?;
    let rules: Vec<&Value> = alerts::rules_of(groups).collect();
    let (machines, foreign) = rules.iter().copied().filter_map(machine).partition(|machine| {
        let edge = EdgeNode::new(&*machine.group, &*machine.node);
        let source = Source { edge, device: machine.device.as_deref().map(Into::into) };
        ids.asset(&Address::Source(&source)) == machine.asset
    });
    let own = plant.bridge.as_ref().map(|bridge| bridge.asset);
    let other_bridge =
        rules.iter().copied().filter(|rule| bridge(rule).is_some_and(|of| Some(of) != own));
    let title = |rule: &Value| rule.get("title").and_then(Value::as_str).map(str::to_owned);
    let other_bridge = other_bridge.filter_map(title).next();
    let ended = list(json.get("deleteRules"));
    let rules = rules.iter().copied().chain(ended).filter_map(uid).collect();
    Some(Former { machines, foreign, other_bridge, rules, models: Vec::new() })
}

fn uid(rule: &Value) -> Option<Uuid> {
    rule.get("uid")?.as_str()?.parse().ok()
}

/// The asset of the bridge that a rule is for.
fn bridge(rule: &Value) -> Option<Uuid> {
    let asset = first(list(rule.get("data")).next()?.get("model")?, "assetIds")?;
    (uid(rule) == Some(alerts::uid_of_bridge(asset))).then_some(asset)
}

fn machine(rule: &Value) -> Option<Machine> {
    let label = |name: &str| Some(named_by(rule.get("labels")?.get(name)?.as_str()?));
    let mut queries = list(rule.get("data")).filter_map(|data| data.get("model"));
    let (death, birth) = (queries.next()?, queries.next()?);
    let (group, node, device) = (label("group")?, label("node")?, label("device"));
    let source =
        Source { edge: EdgeNode::new(&*group, &*node), device: device.as_deref().map(Into::into) };
    Some(Machine {
        asset: first(death, "assetIds")?,
        address: shown(&source.to_string()).into_owned(),
        group,
        node,
        device,
        last_birth: first(birth, "propertyIds")?,
        last_death: first(death, "propertyIds")?,
    })
}

/// The models of the rows of the plant's dashboard: each has a variable that lists its assets.
/// None if the file has another form.
fn models(ids: Namespace, text: &str) -> Option<Vec<Model>> {
    let json: Value = match text.trim().is_empty() {
        true => Value::Null,
        false => serde_json::from_str(text).ok()?,
    };
    let variables = json.get("templating").and_then(|of| of.get("list"));
    let model = |variable: &Value| {
        let id = variable.get("query")?.get("modelId")?.as_str()?.parse().ok()?;
        let name = variable.get("label")?.as_str()?.to_owned();
        let property = |(name, form): &(&str, ValueForm)| {
            let role = PropertyRole::Presence;
            let id = ids.property(id, role, &[*name], *form);
            let (name, path) = ((*name).to_owned(), vec![(*name).to_owned()]);
            let is_shown = text.contains(&id.to_string());
            let plain = Property { id, name, path, role, form: *form, unit: None, value: None };
            is_shown.then_some(plain)
        };
        let properties: Vec<_> = PRESENCE.iter().filter_map(property).collect();
        (!properties.is_empty()).then_some(Model { id, name, properties, above: None })
    };
    Some(list(variables).filter_map(model).collect())
}

fn list(of: Option<&Value>) -> impl Iterator<Item = &Value> {
    of.and_then(Value::as_array).into_iter().flatten()
}

fn first(query: &Value, field: &str) -> Option<Uuid> {
    query.get(field)?.get(0)?.as_str()?.parse().ok()
}
