//! Validation of every response, a bound on its size, and tracking of SiteWise's clock.
//!
//! The SDK accepts a response without required members as an empty one: `{}` would be an account
//! without models, and a proxy's page a successful call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_iotsitewise::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_iotsitewise::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_iotsitewise::error::BoxError;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::date_time::Format;
use serde::de::IgnoredAny;

use super::bounded;
use super::credentials::RenewableCredentials;
use crate::clock;
use crate::sitewise::fault;
use crate::time::Timestamp;

/// What the answers of each operation in use have, as far as the bridge goes by it. One that is not
/// listed is refused, so that none is forgotten. Source: the API Reference, "required" members.
const MEMBERS: [(&str, &[&str]); 23] = [
    ("CreateAssetModel", &["assetModelId", "assetModelStatus"]),
    ("UpdateAssetModel", &["assetModelStatus"]),
    (
        "DescribeAssetModel",
        &["assetModelId", "assetModelName", "assetModelProperties", "assetModelStatus"],
    ),
    ("ListAssetModels", &["assetModelSummaries"]),
    ("ListAssetModelProperties", &["assetModelPropertySummaries"]),
    ("CreateAssetModelCompositeModel", &["assetModelCompositeModelId", "assetModelStatus"]),
    ("UpdateAssetModelCompositeModel", &["assetModelStatus"]),
    ("DescribeAssetModelCompositeModel", &["assetModelCompositeModelProperties"]),
    ("CreateAsset", &["assetId", "assetStatus"]),
    ("DescribeAsset", &["assetId", "assetModelId", "assetStatus"]),
    ("ListAssets", &["assetSummaries"]),
    ("ListAssociatedAssets", &["assetSummaries"]),
    ("ListAssetProperties", &["assetPropertySummaries"]),
    ("BatchGetAssetPropertyValue", &["successEntries"]),
    (LIST_TAGS, &["tags"]),
    ("CreateBulkImportJob", &["jobId", "jobStatus"]),
    ("ListBulkImportJobs", &["jobSummaries"]),
    ("DescribeBulkImportJob", &["jobStatus"]),
    ("DescribeStorageConfiguration", &["storageType"]),
    // Its property is in one of two places; without both it is refused where it is read.
    ("DescribeAssetProperty", &[]),
    // Their answers are empty.
    ("AssociateAssets", &[]),
    ("UpdateAssetProperty", &[]),
    ("TagResource", &[]),
];
/// Its member is not required: SiteWise, which a request id shows, may leave it out where it is empty.
const LIST_TAGS: &str = "ListTagsForResource";
/// Every response of SiteWise has a request id; a proxy's own has none.
const REQUEST_ID: &str = "x-amzn-requestid";
/// The service as the SDK's generated client names it. The call that writes values is not among
/// them: its answer is read by what it has to have.
const SERVICE: &str = "IoTSiteWise";
/// What stands for "not known yet".
const UNKNOWN: i64 = i64::MIN;
/// By how much a response's date may be behind its server's clock, and this one behind that of
/// another server: a date has whole seconds, some servers make one a second, and AWS's clocks are
/// near to each other.
const DATE_SLACK: Duration = Duration::from_secs(2);

/// Looks at the answers, and keeps what time it is at SiteWise: carried on by the clock that nobody
/// sets, so that a step of the wall clock shows at once.
#[derive(Clone, Debug)]
pub(crate) struct ResponseInspector {
    /// Invalidated when AWS rejects the credentials.
    credentials: Option<RenewableCredentials>,
    started: Instant,
    /// What time it was there at `started`, in milliseconds.
    sitewise_time_at_start: Arc<AtomicI64>,
    /// The same, or later, in milliseconds; `i64::MAX` before the first answer.
    latest_time_at_start: Arc<AtomicI64>,
}

/// When a request was sent, since the inspector's start: its response was not made before.
#[derive(Debug)]
struct AskedAfter(Duration);

impl Storable for AskedAfter {
    type Storer = StoreReplace<Self>;
}

impl ResponseInspector {
    pub(super) fn new(credentials: Option<RenewableCredentials>) -> Self {
        let theirs = Arc::new(AtomicI64::new(UNKNOWN));
        let latest = Arc::new(AtomicI64::new(i64::MAX));
        let started = Instant::now();
        Self { credentials, started, sitewise_time_at_start: theirs, latest_time_at_start: latest }
    }

