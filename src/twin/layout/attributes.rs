//! Attributes: static properties of metrics, and parameters of instances.

use super::*;

impl<'a> LayoutBuilder<'a> {
    pub(super) fn statics(&mut self, spot: Spot, properties: &'a [StaticProperty]) {
        if properties.is_empty() {
            return;
        }
        let Self { config, path, pending_attributes, .. } = self;
        for property in statics(config, path, properties) {
            let path = path.iter().copied().chain([&*property.name]).collect();
            let if_absent = AttributeDeclaration::Null;
            pending_attributes.push(PendingAttribute {
                spot,
                role: PropertyRole::Property,
                path,
                property,
                if_absent,
            });
        }
    }

    pub(super) fn parameters(&mut self, spot: Spot, parameters: &'a [StaticProperty]) {
        for property in parameters {
            let mut path = self.path.clone();
            path.push(&property.name);
            let if_absent = AttributeDeclaration::Null;
            self.pending_attributes.push(PendingAttribute {
                spot,
                role: PropertyRole::Parameter,
                path,
                property,
                if_absent,
            });
        }
    }

    /// An attribute. The default is the definition's alone: an instance that came first would
    /// otherwise speak for all that follow.
    pub(super) fn attribute(
        &mut self,
        PendingAttribute { spot, role, path, property: sent, if_absent }: PendingAttribute<'a>,
    ) {
        let long = |value: &Value| match value {
            Value::DataSet(_) | Value::Array(_) => {
                mapping::convert(Some(value), SparkplugQuality::Good, ValueForm::String).is_err()
            }
            _ => false,
        };
        let form = form(self.config, sent.datatype);
        if form.is_none() && (sent.datatype.is_some() || sent.value.is_some())
            || sent.value.as_ref().is_some_and(long)
        {
            self.path.clear();
            self.lacks_form(spot, &path, sent.datatype);
        }
        let Some(form) = form else { return };
        let unit = unit(&[], form);
        let wanted = PropertyRequest { role, path: &path, name: None, form, unit, default: None };
        let lacks = || self.world.models.find(spot.model, wanted).is_none();
        let property = match spot.shared_model && lacks() {
            true => Err(Cap::Models),
            false => self.world.ensure_property(spot.model, wanted),
        };
        match property {
            Ok(property) => {
                let target = LeafTarget { asset: spot.asset, property, form };
                let declared = AttributeDeclaration::of(sent, if_absent);
                self.attributes.push(AttributeTarget { target, declared });
            }
            Err(cap) => {
                self.path = path;
                self.exceed_cap(spot, cap);
            }
        }
    }
}
