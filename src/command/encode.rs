//! A command as it goes to the plant, in the birth's spelling.

use super::Form;
use super::metrics::Writable;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::{self, Metric, Template, Typed};
use crate::sparkplug::event::AttributeHolder;
use crate::sparkplug::host::Host;
use crate::sparkplug::message::Message;
use crate::sparkplug::value::Value;
use crate::time::Timestamp;

/// NCMD or DCMD that writes `value`: the metric by its name, or, for a member of a template, an
/// instance that holds this member alone.
pub(super) fn message(
    metric: &Writable,
    (datatype, value): (DataType, &Value),
    form: Form,
    host: &Host,
    time: Timestamp,
) -> Message {
    let source = &metric.key.source;
    let with_alias = |of: AttributeHolder, metric: Metric| match form {
        Form::Name => metric,
        Form::Both => match host.alias_of(source, of) {
            Some(alias) => metric.alias(alias),
            None => metric,
        },
    };
    let typed = Typed::new(datatype, value.clone());
    let leaf = Metric::new(&metric.name, typed).at(time);
    let mut written = with_alias(AttributeHolder::Leaf(metric.slot), leaf);
    for level in metric.levels.iter().rev() {
        let mut template = Template::instance(&level.template);
        if let Some(version) = &level.version {
            template = template.version(version);
        }
        let instance = Metric::template(&level.name, template.member(written)).at(time);
        written = with_alias(AttributeHolder::Instance(level.number), instance);
    }
    edge::command(source, time, [written])
}
