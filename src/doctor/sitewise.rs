//! SiteWise: who we are there, and each right by a call that cannot succeed.
//!
//! The calls name a model and an asset that nobody has. SiteWise looks at the caller's rights
//! before it looks for them: "not found" means that the call is allowed, and nothing is changed.

use tokio::time::timeout;
use uuid::Uuid;

use super::{Check, CheckResult, PATIENCE, no_answer};
use crate::config::Late;
use crate::late::Tiers;
use crate::sitewise::api::{
    ApiFault, ApiFaultKind, Associate, CreateAsset, Entry, NotificationState, Quality, Tqv,
    UpdateProperty, Variant,
};
use crate::sitewise::cause::{Cause, Plane};
use crate::sitewise::client::SiteWise;
use crate::time::Timestamp;

/// An id that no resource has: UUID version 8 is reserved for custom use (RFC 9562).
pub(super) const NOBODY: Uuid = Uuid::from_u128(0x7370_6172_6b77_8973_a565_0d0c_7032_0001);

/// More than a minute off, values are judged by SiteWise's time.
const OFF: i64 = 60_000;

/// Who we are, and why calls fail where that is told. With `is_named` it need not be known.
pub(super) async fn account(
    is_named: bool,
    endpoint: &str,
    ask: impl Future<Output = Result<(String, String), ApiFault>>,
) -> (Check, Option<Cause>) {
    let what = format!("AWS credentials for {endpoint}");
    let check = match timeout(PATIENCE, ask).await {
        Ok(Ok((account, region))) => Check::ok(what, format!("account {account}, region {region}")),
        // Without them nothing is done in SiteWise either.
        Ok(Err(fault)) if is_about_credentials(fault.cause) => {
            return (Check::wrong(what, fault.explain_once()), Some(fault.cause));
        }
        Ok(Err(fault)) if is_named => {
            let why = format!("{fault}; the account is not needed, since TWIN_NAMESPACE is set");
            Check::not_checked(what, why)
        }
        Ok(Err(fault)) => {
            let remedy = fault.cause.remedy_once();
            let text = format!(
                "{}; {remedy}; or set TWIN_NAMESPACE where STS cannot be reached",
                fault.message
            );
            return (Check::wrong(what, text), Some(fault.cause));
        }
        Err(_) => Check::wrong(
            what,
            format!(
                "{}: check the route to AWS (DNS, proxy, VPC endpoint), or set TWIN_NAMESPACE where \
                 STS cannot be reached",
                no_answer("the source of credentials, or STS")
            ),
        ),
    };
    (check, None)
}

/// The rights, by plane, and with each that could not be asked for why.
pub(super) struct Checks {
    rights: Vec<Right>,
    /// The rest, the quotas and the clock.
    others: Vec<Check>,
}

impl Checks {
    /// With these permissions beside them.
    pub(super) fn with(mut self, rights: Vec<Right>) -> Self {
        self.rights.extend(rights);
        self
    }

    /// Those of one cause are one check, and the others were not made because of it. It may have
    /// been told already.
    pub(super) fn folded(self, told: Option<Cause>) -> Vec<Check> {
        fold(self.rights, told).into_iter().chain(self.others).collect()
    }
}

