//! ARNs of commands and of the devices that they are for.

use std::fmt;

use crate::error::{Error, Result};

/// Whether a device is known as a thing or by its client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DeviceKind {
    Thing,
    Client,
}

impl DeviceKind {
    /// As topics name it.
    pub(crate) const fn topic(self) -> &'static str {
        match self {
            Self::Thing => "things",
            Self::Client => "clients",
        }
    }

    const fn in_arn(self) -> &'static str {
        match self {
            Self::Thing => "thing",
            Self::Client => "client",
        }
    }
}

/// What a command is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Device {
    pub(crate) kind: DeviceKind,
    pub(crate) id: String,
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.kind.in_arn(), self.id)
    }
}

impl Device {
    /// By the levels of a topic.
    pub(crate) fn in_topic(kind: &str, id: &str) -> Option<Self> {
        let kind = [DeviceKind::Thing, DeviceKind::Client]
            .into_iter()
            .find(|candidate| candidate.topic() == kind)?;
        (!id.is_empty()).then(|| Self { kind, id: id.to_owned() })
    }
}

/// The account and the region that ARNs name.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Place {
    /// The ARN of a resource such as `command/write`.
    pub(crate) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:iot:{}:{}:{resource}", self.region, self.account)
    }

    /// The id of the command with this ARN.
    ///
    /// # Errors
    ///
    /// `ValidationException` for what is no command's ARN here.
    pub(crate) fn command<'a>(&self, arn: &'a str) -> Result<&'a str> {
        self.resource(arn)
            .and_then(|resource| resource.strip_prefix("command/"))
            .filter(|id| !id.is_empty())
            .ok_or_else(|| self.foreign("commandArn", "command"))
    }

    /// The device with this ARN.
    ///
    /// # Errors
    ///
    /// `ValidationException` for what is no device's ARN here, or one that no topic can carry.
    pub(crate) fn device(&self, arn: &str) -> Result<Device> {
        self.resource(arn)
            .and_then(|resource| resource.split_once('/'))
            .and_then(|(kind, id)| {
                let kind = [DeviceKind::Thing, DeviceKind::Client]
                    .into_iter()
                    .find(|candidate| candidate.in_arn() == kind)?;
                let may = |c: char| !c.is_control() && !matches!(c, '/' | '+' | '#');
                (!id.is_empty() && id.len() <= 128 && id.chars().all(may))
                    .then(|| Device { kind, id: id.to_owned() })
            })
            .ok_or_else(|| self.foreign("targetArn", "thing"))
    }

    fn resource<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next();
        let partition = next() == Some("arn") && next()?.starts_with("aws");
        let place = next() == Some("iot")
            && next() == Some(self.region.as_str())
            && next() == Some(self.account.as_str());
        next().filter(|_| partition && place)
    }

    fn foreign(&self, member: &str, kind: &str) -> Error {
        Error::invalid(format!(
            "Value at '{member}' is not the ARN of a {kind} of this account and region: {}",
            self.arn(&format!("{kind}/..."))
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_of_this_account_and_region_only() {
        let place = Place { account: "123456789012".into(), region: "eu-west-1".into() };
        let arn = |resource: &str| place.arn(resource);
        assert_eq!(place.command(&arn("command/write")), Ok("write"));
        let thing = place.device(&arn("thing/plant-1")).unwrap();
        assert_eq!((thing.kind, thing.to_string().as_str()), (DeviceKind::Thing, "thing/plant-1"));
        assert_eq!(place.device(&arn("client/a:b")).unwrap().kind, DeviceKind::Client);
        assert_eq!(Device::in_topic("things", "plant-1"), Some(thing));
        assert_eq!(Device::in_topic("thing", "plant-1"), None);
        for wrong in [
            "",
            "thing/plant-1",
            "arn:aws:iot:us-east-1:123456789012:thing/plant-1",
            "arn:aws:iot:eu-west-1:210987654321:thing/plant-1",
            "arn:aws:s3:eu-west-1:123456789012:thing/plant-1",
            "arn:aws:iot:eu-west-1:123456789012:thing/",
            "arn:aws:iot:eu-west-1:123456789012:thing/a/b",
            "arn:aws:iot:eu-west-1:123456789012:thing/+",
            "arn:aws:iot:eu-west-1:123456789012:group/a",
        ] {
            assert!(place.device(wrong).is_err(), "{wrong}");
            assert!(place.command(wrong).is_err(), "{wrong}");
        }
    }
}
