//! Tags of asset models and assets.
//!
//! Source: [TagResource](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_TagResource.html)
//! and [Tag your AWS IoT SiteWise resources](https://docs.aws.amazon.com/iot-sitewise/latest/userguide/tag-resources.html).

use std::collections::BTreeMap;
use std::fmt;

use uuid::Uuid;

/// Values by their keys.
pub type Tags = BTreeMap<String, String>;

/// What tags are put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Taggable {
    /// The asset with this id.
    Asset(Uuid),
    /// The asset model with this id.
    Model(Uuid),
}

impl Taggable {
    /// Its id.
    pub fn id(self) -> Uuid {
        match self {
            Self::Asset(id) | Self::Model(id) => id,
        }
    }

    /// Its ARN, where that of some asset or asset model begins with `scope`: partition, service,
    /// region and account.
    pub(super) fn arn(self, scope: &str) -> String {
        match self {
            Self::Asset(id) => format!("{scope}asset/{id}"),
            Self::Model(id) => format!("{scope}asset-model/{id}"),
        }
    }
}

/// What the ARNs of an account's assets and models begin with, by one of them.
pub(super) fn scope(arn: &str) -> Option<&str> {
    let (before, _) = arn.rsplit_once('/')?;
    let (scope, _) = before.rsplit_once(':')?;
    arn.get(..=scope.len())
}

/// The same by account and region.
/// Source: [Amazon Resource Names](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html),
/// partitions.
pub(super) fn scope_of(account: &str, region: &str) -> String {
    let partition = match region {
        china if china.starts_with("cn-") => "aws-cn",
        gov if gov.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:iotsitewise:{region}:{account}:")
}

impl fmt::Display for Taggable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asset(id) => write!(f, "asset {id}"),
            Self::Model(id) => write!(f, "asset model {id}"),
        }
    }
}

/// Whether a character may be in a key or a value.
pub fn is_allowed(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_the_scope_of_another() {
        let own = "arn:aws-cn:iotsitewise:cn-north-1:123456789012:asset/a1b2";
        let scope = scope(own).unwrap();
        assert_eq!(scope, "arn:aws-cn:iotsitewise:cn-north-1:123456789012:");
        let id = Uuid::from_u128(7);
        assert_eq!(Taggable::Model(id).arn(scope), format!("{scope}asset-model/{id}"));
        assert_eq!(Taggable::Asset(id).arn(scope), format!("{scope}asset/{id}"));
        for none in ["", "asset/x", "arn"] {
            assert_eq!(super::scope(none), None, "{none}");
        }
        assert_eq!(scope_of("123456789012", "cn-north-1"), scope);
        assert_eq!(scope_of("1", "us-gov-west-1"), "arn:aws-us-gov:iotsitewise:us-gov-west-1:1:");
        assert_eq!(scope_of("1", "eu-west-1"), "arn:aws:iotsitewise:eu-west-1:1:");
    }

    #[test]
    fn names_of_many_languages_are_allowed_and_signs_are_not() {
        assert!("Nordsee 7_.:/=+-@ Größe 風車".chars().all(is_allowed));
        assert!(!"#(),;\"\n\u{7}".chars().any(is_allowed));
    }
}
