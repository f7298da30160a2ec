//! Suggests TWIN_RULES: flat metrics in sibling folders with the same members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Rules, is_control};
use crate::sparkplug::address::Source;
use crate::sparkplug::event::{Birth, BirthMetric, Content};
use crate::sparkplug::text::shown;
use crate::time::Instant;

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

/// How long after a birth its folders are looked at: with those of other births of that time.
const AFTER: Duration = Duration::from_secs(5);

/// What a running bridge has noticed: in the births of the first nodes and devices, together, since a
/// sender's folders may be spread over those of its devices.
#[derive(Debug, Default)]
pub struct FolderSurvey {
    /// The plain metrics of each, of the largest birth so far.
    surveyed: BTreeMap<Source, Surveyed>,
    metrics: usize,
    /// When they are looked at next.
    due: Option<Instant>,
    found: Vec<(Source, RuleSuggestion)>,
}

#[derive(Debug, Default)]
struct Surveyed {
    /// Metrics of the birth, plain or not.
    count: usize,
    plain: Vec<Arc<str>>,
}

impl FolderSurvey {
    /// Keeps the metrics of a birth, if it is the first of its node or device, or has more than the
    /// one before.
    pub fn note(&mut self, birth: &Birth, rules: &Rules, now: Instant) {
        let known = self.surveyed.get(&birth.source);
        let before = known.map_or(0, |known| known.count);
        let count = birth.metrics.len();
        let is_full = known.is_none() && self.surveyed.len() >= SOURCES;
        if count <= before || is_full || self.metrics >= METRICS {
            return;
        }
        self.metrics += count - before;
        let plain = plain(birth, rules).cloned().collect();
        self.surveyed.insert(birth.source.clone(), Surveyed { count, plain });
        self.due.get_or_insert(now + AFTER);
    }

    /// When [`Self::survey`] is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Looks at what was kept, if it is time. Returns the rules that were not suggested before, each
    /// with a sender that it is for.
    pub fn survey(&mut self, now: Instant) -> Vec<(Source, RuleSuggestion)> {
        if self.due.take_if(|due| *due <= now).is_none() {
            return Vec::new();
        }
        let names = self.surveyed.iter().flat_map(|(source, surveyed)| {
            surveyed.plain.iter().map(move |name| (source, &**name))
        });
        let mut new = Vec::new();
        for (source, suggestion) in suggested(&folders(names)) {
            let known = self.found.iter_mut().find(|(_, known)| known.rule == suggestion.rule);
            if let Some((_, known)) = known {
                *known = suggestion;
            } else if self.found.len() < SUGGESTED {
                let found = (source.clone(), suggestion);
                self.found.push(found.clone());
                new.push(found);
            }
        }
        new
    }

    /// Each rule, with a sender that it is for, and the assets that it would make of all that were
    /// looked at.
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
    let names = births.flat_map(|birth| {
        plain(birth, rules).map(|name| (&birth.source, &**name)).collect::<Vec<_>>()
    });
    suggested(&folders(names)).into_iter().map(|(_, suggestion)| suggestion).collect()
}

/// The same of folders, each with one of its senders.
fn suggested<'a>(folders: &Folders<'a>) -> Vec<(&'a Source, RuleSuggestion)> {
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
        let senders = names.iter().filter_map(|name| within.get(name)).flat_map(|of| &of.senders);
        let Some(sender) = senders.min().copied() else { continue };
        let suggestion = RuleSuggestion {
            rule: shown(&format!("{} => {model}", way("{member}"))).into_owned(),
            assets: count(within, &names),
            members: members.len(),
        };
        found.push((sender, suggestion));
        found.extend(nested(folders, around, &names).into_iter().map(|(part, assets, members)| {
            let rule = format!("{} => {model} > {part}", way(&format!("{part}/{{member}}")));
            (sender, RuleSuggestion { rule: shown(&rule).into_owned(), assets, members })
        }));
        covered.push(around.clone());
    }
    found
}

