//! Suggests TWIN_RULES: flat metrics in sibling folders with the same members.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rules, is_control};
use crate::sparkplug::address::Source;
use crate::sparkplug::event::{Birth, Content};
use crate::sparkplug::text::shown;

/// Folders with the same members that make a rule worth suggesting.
const ALIKE: usize = 2;
/// Members that a folder needs to look like a machine.
const MEMBERS: usize = 2;

/// Nodes and devices whose births are looked at, and metrics in all, so that a plant of any size
/// costs little: the first ones are representative.
const SOURCES: usize = 1_000;
const METRICS: usize = 100_000;
/// Rules that are suggested.
const SUGGESTED: usize = 20;

/// A rule for `TWIN_RULES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSuggestion {
    /// Ready to paste.
    pub rule: String,
    /// How many assets it would make.
    pub assets: usize,
    /// How many members these have.
    pub members: usize,
}

/// What a running bridge has noticed: the first births of the first nodes and devices.
#[derive(Debug, Default)]
pub struct FolderSurvey {
    surveyed: BTreeSet<Source>,
    metrics: usize,
    found: Vec<(Source, RuleSuggestion)>,
}

impl FolderSurvey {
    /// Looks at the first birth of a node or device. Returns the rules that were not suggested
    /// before.
    pub fn survey(&mut self, birth: &Birth, rules: &Rules) -> Vec<RuleSuggestion> {
        if self.surveyed.len() >= SOURCES
            || self.metrics >= METRICS
            || self.surveyed.contains(&birth.source)
        {
            return Vec::new();
        }
        self.surveyed.insert(birth.source.clone());
        self.metrics += birth.metrics.len();
        let mut new = Vec::new();
        for suggestion in suggestions(std::iter::once(birth), rules) {
            let known = self.found.iter_mut().find(|(_, known)| known.rule == suggestion.rule);
            if let Some((_, known)) = known {
                known.assets += suggestion.assets;
                known.members = known.members.max(suggestion.members);
            } else if self.found.len() < SUGGESTED {
                self.found.push((birth.source.clone(), suggestion.clone()));
                new.push(suggestion);
            }
        }
        new
    }

    /// Each rule, with the sender that showed it first, and the assets that it would make of all
    /// that were looked at.
    pub fn found(&self) -> impl Iterator<Item = (&Source, &RuleSuggestion)> {
        self.found.iter().map(|(source, suggestion)| (source, suggestion))
    }
}

/// The folders of a plant: by the folder around them, and by name.
type Folders<'a> = BTreeMap<Vec<&'a str>, BTreeMap<&'a str, Folder<'a>>>;

/// A folder, which several senders may have.
#[derive(Debug, Default)]
struct Folder<'a> {
    members: BTreeSet<&'a str>,
    senders: BTreeSet<&'a Source>,
}

/// What a rule would not take as a part of a name, or a shell within quotes.
const SPECIAL: [char; 10] = ['{', '}', '*', '?', '[', '>', '=', ',', ';', '\''];

/// Whether a folder can be named in a rule as it is.
fn can_be_named(folder: &str) -> bool {
    !folder.contains(SPECIAL) && !folder.contains(char::is_control) && folder.trim() == folder
}

/// Rules that would turn flat metrics of these births into assets, those excepted that the rules
/// there are take already.
pub fn suggestions<'a>(
    births: impl Iterator<Item = &'a Birth>,
    rules: &Rules,
) -> Vec<RuleSuggestion> {
    let folders = folders(births, rules);
    let mut shortest_first: Vec<_> = folders.iter().collect();
    shortest_first.sort_by_key(|(around, _)| around.len());
    let mut found = Vec::new();
    let mut covered: Vec<Vec<&str>> = Vec::new();
    for (around, within) in shortest_first {
        if covered.iter().any(|above| around.len() > above.len() && around.starts_with(above)) {
            continue;
        }
        if !around.iter().all(|folder| can_be_named(folder)) {
            continue;
        }
        let Some((members, names)) = most_common_members(within) else { continue };
        let model = singular(around.last().copied().unwrap_or("Machine"));
        let way = |rest: &str| match around.as_slice() {
            [] => format!("{{asset}}/{rest}"),
            around => format!("{}/{{asset}}/{rest}", around.join("/")),
        };
        found.push(RuleSuggestion {
            rule: shown(&format!("{} => {model}", way("{member}"))).into_owned(),
            assets: count(within, &names),
            members: members.len(),
        });
        found.extend(nested(&folders, around, &names).into_iter().map(
            |(part, assets, members)| {
                let rule = format!("{} => {model} > {part}", way(&format!("{part}/{{member}}")));
                RuleSuggestion { rule: shown(&rule).into_owned(), assets, members }
            },
        ));
        covered.push(around.clone());
    }
    found
}

