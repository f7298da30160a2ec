//! The report as text.

use std::fmt;
use std::time::Duration;

use super::buffered;
use super::report::{BirthsReceived, PlanReport, RuleSuggestion};
use crate::command::survey::{MetricSurvey, RuleSurvey, WriteSurvey};
use crate::delivery::whatif::LINGERS;
use crate::labels::LabelSurvey;
use crate::sitewise::api::{Property, PropertyKind};
use crate::twin::mapping;

/// Names that are printed of a list; the rest is counted.
pub(super) const NAMES: usize = 10;
/// Those of machines that share a model: all of an ordinary plant.
const MACHINES: usize = 200;

impl fmt::Display for PlanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.without_aws {
            writeln!(f, "Planned without AWS, for an empty account: {why}.\n")?;
        }
        let BirthsReceived { nodes, devices, unborn } = &self.received;
        writeln!(
            f,
            "Received the births of {} and {}.",
            count(*nodes, "edge node"),
            count(*devices, "device")
        )?;
        if !unborn.is_empty() {
            writeln!(f, "No birth received, so not part of the plan: {}", names(unborn))?;
        }
        if !self.limits.is_empty() {
            writeln!(f, "\nLimits reached")?;
            for (what, why) in &self.limits {
                writeln!(f, "  ! {what}: {why}")?;
            }
        }
        self.write_changes(f)?;
        if !self.shared.is_empty() {
            writeln!(f, "\nModels that edge nodes or devices share")?;
            for (model, sources) in &self.shared {
                writeln!(f, "  {model}: {}", names_up_to(MACHINES, sources))?;
            }
        }
        let others = self.conflicts.iter().filter(|conflict| !self.limits.contains(conflict));
        for (place, (what, why)) in others.enumerate() {
            if place == 0 {
                writeln!(f, "\nConflicts")?;
            }
            writeln!(f, "  ! {what}: {why}")?;
        }
        if !self.rules.is_empty() {
            writeln!(
                f,
                "\nFolders of flat metrics with the same members. Rules for TWIN_RULES that would \
                 make assets of them:"
            )?;
            for RuleSuggestion { rule, assets, members } in &self.rules {
                writeln!(f, "  {rule}")?;
                let (assets, members) = (count(*assets, "asset"), count(*members, "member"));
                writeln!(f, "    would make {assets} with {members} each")?;
            }
        }
        if let Some(survey) = &self.writable {
            write_writable(survey, f)?;
        }
        if let Some(survey) = &self.labels {
            write_labels(survey, f)?;
        }
        self.write_cost(f)?;
        if let Some(estimate) = &self.buffered {
            buffered::write(estimate, f)?;
        }
        self.tiers.as_ref().map_or(Ok(()), |tiers| buffered::write_tiers(tiers, f))
    }
}

impl PlanReport {
    fn write_changes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.changes() {
            return writeln!(f, "\nNothing would change in SiteWise.");
        }
        if !self.models.is_empty() {
            writeln!(f, "\nModels")?;
        }
        for model in &self.models {
            let (sign, what) = if model.is_new { ('+', "created") } else { ('~', "grows") };
            writeln!(f, "  {sign} {} ({what})", model.name)?;
            for property in model.properties.iter().take(NAMES) {
                writeln!(f, "      + {}", PropertyLine(property))?;
            }
            if let Some(more) = model.properties.len().checked_sub(NAMES).filter(|more| *more > 0) {
                writeln!(f, "      + {more} more")?;
            }
            if model.in_composites > 0 {
                writeln!(f, "      {} of these in composite models", model.in_composites)?;
            }
            if !model.places.is_empty() {
                writeln!(f, "      + hierarchies for assets of {}", names(&model.places))?;
            }
        }
        if !self.assets.is_empty() {
            writeln!(f, "\nAssets")?;
        }
        for (model, assets) in &self.assets {
            writeln!(f, "  + {} of {model}: {}", assets.len(), names(assets))?;
        }
        if self.units > 0 {
            let units = count(self.units, "unit");
            writeln!(f, "  + {units} set on single assets, different from their models'")?;
        }
        let models = count(self.models.len(), "model");
        let assets = count(self.assets.iter().map(|(_, names)| names.len()).sum(), "asset");
        let places = count(self.associations, "association");
        writeln!(
            f,
            "\n{models}, {assets} and {places}: {} at the account's rate limits.",
            HumanDuration(self.duration)
        )
    }

    fn write_cost(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(cost) = &self.cost else {
            return writeln!(
                f,
                "\nThe capture has no timestamps: the cost of ingest cannot be estimated."
            );
        };
        let listened = HumanDuration(cost.listened);
        let Some(monthly) = cost.monthly() else {
            let heard = count(usize::try_from(cost.values).unwrap_or(usize::MAX), "value");
            return writeln!(
                f,
                "\n{heard} within {listened}: too little to estimate the cost of ingest."
            );
        };
        writeln!(
            f,
            "\nIngest at {:.1} values a second, measured for {listened}, in billed messages per \
             30 days:",
            cost.rate()
        )?;
        for (linger, messages) in LINGERS.iter().zip(monthly) {
            writeln!(
                f,
                "  INGEST_LINGER={:<4} {:>15}",
                format!("{}s", linger.as_secs()),
                grouped(messages)
            )?;
        }
        Ok(())
    }
}