/// The names of a birth's plain metrics that no rule takes.
fn plain<'a>(birth: &'a Birth, rules: &'a Rules) -> impl Iterator<Item = &'a Arc<str>> {
    let is_plain = |metric: &&BirthMetric| {
        matches!(metric.content, Content::Leaf { .. })
            && !is_control(&metric.name)
            && !rules.matches(metric)
    };
    birth.metrics.iter().filter(is_plain).map(|metric| &metric.name)
}

fn folders<'a>(names: impl Iterator<Item = (&'a Source, &'a str)>) -> Folders<'a> {
    let mut folders = Folders::new();
    for (source, name) in names {
        let parts: Vec<&str> = name.split('/').collect();
        if let [around @ .., folder, member] = parts.as_slice() {
            let within = folders.entry(around.to_vec()).or_default();
            let folder = within.entry(folder).or_default();
            folder.members.insert(member);
            folder.senders.insert(source);
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
    use super::*;
    use crate::sparkplug::address::EdgeNode;
    use crate::sparkplug::event::{Sample, Slot};
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
            ambiguous: Vec::new(),
            has_repeated: false,
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
        let told = look(&mut survey, &[&birth]);
        let rule = "{asset}/{member} => Machine".to_owned();
        let first = birth.source.clone();
        let found = RuleSuggestion { rule: rule.clone(), assets: 3, members: 2 };
        assert_eq!(told, [(first.clone(), found)]);
        assert_eq!(look(&mut survey, &[&birth]), [], "it was looked at");
        birth.source.device = Some("P7".into());
        assert_eq!(look(&mut survey, &[&birth]), [], "the rule was told");
        let all = RuleSuggestion { rule, assets: 6, members: 2 };
        assert_eq!(survey.found().collect::<Vec<_>>(), [(&first, &all)]);
        for number in 0..SOURCES {
            birth.source.device = Some(format!("{number}").into());
            survey.note(&birth, &Rules::default(), Instant::START);
        }
        assert_eq!(survey.surveyed.len(), SOURCES);
    }

    /// Lets births come within the time in which they are looked at together.
    fn look(survey: &mut FolderSurvey, births: &[&Birth]) -> Vec<(Source, RuleSuggestion)> {
        let now = Instant::START;
        for birth in births {
            survey.note(birth, &Rules::default(), now);
        }
        assert_eq!(survey.survey(now), []);
        let told = survey.survey(now + AFTER);
        assert_eq!(survey.poll_timeout(), None);
        told
    }

    /// Each device of a gateway has one folder, and each was looked at alone.
    #[test]
    fn folders_spread_over_several_births_of_a_sender_are_seen_together() {
        let names = ["x", "y"];
        let of = |device: Option<&str>, folders: &[&str]| {
            let names: Vec<String> = folders
                .iter()
                .flat_map(|folder| names.map(|member| format!("Park/{folder}/{member}")))
                .collect();
            let mut birth = birth(&names.iter().map(String::as_str).collect::<Vec<_>>());
            birth.source.device = device.map(Into::into);
            birth
        };
        let rule = "Park/{asset}/{member} => Park".to_owned();
        let found = |assets| RuleSuggestion { rule: rule.clone(), assets, members: 2 };
        let (a, b, c) = (of(Some("a"), &["T1"]), of(Some("b"), &["T2"]), of(Some("c"), &["T3"]));
        let mut survey = FolderSurvey::default();
        assert_eq!(look(&mut survey, &[&a, &b]), [(a.source.clone(), found(2))]);
        assert_eq!(look(&mut survey, &[&c]), [], "it was told");
        assert_eq!(survey.found().collect::<Vec<_>>(), [(&a.source, &found(3))]);
        // The birth of a node, and a later one that has more.
        let (little, more) = (of(None, &["T1"]), of(None, &["T1", "T2"]));
        let mut survey = FolderSurvey::default();
        assert_eq!(look(&mut survey, &[&little]), []);
        assert_eq!(look(&mut survey, &[&more]), [(more.source.clone(), found(2))]);
        assert_eq!(look(&mut survey, &[&little, &more]), []);
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