fn folders<'a>(births: impl Iterator<Item = &'a Birth>, rules: &Rules) -> Folders<'a> {
    let mut folders = Folders::new();
    for birth in births {
        for metric in &birth.metrics {
            let is_plain =
                matches!(metric.content, Content::Leaf { .. }) && !is_control(&metric.name);
            if !is_plain || rules.matches(metric) {
                continue;
            }
            let parts: Vec<&str> = metric.name.split('/').collect();
            if let [around @ .., folder, member] = parts.as_slice() {
                let within = folders.entry(around.to_vec()).or_default();
                let folder = within.entry(folder).or_default();
                folder.members.insert(member);
                folder.senders.insert(&birth.source);
            }
        }
    }
    folders
}

/// The set of members that most folders have, and these folders.
fn most_common_members<'a, 'f>(
    within: &'f BTreeMap<&'a str, Folder<'a>>,
) -> Option<(&'f BTreeSet<&'a str>, Vec<&'a str>)> {
    let mut sets: BTreeMap<&BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
    for (name, folder) in within {
        sets.entry(&folder.members).or_default().push(name);
    }
    sets.into_iter()
        .filter(|(members, names)| count(within, names) >= ALIKE && members.len() >= MEMBERS)
        .max_by_key(|(_, names)| count(within, names))
}

/// How many machines the folders `names` are: each is one of each of its senders.
fn count(within: &BTreeMap<&str, Folder<'_>>, names: &[&str]) -> usize {
    names.iter().filter_map(|name| within.get(name)).map(|folder| folder.senders.len()).sum()
}

