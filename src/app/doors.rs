//! Opens the doors through which requests to write to the plant come in.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::engine::{CommandDoors, IotCommandChannel, QueueCommandChannel};
use super::{Error, OUTBOUND};
use crate::config::{Commands, IotCommands, IotSignIn, QueueCommands};
use crate::mqtt;
use crate::sitewise::aws::{NoClient, WebSocketSigner};
use crate::sqs::{self, QueueStatus, SqsQueues};

/// Requests queued for the engine. Further AWS IoT requests are dropped, and time out in the cloud;
/// further SQS messages stay in their queue.
const REQUESTS: usize = 1_024;

/// Opens what is configured. The tasks end once the engine has dropped its ends.
pub(super) async fn open(
    commands: &Commands,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) -> Result<CommandDoors, Error> {
    let iot = match &commands.iot {
        Some(config) => open_iot(config, tasks, cancel).await?,
        None => None,
    };
    let queue = match &commands.queue {
        Some(config) => Some(open_queue(config, tasks).await?),
        None => None,
    };
    Ok(CommandDoors { iot, queue, ..CommandDoors::default() })
}

/// AWS IoT commands, on a connection of its own.
async fn open_iot(
    config: &IotCommands,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) -> Result<Option<IotCommandChannel>, Error> {
    let topics = config.topics.clone();
    let filters = vec![topics.requests()];
    let signed = signed_address(config).await.map_err(Error::Signer)?;
    let connection =
        mqtt::Connection::of_commands(&config.mqtt, filters, topics.verdicts(), signed);
    let connection = connection.map_err(Error::Door)?;
    let Some(connection) = connection else { return Ok(None) };
    let (inbound, requests) = mpsc::channel(REQUESTS);
    let (answers, outbound) = mpsc::channel(OUTBOUND);
    let url = config.mqtt.servers.first().map(ToString::to_string).unwrap_or_default();
    let figures = connection.figures();
    tasks.spawn(connection.run(inbound, outbound, cancel.clone()));
    Ok(Some(IotCommandChannel::new(topics, url, (requests, answers), figures)))
}

/// What signs the address of the WebSocket, where there is one.
///
/// # Errors
///
/// Nothing says in which region the endpoint is, or the certificate authorities are none.
pub(crate) async fn signed_address(
    config: &IotCommands,
) -> Result<Option<mqtt::SignedAddress>, NoClient> {
    let url = config.mqtt.servers.first().filter(|_| config.sign_in == IotSignIn::Signature);
    let Some(url) = url else { return Ok(None) };
    let signer = WebSocketSigner::from_env(&url.host, url.unusual_port(), &url.path);
    let signer = Box::pin(signer).await?;
    Ok(Some(Arc::new(move || {
        let signer = signer.clone();
        Box::pin(async move {
            let address = signer.address(SystemTime::now()).await;
            address.map_err(|fault| mqtt::SigningError::new(fault.explain()))
        })
    })))
}

/// An SQS queue, with a task that receives and another that answers.
async fn open_queue(
    config: &QueueCommands,
    tasks: &mut JoinSet<()>,
) -> Result<QueueCommandChannel, Error> {
    let QueueCommands { requests, answers } = config.clone();
    let status = QueueStatus::new(requests.clone(), answers.clone());
    let queues = Box::pin(SqsQueues::from_env(requests, answers)).await;
    let queues = Arc::new(queues.map_err(Error::Queue)?);
    let (inbound, requests) = mpsc::channel(REQUESTS);
    let answers = config.answers.is_some().then(|| {
        let (answers, outbound) = mpsc::channel(OUTBOUND);
        tasks.spawn(sqs::answer(Arc::clone(&queues), outbound, status.clone()));
        answers
    });
    tasks.spawn(sqs::receive(queues, inbound, status.clone()));
    Ok(QueueCommandChannel { requests, answers, status, is_drained: false })
}
