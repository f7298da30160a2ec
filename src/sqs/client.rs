//! The queues through the AWS SDK: one call, one try.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sqs::config::{Builder, ConfigBag, Intercept, Region, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::receiving::HIDDEN;
use super::{BATCH, CommandQueues, Deleted, QueueRequest, QueueUrl, Received, ReceivedMessage};
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::aws::sdk::{NoRegion, ServiceConfig};
use crate::sitewise::aws::{NoClient, ResponseInspector};
use crate::sitewise::{endpoint, fault};
use crate::time::Timestamp;

/// How long a call for messages waits for some: SQS's limit.
const WAIT: Duration = Duration::from_secs(20);
/// How long a call may take: longer than SQS waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads AWS's time from the answer to one call.
#[derive(Clone, Debug, Default)]
struct AnswerDate(Arc<OnceLock<Timestamp>>);

impl AnswerDate {
    fn get(&self) -> Option<Timestamp> {
        self.0.get().copied()
    }
}

impl Intercept for AnswerDate {
    fn name(&self) -> &'static str {
        "AnswerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let said = context.response().headers().get("date");
        let date = said.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(millis) = date.and_then(|date| date.to_millis().ok()) {
            let _ = self.0.set(Timestamp::from_millis(millis));
        }
        Ok(())
    }
}

/// The two queues in SQS, or in whatever answers at their URLs.
#[derive(Debug)]
pub struct SqsQueues {
    pub(super) requests: (Client, QueueUrl),
    pub(super) answers: Option<(Client, QueueUrl)>,
    inspector: ResponseInspector,
}

impl SqsQueues {
    /// From the SDK's own variables, profiles and credential sources.
    ///
    /// # Errors
    ///
    /// No region is known, or the certificate authorities are none.
    pub async fn from_env(requests: QueueUrl, answers: Option<QueueUrl>) -> Result<Self, NoClient> {
        let config = ServiceConfig::from_env(CALL_TIMEOUT).await?;
        Ok(Self::with(&config, requests, answers)?)
    }

    pub(super) fn with(
        config: &ServiceConfig,
        requests: QueueUrl,
        answers: Option<QueueUrl>,
    ) -> Result<Self, NoRegion> {
        let with_client = |url: QueueUrl| Ok((client(config, &url)?, url));
        Ok(Self {
            requests: with_client(requests)?,
            answers: answers.map(with_client).transpose()?,
            inspector: config.inspector.clone(),
        })
    }

