//! `sparkwise dashboards`: writes Grafana dashboards of what births describe.

mod files;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;

use super::LISTEN;
use crate::config;
use crate::dashboards::former::{self, Former};
use crate::dashboards::{Plant, Rendered, render};
use crate::preview::{DescribedPlant, PlanSource};
use crate::telemetry::printable;

/// What `sparkwise dashboards --help` prints.
pub const HELP: &str = "\
sparkwise dashboards: writes Grafana dashboards of the twins

Usage: sparkwise dashboards --out DIR [--for 30s] [--rebirth] [--forget]
       sparkwise dashboards --out DIR [--forget] CAPTURE...
       sparkwise dashboards --out DIR --account

It reads births as `sparkwise plan` does, and changes nothing in SiteWise. Below DIR it writes
dashboards/, with a dashboard for each model, one of the plant and one of the bridge itself, and
provisioning/, with the data source, the folder, and alert rules for machines that are offline and
for a bridge without a heartbeat. Machines that sent no birth are there as well, if SiteWise has their
assets; without access to SiteWise, if the files that are replaced have them. Their names are printed.
It replaces only files that it wrote itself, and deletes none. The same births and the same account
give the same files.

  --out DIR       where to write; created if missing
  --for DURATION  how long to listen for births (30s)
  --rebirth       request rebirths of nodes that send data; without it nothing is published
  --forget        leave out machines that sent no birth
  --account       listen to nothing, and write what SiteWise has
  CAPTURE         read captured messages instead of listening, as `sparkwise plan` reads them; without
                  AWS credentials set TWIN_NAMESPACE, which ids are derived from

Exit codes: 0, 1 after a failure, 64 for invalid arguments or an invalid configuration.
";

/// Names in a line at most.
const NAMES: usize = 50;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// How it is used.
    Help,
    /// Files.
    Write {
        /// Where.
        out: PathBuf,
        /// Where the births come from.
        from: PlanSource,
        /// Whether machines that sent no birth are left out.
        forget: bool,
    },
}

/// Reads the arguments after `dashboards`.
///
/// # Errors
///
/// An argument that there is not, or no `--out`.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut out, mut listen, mut rebirth) = (None, None, false);
    let (mut forget, mut account) = (false, false);
    let mut captures: Vec<PathBuf> = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("out") => out = Some(PathBuf::from(parser.value()?)),
            Long("for") => listen = Some(parser.value()?.parse_with(config::duration)?),
            Long("rebirth") => rebirth = true,
            Long("forget") => forget = true,
            Long("account") => account = true,
            Value(path) => captures.push(path.into()),
            argument => return Err(argument.unexpected()),
        }
    }
    let out = out.ok_or("dashboards needs --out DIR")?;
    let listens = listen.is_some() || rebirth;
    let from = match (captures.is_empty(), account) {
        (false, true) => return Err("--account has no meaning with a capture".into()),
        (true, true) if listens || forget => {
            return Err("--for, --rebirth and --forget have no meaning with --account".into());
        }
        (false, false) if listens => {
            return Err("--for and --rebirth have no meaning with a capture".into());
        }
        (true, true) => PlanSource::Account,
        (true, false) => PlanSource::Plant { listen: listen.unwrap_or(LISTEN), rebirth },
        (false, false) => PlanSource::Captures(captures),
    };
    Ok(Command::Write { out, from, forget })
}

/// Writes the files. Returns a text about what they are and cost, and about what the files that they
/// replace had. `forget` leaves out what sent no birth.
///
/// # Errors
///
/// A file of somebody else is in the way, or alert rules of another namespace, or the disk fails.
pub fn write(out: &Path, described: DescribedPlant, forget: bool) -> Result<String, String> {
    let DescribedPlant { mut plant, silent, without_aws } = described;
    let [rules_path, overview] = former::files(&plant);
    let (rules, overview) = (files::ours(out, &rules_path), files::ours(out, &overview));
    let missing = former(out, &plant, &rules, &overview)?.missing(&plant);
    if let Some(first) = missing.foreign.first() {
        return Err(format!(
            "{} has the alert rules of another namespace ({} machines, such as {}), and is left alone: \
             check the AWS account, AWS_REGION and TWIN_NAMESPACE, name another folder, or move it",
            out.join(rules_path).display(),
            missing.foreign.len(),
            printable(&first.address)
        ));
    }
    if let (Some(title), false) = (&missing.other_bridge, forget) {
        return Err(format!(
            "{} has the alert rule of another bridge ({}), and is left alone: name another folder for each \
             bridge. If that bridge is no more, move the file, or use --forget",
            out.join(rules_path).display(),
            printable(title)
        ));
    }
    plant.former_rules.clone_from(&missing.rules);
    let keeps = without_aws.is_some() && !forget;
    if keeps {
        plant.keep(&missing);
    }
    let mut rendered = render(&plant);
    rendered.remarks.extend(told_of(&silent, &missing, keeps, forget));
    if let Some(reason) = &without_aws {
        rendered.remarks.push(format!(
            "SiteWise was not read ({reason}): if it already has models of flat devices, the \
             bridge may use those instead of the ones described here"
        ));
    }
    let left = files::left(out, &rendered.files);
    if !left.is_empty() {
        let why = match keeps {
            true => {
                "dashboards of an earlier run whose models no birth described: they stay as they are"
            }
            false => {
                "dashboards of an earlier run that are not written any more, and stay until you remove \
                 them"
            }
        };
        rendered.remarks.push(format!("{why}: {}", names(left)));
    }
    files::write(out, &rendered.files).map_err(|error| error.to_string())?;
    Ok(summary(out, &rendered))
}

