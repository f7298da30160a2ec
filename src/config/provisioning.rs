//! Rate limits of provisioning.

use std::num::NonZeroU32;

use super::parse::count_up_to;
use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};

const MODEL_WRITES: Variable = Variable {
    name: "TWIN_MODEL_WRITES_PER_SECOND",
    default: DefaultValue::Value("10"),
    form: "number",
    doc: "Rate limit, calls a second, of each of CreateAssetModel, UpdateAssetModel and similar \
        operations, and of ListAssetModels.",
    secret: false,
    file: false,
};

const ASSET_CREATIONS: Variable = Variable {
    name: "TWIN_ASSET_CREATIONS_PER_SECOND",
    default: DefaultValue::Value("50"),
    form: "number",
    doc: "Rate limit of CreateAsset, calls a second.",
    secret: false,
    file: false,
};

const ASSOCIATIONS: Variable = Variable {
    name: "TWIN_ASSOCIATIONS_PER_SECOND",
    default: DefaultValue::Value("100"),
    form: "number",
    doc: "Rate limit of AssociateAssets, calls a second.",
    secret: false,
    file: false,
};

const DESCRIBES: Variable = Variable {
    name: "TWIN_DESCRIBES_PER_SECOND",
    default: DefaultValue::Value("150"),
    form: "number",
    doc: "Rate limit of each of DescribeAsset and DescribeAssetModel, calls a second.",
    secret: false,
    file: false,
};

const LISTS: Variable = Variable {
    name: "TWIN_LISTS_PER_SECOND",
    default: DefaultValue::Value("30"),
    form: "number",
    doc: "Rate limit of each of ListAssets and ListAssociatedAssets, calls a second.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Provisioning",
    doc: "Rate limits for creating models and assets. A variable that is set takes precedence over \
          the account's quotas, which are read from Service Quotas where the role may call it; the \
          defaults are AWS's.",
    vars: &[&MODEL_WRITES, &ASSET_CREATIONS, &ASSOCIATIONS, &DESCRIBES, &LISTS],
};

/// How fast models and assets are made, in calls a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioning {
    /// Of each operation that writes models, and of the list of models.
    pub model_writes: NonZeroU32,
    /// Of CreateAsset.
    pub asset_creations: NonZeroU32,
    /// Of AssociateAssets.
    pub associations: NonZeroU32,
    /// Of each operation that describes.
    pub describes: NonZeroU32,
    /// Of each operation that lists assets.
    pub lists: NonZeroU32,
}

impl Provisioning {
    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Self> {
        let mut rate = |var| reader.value(var, count_up_to(100_000));
        let model_writes = rate(&MODEL_WRITES);
        let asset_creations = rate(&ASSET_CREATIONS);
        let associations = rate(&ASSOCIATIONS);
        let describes = rate(&DESCRIBES);
        let lists = rate(&LISTS);
        Some(Self {
            model_writes: model_writes?,
            asset_creations: asset_creations?,
            associations: associations?,
            describes: describes?,
            lists: lists?,
        })
    }
}
