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
    pub(super) fn attribute(&mut self, pending: PendingAttribute<'a>) {
        let (form, others) = self.forms_of_attribute(&pending);
        let PendingAttribute { spot, role, path, property: sent, if_absent } = pending;
        self.null_others(spot, sent, &if_absent, others);
        let long = |value: &Value| match value {
            Value::DataSet(_) | Value::Array(_) => {
                mapping::convert(Some(value), SparkplugQuality::Good, ValueForm::String).is_err()
            }
            _ => false,
        };
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

    /// What a machine says of an attribute is all that there is of it: of another type it is null,
    /// where that has a default; of one that is null and says no type, whatever there is.
    fn null_others(
        &mut self,
        spot: Spot,
        sent: &StaticProperty,
        if_absent: &AttributeDeclaration,
        others: Vec<(ValueForm, PropertyIx)>,
    ) {
        if *if_absent != AttributeDeclaration::Null {
            return;
        }
        let says_nothing = sent.value.is_none() && sent.rejected_value.is_none();
        for (form, property) in others {
            let has = self.world.models.get(spot.model).properties.get(property.0 as usize);
            let has_default = has.is_some_and(|has| has.default().is_some());
            if has_default || says_nothing && !sent.is_typed {
                let target = LeafTarget { asset: spot.asset, property, form };
                let declared = AttributeDeclaration::Null;
                self.attributes.push(AttributeTarget { target, declared });
            }
        }
    }
}
