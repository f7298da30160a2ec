//! The CloudFormation templates against the code that they run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sparkwise::config::sections;

fn template() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/sparkwise.yaml");
    fs::read_to_string(path).unwrap()
}

/// The template of what late values need, whose outputs the other takes.
fn late_template() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/late.yaml");
    fs::read_to_string(path).unwrap()
}

/// The template of what two bridges need, whose output the other takes.
fn lease_template() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/lease.yaml");
    fs::read_to_string(path).unwrap()
}

/// Actions of a service that a template allows, whichever role has them.
fn allowed(template: &str, service: &str) -> BTreeSet<String> {
    let prefix = format!("{service}:");
    template
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- ")?.strip_prefix(&prefix))
        .map(str::to_owned)
        .collect()
}

/// Source of a module with its client, without its tests.
fn client_source(module: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut text = String::new();
    let mut paths: Vec<PathBuf> = vec![root.join(module), root.join(format!("{module}.rs"))];
    paths.retain(|path| path.exists());
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if !path.ends_with("tests.rs") && !path.iter().any(|part| part == "tests") {
            let source = fs::read_to_string(&path).unwrap();
            text.push_str(source.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
    text
}

/// Operations that the source calls: `client.describe_asset()` of the SDK's client is
/// DescribeAsset, and `OPERATION: &str = "..."` names one that is put together by hand.
fn called(source: &str) -> BTreeSet<String> {
    let by_hand = source.split("const OPERATION: &str = \"").skip(1);
    let by_hand = by_hand.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned());
    source
        .split("client")
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('.'))
        .filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_')?;
            let (name, rest) = rest.split_at(end);
            rest.starts_with("()").then_some(name)
        })
        .map(camel)
        .chain(by_hand)
        .collect()
}

/// `describe_asset` as `DescribeAsset`.
fn camel(name: &str) -> String {
    name.split('_')
        .filter_map(|word| {
            let (first, rest) = word.split_at_checked(1)?;
            Some(first.to_ascii_uppercase() + rest)
        })
        .collect()
}

#[test]
fn the_task_may_do_what_the_client_calls_and_nothing_more() {
    let called = called(&client_source("sitewise"));
    assert!(called.contains("BatchPutAssetPropertyValue"), "{called:?}");
    // AssociateAssets and its like: how the SDK spells them is how IAM does.
    let (always, late) = (template(), late_template());
    let (always, late) = (allowed(&always, "iotsitewise"), allowed(&late, "iotsitewise"));
    assert_eq!(always.union(&late).cloned().collect::<BTreeSet<_>>(), called);
    // Only who sends late values has the rights for it.
    assert!(late.iter().all(|action| action.contains("BulkImport") || action.contains("Storage")));
    assert!(always.is_disjoint(&late), "{always:?}");
    // Whoever has credentials may ask whose they are: GetCallerIdentity needs no right.
    assert_eq!(allowed(&template(), "sts"), BTreeSet::new());
}

/// Objects are put, listed and read; whoever can be made to read the bucket is SiteWise alone.
#[test]
fn the_bridge_and_sitewise_may_do_with_the_bucket_what_they_do_and_nothing_more() {
    let text = late_template();
    let source = client_source("sitewise/aws/s3");
    let named = source.split("\"s3:").skip(1);
    let named = named.filter_map(|rest| rest.split(['"', ' ']).next());
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    let (role, bridge) = text.split_once("\n  BridgePolicy:\n").unwrap();
    let (_, role) = role.split_once("\n  ImportRole:\n").unwrap();
    assert_eq!(allowed(bridge, "s3"), named);
    let read_and_report = ["GetBucketLocation", "GetObject", "PutObject"].map(str::to_owned);
    assert_eq!(allowed(role, "s3"), BTreeSet::from(read_and_report));
    assert!(role.contains("Principal: { Service: iotsitewise.amazonaws.com }"));
    assert!(bridge.contains("\"iam:PassedToService\": iotsitewise.amazonaws.com"));
    assert_eq!(allowed(bridge, "iam"), BTreeSet::from(["PassRole".to_owned()]));
    for kept in ["Status: Enabled, ExpirationInDays:", "RestrictPublicBuckets: true"] {
        assert!(text.contains(kept), "{kept}");
    }
    // What one template gives the other takes.
    for output in ["LateBucket", "LateRoleArn"] {
        assert!(text.contains(&format!("\n  {output}:\n")), "{output}");
        assert!(template().contains(&format!("\n  {output}: {{ Type: String")), "{output}");
    }
    assert!(template().contains("\n  TaskRoleName:\n") && text.contains("\n  TaskRoleName:\n"));
}

