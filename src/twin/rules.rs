//! Rules that group flat metrics into assets: `Turbines/{asset}/{member} => WindTurbine`.
//!
//! Many senders publish the members of their templates as plain metrics whose names are paths.
//! Grouped by a rule, they become what a template's instance would have given: the asset's
//! address is the metric's name up to and with `{asset}`, which is what the instance's metric
//! is called, so its id is the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::layout::is_control;
use crate::sitewise::limits;
use crate::sparkplug::event::{BirthMetric, Content, Instance};
use crate::sparkplug::limits::TEMPLATE_DEPTH;
use crate::sparkplug::text::shown;

const ASSET: &str = "{asset}";
const MEMBER: &str = "{member}";
/// Levels of SiteWise's tree above the assets of a device: group, node and device.
const LEVELS_ABOVE_DEVICE_ASSETS: usize = 3;
/// Levels of a rule's path, the member's excepted: each may become an asset.
const MAX_LEVELS: usize = limits::TREE_DEPTH - LEVELS_ABOVE_DEVICE_ASSETS;
/// Nested templates fit as well, and so the tree is never too deep.
const _: () = assert!(TEMPLATE_DEPTH <= MAX_LEVELS);

/// Rules, of which the first that fits a metric's name is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    text: String,
    /// The levels before the member.
    levels: Vec<Level>,
    /// How many of them name the asset: those up to and with `{asset}`.
    asset: usize,
    /// Names of models: the asset's, then one for each level below it.
    models: Vec<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    /// This name.
    Name(String),
    /// Any name: `*` or `{asset}`.
    Any,
}

impl Rules {
    /// Rules as written in a variable: separated by commas or line ends.
    ///
    /// # Errors
    ///
    /// Which rule is wrong and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rules: Vec<Rule> = Vec::new();
        for text in text.split([',', '\n']).map(str::trim).filter(|text| !text.is_empty()) {
            let rule = Rule::parse(text).map_err(|reason| {
                format!("has a rule `{text}` {reason}; write FOLDER/{ASSET}/{MEMBER} => MODEL")
            })?;
            if let Some(first) = rules.iter().find(|first| first.covers(&rule)) {
                let first = &first.text;
                return Err(format!(
                    "has a rule `{text}` that is never used, since `{first}` before it matches the \
                     same metrics: put the more specific rule first"
                ));
            }
            rules.push(rule);
        }
        if rules.is_empty() {
            return Err(
                "is an empty list: write FOLDER/{asset}/{member} => MODEL, or unset it".to_owned()
            );
        }
        Ok(Self(rules))
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Groups the flat metrics among `metrics` into instances. What a birth has of an instance
    /// already is added to it. Returns how many instances only the rules have made.
    pub(super) fn group(&self, metrics: Vec<BirthMetric>) -> (Vec<BirthMetric>, usize) {
        if self.0.is_empty() {
            return (metrics, 0);
        }
        let mut groups = Groups::new();
        let mut kept = Vec::with_capacity(metrics.len());
        for metric in metrics {
            match self.find(&metric) {
                Some((rule, path)) => rule.put(&mut groups, path, metric),
                None => kept.push(metric),
            }
        }
        let made = merge(&mut kept, groups);
        (kept, made)
    }

    /// Whether a rule makes this metric part of an asset.
    pub fn matches(&self, metric: &BirthMetric) -> bool {
        self.find(metric).is_some()
    }

    /// The first rule for a flat metric, and what its parts are called.
    fn find(&self, metric: &BirthMetric) -> Option<(&Rule, Path)> {
        if is_control(&metric.name) || matches!(metric.content, Content::Instance(_)) {
            return None;
        }
        self.0.iter().find_map(|rule| Some((rule, rule.split_name(&metric.name)?)))
    }
}

/// A metric's name, taken apart.
struct Path {
    /// The asset's name, then those of the levels below it.
    names: Vec<Arc<str>>,
    member: Arc<str>,
}

