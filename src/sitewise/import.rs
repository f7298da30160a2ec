//! Bulk import: objects in S3, and the jobs that read them.
//!
//! As with [`SiteWise`](super::client::SiteWise), each call is tried once and tells how it ended.

use super::api::ApiFault;
use crate::late::Tiers;
use crate::late::file_import::JobState;

/// A job to be created, for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Unique in the account and region, for ever.
    pub name: String,
    /// The file's object.
    pub key: String,
    /// Where reports go, with a slash at the end.
    pub reports: String,
    /// What the columns hold, in their order.
    pub columns: &'static [&'static str],
    /// What SiteWise does with the values besides storing them.
    pub ingestion: Ingestion,
}

/// What SiteWise does with imported values besides storing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ingestion {
    /// Nothing.
    AsIs,
    /// It computes transforms and metrics, and notifies, as of live values; it takes values of the
    /// last thirty days, and computes of the last seven.
    Adaptive,
}

/// S3 and SiteWise, as far as late values need them.
///
/// # Errors
///
/// Every method answers with an [`ApiFault`]. A call that timed out may have been carried out all the
/// same.
pub trait BulkImport: Send + Sync + 'static {
    /// Puts an object, over one that is there.
    /// [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html)
    fn put_object(
        &self,
        key: String,
        content: Vec<u8>,
    ) -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Reads the objects below a prefix, `max_bytes` of them.
    /// [ListObjectsV2](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html),
    /// [GetObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html)
    fn read_objects(
        &self,
        prefix: String,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<Vec<u8>>, ApiFault>> + Send;

    /// Creates a job; gives its id. The fault of a name that is taken is `AlreadyExists`.
    /// [CreateBulkImportJob](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_CreateBulkImportJob.html)
    fn create_job(&self, job: NewJob) -> impl Future<Output = Result<String, ApiFault>> + Send;

    /// The id of the job with this name; none if there is none.
    /// [ListBulkImportJobs](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_ListBulkImportJobs.html)
    fn find_job(
        &self,
        name: String,
    ) -> impl Future<Output = Result<Option<String>, ApiFault>> + Send;

    /// The state of a job.
    /// [DescribeBulkImportJob](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_DescribeBulkImportJob.html)
    fn job_state(&self, id: String) -> impl Future<Output = Result<JobState, ApiFault>> + Send;

    /// Whether the account has the storage that jobs need.
    /// [DescribeStorageConfiguration](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_DescribeStorageConfiguration.html)
    fn tiers(&self) -> impl Future<Output = Result<Tiers, ApiFault>> + Send;
}
