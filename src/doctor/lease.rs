//! The item that two bridges share: whether it can be read and written.

use std::sync::Arc;

use tokio::time::timeout;

use super::{Check, PATIENCE, Section, no_answer, spawn};
use crate::config::Config;
use crate::dynamodb::{self, LeaseTable, LeaseUrl};
use crate::lease::{Ability, Answer, Call, Item, Version};
use crate::sitewise::api::{ApiFault, ApiFaultKind};

/// A process of this name has never held a lease: what it renews is refused, and so changes nothing.
const NOBODY: &str = "sparkwise doctor";

/// The checks; none for a bridge that acts alone.
pub(super) fn sections(config: &Config) -> Option<Section> {
    let url = config.lease.clone()?;
    Some(spawn(format!("the lease {url}"), async move { Box::pin(check(url)).await }))
}

async fn check(url: LeaseUrl) -> Vec<Check> {
    let what = format!("the lease {url}");
    let table = match timeout(PATIENCE, LeaseTable::from_env(url)).await {
        Ok(Ok(table)) => table,
        Ok(Err(error)) => return vec![Check::wrong(what, error.to_string())],
        Err(_) => return vec![Check::wrong(what, no_answer("the source of the AWS credentials"))],
    };
    let version = Version::default();
    let (by, ability) = (Arc::from(NOBODY), Ability::default());
    let renewal = Call::Renew { by, version, ability, heard: None };
    let (read, written) = tokio::join!(
        timeout(PATIENCE, table.perform(&Call::Look)),
        timeout(PATIENCE, table.perform(&renewal)),
    );
    let late = || ApiFault::new(ApiFaultKind::Unavailable, no_answer("DynamoDB"));
    vec![
        judge_read(&what, read.unwrap_or_else(|_| Err(late()))),
        judge_write(&what, written.unwrap_or_else(|_| Err(late()))),
    ]
}

fn judge_read(what: &str, answer: Result<Answer, ApiFault>) -> Check {
    match answer {
        Ok(Answer::Done(item)) => Check::ok(what, in_words(item.unwrap_or_default())),
        Ok(Answer::Refused | Answer::Failed) => Check::wrong(what, no_answer("DynamoDB")),
        Err(fault) => Check::wrong(what, dynamodb::explain(&fault)),
    }
}

fn in_words(item: Item) -> String {
    let holder = match (item.holder, item.version.epoch) {
        (Some(holder), _) => format!("{holder} holds it, or held it last"),
        (None, 0) => "no bridge has held it yet".to_owned(),
        (None, _) => "no bridge holds it".to_owned(),
    };
    match item.follower {
        Some(follower) => format!("{holder}; {} follows, or followed last", follower.id),
        None => holder,
    }
}

fn judge_write(what: &str, answer: Result<Answer, ApiFault>) -> Check {
    let what = format!("dynamodb:UpdateItem on {what}");
    match answer {
        // The condition was checked, after the permission.
        Ok(Answer::Refused) => Check::ok(what, "allowed"),
        Ok(Answer::Done(_) | Answer::Failed) => Check::wrong(what, no_answer("DynamoDB")),
        Err(fault) => Check::wrong(what, dynamodb::explain(&fault)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::item::FollowerEntry;

    /// Neither the table nor the permissions were checked before the first start.
    #[test]
    fn the_table_of_a_lease_is_read_and_a_write_is_tried_that_changes_nothing() {
        let fault = || ApiFault::new(ApiFaultKind::Denied, "not authorized");
        let read = |item| judge_read("the lease", Ok(Answer::Done(item))).to_string();
        let follower = FollowerEntry { id: "b".into(), ..FollowerEntry::default() };
        let held = Item {
            version: Version { epoch: 7, beat: 1 },
            holder: Some("a".into()),
            follower: Some(follower),
            ..Item::default()
        };
        for (item, says) in [
            (None, "no bridge has held it yet"),
            (Some(Item { holder: None, follower: None, ..held.clone() }), "no bridge holds it"),
            (Some(held), "a holds it, or held it last; b follows, or followed last"),
        ] {
            assert_eq!(read(item), format!("ok          the lease: {says}"));
        }
        let denied = judge_read("the lease", Err(fault())).to_string();
        assert!(denied.starts_with("wrong") && denied.contains("not authorized"), "{denied}");
        let written = |answer| judge_write("the lease", answer).to_string();
        assert!(written(Ok(Answer::Refused)).starts_with("ok "));
        assert!(written(Err(fault())).starts_with("wrong"));
    }
}