impl Rule {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((path, models)) = text.split_once("=>") else {
            return Err("without `=>` between path and model".to_owned());
        };
        let path: Vec<&str> = path.trim().split('/').collect();
        let Some((&MEMBER, before)) = path.split_last() else {
            return Err(format!("whose path does not end with /{MEMBER}"));
        };
        if before.len() > MAX_LEVELS {
            return Err(format!("with more than {MAX_LEVELS} levels"));
        }
        let mut levels = Vec::with_capacity(before.len());
        let mut asset = None;
        for (place, level) in before.iter().enumerate() {
            levels.push(match *level {
                ASSET if asset.is_some() => return Err(format!("with more than one {ASSET}")),
                ASSET => {
                    asset = Some(place + 1);
                    Level::Any
                }
                "*" => Level::Any,
                "" => return Err("with an empty level in its path".to_owned()),
                name if name.contains(['{', '}', '*']) => {
                    return Err(format!(
                        "with the level `{name}`: {ASSET}, {MEMBER} and * stand for whole levels"
                    ));
                }
                name => Level::Name(name.to_owned()),
            });
        }
        let Some(asset) = asset else {
            return Err(format!("whose path has no {ASSET}"));
        };
        let models: Vec<Arc<str>> = models.split('>').map(|model| model.trim().into()).collect();
        if models.iter().any(|model| model.is_empty()) {
            return Err("without a model name after `=>` or `>`".to_owned());
        }
        let below = levels.len() - asset;
        if models.len() != below + 1 {
            return Err(format!(
                "with {below} levels between {ASSET} and {MEMBER} but {} models below the first: \
                 each level needs its model, as in `{ASSET}/Gearbox/{MEMBER} => Turbine > Gearbox`",
                models.len() - 1
            ));
        }
        Ok(Self { text: text.to_owned(), levels, asset, models })
    }

    /// Whether it takes every metric that `other` would.
    fn covers(&self, other: &Self) -> bool {
        self.levels.len() <= other.levels.len()
            && self
                .levels
                .iter()
                .zip(&other.levels)
                .all(|(own, other)| *own == Level::Any || own == other)
    }

    /// The parts of a metric's name, if the rule is for it. The member takes the rest, slashes
    /// included.
    fn split_name(&self, name: &str) -> Option<Path> {
        let mut rest = name;
        let mut end = 0;
        let mut names = Vec::with_capacity(self.models.len());
        for (place, level) in (1..).zip(&self.levels) {
            let (first, after) = rest.split_once('/')?;
            let fits = match level {
                Level::Name(name) => shown(first) == name.as_str(),
                Level::Any => !first.is_empty(),
            };
            if !fits {
                return None;
            }
            end += first.len();
            if place == self.asset {
                names.push(name.get(..end)?.into());
            } else if place > self.asset {
                names.push(first.into());
            }
            end += 1;
            rest = after;
        }
        (!rest.is_empty()).then(|| Path { names, member: rest.into() })
    }

    fn put(&self, groups: &mut Groups, path: Path, metric: BirthMetric) {
        let mut place = groups;
        let mut levels = path.names.into_iter().zip(&self.models).peekable();
        while let Some((name, model)) = levels.next() {
            let group = place.entry(name).or_insert_with(|| Group::of(model));
            if levels.peek().is_none() {
                group.members.push(BirthMetric { name: path.member, ..metric });
                return;
            }
            place = &mut group.below;
        }
    }
}

/// Instances to be, by name.
type Groups = BTreeMap<Arc<str>, Group>;

/// An instance to be.
struct Group {
    model: Arc<str>,
    members: Vec<BirthMetric>,
    below: Groups,
}

impl Group {
    fn of(model: &Arc<str>) -> Self {
        Self { model: Arc::clone(model), members: Vec::new(), below: Groups::new() }
    }
}

