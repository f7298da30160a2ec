//! Definitions become parts of models, before and beside the instances that use them.

use super::{form, statics, unit};
use crate::sparkplug::event::{Birth, Definition, MemberKind, Property};
use crate::twin::identity::PropertyRole;
use crate::twin::models::{ModelIx, Wanted};
use crate::twin::world::World;
use crate::twin::{Config, Nested, mapping, names};

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
        define(world, config, definition, pass);
    }
}

/// Makes a definition part of its model, and of those like it.
fn define(world: &mut World, config: &Config, definition: &Definition, pass: Pass) {
    let name = names::model(Some(&definition.name), &definition.name, None);
    match world.model(&name, None) {
        Ok(model) => {
            for model in world.with_parts(model) {
                define_on(world, config, definition, model, pass);
            }
        }
        Err(cap) => world.capped.meet(cap, || format!("the model of {name}")),
    }
}

fn define_on(
    world: &mut World,
    config: &Config,
    definition: &Definition,
    model: ModelIx,
    pass: Pass,
) {
    let mut want = |wanted: Wanted<'_>| {
        if let Err(cap) = world.property(model, wanted) {
            world.capped.meet(cap, || format!("{}/{}", definition.name, wanted.path.join("/")));
        }
    };
    let mut places = Vec::new();
    for member in definition.members.iter().filter(|_| pass == Pass::Members) {
        match &member.kind {
            MemberKind::Leaf(datatype) => {
                let Some(form) = form(config, *datatype) else { continue };
                want(Wanted {
                    role: PropertyRole::Member,
                    path: &[&*member.name],
                    name: Some(&member.name),
                    form,
                    unit: unit(&member.properties, form),
                    default: None,
                });
            }
            MemberKind::Template { template, definition } => {
                places.push(names::model(definition.as_deref(), template, None));
            }
        }
    }
    for member in definition.members.iter().filter(|_| pass == Pass::Attributes) {
        for property in statics(config, &[&member.name], &member.properties) {
            let path = [&*member.name, &*property.name];
            define_attribute(config, PropertyRole::Property, &path, property, &mut want);
        }
    }
    for parameter in definition.parameters.iter().filter(|_| pass == Pass::Attributes) {
        let path = [&*parameter.name];
        define_attribute(config, PropertyRole::Parameter, &path, parameter, &mut want);
    }
    if config.nested == Nested::Child {
        for child in places {
            // One past the cap is met again at each of its instances.
            if let Ok(child) = world.model(&child, None) {
                world.place(model, child);
            }
        }
    }
}

fn define_attribute(
    config: &Config,
    role: PropertyRole,
    path: &[&str],
    sent: &Property,
    want: &mut impl FnMut(Wanted<'_>),
) {
    let Some(form) = form(config, sent.datatype) else { return };
    let default = sent.value.as_ref().and_then(|value| mapping::default_text(value, form));
    want(Wanted { role, path, name: None, form, unit: None, default: default.as_deref() });
}
