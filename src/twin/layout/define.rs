//! Definitions become parts of models, before and beside the instances that use them.

use std::sync::Arc;

use super::{form, statics, unit};
use crate::sitewise::limits;
use crate::sparkplug::event::{Birth, Definition, MemberKind, Property};
use crate::sparkplug::limits::TEMPLATE_DEPTH;
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::Form;
use crate::twin::models::{ModelIx, Wanted};
use crate::twin::world::World;
use crate::twin::{Config, Nested, mapping, names};

/// Members and attributes of a definition that are looked at, those of nested ones that are
/// flattened among them: definitions that hold each other by tens come to more than anybody has.
const ROOM: usize = 2 * limits::PROPERTIES_PER_MODEL;

/// What a definition is gone through for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Members,
    Attributes,
}

/// Makes the world want what a birth defines.
pub(in crate::twin) fn define_all(world: &mut World, config: &Config, birth: &Birth) {
    world.models.listen_to(&birth.source);
    define_pass(world, config, birth, Pass::Members);
    define_pass(world, config, birth, Pass::Attributes);
}

pub(super) fn define_pass(world: &mut World, config: &Config, birth: &Birth, pass: Pass) {
    for definition in &birth.definitions {
        define(world, config, (definition, &birth.definitions), pass);
    }
}

/// Makes a definition part of its model, and of those like it.
fn define(
    world: &mut World,
    config: &Config,
    (definition, all): (&Definition, &[Definition]),
    pass: Pass,
) {
    let name = names::model(Some(&definition.name), &definition.name, None);
    match world.model(&name, None) {
        Ok(model) => {
            for model in world.with_parts(model) {
                let room = ROOM;
                let mut defining =
                    Defining { world, config, all, model, pass, path: Vec::new(), room };
                defining.define(definition);
            }
        }
        Err(cap) => world.capped.meet(cap, || format!("the model of {name}")),
    }
}

/// A definition that becomes part of a model.
struct Defining<'a> {
    world: &'a mut World,
    config: &'a Config,
    /// All that the birth defines.
    all: &'a [Definition],
    model: ModelIx,
    pass: Pass,
    /// The members down to the definition at hand, where nested ones are flattened.
    path: Vec<&'a str>,
    /// How many members and attributes are still looked at.
    room: usize,
}

impl<'a> Defining<'a> {
    fn define(&mut self, definition: &'a Definition) {
        for member in &definition.members {
            if !self.goes_on() {
                return;
            }
            self.path.push(&member.name);
            match &member.kind {
                MemberKind::Leaf(datatype) if self.pass == Pass::Members => {
                    if let Some(form) = form(self.config, *datatype) {
                        let unit = unit(&member.properties, form);
                        self.want(PropertyRole::Member, Some(&member.name), form, unit, None);
                    }
                }
                MemberKind::Leaf(_) => {
                    let config = self.config;
                    let path = self.path.clone();
                    for property in statics(config, &path, &member.properties) {
                        self.attribute(PropertyRole::Property, property);
                    }
                }
                MemberKind::Template { template, definition } => {
                    self.nested(template, definition.as_deref());
                }
            }
            self.path.pop();
        }
        if self.pass == Pass::Attributes {
            for parameter in &definition.parameters {
                self.attribute(PropertyRole::Parameter, parameter);
            }
        }
    }

    fn goes_on(&mut self) -> bool {
        let goes_on = self.room > 0;
        self.room = self.room.saturating_sub(1);
        goes_on
    }

    /// The path leads to a member of another template: a place for its assets, or its members and
    /// parameters.
    fn nested(&mut self, template: &str, definition: Option<&str>) {
        match self.config.nested {
            Nested::Child if self.pass == Pass::Members => {
                // One past the cap is met again at each of its instances.
                if let Ok(child) = self.world.model(&names::model(definition, template, None), None)
                {
                    self.world.place(self.model, child);
                }
            }
            Nested::Child => {}
            Nested::Flatten => {
                let all = self.all;
                let nested = all.iter().find(|nested| Some(&*nested.name) == definition);
                if let Some(nested) = nested.filter(|_| self.path.len() <= TEMPLATE_DEPTH) {
                    self.define(nested);
                }
            }
        }
    }

    fn attribute(&mut self, role: PropertyRole, sent: &'a Property) {
        let Some(form) = form(self.config, sent.datatype).filter(|_| self.goes_on()) else {
            return;
        };
        let default = sent.value.as_ref().and_then(|value| mapping::default_text(value, form));
        self.path.push(&sent.name);
        self.want(role, None, form, None, default.as_deref());
        self.path.pop();
    }

    /// Has the model want what the path leads to.
    fn want(
        &mut self,
        role: PropertyRole,
        name: Option<&Arc<str>>,
        form: Form,
        unit: Option<&str>,
        default: Option<&str>,
    ) {
        let Self { world, path, model, .. } = self;
        let wanted = Wanted { role, path, name, form, unit, default };
        if let Err(cap) = world.property(*model, wanted) {
            let World { models, capped, .. } = &mut **world;
            capped.meet(cap, || format!("{}/{}", models.get(*model).name, path.join("/")));
        }
    }
}
