//! How Sparkplug is mapped to models and assets.

use std::num::NonZeroU32;
use std::time::Duration;

use super::parse::{count_up_to, duration_within, word};
use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};
use crate::globs::Globs;
use crate::labels::{self, AliasTemplate, TagTemplate};
use crate::sitewise::limits;
use crate::twin::{Int64, Kinds, Nested, Rules};

const NAMESPACE: Variable = Variable {
    name: "TWIN_NAMESPACE",
    default: DefaultValue::Words("the AWS account and region"),
    form: "text",
    doc: "What the ids of all models and assets are derived from. Two plants in one account and \
          region need two namespaces. Changing it creates all models and assets again beside the \
          old ones.",
    secret: false,
    file: false,
};

const MODEL_PREFIX: Variable = Variable {
    name: "TWIN_MODEL_PREFIX",
    default: DefaultValue::Words("none"),
    form: "text, up to 64 characters",
    doc: "Put before the name of every model. SiteWise keeps model names unique in the account, so \
          a second plant in the account needs one.",
    secret: false,
    file: false,
};

const NESTED: Variable = Variable {
    name: "TWIN_NESTED",
    default: DefaultValue::Value("child"),
    form: "child or flatten",
    doc: "How nested templates are mapped: to an asset of their own below the parent's, or to \
          properties of the parent named member/member.",
    secret: false,
    file: false,
};

const RULES: Variable = Variable {
    name: "TWIN_RULES",
    default: DefaultValue::Words("none"),
    form: "path => model, separated by commas or line ends",
    doc: "How flat metrics are grouped into assets. Turbines/{asset}/{member} => WindTurbine turns \
          Turbines/T01/Speed into the property Speed of the asset Turbines/T01: the same as an \
          instance Turbines/T01 of a template WindTurbine would. {asset} and * match one level \
          each, {member} the rest with its slashes. A level between {asset} and {member} is a \
          child asset with its own model: Turbines/{asset}/Gearbox/{member} => WindTurbine > \
          Gearbox. Use a different model on each level: SiteWise does not allow a model below \
          itself, and an asset of the same model is placed beside its parent instead. The first \
          match wins, so list the more specific first. These assets lack what flat metrics do not \
          carry, such as parameters.",
    secret: false,
    file: false,
};

const KINDS: Variable = Variable {
    name: "TWIN_KINDS",
    default: DefaultValue::Words("none"),
    form: "pattern => model, separated by commas or line ends",
    doc: "The model of an edge node or device with plain metrics, by its address: Nordsee/*/Pump* \
          => Pump. A pattern group/node is for edge nodes, group/node/device for devices; * and ? \
          stay within their level. The first match wins, so list the more specific first. Without \
          a match, devices with similar metrics share a model. An asset keeps its model for ever: \
          existing assets are not changed. Escape a comma, *, ?, = or space that belongs to a name \
          with a backslash: Halle 1\\, Nord/*/Pump* => Pump.",
    secret: false,
    file: false,
};

const INT64: Variable = Variable {
    name: "TWIN_INT64",
    default: DefaultValue::Value("double"),
    form: "double or string",
    doc: "How Int64 and UInt64 are stored: as numbers, which past 2^53 are rounded, marked \
          UNCERTAIN and counted, or as strings with every digit.",
    secret: false,
    file: false,
};

const STATIC: Variable = Variable {
    name: "TWIN_STATIC",
    default: DefaultValue::Words("all"),
    form: "globs separated by commas",
    doc: "Which properties of metrics (Sparkplug's PropertySet, such as engHigh) become \
          attributes, matched against member/property: */engHigh,*/documentation. * also matches \
          slashes.",
    secret: false,
    file: false,
};

