//! `sparkwise commands --cloudformation`: what `COMMANDS_ALLOW` allows, as AWS IoT commands.

use lexopt::Arg::{Long, Short};

use crate::command::{AllowRules, cloudformation};

/// What `sparkwise commands --help` prints.
pub const HELP: &str = "\
sparkwise commands: prints what may be written to the plant as AWS IoT commands

Usage: sparkwise commands --cloudformation

It reads COMMANDS_ALLOW and nothing else, and prints a CloudFormation template with one
AWS::IoT::Command for each rule that names a property. A rule for a model, or with a wildcard in the
asset, has the asset as a parameter. AWS rejects values out of the rule's range before anything is
sent; the bridge checks them again. Rules that name no property are listed on stderr.

Exit codes: 0, or 64 for invalid arguments or rules.
";

/// The parsed arguments of `sparkwise commands`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// How it is used.
    Help,
    /// The template.
    CloudFormation,
}

/// What there is to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// On stdout.
    pub text: String,
    /// On stderr, a line each.
    pub remarks: Vec<String>,
}

/// Reads the arguments after `commands`.
///
/// # Errors
///
/// An argument that there is not, or none.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let command = match parser.next()? {
        Some(Long("help") | Short('h')) => return Ok(Command::Help),
        Some(Long("cloudformation")) => Command::CloudFormation,
        Some(argument) => return Err(argument.unexpected()),
        None => return Err("commands needs --cloudformation".into()),
    };
    match parser.next()? {
        None => Ok(command),
        Some(argument) => Err(argument.unexpected()),
    }
}

/// The template for the rules in `allow`.
///
/// # Errors
///
/// There are none, or they are wrong, in a sentence.
pub fn run(command: Command, allow: Option<&str>) -> Result<Printed, String> {
    if command == Command::Help {
        return Ok(Printed { text: HELP.to_owned(), remarks: Vec::new() });
    }
    let allow = allow.filter(|text| !text.trim().is_empty());
    let allow = allow.ok_or("COMMANDS_ALLOW is not set: nothing may be written")?;
    let rules = AllowRules::parse(allow).map_err(|why| format!("COMMANDS_ALLOW {why}"))?;
    let (text, left_out) = cloudformation::template(&rules);
    let remark = |rule: &String| {
        format!("no command for `{rule}`: it ends in a wildcard, so it names no property")
    };
    Ok(Printed { text, remarks: left_out.iter().map(remark).collect() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::command::cloudformation::EXAMPLE_RULES;

    fn printed(rules: &str) -> Printed {
        run(Command::CloudFormation, Some(rules)).unwrap()
    }

    #[test]
    fn the_template_is_the_golden_one_whatever_the_order_of_the_rules() {
        let Printed { text, remarks } = printed(EXAMPLE_RULES);
        let remark = "no command for `Nordsee/gw/Device*/* = 0..1`: it ends in a wildcard, so it \
                      names no property";
        assert_eq!(remarks, [remark]);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/commands.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, golden, "run `UPDATE=1 cargo test golden`, and read the difference");
        let (first, rest) = EXAMPLE_RULES.split_once('\n').unwrap();
        let turned: Vec<&str> = rest.lines().rev().collect();
        assert_eq!(printed(&format!("{first}\n{}", turned.join("\n"))).text, text);
    }

    #[test]
    fn without_rules_there_is_nothing_to_print() {
        for allow in [None, Some(" ")] {
            assert!(run(Command::CloudFormation, allow).unwrap_err().contains("is not set"));
        }
        let wrong = run(Command::CloudFormation, Some("Turbine")).unwrap_err();
        assert!(wrong.starts_with("COMMANDS_ALLOW has a rule `Turbine` without `=`"), "{wrong}");
    }
}