/// The rights, the quotas and the clock.
pub(super) async fn check(client: &impl SiteWise) -> Checks {
    let create = CreateAsset {
        id: NOBODY,
        external_id: "sparkwise-doctor".to_owned(),
        name: "sparkwise doctor".to_owned(),
        model: NOBODY,
        description: None,
    };
    let associate = Associate { parent: NOBODY, hierarchy: NOBODY, child: NOBODY };
    let update = UpdateProperty {
        asset: NOBODY,
        property: NOBODY,
        alias: None,
        notification: NotificationState::Disabled,
        unit: None,
    };
    let [control, write, read] = Plane::ALL.map(|plane| client.host(plane));
    let control = control.as_str();
    // None waits for another: one that hangs takes no time from the rest.
    let (a, b, c, d, e, f, g, h, i, j, k, l, quotas) = tokio::join!(
        check_permission("ListAssetModels", control, client.list_models(None)),
        check_permission("DescribeAssetModel", control, client.describe_model(NOBODY)),
        check_permission("ListAssets", control, client.list_assets(NOBODY, None)),
        check_permission("CreateAsset", control, client.create_asset(create)),
        check_permission("DescribeAsset", control, client.describe_asset(NOBODY)),
        check_permission("AssociateAssets", control, client.associate(associate)),
        check_permission("ListAssociatedAssets", control, client.list_children(NOBODY, None)),
        check_permission("ListAssetProperties", control, client.read_properties(NOBODY, None)),
        check_permission(
            "DescribeAssetProperty",
            control,
            client.describe_property(NOBODY, NOBODY)
        ),
        check_permission("UpdateAssetProperty", control, client.update_property(update)),
        check_permission("BatchPutAssetPropertyValue", &write, put(client)),
        check_permission("BatchGetAssetPropertyValue", &read, get(client)),
        timeout(PATIENCE, client.quotas()),
    );
    let rights = vec![a, b, c, d, e, f, g, h, i, j, k, l];
    let mut checks = Vec::new();
    checks.push(Check::not_checked(
        "iotsitewise:CreateAssetModel, UpdateAssetModel, ListAssetModelProperties and those of \
         composite models",
        "these cannot be tested without changing something; infra/sparkwise.yaml has a role with \
            all permissions",
    ));
    checks.push(match quotas {
        Ok(Some(Ok(_))) => {
            Check::ok("servicequotas:ListServiceQuotas", "the account's quotas can be read")
        }
        Ok(Some(Err(fault))) => Check::not_checked(
            "the account's quotas",
            format!(
                "{fault}; AWS's default quotas are used, or INGEST_*_PER_SECOND and \
                TWIN_*_PER_SECOND where they are set"
            ),
        ),
        Ok(None) | Err(_) => Check::not_checked(
            "the account's quotas",
            "timed out, or there is no endpoint of Service Quotas",
        ),
    });
    checks.push(match client.clock_ahead() {
        Some(ahead) if ahead.abs() > OFF => Check::wrong(
            "this machine's clock",
            format!("differs from SiteWise's by {} s: synchronize it (NTP)", ahead / 1_000),
        ),
        Some(ahead) => {
            Check::ok("this machine's clock", format!("differs from SiteWise's by {ahead} ms"))
        }
        None => Check::not_checked("this machine's clock", "SiteWise has not answered"),
    });
    Checks { rights, others: checks }
}

/// What late values need: one of the storage tiers, a bucket and a role.
pub(super) async fn late(
    late: &Late,
    tiers: impl Future<Output = Result<Tiers, ApiFault>>,
) -> Vec<Check> {
    let what = "SiteWise's storage tiers, for LATE_BUCKET";
    let tiers = match timeout(PATIENCE, tiers).await {
        Ok(Ok(Tiers::Enabled)) => Check::ok(what, "the warm tier or the cold tier is enabled"),
        Ok(Ok(Tiers::Disabled)) => Check::wrong(
            what,
            "neither the warm tier nor the cold tier is enabled: values older than seven days \
             become dead letters; enable one in SiteWise's settings, under Storage, or unset \
             LATE_BUCKET",
        ),
        Ok(Ok(Tiers::Unknown)) => Check::not_checked(what, "SiteWise does not say"),
        Ok(Err(fault)) if matches!(fault.cause, Cause::Denied(_)) => Check::wrong(
            what,
            format!(
                "{fault}; allow the bridge's role iotsitewise:DescribeStorageConfiguration: until \
                 the tiers are read, values older than seven days are collected and not sent"
            ),
        ),
        Ok(Err(fault)) => Check::not_checked(what, fault.explain_once()),
        Err(_) => Check::not_checked(what, no_answer("SiteWise")),
    };
    let Late { bucket, role_arn, .. } = late;
    let rights = Check::not_checked(
        format!("LATE_BUCKET={bucket}, LATE_ROLE_ARN={role_arn}"),
        "the permissions to write to the bucket and to pass the role cannot be tested without \
         changing something; docs/late.md lists them",
    );
    vec![tiers, rights]
}