    /// Checks the permission to delete messages, without deleting one.
    ///
    /// # Errors
    ///
    /// What SQS answered.
    pub async fn may_delete(&self) -> Result<(), ApiFault> {
        // No message has this receipt handle: SQS checks the caller's permissions first.
        match self.delete(vec!["sparkwise-doctor".to_owned()]).await {
            Err(fault) if !fault.message.contains("ReceiptHandleIsInvalid") => Err(fault),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Whether the queue of requests has a dead-letter queue.
    ///
    /// # Errors
    ///
    /// What SQS answered.
    pub async fn has_dead_letter_queue(&self) -> Result<bool, ApiFault> {
        let (client, url) = &self.requests;
        let attributes = client
            .get_queue_attributes()
            .queue_url(url.as_str())
            .attribute_names(QueueAttributeName::RedrivePolicy)
            .send()
            .await
            .map_err(|error| fault::of_call("read the queue's attributes", &error))?;
        let attributes = attributes.attributes();
        let has = |attributes: &std::collections::HashMap<_, String>| {
            attributes.contains_key(&QueueAttributeName::RedrivePolicy)
        };
        Ok(attributes.is_some_and(has))
    }
}

/// Where a queue's calls go: to what replaces SQS in the environment, else to the host of its URL.
fn client(config: &ServiceConfig, url: &QueueUrl) -> Result<Client, NoRegion> {
    let custom = endpoint::custom_url(&config.sdk, "SQS");
    let region = url.region().map(|region| Region::new(region.to_owned()));
    let region = region.filter(|_| custom.is_none()).or_else(|| config.sdk.region().cloned());
    let builder = Builder::from(&config.sdk)
        .region(region.ok_or(NoRegion)?)
        .endpoint_url(custom.unwrap_or_else(|| url.origin().to_owned()))
        .interceptor(config.inspector.clone());
    Ok(Client::from_conf(builder.build()))
}

impl CommandQueues for SqsQueues {
    async fn receive(&self) -> Result<Received, ApiFault> {
        let (client, url) = &self.requests;
        let date = AnswerDate::default();
        let received = client
            .receive_message()
            .queue_url(url.as_str())
            .max_number_of_messages(BATCH as i32)
            .wait_time_seconds(seconds(WAIT))
            .visibility_timeout(seconds(HIDDEN))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .customize()
            .interceptor(date.clone())
            .send()
            .await
            .map_err(|error| fault::of_call("receive requests", &error))?;
        let messages = received.messages.unwrap_or_default().into_iter().map(message);
        Ok(Received { messages: messages.collect::<Result<_, _>>()?, at: date.get() })
    }

    async fn delete(&self, receipts: Vec<String>) -> Result<Deleted, ApiFault> {
        let (operation, count) = ("delete requests", receipts.len());
        let entry = |(index, receipt): (usize, String)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(receipt).build()
        };
        let entries: Result<Vec<_>, _> = receipts.into_iter().enumerate().map(entry).collect();
        let (client, url) = &self.requests;
        let date = AnswerDate::default();
        let deleted = client
            .delete_message_batch()
            .queue_url(url.as_str())
            .set_entries(Some(entries.map_err(|error| fault::of_answer(operation, error))?))
            .customize()
            .interceptor(date.clone())
            .send()
            .await
            .map_err(|error| fault::of_call(operation, &error))?;
        let succeeded = deleted.successful().iter().map(|entry| entry.id());
        let results = results(operation, count, succeeded, deleted.failed());
        Ok(Deleted { results, at: date.get() })
    }

    fn time_at_start(&self) -> Option<Timestamp> {
        self.inspector.time_at_start()
    }

    async fn send(&self, bodies: Vec<String>) -> Result<Vec<Result<(), ApiFault>>, ApiFault> {
        let (operation, count) = ("send answers", bodies.len());
        let Some((client, url)) = &self.answers else { return Ok(vec![Ok(()); count]) };
        let entry = |(index, body): (usize, String)| {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string());
            entry.message_body(body).build()
        };
        let entries: Result<Vec<_>, _> = bodies.into_iter().enumerate().map(entry).collect();
        let sent = client
            .send_message_batch()
            .queue_url(url.as_str())
            .set_entries(Some(entries.map_err(|error| fault::of_answer(operation, error))?))
            .send()
            .await
            .map_err(|error| fault::of_call(operation, &error))?;
        let succeeded = sent.successful().iter().map(|entry| entry.id());
        Ok(results(operation, count, succeeded, sent.failed()))
    }
}

/// The result of each entry of a batch, whose id is its index. One that the response lacks counts
/// as failed.
fn results<'a>(
    operation: &'static str,
    count: usize,
    succeeded: impl Iterator<Item = &'a str>,
    failed: &[BatchResultErrorEntry],
) -> Vec<Result<(), ApiFault>> {
    let succeeded: Vec<&str> = succeeded.collect();
    let result = |index: usize| {
        let id = index.to_string();
        if let Some(entry) = failed.iter().find(|entry| entry.id() == id) {
            let fault =
                fault::of_entry(operation, entry.code(), entry.message().unwrap_or_default());
            return Err(ApiFault { message: format!("{operation}: {}", fault.message), ..fault });
        }
        match succeeded.contains(&id.as_str()) {
            true => Ok(()),
            false => {
                Err(ApiFault::new(ApiFaultKind::Unavailable, format!("{operation}: no result")))
            }
        }
    };
    (0..count).map(result).collect()
}

fn message(message: Message) -> Result<ReceivedMessage, ApiFault> {
    let key = MessageSystemAttributeName::SentTimestamp;
    let sent_at = message.attributes().and_then(|attributes| attributes.get(&key)?.parse().ok());
    let (Some(id), Some(receipt)) = (message.message_id, message.receipt_handle) else {
        return Err(fault::of_answer("receive requests", "a message has no id or no receipt"));
    };
    let request = QueueRequest {
        id: id.into(),
        // Of one whose age is unknown the oldest is assumed.
        sent_at: Timestamp::from_millis(sent_at.unwrap_or_default()),
        time_at_start: None,
        deleted_at: None,
        body: message.body.unwrap_or_default(),
    };
    Ok(ReceivedMessage { request, receipt })
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}