fn former(out: &Path, plant: &Plant, rules: &str, overview: &str) -> Result<Former, String> {
    Former::read(plant, rules, overview).map_err(|path| {
        format!(
            "{} was changed and cannot be read, and is left alone: name another folder, or move it",
            out.join(path).display()
        )
    })
}

/// What there is without a birth, and what the files of an earlier run had and these do not.
fn told_of(
    silent: &[String],
    missing: &Former,
    keeps: bool,
    forget: bool,
) -> impl Iterator<Item = String> {
    let machines = missing.machines.iter().map(|machine| machine.address.clone());
    let rows = missing.models.iter().map(|model| format!("the plant's row of {}", model.name));
    let lost: Vec<String> = machines.chain(rows).collect();
    let there = match silent.is_empty() {
        true => None,
        false => Some(format!(
            "without a birth, and here because SiteWise has them: {}",
            names(silent.iter().cloned())
        )),
    };
    let why = match (keeps, forget) {
        (true, _) => {
            "without a birth, and kept from the files of an earlier run (--forget leaves them out)"
        }
        (false, true) => "without a birth, and left out, though an earlier run had them",
        (false, false) => {
            "left out, though an earlier run had them, because SiteWise has no asset of them that this \
             bridge would hear"
        }
    };
    let lost = (!lost.is_empty()).then(|| format!("{why}: {}", names(lost)));
    there.into_iter().chain(lost)
}

/// Names behind each other; of many the first.
fn names(of: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = of.into_iter().collect();
    let more = all.len().saturating_sub(NAMES);
    all.truncate(NAMES);
    let text = all.join(", ");
    if more == 0 { text } else { format!("{text}, and {more} more") }
}