/// The lease's item is read and written under conditions, and nothing else in any table.
#[test]
fn the_bridge_may_do_with_the_lease_what_it_does_and_nothing_more() {
    let text = lease_template();
    let source = client_source("dynamodb");
    let named = source.split("operation: \"").skip(1);
    let named = named.filter_map(|rest| rest.split('"').next());
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    assert!(named.contains("UpdateItem"), "{named:?}");
    assert_eq!(allowed(&text, "dynamodb"), named);
    assert_eq!(allowed(&template(), "dynamodb"), BTreeSet::new());
    for kept in [
        "Resource: !GetAtt Table.Arn\n",
        "\"ForAllValues:StringEquals\": { \"dynamodb:LeadingKeys\": [!Ref LeaseName] }",
        // The key that the bridge writes.
        "KeySchema:\n        - { AttributeName: id, KeyType: HASH }",
        // What one template gives the other takes.
        "\nOutputs:\n  Lease:\n",
        "\n  TaskRoleName:\n",
    ] {
        assert!(text.contains(kept), "{kept}");
    }
    assert!(source.contains("const KEY: &str = \"id\";"));
    assert!(template().contains("\n  Lease:\n    Type: String\n"));
}

/// The right to a call for many messages is that to one for a single message.
#[test]
fn the_task_may_do_with_queues_what_the_client_calls_and_nothing_more() {
    let called = called(&client_source("sqs"));
    let called: BTreeSet<_> =
        called.iter().map(|call| call.trim_end_matches("Batch").to_owned()).collect();
    assert!(called.contains("ReceiveMessage"), "{called:?}");
    assert_eq!(allowed(&template(), "sqs"), called);
}

#[test]
fn calls_over_several_lines_and_by_hand_are_seen() {
    let source = "self\n    .client\n    .describe_asset()\n  other.client.list_assets().send()\n\
                  const OPERATION: &str = \"GetThat\";";
    let expected = ["DescribeAsset", "GetThat", "ListAssets"].map(str::to_owned);
    assert_eq!(called(source), BTreeSet::from(expected));
}

/// Every variable of the bridge reaches the container, or there is a reason why it does not.
#[test]
fn the_template_knows_every_variable() {
    let without = [
        ("AWS_ACCESS_KEY_ID", "the task's role gives credentials"),
        ("AWS_PROFILE", "there is no shared configuration file"),
        ("AWS_ENDPOINT_URL_IOTSITEWISE", "private DNS serves interface endpoints"),
        ("COMMANDS_IOT_CLIENT_ID", "the thing's name is a client id, and the right to it"),
        ("COMMANDS_IOT_CA", "AWS IoT's certificate is of a public authority"),
        ("COMMANDS_IOT_CERT", "the task's role signs instead"),
        ("COMMANDS_IOT_KEY", "the task's role signs instead"),
    ];
    let text = template();
    for variable in sections().iter().flat_map(|section| section.vars) {
        let name = variable.name;
        let is_there = text.contains(&format!("{{ Name: {name}, Value: "));
        let is_secret = text.contains(&format!("{{ Name: {name}, ValueFrom: "));
        if let Some((_, reason)) = without.iter().find(|(other, _)| *other == name) {
            assert!(!is_there && !is_secret, "{name} is there, though {reason}");
        } else if variable.secret {
            assert!(is_secret && !is_there, "{name} is a secret and must come from one");
        } else {
            assert!(is_there || is_secret, "infra/sparkwise.yaml does not know {name}");
        }
    }
}

/// `aws cloudformation deploy --template-file` takes no larger one without a bucket.
#[test]
fn the_template_is_small_enough_to_be_sent_with_the_call() {
    let size = template().len();
    assert!(size <= 51_200, "{size} bytes");
}

/// A bridge that begins before its role has all its rights is refused, and the deployment with it.
#[test]
fn the_service_waits_for_every_policy() {
    let text = template();
    let (_, waits) = text.split_once("\n  ServiceWaits:\n").unwrap();
    let (waits, _) = waits.split_once("\n\n").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let policies: Vec<&str> = lines
        .windows(2)
        .filter(|pair| pair.last() == Some(&"    Type: AWS::IAM::Policy"))
        .filter_map(|pair| pair.first()?.trim().strip_suffix(':'))
        .collect();
    assert!(policies.contains(&"CommandsPolicy"), "{policies:?}");
    for policy in policies {
        let reference = format!("!Ref {policy}");
        let mut words = waits.split([',', '[', ']']).map(str::trim);
        assert!(words.any(|word| word == reference), "the service does not wait for {policy}");
    }
}