const ALIASES: Variable = Variable {
    name: "TWIN_ALIASES",
    default: DefaultValue::Words("none"),
    form: "template with {group}, {node}, {device}, {asset} and {member}, each once",
    doc: "The alias that each measurement gets in SiteWise, for people and tools that query by \
          alias: /{group}/{node}/{device}/{asset}/{member}. {asset} is the path of a template \
          instance; a level whose placeholder is empty is left out. Aliases are set in the \
          background, 50 a second at most: see docs/labels.md. An existing alias is never \
          replaced, not even when the template changes.",
    secret: false,
    file: false,
};

const NOTIFY: Variable = Variable {
    name: "TWIN_NOTIFY",
    default: DefaultValue::Words("none"),
    form: "globs separated by commas",
    doc: "Measurements whose values SiteWise publishes as MQTT notifications, which AWS bills: matched \
          against the address GROUP/NODE/DEVICE/ASSET/MEMBER, and against MODEL/MEMBER. * also \
          matches slashes. Notifications are switched on in the background, and never switched off.",
    secret: false,
    file: false,
};

const TAGS: Variable = Variable {
    name: "TWIN_TAGS",
    default: DefaultValue::Words("none"),
    form: "key=value, separated by commas; a value may have {group}, {node} and {device}",
    doc: "AWS tags of the models and assets of this bridge, such as \
          sparkplug:group={group},team=ot. A model gets the tags without a placeholder, an asset \
          also those whose placeholders are not empty for it. They are set in the background, 5 a \
          second at most: see docs/labels.md. An existing tag keeps its value.",
    secret: false,
    file: false,
};

const STALE_AFTER: Variable = Variable {
    name: "TWIN_STALE_AFTER",
    default: DefaultValue::Value("60s"),
    form: "duration",
    doc: "How long a node or device may be offline before its last values are written again with \
          quality UNCERTAIN. Each time costs two billed messages a metric, so a short interruption \
          should not trigger it.",
    secret: false,
    file: false,
};

const MAX_MODELS: Variable = Variable {
    name: "TWIN_MAX_MODELS",
    default: DefaultValue::Value("1000"),
    form: "number",
    doc: "Maximum number of models, including those that exist in SiteWise and the bridge's own \
          four (Sparkwise Bridge, Sparkplug Group, Sparkplug Edge Node, Sparkplug Device), for \
          which room is always reserved; less than 4 counts as 4. What would need another is \
          dropped and counted, and the machine is named with this variable in the log, on the \
          console and in /readyz.",
    secret: false,
    file: false,
};

const MAX_ASSETS: Variable = Variable {
    name: "TWIN_MAX_ASSETS",
    default: DefaultValue::Value("100000"),
    form: "number",
    doc: "Maximum number of assets, including those that exist in SiteWise. What would need \
          another is dropped, counted and named in the same places.",
    secret: false,
    file: false,
};

const MAX_PROPERTIES: Variable = Variable {
    name: "TWIN_MAX_PROPERTIES",
    default: DefaultValue::Value("5000"),
    form: "number up to 5000",
    doc: "Maximum number of properties of one model. Presence has priority, then measurements, \
          then attributes; what exceeds it is dropped, counted and named, and the rest is \
          unaffected. SiteWise allows 500 at a model's root; more go into composite models of 100 \
          each.",
    secret: false,
    file: false,
};

const ASSETS_PER_MODEL: Variable = Variable {
    name: "TWIN_ASSETS_PER_MODEL",
    default: DefaultValue::Value("10000"),
    form: "number",
    doc: "The account's quota of assets of one model. Beyond it a second model is created, such \
          as WindTurbine (from asset 10001).",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Twin",
    doc: "How Sparkplug is mapped to models and assets.",
    vars: &[
        &NAMESPACE,
        &MODEL_PREFIX,
        &NESTED,
        &RULES,
        &KINDS,
        &INT64,
        &STATIC,
        &ALIASES,
        &NOTIFY,
        &TAGS,
        &STALE_AFTER,
        &MAX_MODELS,
        &MAX_ASSETS,
        &MAX_PROPERTIES,
        &ASSETS_PER_MODEL,
    ],
};