async fn put(client: &impl SiteWise) -> Result<(), ApiFault> {
    let value = Tqv {
        value: Variant::Integer(0),
        // Long past what SiteWise takes: it could not be written even if there were such a
        // property.
        time: Timestamp::from_millis(1_000),
        quality: Quality::Bad,
    };
    let entry = Entry { asset: NOBODY, property: NOBODY, values: vec![value] };
    match client.put(vec![entry]).await?.into_iter().next() {
        Some(error) => Err(error.fault),
        None => Ok(()),
    }
}

async fn get(client: &impl SiteWise) -> Result<(), ApiFault> {
    match client.read_values(vec![(NOBODY, NOBODY)]).await?.into_iter().next() {
        Some(Err(fault)) => Err(fault),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// Whether a call is allowed: what it says of the thing that is not there does not matter.
pub(super) async fn check_permission<T>(
    action: &str,
    host: &str,
    call: impl Future<Output = Result<T, ApiFault>>,
) -> Right {
    let what = format!("iotsitewise:{action}");
    let (check, cause) = match timeout(PATIENCE, call).await {
        Err(_) => {
            let way = Cause::NoAnswer.remedy_once();
            (Check::wrong(what, format!("{}: {way}", no_answer(host))), Some(Cause::NoAnswer))
        }
        Ok(Ok(_)) => (Check::ok(what, ""), None),
        Ok(Err(fault)) => (check_of_fault(what, &fault), Some(fault.cause)),
    };
    let cause = cause.filter(|_| matches!(check.verdict, CheckResult::Wrong(_)));
    Right { check, cause, host: host.to_owned() }
}

/// A permission, and why it could not be checked.
pub(super) struct Right {
    pub(super) check: Check,
    cause: Option<Cause>,
    host: String,
}

impl Right {
    /// One that was not checked for a reason of its own.
    pub(super) fn not_checked(what: &str, host: &str, why: String) -> Self {
        Self { check: Check::not_checked(what, why), cause: None, host: host.to_owned() }
    }
}

impl Right {
    /// What else fails for the same reason: all of them for want of credentials, those of a host where
    /// that is not reached. A missing right is its own.
    fn shared(&self) -> Option<(Cause, &str)> {
        match self.cause? {
            cause if is_about_credentials(cause) => Some((cause, "")),
            cause @ (Cause::Dns
            | Cause::Connection
            | Cause::Tls
            | Cause::NoAnswer
            | Cause::ServerError
            | Cause::Foreign) => Some((cause, &self.host)),
            _ => None,
        }
    }
}

/// Whether all calls of the account fail for it, whatever their host.
fn is_about_credentials(cause: Cause) -> bool {
    matches!(cause, Cause::NoCredentials | Cause::CredentialSource | Cause::Credentials)
}

/// Twelve lines said one cause.
fn fold(rights: Vec<Right>, told: Option<Cause>) -> Vec<Check> {
    let mut followers: Vec<(Cause, String, Vec<String>)> = Vec::new();
    let mut checks = Vec::new();
    for right in rights {
        let Some((cause, host)) = right.shared().map(|(cause, host)| (cause, host.to_owned()))
        else {
            checks.push(right.check);
            continue;
        };
        let known = followers.iter_mut().find(|(of, at, _)| *of == cause && *at == host);
        match known {
            Some((_, _, names)) => names.push(right.check.what),
            None if host.is_empty() && told == Some(cause) => {
                followers.push((cause, host, vec![right.check.what]));
            }
            None => {
                followers.push((cause, host, Vec::new()));
                checks.push(right.check);
            }
        }
    }
    let others = followers.into_iter().filter(|(_, _, names)| !names.is_empty());
    checks.extend(others.map(|(cause, _, names)| {
        let why = format!("because of it: {}", cause.description());
        Check::not_checked(names.join(", "), why)
    }));
    checks
}

fn check_of_fault(what: String, fault: &ApiFault) -> Check {
    match fault.kind {
        ApiFaultKind::NotFound
        | ApiFaultKind::Invalid
        | ApiFaultKind::OutOfRange
        | ApiFaultKind::Conflict
        | ApiFaultKind::Changed
        | ApiFaultKind::Limit
        | ApiFaultKind::AlreadyExists => Check::ok(what, ""),
        ApiFaultKind::Throttled | ApiFaultKind::Busy => {
            Check::not_checked(what, fault.explain_once())
        }
        ApiFaultKind::Denied if matches!(fault.cause, Cause::Denied(_)) => Check::wrong(
            what,
            format!(
                "{}: {}; allow it in the policy of the bridge's role, as in infra/sparkwise.yaml, or \
                 use credentials that allow it",
                fault.cause.description(),
                fault.message
            ),
        ),
        // What the running bridge would say of it.
        ApiFaultKind::Denied | ApiFaultKind::Unavailable | ApiFaultKind::Foreign => {
            Check::wrong(what, fault.explain_once())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_allowed_and_what_is_denied_is_named_with_what_to_do() {
        let of = |kind| {
            let fault = ApiFault::new(kind, "said so");
            check_of_fault("iotsitewise:CreateAsset".to_owned(), &fault).verdict
        };
        assert_eq!(of(ApiFaultKind::NotFound), CheckResult::Ok(String::new()));
        let CheckResult::Wrong(text) = of(ApiFaultKind::Denied) else { panic!() };
        assert!(text.contains("said so") && text.contains("AWS rejects the credentials"), "{text}");
        assert!(matches!(of(ApiFaultKind::Unavailable), CheckResult::Wrong(_)));
        assert!(matches!(of(ApiFaultKind::Throttled), CheckResult::NotChecked(_)));
        assert_eq!(NOBODY.get_version_num(), 8);
    }

    /// Rejected credentials were "allow it in the policy of the bridge's role", a page of a proxy
    /// "check the route".
    #[test]
    fn what_fails_is_explained_as_the_running_bridge_does() {
        let of = |kind, cause| {
            let fault = ApiFault { cause, ..ApiFault::new(kind, "said so") };
            check_of_fault("iotsitewise:CreateAsset".to_owned(), &fault).to_string()
        };
        for (kind, cause) in [
            (ApiFaultKind::Denied, Cause::Credentials),
            (ApiFaultKind::Denied, Cause::NoCredentials),
            (ApiFaultKind::Unavailable, Cause::CredentialSource),
            (ApiFaultKind::Unavailable, Cause::Dns),
            (ApiFaultKind::Unavailable, Cause::Tls),
            (ApiFaultKind::Unavailable, Cause::Connection),
            (ApiFaultKind::Unavailable, Cause::Foreign),
            (ApiFaultKind::Foreign, Cause::Foreign),
        ] {
            let told = of(kind, cause);
            assert!(told.starts_with("wrong "), "{told}");
            assert!(told.contains(&cause.explain("said so")), "{told}");
        }
        let denied = of(ApiFaultKind::Denied, Cause::Denied("CreateAsset"));
        assert!(denied.contains("denies iotsitewise:CreateAsset: said so; allow it"), "{denied}");
        let busy = of(ApiFaultKind::Throttled, Cause::Throttled);
        assert!(busy.starts_with("not checked ") && busy.contains("throttles requests"), "{busy}");
        let silent = of(ApiFaultKind::Unavailable, Cause::ServerError);
        assert!(!silent.contains("retried") && silent.contains("Health Dashboard"), "{silent}");
    }

    /// They were "not checked" where the account was not needed, and the rights were wrong.
    #[tokio::test]
    async fn credentials_that_are_missing_are_wrong_whatever_is_named() {
        for is_named in [true, false] {
            let fault = ApiFault {
                cause: Cause::NoCredentials,
                ..ApiFault::new(ApiFaultKind::Denied, "load AWS credentials: none")
            };
            let (check, told) = account(is_named, "aws", std::future::ready(Err(fault))).await;
            assert_eq!((check.label(), told), ("wrong", Some(Cause::NoCredentials)));
            assert!(check.text().contains("set AWS_PROFILE or AWS_ACCESS_KEY_ID"), "{check}");
        }
    }

    /// Nothing was said of an account whose storage lacks what late values need.
    #[tokio::test]
    async fn the_tiers_that_late_values_need_are_looked_at() {
        let config = Late {
            bucket: "b".to_owned(),
            prefix: "p".to_owned(),
            role_arn: "arn:aws:iam::1:role/r".to_owned(),
            every: std::time::Duration::from_secs(3_600),
            max_bytes: 1 << 30,
        };
        let of = async |tiers| late(&config, std::future::ready(tiers)).await;
        let cause = Cause::Denied("DescribeStorageConfiguration");
        let denied = Err(ApiFault { cause, ..ApiFault::new(ApiFaultKind::Denied, "said so") });
        for (tiers, label, words) in [
            (Ok(Tiers::Enabled), "ok", "is enabled"),
            (Ok(Tiers::Disabled), "wrong", "enable one in SiteWise's settings"),
            (denied, "wrong", "iotsitewise:DescribeStorageConfiguration"),
            (Err(ApiFault::new(ApiFaultKind::Throttled, "later")), "not checked", "later"),
        ] {
            let [tiers, rights] = &of(tiers).await[..] else { panic!("two checks") };
            assert_eq!(tiers.label(), label, "{tiers}");
            assert!(tiers.text().contains(words), "{tiers}");
            assert_eq!(rights.label(), "not checked");
            assert!(rights.what.contains("arn:aws:iam::1:role/r"), "{rights}");
        }
    }

    #[tokio::test]
    async fn what_fails_for_one_cause_is_one_line() {
        let all = |cause, told| async move {
            let fault = |n: u32| ApiFault {
                cause,
                ..ApiFault::new(ApiFaultKind::Denied, format!("call {n}: not loaded"))
            };
            let mut rights = Vec::new();
            for (n, (action, host)) in
                [("A", "api"), ("B", "api"), ("C", "data"), ("D", "data")].into_iter().enumerate()
            {
                let call = std::future::ready(Err::<(), _>(fault(n as u32)));
                rights.push(check_permission(action, host, call).await);
            }
            let ok = std::future::ready(Ok(()));
            rights.push(check_permission("E", "data", ok).await);
            let lines = fold(rights, told).into_iter().map(|check| check.to_string());
            lines.collect::<Vec<_>>()
        };
        let none = all(Cause::NoCredentials, None).await;
        assert_eq!(none.len(), 3, "{none:#?}");
        assert!(
            none[0].starts_with(
                "wrong       iotsitewise:A: no AWS credentials were found: call 0: not"
            ),
            "{none:#?}"
        );
        assert_eq!(none[1], "ok          iotsitewise:E");
        assert_eq!(
            none[2],
            "not checked iotsitewise:B, iotsitewise:C, iotsitewise:D: because of it: no AWS \
             credentials were found"
        );
        // It was told of the account.
        let told = all(Cause::NoCredentials, Some(Cause::NoCredentials)).await;
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(told[1].starts_with("not checked iotsitewise:A, iotsitewise:B, "), "{told:#?}");
        // Of each host that is not reached one.
        let away = all(Cause::Connection, None).await;
        let words: Vec<&str> = away.iter().map(|line| &line[..13]).collect();
        assert_eq!(
            words,
            ["wrong       i", "wrong       i", "ok          i", "not checked i", "not checked i"]
        );
        // A right that is missing is one thing to do each.
        let rights = all(Cause::Denied("A"), None).await;
        assert_eq!(rights.iter().filter(|line| line.starts_with("wrong")).count(), 4);
    }
}
