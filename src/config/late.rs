//! Values that are too old for SiteWise's live ingestion.

use std::time::Duration;

use super::parse::{duration_within, size_within};
use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};

const BUCKET: Variable = Variable {
    name: "LATE_BUCKET",
    default: DefaultValue::Words("none: such values become dead letters"),
    form: "name of an S3 bucket",
    doc: "Sends values that are more than seven days old through this bucket and SiteWise's bulk \
          import. Needs OUTBOX_DIR and LATE_ROLE_ARN, and an account whose SiteWise storage has \
          the warm tier or the cold tier enabled. The bucket is in the bridge's region.",
    secret: false,
    file: false,
};

const PREFIX: Variable = Variable {
    name: "LATE_PREFIX",
    default: DefaultValue::Value("sparkwise"),
    form: "text",
    doc: "What the objects' keys begin with, before the host id: letters, digits, hyphens, \
          underscores, dots and slashes.",
    secret: false,
    file: false,
};

const ROLE_ARN: Variable = Variable {
    name: "LATE_ROLE_ARN",
    default: DefaultValue::Words("none"),
    form: "arn:aws:iam::<account>:role/<name>",
    doc: "The role in which SiteWise reads the objects and writes its reports; the bridge needs \
          iam:PassRole for it.",
    secret: false,
    file: false,
};

const EVERY: Variable = Variable {
    name: "LATE_EVERY",
    default: DefaultValue::Value("1h"),
    form: "duration",
    doc: "How long values are collected for one object, which is sent earlier when it has 16 MiB \
          or 10,000 properties. AWS bills at least 2,000 messages for an ingestion period, whose \
          length it does not document.",
    secret: false,
    file: false,
};

const MAX_BYTES: Variable = Variable {
    name: "LATE_MAX_BYTES",
    default: DefaultValue::Value("1GiB"),
    form: "size",
    doc: "Size limit of the files of such values in OUTBOX_DIR, beside OUTBOX_MAX_BYTES. Beyond it \
          they become dead letters.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Late values",
    doc: "Values that are more than seven days old when they arrive or when they are sent: \
          SiteWise accepts them only by bulk import.",
    vars: &[&BUCKET, &PREFIX, &ROLE_ARN, &EVERY, &MAX_BYTES],
};

/// Where late values go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// The bucket.
    pub bucket: String,
    /// Before each key, without a slash at its end.
    pub prefix: String,
    /// The role in which SiteWise reads the objects.
    pub role_arn: String,
    /// How long values are collected for one object.
    pub every: Duration,
    /// Bytes of all files on disk.
    pub max_bytes: u64,
}

impl Late {
    /// Late values: `Some(None)` if no bucket is set, `None` if a fault was recorded.
    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Option<Self>> {
        let bucket = reader.optional(&BUCKET, bucket);
        let prefix = reader.value(&PREFIX, prefix);
        let role_arn = reader.optional(&ROLE_ARN, role_arn);
        let range = duration_within(Duration::from_secs(60), Duration::from_secs(86_400));
        let every = reader.value(&EVERY, range);
        let max_bytes = reader.value(&MAX_BYTES, size_within(32 << 20, 1 << 40));
        let (bucket, prefix, role_arn) = (bucket?, prefix?, role_arn?);
        let (every, max_bytes) = (every?, max_bytes?);
        let Some(bucket) = bucket else {
            if role_arn.is_some() {
                reader.warn("LATE_ROLE_ARN has no effect without LATE_BUCKET");
            }
            return Some(None);
        };
        if !reader.is_any_set(&["OUTBOX_DIR"]) {
            reader.fault(
                &BUCKET,
                "needs OUTBOX_DIR: late values are collected for up to LATE_EVERY, and in memory a \
                 crash would lose them",
            );
            return None;
        }
        let Some(role_arn) = role_arn else {
            reader.fault(
                &BUCKET,
                "needs LATE_ROLE_ARN: the role in which SiteWise reads the objects",
            );
            return None;
        };
        Some(Some(Self { bucket, prefix, role_arn, every, max_bytes }))
    }
}

/// Source: [bucket naming
/// rules](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
fn bucket(text: &str) -> Result<String, String> {
    let is_usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let ends = text.ends_with(|c: char| c.is_ascii_alphanumeric());
    if (3..=63).contains(&text.len()) && text.chars().all(is_usual) && begins && ends {
        Ok(text.to_owned())
    } else {
        Err("is not the name of a bucket: 3 to 63 lower-case letters, digits, hyphens and dots, \
             without s3://"
            .to_owned())
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let is_usual = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let text = text.trim_matches('/');
    if text.len() <= 100 && text.chars().all(is_usual) && !text.contains("//") {
        Ok(text.to_owned())
    } else {
        Err("is not a prefix: at most 100 letters, digits, hyphens, underscores, dots and slashes"
            .to_owned())
    }
}

fn role_arn(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, role]
            if partition.starts_with("aws")
                && account.len() == 12
                && account.chars().all(|c| c.is_ascii_digit())
                && role.starts_with("role/")
                && role.len() > "role/".len()
                && text.len() <= 1_600 =>
        {
            Ok(text.to_owned())
        }
        _ => Err("is not the ARN of a role: write arn:aws:iam::123456789012:role/name".to_owned()),
    }
}
