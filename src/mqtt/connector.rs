//! Opening a connection: TCP, TLS where the scheme says so, and the sieve on top.
//!
//! TLS is made here and not by the client, so that the sieve reads what is within. A WebSocket is
//! the client's, so there the sieve is below it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rumqttc::tokio_rustls::TlsConnector;
use rumqttc::tokio_rustls::rustls::ClientConfig;
use rumqttc::tokio_rustls::rustls::pki_types::ServerName;
use rumqttc::{NetworkOptions, default_socket_connect};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::WebSocketSieve;
use super::patience::ReceivedBytes;
use super::sieve::{CutMarker, Sieve};
use crate::config::ServerUrl;

/// Read from the socket at once.
const CHUNK: usize = 16 << 10;
/// Chunks that are skipped before yielding.
const CHUNKS_PER_POLL: usize = 32;

/// How one server is reached.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) url: ServerUrl,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The largest packet that is accepted.
    pub(super) max_packet: usize,
    pub(super) mark: CutMarker,
    pub(super) received: ReceivedBytes,
}

/// A stream in both directions.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Connector {
    /// Opens a connection.
    pub(super) async fn open(self, network: NetworkOptions) -> io::Result<SievedStream> {
        let Self { url, tls, max_packet, mark, received } = self;
        let address = match url.host.contains(':') {
            true => format!("[{}]:{}", url.host, url.port),
            false => format!("{}:{}", url.host, url.port),
        };
        let socket = default_socket_connect(address, network).await?;
        let socket: Box<dyn Duplex> = match tls {
            Some(config) => {
                let name = ServerName::try_from(url.host).map_err(io::Error::other)?;
                Box::new(TlsConnector::from(config).connect(name, socket).await?)
            }
            None => Box::new(socket),
        };
        let sieve = match url.scheme.is_websocket() {
            true => SievedTransport::WebSocket(WebSocketSieve::new(max_packet, mark)),
            false => SievedTransport::Plain(Sieve::new(max_packet, mark)),
        };
        Ok(SievedStream::new(socket, sieve, received))
    }
}

#[derive(Debug)]
enum SievedTransport {
    Plain(Sieve),
    WebSocket(WebSocketSieve),
}

/// A connection whose server's messages are sieved.
pub(super) struct SievedStream {
    socket: Box<dyn Duplex>,
    transport: SievedTransport,
    received: ReceivedBytes,
    chunk: Box<[u8]>,
    /// What has passed, and how much of it was read.
    passed_bytes: Vec<u8>,
    read_offset: usize,
}

impl SievedStream {
    fn new(socket: Box<dyn Duplex>, transport: SievedTransport, received: ReceivedBytes) -> Self {
        Self {
            socket,
            transport,
            received,
            chunk: vec![0; CHUNK].into(),
            passed_bytes: Vec::new(),
            read_offset: 0,
        }
    }

    /// Copies what has passed and is unread. False if there is nothing.
    fn copy_passed(&mut self, to: &mut ReadBuf<'_>) -> bool {
        let unread = self.passed_bytes.get(self.read_offset..).unwrap_or_default();
        let part = unread.get(..to.remaining()).unwrap_or(unread);
        to.put_slice(part);
        self.read_offset += part.len();
        !part.is_empty()
    }
}

impl AsyncRead for SievedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        for _ in 0..CHUNKS_PER_POLL {
            if this.copy_passed(to) || to.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            this.passed_bytes.clear();
            this.read_offset = 0;
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut *this.socket).poll_read(cx, &mut chunk))?;
            this.received.add(chunk.filled().len());
            match (chunk.filled(), &mut this.transport) {
                // The end of the stream.
                ([], _) => return Poll::Ready(Ok(())),
                (bytes, SievedTransport::Plain(sieve)) => sieve.feed(bytes, &mut this.passed_bytes),
                (bytes, SievedTransport::WebSocket(sieve)) => {
                    sieve.push(bytes, &mut this.passed_bytes)
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncWrite for SievedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_shutdown(cx)
    }
}
