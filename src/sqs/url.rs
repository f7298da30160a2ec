//! The URL of a queue, which says where its calls go.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// Characters of a queue's name at most.
const NAME_CHARS: usize = 80;

/// The URL of an SQS queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrl {
    url: String,
    origin: String,
    region: Option<String>,
}

impl QueueUrl {
    /// The URL, as a call names the queue.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Scheme and authority: where its calls go.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The AWS region, if the host's name has one.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl FromStr for QueueUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "use https://sqs.<region>.amazonaws.com/<account>/<name>";
        let invalid = |why: &str| Err(format!("{why}: {example}"));
        let url = text.trim().trim_end_matches('/');
        let Ok(uri) = url.parse::<Uri>() else { return invalid("is not a URL") };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return invalid("is not the URL of a queue (its name alone is not enough)");
        };
        if !matches!(scheme, "https" | "http") || authority.as_str().contains('@') {
            return invalid("is not a URL with http or https, and without a user");
        }
        // The account, or another folder, and the name.
        let path = uri.path().trim_start_matches('/').rsplit_once('/');
        let (Some((_, name)), None, false) = (path, uri.query(), url.contains('#')) else {
            return invalid("is not the URL of a queue");
        };
        if name.ends_with(".fifo") {
            return Err("is a FIFO queue, which is not supported: use a standard queue".to_owned());
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(is_allowed) {
            return invalid("does not end with the name of a queue");
        }
        Ok(Self {
            url: url.to_owned(),
            origin: format!("{scheme}://{authority}"),
            region: region(authority.host()).map(str::to_owned),
        })
    }
}

/// The region in the name of a host: `sqs.<region>.amazonaws.com`, `<region>.queue.amazonaws.com`,
/// and the names of VPC endpoints.
fn region(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let position_of = |names: &[&str]| labels.iter().position(|label| names.contains(label));
    let after = position_of(&["sqs", "sqs-fips"]).and_then(|at| labels.get(at + 1));
    let before = position_of(&["queue"]).and_then(|at| labels.get(at.checked_sub(1)?));
    after.or(before).copied().filter(|label| is_region(label))
}

/// Whether a label looks like `eu-central-1` or `us-gov-west-1`.
fn is_region(label: &str) -> bool {
    let mut parts = label.rsplit('-');
    let number = parts.next().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
    words.len() >= 2 && words.iter().all(is_word) && number.parse::<u8>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_queue_is_stands_in_its_url() {
        for (url, origin, region) in [
            (
                "https://sqs.eu-central-1.amazonaws.com/111122223333/commands",
                "https://sqs.eu-central-1.amazonaws.com",
                Some("eu-central-1"),
            ),
            (
                "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/commands/",
                "https://sqs.cn-north-1.amazonaws.com.cn",
                Some("cn-north-1"),
            ),
            (
                "https://us-gov-west-1.queue.amazonaws.com/111122223333/a_b-c",
                "https://us-gov-west-1.queue.amazonaws.com",
                Some("us-gov-west-1"),
            ),
            (
                "https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com/111122223333/commands",
                "https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com",
                Some("eu-west-1"),
            ),
            ("http://127.0.0.1:4566/000000000000/commands", "http://127.0.0.1:4566", None),
            ("http://[::1]:4566/000000000000/commands", "http://[::1]:4566", None),
            ("http://sqs:4566/queue/eu-west-1/000000000000/commands", "http://sqs:4566", None),
        ] {
            let read: QueueUrl = url.parse().unwrap();
            assert_eq!((read.origin(), read.region()), (origin, region), "{url}");
            assert_eq!(read.as_str(), url.trim_end_matches('/'));
        }
    }

    #[test]
    fn what_is_no_url_of_a_standard_queue_is_refused_with_its_form() {
        for (url, reason) in [
            ("commands", "its name alone is not enough"),
            ("arn:aws:sqs:eu-west-1:111122223333:commands", "is not"),
            ("mqtt://sqs.eu-west-1.amazonaws.com/1/commands", "http or https"),
            ("https://me:secret@sqs.eu-west-1.amazonaws.com/1/commands", "without a user"),
            ("https://sqs.eu-west-1.amazonaws.com", "the URL of a queue"),
            ("https://sqs.eu-west-1.amazonaws.com/commands", "the URL of a queue"),
            ("https://sqs.eu-west-1.amazonaws.com/1/commands?a=b", "the URL of a queue"),
            ("https://sqs.eu-west-1.amazonaws.com/1/com,mands", "name of a queue"),
            ("https://sqs.eu-west-1.amazonaws.com/1/commands.fifo", "FIFO"),
            ("https://sqs.eu-west-1.amazonaws.com/1/a b", "is not a URL"),
        ] {
            let said = url.parse::<QueueUrl>().unwrap_err();
            assert!(said.contains(reason), "{url}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