/// Adds the groups to the instances among `metrics` that are called like them, and makes
/// instances of the others. Returns how many were made.
fn merge(metrics: &mut Vec<BirthMetric>, mut groups: Groups) -> usize {
    let mut made = 0;
    for metric in metrics.iter_mut() {
        if let Content::Instance(instance) = &mut metric.content
            && let Some(group) = groups.remove(&metric.name)
        {
            instance.members.extend(group.members);
            made += merge(&mut instance.members, group.below);
        }
    }
    for (name, Group { model, mut members, below }) in groups {
        made += 1 + merge(&mut members, below);
        let instance = Instance {
            template: model,
            definition: None,
            version: None,
            parameters: Vec::new(),
            members,
            number: u32::MAX,
            defined: None,
        };
        metrics.push(BirthMetric {
            name,
            properties: Vec::new(),
            content: Content::Instance(instance),
        });
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparkplug::datatype::DataType;
    use crate::sparkplug::event::{Sample, Slot};
    use crate::sparkplug::findings::FindingCounts;
    use crate::sparkplug::text;
    use crate::time::Timestamp;

    fn leaf(name: &str) -> BirthMetric {
        let sample = Sample { time: Timestamp::from_millis(1), ..Sample::default() };
        let datatype = Some(DataType::Double);
        let content = Content::Leaf { slot: Slot(0), datatype, sample };
        BirthMetric { name: name.into(), properties: Vec::new(), content }
    }

    fn instance(name: &str, template: &str, members: Vec<BirthMetric>) -> BirthMetric {
        let instance = Instance {
            template: template.into(),
            definition: None,
            version: None,
            parameters: Vec::new(),
            members,
            number: 0,
            defined: None,
        };
        BirthMetric { content: Content::Instance(instance), ..leaf(name) }
    }

    fn told(metrics: &[BirthMetric]) -> String {
        let one = |metric: &BirthMetric| match &metric.content {
            Content::Leaf { .. } => metric.name.to_string(),
            Content::Instance(instance) => {
                format!("{}:{}{{{}}}", metric.name, instance.template, told(&instance.members))
            }
        };
        metrics.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn grouped(rules: &str, metrics: Vec<BirthMetric>) -> (String, usize) {
        let (metrics, made) = Rules::parse(rules).unwrap().group(metrics);
        (told(&metrics), made)
    }

    fn flat(rules: &str, names: &[&str]) -> (String, usize) {
        grouped(rules, names.iter().map(|name| leaf(name)).collect())
    }

    #[test]
    fn the_first_rule_that_fits_makes_assets_of_paths() {
        let rules = "Turbines/{asset}/Gearbox/{member} => WindTurbine > Gearbox
                     Turbines/{asset}/{member} => WindTurbine, */Masts/{asset}/{member} => Mast";
        let names = [
            "Turbines/T1/Speed",
            "Power",
            "Turbines/T2/Gearbox/Oil",
            "Turbines/T1/Gearbox/Oil",
            "North/Masts/M 1/Wind/Speed",
            "Turbines/T1/Status/Code",
        ];
        let expected = "Power North/Masts/M 1:Mast{Wind/Speed} Turbines/T1:WindTurbine{Speed \
             Status/Code Gearbox:Gearbox{Oil}} Turbines/T2:WindTurbine{Gearbox:Gearbox{Oil}}";
        assert_eq!(flat(rules, &names), (expected.to_owned(), 5));
    }

    #[test]
    fn a_folder_that_is_not_utf8_is_named_as_it_shows() {
        let name = |bytes| text::name(bytes, &mut FindingCounts::default()).into_owned();
        let names = [name(b"\xd6fen/O1/T"), name(b"\xd6fen/O2/T")];
        let (told, made) = flat("\u{fffd}fen/{asset}/{member} => Ofen", &[&names[0], &names[1]]);
        assert_eq!((&*shown(&told), made), ("\u{fffd}fen/O1:Ofen{T} \u{fffd}fen/O2:Ofen{T}", 2));
    }

    #[test]
    fn what_does_not_fit_stays_as_it_is() {
        let names = [
            "T1",
            "T1/",
            "/Speed",
            "Other/T1/Speed",
            "Turbines/T1",
            "Turbines//Speed",
            "turbines/T1/Speed",
            "Node Control/T1/Speed",
        ];
        let as_it_is = (names.join(" "), 0);
        assert_eq!(flat("Turbines/{asset}/{member} => T", &names), as_it_is);
        let control = ["Node Control/Rebirth", "Device Control/Reboot", "bdSeq"];
        assert_eq!(flat("{asset}/{member} => T", &control), (control.join(" "), 0));
        let rules = Rules::default();
        assert_eq!(rules.group(vec![leaf("a/b")]), (vec![leaf("a/b")], 0));
    }

    #[test]
    fn flat_metrics_join_the_instance_of_their_name() {
        let gearbox = instance("Gearbox", "Box", vec![leaf("Oil")]);
        let metrics = vec![leaf("T1/Gearbox/Heat"), instance("T1", "Turbine", vec![gearbox])];
        let rules = "{asset}/Gearbox/{member} => Other > Other, {asset}/{member} => Other";
        let expected = "T1:Turbine{Gearbox:Box{Oil Heat}}".to_owned();
        assert_eq!(grouped(rules, metrics), (expected, 0));
    }

    #[test]
    fn rules_that_cannot_be_meant_are_named_with_their_reason() {
        for (text, reason) in [
            (" , ", "empty list"),
            ("{asset}/{member}", "without `=>`"),
            ("Turbines/{asset} => T", "does not end with /{member}"),
            ("{asset}/{member}/x => T", "does not end with /{member}"),
            ("{member} => T", "has no {asset}"),
            ("{asset}/{asset}/{member} => T > U", "more than one {asset}"),
            ("{asset}/{member} =>", "without a model name"),
            ("{asset}/A/{member} => T > ", "without a model name"),
            ("{asset}//{member} => T > U", "an empty level"),
            ("/{asset}/{member} => T", "an empty level"),
            ("T{asset}/{member} => T", "`T{asset}`"),
            ("{asset}/G*/{member} => T > U", "`G*`"),
            ("{asset}/Gearbox/{member} => T", "1 levels between"),
            ("{asset}/{member} => T > U", "0 levels between"),
            ("{asset}/{member} => T, {asset}/A/{member} => T > A", "is never used"),
            ("A/{asset}/{member} => T, A/{asset}/{member} => U", "is never used"),
            ("*/{asset}/{member} => T, A/{asset}/{member} => U", "is never used"),
        ] {
            let said = Rules::parse(text).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
        let apart = "A/{asset}/{member} => T, {asset}/A/{member} => T > A";
        assert!(Rules::parse(apart).is_ok(), "neither takes all that the other does");
    }

    #[test]
    fn no_rule_makes_a_tree_deeper_than_sitewise_has() {
        let deep = |levels: usize| {
            let (parts, models) = ("P/".repeat(levels - 1), " > P".repeat(levels - 1));
            Rules::parse(&format!("{{asset}}/{parts}{{member}} => T{models}"))
        };
        assert!(deep(27).is_ok());
        assert!(deep(28).unwrap_err().contains("more than 27 levels"));
    }
}
