//! SiteWise: who we are there, and each right by a call that cannot succeed.
//!
//! The calls name a model and an asset that nobody has. SiteWise looks at the caller's rights
//! before it looks for them: "not found" means that the call is allowed, and nothing is changed.

use tokio::time::timeout;
use uuid::Uuid;

use super::{Check, PATIENCE};
use crate::config::Config;
use crate::sitewise::api::{
    ApiFault, ApiFaultKind, Associate, CreateAsset, Entry, NotificationState, Quality, Tqv,
    UpdateProperty, Variant,
};
use crate::sitewise::client::SiteWise;
use crate::time::Timestamp;

/// Nobody's: of version 8, which leaves its meaning to whoever makes it.
const NOBODY: Uuid = Uuid::from_u128(0x7370_6172_6b77_8973_a565_0d0c_7032_0001);

/// More than a minute off, values are judged by SiteWise's time.
const OFF: i64 = 60_000;

/// Who we are.
pub(super) async fn account(
    config: &Config,
    endpoint: &str,
    ask: impl Future<Output = Result<(String, String), ApiFault>>,
    take: &mut impl FnMut(Check),
) {
    let what = format!("AWS credentials for {endpoint}");
    match timeout(PATIENCE, ask).await {
        Ok(Ok((account, region))) => {
            take(Check::ok(what, format!("account {account}, region {region}")));
        }
        Ok(Err(fault)) if config.twin.namespace.is_some() => {
            let why = format!("{fault}; TWIN_NAMESPACE is set, so it need not be known");
            take(Check::not_checked(what, why));
        }
        Ok(Err(fault)) => take(Check::wrong(
            what,
            format!(
                "{fault}; give the bridge credentials, or set TWIN_NAMESPACE where STS cannot be reached"
            ),
        )),
        Err(_) => {
            take(Check::wrong(what, "no answer: see to the way to AWS (DNS, proxy, VPC endpoint)"))
        }
    }
}

/// The rights, the quotas and the clock.
pub(super) async fn check(client: &impl SiteWise, take: &mut impl FnMut(Check)) {
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
    right("ListAssetModels", client.list_models(None), take).await;
    right("DescribeAssetModel", client.describe_model(NOBODY), take).await;
    right("ListAssets", client.list_assets(NOBODY, None), take).await;
    right("CreateAsset", client.create_asset(create), take).await;
    right("DescribeAsset", client.describe_asset(NOBODY), take).await;
    right("AssociateAssets", client.associate(associate), take).await;
    right("ListAssociatedAssets", client.list_children(NOBODY, None), take).await;
    right("ListAssetProperties", client.read_units(NOBODY, None), take).await;
    right("DescribeAssetProperty", client.describe_property(NOBODY, NOBODY), take).await;
    right("UpdateAssetProperty", client.update_property(update), take).await;
    right("BatchPutAssetPropertyValue", put(client), take).await;
    right("BatchGetAssetPropertyValue", get(client), take).await;
    take(Check::not_checked(
        "iotsitewise:CreateAssetModel, UpdateAssetModel, ListAssetModelProperties and those of \
         composite models",
        "there is no call of theirs that cannot succeed; infra/ has the role",
    ));
    take(match timeout(PATIENCE, client.quotas()).await {
        Ok(Some(Ok(_))) => {
            Check::ok("servicequotas:ListServiceQuotas", "the account's quotas are read")
        }
        Ok(Some(Err(fault))) => Check::not_checked(
            "the account's quotas",
            format!("{fault}; AWS's first ones are kept to, or INGEST_* and TWIN_*_PER_SECOND"),
        ),
        Ok(None) | Err(_) => Check::not_checked("the account's quotas", "nobody to ask"),
    });
    take(match client.clock_ahead() {
        Some(ahead) if ahead.abs() > OFF => Check::wrong(
            "this machine's clock",
            format!("{} s off SiteWise's: set it (NTP)", ahead / 1_000),
        ),
        Some(ahead) => Check::ok("this machine's clock", format!("{ahead} ms off SiteWise's")),
        None => Check::not_checked("this machine's clock", "SiteWise has not answered"),
    });
}

async fn put(client: &impl SiteWise) -> Result<(), ApiFault> {
    let value = Tqv {
        value: Variant::Integer(0),
        // Long past what SiteWise takes: it could not be written even if there were such a property.
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
async fn right<T>(
    action: &str,
    call: impl Future<Output = Result<T, ApiFault>>,
    take: &mut impl FnMut(Check),
) {
    let what = format!("iotsitewise:{action}");
    take(match timeout(PATIENCE, call).await {
        Err(_) => Check::wrong(what, "no answer: see to the way to SiteWise"),
        Ok(Ok(_)) => Check::ok(what, ""),
        Ok(Err(fault)) => judge(what, &fault),
    });
}

fn judge(what: String, fault: &ApiFault) -> Check {
    match fault.kind {
        ApiFaultKind::NotFound
        | ApiFaultKind::Invalid
        | ApiFaultKind::OutOfRange
        | ApiFaultKind::Conflict
        | ApiFaultKind::Changed
        | ApiFaultKind::Limit
        | ApiFaultKind::AlreadyExists => Check::ok(what, ""),
        ApiFaultKind::Throttled | ApiFaultKind::Busy => {
            Check::not_checked(what, format!("throttled: {fault}"))
        }
        ApiFaultKind::Denied => Check::wrong(
            what,
            format!("{fault}; let the bridge have credentials whose role allows it, as in infra/"),
        ),
        ApiFaultKind::Unavailable | ApiFaultKind::Foreign => Check::wrong(
            what,
            format!("{fault}; see to the way to SiteWise (DNS, proxy, VPC endpoint, region)"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn what_is_not_there_is_allowed_and_what_is_denied_is_named_with_what_to_do() {
        let of = |kind| {
            let fault = ApiFault::new(kind, "said so");
            judge("iotsitewise:CreateAsset".to_owned(), &fault).verdict
        };
        assert_eq!(of(ApiFaultKind::NotFound), Verdict::Ok(String::new()));
        let Verdict::Wrong(text) = of(ApiFaultKind::Denied) else { panic!() };
        assert!(text.contains("said so") && text.contains("role"), "{text}");
        assert!(matches!(of(ApiFaultKind::Unavailable), Verdict::Wrong(_)));
        assert!(matches!(of(ApiFaultKind::Throttled), Verdict::NotChecked(_)));
        assert_eq!(NOBODY.get_version_num(), 8);
    }
}
