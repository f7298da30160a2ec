//! Definitions become parts of models, before and beside the instances that use them.

use std::sync::Arc;

use super::{form, statics, unit};
use crate::sitewise::limits;
use crate::sparkplug::event::{Birth, Definition, MemberKind, StaticProperty};
use crate::sparkplug::limits::TEMPLATE_DEPTH;
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::{Adjustment, ValueForm};
use crate::twin::models::{ModelIx, PropertyRequest};
use crate::twin::world::DesiredWorld;
use crate::twin::{Config, Nested, mapping, names};

/// Members and attributes of a definition that are looked at, those of nested ones that are
/// flattened among them: nested definitions can multiply without bound.
const MAX_VISITED: usize = 2 * limits::PROPERTIES_PER_MODEL;

/// Which pass over the definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DefinePass {
    Members,
    Attributes,
}

/// Adds the definitions of a birth to the desired world.
pub(in crate::twin) fn define_all(world: &mut DesiredWorld, config: &Config, birth: &Birth) {
    world.models.set_current_source(&birth.source);
    define_pass(world, config, birth, DefinePass::Members);
    define_pass(world, config, birth, DefinePass::Attributes);
}

pub(super) fn define_pass(
    world: &mut DesiredWorld,
    config: &Config,
    birth: &Birth,
    pass: DefinePass,
) {
    for definition in &birth.definitions {
        define(world, config, (definition, &birth.definitions), pass);
    }
}

/// Makes a definition part of its model, and of those like it.
fn define(
    world: &mut DesiredWorld,
    config: &Config,
    (definition, all): (&Definition, &[Definition]),
    pass: DefinePass,
) {
    let name = names::model(Some(&definition.name), &definition.name, None);
    match world.ensure_model(&name, None) {
        Ok(model) => {
            for model in world.with_parts(model) {
                let room = MAX_VISITED;
                let mut defining =
                    Defining { world, config, all, model, pass, path: Vec::new(), room };
                defining.define(definition);
            }
        }
        Err(cap) => world.capped.exceed(cap, || format!("the model of {name}")),
    }
}

/// A definition that becomes part of a model.
struct Defining<'a> {
    world: &'a mut DesiredWorld,
    config: &'a Config,
    /// All that the birth defines.
    all: &'a [Definition],
    model: ModelIx,
    pass: DefinePass,
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
                MemberKind::Leaf(datatype) if self.pass == DefinePass::Members => {
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
                MemberKind::Template { template, definition, own, .. } => {
                    self.nested(template, definition.as_deref(), own.as_deref());
                }
            }
            self.path.pop();
        }
        if self.pass == DefinePass::Attributes {
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
    fn nested(&mut self, template: &str, definition: Option<&str>, own: Option<&'a Definition>) {
        match self.config.nested {
            Nested::Child if self.pass == DefinePass::Members => {
                // One past the cap is met again at each of its instances.
                if let Ok(child) =
                    self.world.ensure_model(&names::model(definition, template, None), None)
                {
                    self.world.ensure_hierarchy(self.model, child);
                }
            }
            Nested::Child => {}
            Nested::Flatten => {
                let all = self.all;
                let nested = || all.iter().find(|nested| Some(&*nested.name) == definition);
                let nested = own.or_else(nested);
                if let Some(nested) = nested.filter(|_| self.path.len() <= TEMPLATE_DEPTH) {
                    self.define(nested);
                }
            }
        }
    }

    fn attribute(&mut self, role: PropertyRole, sent: &'a StaticProperty) {
        let Some(form) = form(self.config, sent.datatype).filter(|_| self.goes_on()) else {
            return;
        };
        let value = sent.value.as_ref();
        let default = value.and_then(|value| mapping::default_text(value, form));
        self.path.push(&sent.name);
        let was_there = self.has(role, form);
        self.want(role, None, form, unit(&[], form), default.as_deref());
        // What is rounded is a value of each asset's own, and counted there.
        let adjusted = value.and_then(|value| mapping::adjustment(value, form));
        if let Some(how) = adjusted.filter(|how| *how != Adjustment::Rounded)
            && !was_there
            && self.has(role, form)
        {
            self.world.counts.adjust(how);
        }
        self.path.pop();
    }

    /// Whether the model has what the path leads to.
    fn has(&self, role: PropertyRole, form: ValueForm) -> bool {
        let Self { world, path, model, .. } = self;
        let wanted = PropertyRequest { role, path, name: None, form, unit: None, default: None };
        world.models.find(*model, wanted).is_some()
    }

    /// Has the model want what the path leads to.
    fn want(
        &mut self,
        role: PropertyRole,
        name: Option<&Arc<str>>,
        form: ValueForm,
        unit: Option<&str>,
        default: Option<&str>,
    ) {
        let Self { world, path, model, .. } = self;
        let wanted = PropertyRequest { role, path, name, form, unit, default };
        if let Err(cap) = world.ensure_property(*model, wanted) {
            let DesiredWorld { models, capped, .. } = &mut **world;
            capped.exceed(cap, || format!("{}/{}", models.get(*model).name, path.join("/")));
        }
    }
}