/// Aliases, notifications and tags, and how long they take.
fn write_labels(survey: &LabelSurvey, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let LabelSurvey { aliases, notifications, .. } = survey;
    let numbers = |number: u64, one: &str, more: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{} {more}", grouped(number)),
    };
    if survey.assets > 0 {
        writeln!(
            f,
            "\nAliases and notifications (TWIN_ALIASES, TWIN_NOTIFY)\n  {} and {}, set in the \
             background after all else: {} at half\n  of the default quota, with {}; what SiteWise has \
             of them already is only read",
            numbers(*aliases, "alias", "aliases"),
            numbers(*notifications, "notification", "notifications"),
            HumanDuration(survey.property_duration()),
            numbers(survey.property_calls(), "call", "calls"),
        )?;
    }
    if survey.tagged > 0 {
        writeln!(
            f,
            "\nTags (TWIN_TAGS)\n  {} tagged in the background after all else: {} at half of the \
             default quota,\n  with {}; tags that are there already are only read",
            numbers(survey.tagged, "model or asset is", "models and assets are"),
            HumanDuration(survey.tag_duration()),
            numbers(survey.tag_calls(), "call", "calls"),
        )?;
    }
    for remark in survey.remarks.iter().take(NAMES) {
        writeln!(f, "  ! {remark}")?;
    }
    match survey.remark_count.saturating_sub(NAMES as u64) {
        0 => Ok(()),
        more => writeln!(f, "  ! {more} more"),
    }
}

/// What could be written to the plant: an operator reads each line, so a rule has no more of them
/// than can be read.
fn write_writable(survey: &WriteSurvey, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\nWritable by COMMANDS_ALLOW")?;
    for of in &survey.rules {
        let RuleSurvey { rule, metrics, forbidden } = of;
        writeln!(f, "  {rule}")?;
        for MetricSurvey { address, values } in metrics.iter().take(NAMES) {
            match values {
                Ok(values) => writeln!(f, "      {address}: {values}")?,
                Err(why) => writeln!(f, "    ! {address}: {why}")?,
            }
        }
        if let Some(rest) = metrics.get(NAMES..).filter(|rest| !rest.is_empty()) {
            let unwritable = rest.iter().filter(|metric| metric.values.is_err()).count();
            write!(f, "      {} more", rest.len())?;
            match unwritable {
                0 => writeln!(f)?,
                _ => writeln!(f, ", {unwritable} of them not writable")?,
            }
        }
        if *forbidden > 0 {
            writeln!(f, "      forbids {}", count(*forbidden, "metric"))?;
        }
        if of.is_unused() {
            writeln!(
                f,
                "    ! matches no metric of a type that can be written, or an earlier rule takes all \
                 of them"
            )?;
        }
    }
    if survey.left_out > 0 {
        writeln!(f, "  ! {} more metrics could not be kept in memory", survey.left_out)?;
    }
    Ok(())
}

/// A property in a line.
struct PropertyLine<'a>(&'a Property);

impl fmt::Display for PropertyLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(property) = self;
        write!(f, "{} {}", property.name, mapping::type_name(property.data_type))?;
        if let Some(unit) = &property.unit {
            write!(f, " [{unit}]")?;
        }
        match &property.kind {
            PropertyKind::Attribute { default: Some(default) } => {
                write!(f, ", attribute, {default}")
            }
            PropertyKind::Attribute { default: None } => write!(f, ", attribute"),
            PropertyKind::Measurement => Ok(()),
        }
    }
}

/// A span of time as people say it.
pub(super) struct HumanDuration(pub(super) Duration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match seconds {
            ..1.0 => write!(f, "less than a second"),
            ..1.5 => write!(f, "1 second"),
            ..120.0 => write!(f, "{seconds:.0} seconds"),
            ..7200.0 => write!(f, "{:.0} minutes", seconds / 60.0),
            _ => write!(f, "{:.1} hours", seconds / 3600.0),
        }
    }
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The first names of a list.
fn names(all: &[String]) -> String {
    names_up_to(NAMES, all)
}

fn names_up_to(most: usize, all: &[String]) -> String {
    let shown = all.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(most) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
