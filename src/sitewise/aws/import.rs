//! Bulk import through AWS.

use aws_sdk_iotsitewise::Client;
use aws_sdk_iotsitewise::types::{
    ColumnName, Csv, ErrorReportLocation, File, FileFormat, JobConfiguration, JobStatus,
    StorageType, WarmTierState,
};

use super::s3::Bucket;
use super::{AwsSiteWise, inexpressible, pages};
use crate::late::Tiers;
use crate::late::file_import::JobState;
use crate::sitewise::api::ApiFault;
use crate::sitewise::fault;
use crate::sitewise::import::{BulkImport, Ingestion, NewJob};
use crate::sitewise::limits::PAGE_ITEMS;

/// Bulk import in the account of an [`AwsSiteWise`].
#[derive(Debug)]
pub struct AwsBulkImport {
    client: Client,
    objects: Bucket,
    bucket: String,
    /// The role that SiteWise takes to read the objects.
    role: String,
}

impl AwsSiteWise {
    /// Whether the account has the storage that bulk import needs.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub async fn storage_tiers(&self) -> Result<Tiers, ApiFault> {
        read_tiers(&self.client).await
    }

    /// Bulk import by this bucket, which SiteWise reads in this role.
    pub fn bulk_import(&self, bucket: &str, role: &str) -> AwsBulkImport {
        AwsBulkImport {
            client: Client::clone(&self.client),
            objects: Bucket::new(
                &self.config,
                &self.endpoint.region,
                bucket,
                self.inspector.clone(),
            ),
            bucket: bucket.to_owned(),
            role: role.to_owned(),
        }
    }
}

async fn read_tiers(client: &Client) -> Result<Tiers, ApiFault> {
    let tried = "read the account's storage configuration";
    let output = client.describe_storage_configuration().send().await;
    let output = output.map_err(|error| fault::of_call(tried, &error))?;
    let is_warm = output.warm_tier == Some(WarmTierState::Enabled);
    let is_cold = output.storage_type == StorageType::MultiLayerStorage;
    Ok(if is_warm || is_cold { Tiers::Enabled } else { Tiers::Disabled })
}

impl BulkImport for AwsBulkImport {
    async fn put_object(&self, key: String, content: Vec<u8>) -> Result<(), ApiFault> {
        Box::pin(self.objects.put(&key, content)).await
    }

    async fn read_objects(&self, prefix: String, most: usize) -> Result<Vec<Vec<u8>>, ApiFault> {
        Box::pin(self.objects.read_below(&prefix, most)).await
    }

    async fn create_job(&self, job: NewJob) -> Result<String, ApiFault> {
        let tried = || format!("create the bulk import job {}", job.name);
        let file = File::builder().bucket(&self.bucket).key(&job.key).build();
        let reports = ErrorReportLocation::builder().bucket(&self.bucket).prefix(&job.reports);
        let columns = job.columns.iter().map(|name| ColumnName::from(*name)).collect();
        let csv = Csv::builder().set_column_names(Some(columns)).build();
        let configuration = JobConfiguration::builder()
            .file_format(FileFormat::builder().csv(csv.map_err(inexpressible(tried()))?).build())
            .build();
        let created = self
            .client
            .create_bulk_import_job()
            .job_name(&job.name)
            .job_role_arn(&self.role)
            .files(file.map_err(inexpressible(tried()))?)
            .error_report_location(reports.build().map_err(inexpressible(tried()))?)
            .job_configuration(configuration)
            .adaptive_ingestion(job.ingestion == Ingestion::Adaptive)
            .delete_files_after_import(false)
            .send()
            .await;
        Ok(created.map_err(|error| fault::of_call(tried(), &error))?.job_id)
    }

    async fn find_job(&self, name: String) -> Result<Option<String>, ApiFault> {
        let tried = "list bulk import jobs";
        let mut token = None;
        loop {
            let page = self
                .client
                .list_bulk_import_jobs()
                .max_results(PAGE_ITEMS)
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(|error| fault::of_call(tried, &error))?;
            let mut jobs = page.job_summaries.into_iter();
            if let Some(found) = jobs.find(|job| job.name == name) {
                return Ok(Some(found.id));
            }
            token = pages::next(tried, token, page.next_token)?;
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn job_state(&self, id: String) -> Result<JobState, ApiFault> {
        let tried = format!("describe the bulk import job {id}");
        let job = self.client.describe_bulk_import_job().job_id(id).send().await;
        let job = job.map_err(|error| fault::of_call(&tried, &error))?;
        Ok(match &job.job_status {
            JobStatus::Pending => JobState::Pending,
            JobStatus::Running => JobState::Running,
            JobStatus::Completed => JobState::Completed,
            JobStatus::CompletedWithFailures => JobState::CompletedWithFailures,
            JobStatus::Failed => JobState::Failed,
            JobStatus::Cancelled => JobState::Cancelled,
            other => {
                return Err(fault::of_answer(tried, format_args!("unknown status {other}")));
            }
        })
    }

    async fn tiers(&self) -> Result<Tiers, ApiFault> {
        read_tiers(&self.client).await
    }
}