    /// By how many milliseconds our wall clock is ahead now; none before the first answer.
    pub(super) fn ahead(&self) -> Option<i64> {
        let theirs = Some(self.sitewise_time_at_start.load(Ordering::Relaxed))
            .filter(|known| *known != UNKNOWN)?;
        Some(ahead_of(theirs, clock::wall(), self.started.elapsed()))
    }

    /// What the service's clock showed when this was made, or later, but never earlier; as near as
    /// the quickest response tells. None before the first one that has a date.
    pub(crate) fn time_at_start(&self) -> Option<Timestamp> {
        let latest = self.latest_time_at_start.load(Ordering::Relaxed);
        (latest != i64::MAX).then_some(Timestamp::from_millis(latest))
    }

    fn read_clock(&self, answer: &HttpResponse, asked: Option<Duration>) {
        let said = answer.headers().get("date");
        let date = said.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(theirs) = date.and_then(|date| date.to_millis().ok()) {
            let date = Timestamp::from_millis(theirs);
            let theirs = date.minus(self.started.elapsed());
            self.sitewise_time_at_start.store(theirs.as_millis(), Ordering::Relaxed);
            // However long the response was on its way, or waited for something to tell.
            if let Some(asked) = asked {
                let latest = date.plus(DATE_SLACK).minus(asked).as_millis();
                self.latest_time_at_start.fetch_min(latest, Ordering::Relaxed);
            }
        }
    }
}

/// By how many milliseconds a wall clock is ahead of one that showed `theirs` so long ago.
fn ahead_of(theirs: i64, wall: Timestamp, since: Duration) -> i64 {
    wall.minus(since).as_millis().saturating_sub(theirs)
}

/// Requests are signed with SiteWise's time: one that is minutes off is refused.
impl TimeSource for ResponseInspector {
    fn now(&self) -> SystemTime {
        let ahead = self.ahead().filter(|ahead| ahead.unsigned_abs() > clock::MAX_OFFSET);
        let (now, ahead) = (SystemTime::now(), ahead.unwrap_or(0));
        let by = Duration::from_millis(ahead.unsigned_abs());
        let corrected = if ahead > 0 { now.checked_sub(by) } else { now.checked_add(by) };
        corrected.unwrap_or(now)
    }
}

impl Intercept for ResponseInspector {
    fn name(&self) -> &'static str {
        "ResponseInspector"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(AskedAfter(self.started.elapsed()));
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = bounded::bounded(whole);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        let taken = context.output_or_error().is_ok();
        let metadata = config.load::<Metadata>();
        if let Some(metadata) = metadata.filter(|of| taken && of.service() == SERVICE) {
            let is_sitewise = answer.headers().get(REQUEST_ID).is_some();
            check(metadata.name(), answer.body().bytes().unwrap_or_default(), is_sitewise)?;
        }
        if let Some(credentials) = self.credentials.as_ref().filter(|_| !taken)
            && fault::is_credentials_error(answer)
        {
            credentials.invalidate();
        }
        if taken || answer.headers().get(REQUEST_ID).is_some() {
            self.read_clock(answer, config.load::<AskedAfter>().map(|asked| asked.0));
        }
        Ok(())
    }
}

/// Whether a body is an answer to an operation; a member that is null is none.
fn check(operation: &str, body: &[u8], is_sitewise: bool) -> Result<(), BoxError> {
    let Some((_, required)) = MEMBERS.iter().find(|(name, _)| *name == operation) else {
        return Err(format!("what {operation} answers is not known").into());
    };
    if body.is_empty() && required.is_empty() {
        return Ok(());
    }
    let has: BTreeMap<String, Option<IgnoredAny>> = serde_json::from_slice(body)?;
    let lacks = |member: &str| !has.get(member).is_some_and(Option::is_some);
    match required.iter().find(|member| lacks(member)) {
        Some(_) if operation == LIST_TAGS && is_sitewise => Ok(()),
        Some(member) => Err(format!("it has no {member}").into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was taken from the wall clock once an answer, so that a step was not seen before the
    /// next.
    #[test]
    fn a_step_of_the_wall_clock_shows_before_the_next_answer() {
        let wall = Timestamp::from_millis(1_700_000_000_000);
        let (theirs, hour) = (wall.as_millis() - 400, Duration::from_secs(3_600));
        assert_eq!(ahead_of(theirs, wall.plus(hour), hour), 400);
        assert_eq!(ahead_of(theirs, wall.plus(3 * hour), hour), 400 + 7_200_000);
        assert_eq!(ahead_of(theirs, wall, hour), 400 - 3_600_000);
    }
}