fn summary(out: &Path, rendered: &Rendered) -> String {
    let mut text = format!("{} files in {}\n\n", rendered.files.len(), out.display());
    let title = |text: &str| -> String { printable(text).chars().take(32).collect() };
    let _ = writeln!(
        text,
        "{:<32}  {:>6}  {:>14}  {:>14}",
        "dashboard", "panels", "messages: open", "all rows"
    );
    for cost in &rendered.costs {
        let _ = writeln!(
            text,
            "{:<32}  {:>6}  {:>14}  {:>14}",
            title(&cost.title),
            cost.panels,
            cost.open,
            cost.all
        );
    }
    text.push_str(
        "\nmessages: the query messages (50 values or 4 KB) that AWS bills at least for one load with \
         one machine selected\n",
    );
    for remark in &rendered.remarks {
        // Names come from the plant, and may have whatever a terminal obeys.
        let _ = writeln!(text, "{}", printable(remark));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::dashboards::{BridgeAsset, Machine};
    use crate::sparkplug::address::{EdgeNode, Source};
    use crate::twin::identity::{Address, Namespace};
    use uuid::Uuid;

    fn machine(node: &str) -> Machine {
        let source = Source { edge: EdgeNode::new("Nordsee", node), device: None };
        let asset = Namespace::new("plant").asset(&Address::Source(&source));
        let (address, group, node) = (source.to_string(), "Nordsee".into(), node.into());
        let (last_birth, last_death) = (asset, asset);
        Machine { asset, address, group, node, device: None, last_birth, last_death }
    }

    fn described(nodes: &[&str], without_aws: Option<&str>) -> DescribedPlant {
        let machines = nodes.iter().map(|node| machine(node)).collect();
        let plant = Plant { namespace: "plant".into(), machines, ..Plant::default() };
        DescribedPlant { plant, silent: Vec::new(), without_aws: without_aws.map(str::to_owned) }
    }

    /// The alert rule of a machine that was silent for a moment was gone without a word.
    #[test]
    fn what_an_earlier_run_had_is_kept_or_named() {
        let folder = std::env::temp_dir().join(format!("sparkwise-eyes-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let run = |of: DescribedPlant, forget: bool| {
            let told = write(&folder, of, forget).unwrap();
            let rules = fs::read_to_string(folder.join("provisioning/alerting/sparkwise.yaml"));
            (told, rules.unwrap())
        };
        let (told, all) = run(described(&["gw", "west"], None), false);
        assert!(!told.contains("Nordsee/"), "{told}");
        fs::write(folder.join("dashboards/old-1.json"), crate::dashboards::MARK).unwrap();
        fs::write(folder.join("dashboards/theirs.json"), "{}").unwrap();

        let (told, rules) = run(described(&["gw"], Some("no credentials")), false);
        assert!(told.contains("kept from the files of an earlier run"), "{told}");
        assert!(told.contains("(--forget leaves them out): Nordsee/west\n"), "{told}");
        assert!(told.contains("they stay as they are: dashboards/old-1.json\n"), "{told}");
        assert_eq!(rules, all);
        // SiteWise was read, and has no asset of it.
        let (told, rules) = run(described(&["gw"], None), false);
        assert!(told.contains("because SiteWise has no asset"), "{told}");
        assert!(told.contains("would hear: Nordsee/west\n"), "{told}");
        assert!(!rules.contains("west"), "{rules}");
        assert!(told.contains("until you remove them: dashboards/old-1.json\n"), "{told}");
        // Grafana keeps a rule that its file does not have any more, unless it is told to delete it.
        let uid = |node: &str| Uuid::new_v5(&machine(node).asset, b"offline").to_string();
        assert!(rules.contains("deleteRules") && rules.contains(&uid("west")), "{rules}");
        let (_, again) = run(described(&["gw"], None), false);
        assert_eq!(again, rules, "and whoever starts Grafana later as well");
        let (_, back) = run(described(&["gw", "west"], None), false);
        assert_eq!(back, all);
        let (told, rules) = run(described(&["gw"], Some("no credentials")), true);
        assert!(told.contains("though an earlier run had them: Nordsee/west\n"), "{told}");
        assert!(!rules.contains("west"), "{rules}");
        let silent = DescribedPlant {
            silent: vec!["Nordsee/\u{1b}\u{202e}x".into()],
            ..described(&["gw"], None)
        };
        let (told, _) = run(silent, false);
        assert!(told.contains("because SiteWise has them: Nordsee/\\u{1b}\\u{202e}x\n"), "{told}");
        fs::remove_dir_all(&folder).unwrap();
    }

    /// The rules of production were replaced by those of a test account, and what could not be read was
    /// taken for nothing.
    #[test]
    fn rules_of_another_namespace_or_that_cannot_be_read_are_not_replaced() {
        let folder = std::env::temp_dir().join(format!("sparkwise-rules-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let rules = folder.join("provisioning/alerting/sparkwise.yaml");
        write(&folder, described(&["gw", "west"], None), false).unwrap();
        let before = fs::read_to_string(&rules).unwrap();
        let refused = |without_aws, forget| {
            let mut other = described(&["gw"], without_aws);
            other.plant.namespace = "other".into();
            let source = Source { edge: EdgeNode::new("Nordsee", "gw"), device: None };
            let asset = Namespace::new("other").asset(&Address::Source(&source));
            other.plant.machines[0].asset = asset;
            write(&folder, other, forget).unwrap_err()
        };
        for (without_aws, forget) in [(None, false), (Some("none"), false), (None, true)] {
            let refused = refused(without_aws, forget);
            assert!(refused.contains("another namespace (2 machines, such as Nord"), "{refused}");
            assert!(refused.contains("name another folder"), "{refused}");
        }
        assert_eq!(fs::read_to_string(&rules).unwrap(), before);
        let changed = format!("# {}\ngroups:\n  - orgId: 1\n", crate::dashboards::MARK);
        fs::write(&rules, &changed).unwrap();
        let refused = write(&folder, described(&["gw"], None), false).unwrap_err();
        assert!(refused.contains("sparkwise.yaml was changed and cannot be read"), "{refused}");
        assert_eq!(fs::read_to_string(&rules).unwrap(), changed);
        fs::remove_dir_all(&folder).unwrap();
    }

    /// The rule of another bridge's heartbeat was gone without a word, and both wrote one dashboard.
    #[test]
    fn another_bridges_rules_are_not_replaced() {
        let folder = std::env::temp_dir().join(format!("sparkwise-two-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let of = |host: &str| {
            let asset = Namespace::new("plant").asset(&Address::Bridge(host));
            let mut all = described(&["gw"], None);
            all.plant.bridge = Some(BridgeAsset { asset, name: host.into(), heartbeat: asset });
            all
        };
        write(&folder, of("sparkwise"), false).unwrap();
        write(&folder, of("sparkwise"), false).unwrap();
        let refused = write(&folder, of("other"), false).unwrap_err();
        assert!(refused.contains("another bridge (sparkwise is silent)"), "{refused}");
        write(&folder, of("other"), true).unwrap();
        let rules =
            fs::read_to_string(folder.join("provisioning/alerting/sparkwise.yaml")).unwrap();
        assert!(rules.contains("other is silent") && rules.contains("deleteRules"), "{rules}");
        let overviews = fs::read_dir(folder.join("dashboards")).unwrap().flatten();
        let overviews = overviews
            .filter(|file| file.file_name().to_string_lossy().starts_with("sparkwise-plant"));
        assert_eq!(overviews.count(), 2, "each has one of its own part of the plant");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn of_many_names_the_first_are_said() {
        let all = (0..53).map(|n| n.to_string());
        assert!(names(all).ends_with("48, 49, and 3 more"));
    }
}
