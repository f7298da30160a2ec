//! The constant stub: HTTP by hand. `POST /properties` is answered at once with "all taken";
//! everything else goes to the emulator, so that models and assets come to be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 19\r\n\r\n{\"errorEntries\":[]}";

/// What the stub has taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    values: AtomicU64,
    requests: AtomicU64,
    /// Told after every request.
    pub(crate) more: Notify,
}

impl Taken {
    pub(crate) fn values(&self) -> u64 {
        self.values.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn count(&self, body: &[u8]) {
        // The letter stands in the key `quality` of every value and nowhere else: ids are
        // hexadecimal, and no text is sent.
        let values = body.iter().filter(|byte| **byte == b'q').count();
        self.values.fetch_add(values as u64, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.more.notify_waiters();
    }
}

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, emulator: SocketAddr, taken: Arc<Taken>) {
    while let Ok((socket, _)) = listener.accept().await {
        let taken = Arc::clone(&taken);
        tokio::spawn(async move { connection(socket, emulator, &taken).await });
    }
}

async fn connection(socket: TcpStream, emulator: SocketAddr, taken: &Taken) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut client = BufReader::with_capacity(64 * 1024, socket);
    let mut server = None;
    let mut message = Vec::new();
    while let Some(body) = read(&mut client, &mut message).await? {
        if message.starts_with(b"POST /properties ") {
            taken.count(message.get(body..).unwrap_or_default());
            client.get_mut().write_all(TAKEN).await?;
            continue;
        }
        let server = match &mut server {
            Some(server) => server,
            None => server.insert(BufReader::new(TcpStream::connect(emulator).await?)),
        };
        server.get_mut().write_all(&message).await?;
        if read(server, &mut message).await?.is_none() {
            break;
        }
        client.get_mut().write_all(&message).await?;
    }
    Ok(())
}

/// Reads a request or an answer as a whole; tells where its body begins. None at the end.
async fn read(
    socket: &mut BufReader<TcpStream>,
    message: &mut Vec<u8>,
) -> io::Result<Option<usize>> {
    message.clear();
    let mut length = 0;
    loop {
        let line = message.len();
        if socket.read_until(b'\n', message).await? == 0 {
            return Ok(None);
        }
        let line = message.get(line..).unwrap_or_default();
        if line == b"\r\n" {
            break;
        }
        const NAME: &[u8] = b"content-length:";
        if let Some((name, value)) = line.split_at_checked(NAME.len())
            && name.eq_ignore_ascii_case(NAME)
        {
            length =
                str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok()).unwrap_or(0);
        }
    }
    let body = message.len();
    message.resize(body + length, 0);
    socket.read_exact(message.get_mut(body..).unwrap_or_default()).await?;
    Ok(Some(body))
}