/// Folders of one name within several of the machines `names`, with the same members.
fn nested<'a>(
    folders: &Folders<'a>,
    around: &[&'a str],
    names: &[&'a str],
) -> Vec<(&'a str, usize, usize)> {
    let mut parts: BTreeMap<(&str, &BTreeSet<&str>), usize> = BTreeMap::new();
    for name in names {
        let mut machine = around.to_vec();
        machine.push(name);
        let within = folders.get(&machine).into_iter().flatten();
        for (part, folder) in within.filter(|(part, _)| can_be_named(part)) {
            *parts.entry((part, &folder.members)).or_default() += folder.senders.len();
        }
    }
    parts
        .into_iter()
        .filter(|(_, count)| *count >= ALIKE)
        .map(|((part, members), count)| (part, count, members.len()))
        .collect()
}

/// What a folder of several is probably called in the singular.
fn singular(folder: &str) -> &str {
    match folder.strip_suffix('s') {
        Some(one) if one.len() >= 3 && !one.ends_with('s') => one,
        _ => folder,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sparkplug::address::{EdgeNode, Source};
    use crate::sparkplug::event::{BirthMetric, Sample, Slot};
    use crate::time::Timestamp;

    fn birth(names: &[&str]) -> Birth {
        let leaf = |name: &&str| BirthMetric {
            name: Arc::from(*name),
            properties: Vec::new(),
            content: Content::Leaf { slot: Slot(0), datatype: None, sample: Sample::default() },
        };
        Birth {
            source: Source { edge: EdgeNode::new("Nordsee", "gw"), device: None },
            time: Timestamp::from_millis(0),
            definitions: Vec::new(),
            metrics: names.iter().map(leaf).collect(),
            slots: 1,
        }
    }

    fn rules(names: &[&str]) -> Vec<String> {
        rules_beside(&Rules::default(), names)
    }

    fn rules_beside(rules: &Rules, names: &[&str]) -> Vec<String> {
        let birth = birth(names);
        let found = suggestions(std::iter::once(&birth), rules).into_iter();
        found.map(|suggestion| suggestion.rule).collect()
    }

    #[test]
    fn folders_with_the_same_members_become_a_rule() {
        let names: Vec<String> = ["T1", "T2", "T3"]
            .iter()
            .flat_map(|turbine| {
                ["Speed", "Power", "Gearbox/Temp", "Gearbox/Oil"]
                    .map(|member| format!("Park/Turbines/{turbine}/{member}"))
            })
            .chain(["Node Control/Rebirth".into(), "Park/Price".into(), "Wind".into()])
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(
            rules(&names),
            [
                "Park/Turbines/{asset}/{member} => Turbine",
                "Park/Turbines/{asset}/Gearbox/{member} => Turbine > Gearbox",
            ]
        );
    }

    #[test]
    fn a_rule_is_not_suggested_for_what_one_takes_already() {
        let names = ["T1", "T2"]
            .map(|t| ["Speed", "Power", "Gear/Temp", "Gear/Oil"].map(|m| format!("{t}/{m}")));
        let names: Vec<&str> = names.as_flattened().iter().map(String::as_str).collect();
        let beside = |rules| rules_beside(&Rules::parse(rules).unwrap(), &names);
        assert_eq!(beside("{asset}/{member} => Turbine"), [] as [&str; 0]);
        assert_eq!(beside("{asset}/Gear/{member} => A > B"), ["{asset}/{member} => Machine"]);
        assert_eq!(beside("T1/{asset}/{member} => Part"), ["{asset}/{member} => Machine"]);
    }

    #[test]
    fn a_survey_tells_each_rule_once_and_counts_the_assets_of_all_senders() {
        let names = ["T1", "T2", "T3"].map(|turbine| ["x", "y"].map(|m| format!("{turbine}/{m}")));
        let names: Vec<&str> = names.as_flattened().iter().map(String::as_str).collect();
        let (mut survey, mut birth) = (FolderSurvey::default(), birth(&names));
        let told = survey.survey(&birth, &Rules::default());
        let rule = "{asset}/{member} => Machine".to_owned();
        assert_eq!(told, [RuleSuggestion { rule: rule.clone(), assets: 3, members: 2 }]);
        assert_eq!(survey.survey(&birth, &Rules::default()), [], "it was looked at");
        let first = birth.source.clone();
        birth.source.device = Some("P7".into());
        assert_eq!(survey.survey(&birth, &Rules::default()), [], "the rule was told");
        let all = RuleSuggestion { rule, assets: 6, members: 2 };
        assert_eq!(survey.found().collect::<Vec<_>>(), [(&first, &all)]);
        for number in 0..SOURCES {
            birth.source.device = Some(format!("{number}").into());
            survey.survey(&birth, &Rules::default());
        }
        assert_eq!(survey.surveyed.len(), SOURCES);
    }

    #[test]
    fn folders_that_differ_or_stand_alone_do_not() {
        assert_eq!(rules(&["A/x", "A/y", "B/x", "B/z"]), [] as [&str; 0]);
        assert_eq!(rules(&["A/x", "A/y"]), [] as [&str; 0]);
        assert_eq!(rules(&["A/x", "A/y", "B/x", "B/y"]), ["{asset}/{member} => Machine"]);
    }

    /// A rule that is pasted and cannot be read stops the bridge.
    #[test]
    fn what_is_suggested_can_be_pasted() {
        for folder in [
            "Halle 1, Nord",
            "A => B",
            "A > B",
            "{x}",
            "Park*",
            "Werk's",
            "a;b",
            " Halle",
            "Halle 1",
        ] {
            let names = ["T1", "T2"]
                .map(|name| ["Speed", "Power"].map(|member| format!("{folder}/{name}/{member}")));
            let names: Vec<&str> = names.as_flattened().iter().map(String::as_str).collect();
            let rules = rules(&names);
            assert_eq!(rules.is_empty(), folder != "Halle 1", "{rules:?}");
            for rule in rules {
                let rule = Rules::parse(&rule).unwrap();
                assert_eq!(rules_beside(&rule, &names), [""; 0]);
            }
        }
    }

    #[test]
    fn the_same_folders_of_several_senders_are_several_machines() {
        let names =
            ["T1", "T2"].map(|name| ["a", "b"].map(|member| format!("Park/{name}/{member}")));
        let names: Vec<&str> = names.as_flattened().iter().map(String::as_str).collect();
        let births: Vec<_> = ["gw1", "gw2", "gw3"]
            .map(|node| Source { edge: EdgeNode::new("Nordsee", node), device: None })
            .map(|source| Birth { source, ..birth(&names) })
            .into();
        let found = suggestions(births.iter(), &Rules::default());
        assert_eq!(found.iter().map(|found| found.assets).collect::<Vec<_>>(), [6]);
        // One folder each.
        let births: Vec<_> = births
            .into_iter()
            .map(|before| Birth { source: before.source, ..birth(&names[..2]) })
            .collect();
        let found = suggestions(births.iter(), &Rules::default());
        assert_eq!(found.iter().map(|found| found.assets).collect::<Vec<_>>(), [3]);
    }
}