/// How Sparkplug is mapped to models and assets.
#[derive(Clone, Debug, PartialEq)]
pub struct Twin {
    /// What ids are derived from; none means account and region.
    pub namespace: Option<String>,
    /// Put before the name of every model; may be empty.
    pub model_prefix: String,
    /// What nested templates become.
    pub nested: Nested,
    /// How flat metrics are grouped; may be empty.
    pub rules: Rules,
    /// Models of nodes and devices, by address; may be empty.
    pub kinds: Kinds,
    /// What integers of more than 32 bits become.
    pub int64: Int64,
    /// Which static properties of metrics become attributes; none means all.
    pub statics: Option<Globs>,
    /// Aliases, notifications and tags to be set; may be none.
    pub labels: labels::Config,
    /// How long to wait before values of the dead are marked.
    pub stale_after: Duration,
    /// The most models.
    pub max_models: NonZeroU32,
    /// The most assets.
    pub max_assets: NonZeroU32,
    /// The most properties of a model.
    pub max_properties: NonZeroU32,
    /// The most assets of one model.
    pub assets_per_model: NonZeroU32,
}

impl Twin {
    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Self> {
        let namespace = reader.optional(&NAMESPACE, namespace);
        let model_prefix = reader.optional(&MODEL_PREFIX, model_prefix);
        let nested =
            reader.value(&NESTED, word(&[("child", Nested::Child), ("flatten", Nested::Flatten)]));
        let rules = reader.optional(&RULES, Rules::parse);
        let kinds = reader.optional(&KINDS, Kinds::parse);
        let int64 =
            reader.value(&INT64, word(&[("double", Int64::Double), ("string", Int64::String)]));
        let statics = reader.optional(&STATIC, Globs::parse);
        let aliases = reader.optional(&ALIASES, AliasTemplate::parse);
        let notify = reader.optional(&NOTIFY, Globs::parse);
        let tags = reader.optional(&TAGS, TagTemplate::parse);
        let stale_after = reader
            .value(&STALE_AFTER, duration_within(Duration::ZERO, Duration::from_secs(24 * 3600)));
        let max_models = reader.value(&MAX_MODELS, count_up_to(100_000));
        let max_assets = reader.value(&MAX_ASSETS, count_up_to(10_000_000));
        let max_properties =
            reader.value(&MAX_PROPERTIES, count_up_to(limits::PROPERTIES_PER_MODEL as u32));
        let assets_per_model = reader.value(&ASSETS_PER_MODEL, count_up_to(10_000_000));
        Some(Self {
            namespace: namespace?,
            model_prefix: model_prefix?.unwrap_or_default(),
            nested: nested?,
            rules: rules?.unwrap_or_default(),
            kinds: kinds?.unwrap_or_default(),
            int64: int64?,
            statics: statics?,
            labels: labels::Config { aliases: aliases?, notify: notify?, tags: tags? },
            stale_after: stale_after?,
            max_models: max_models?,
            max_assets: max_assets?,
            max_properties: max_properties?,
            assets_per_model: assets_per_model?,
        })
    }
}

/// Blanks around it would make another one of it, which nobody sees: neither kept nor cut off in
/// silence.
fn namespace(value: &str) -> Result<String, String> {
    match value.trim() == value {
        true => Ok(value.to_owned()),
        false => {
            Err("begins or ends with a blank: write it without. Every id derives from it: if a \
                      bridge ran with the blank, all models and assets are created again beside \
                      those it made"
                .to_owned())
        }
    }
}

/// Its own blanks are kept: `Plant 1 ` is a sensible prefix.
fn model_prefix(value: &str) -> Result<String, String> {
    if value.chars().count() > 64 || value.chars().any(char::is_control) {
        return Err("must be at most 64 characters, none of them a control character".to_owned());
    }
    Ok(value.to_owned())
}
