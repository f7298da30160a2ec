//! SiteWise before the emulator: HTTP by hand. What becomes of `POST /properties` is decided
//! here; everything else goes to the emulator, so that models and assets come to be.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 19\r\n\r\n{\"errorEntries\":[]}";
const AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// How a request with values is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "not every benchmark meets requests in every way")]
pub(crate) enum Door {
    /// All is taken at once.
    Open,
    /// Nobody is there.
    Shut,
    /// The emulator decides.
    Emulator,
}

/// Who decides, and is told.
pub(crate) trait Puts: Send + Sync + 'static {
    /// How the next request is met.
    fn door(&self) -> Door;

    /// These entries were taken, just now.
    fn taken(&self, body: &[u8]);
}

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, emulator: SocketAddr, puts: Arc<impl Puts>) {
    while let Ok((socket, _)) = listener.accept().await {
        let puts = Arc::clone(&puts);
        tokio::spawn(async move { connection(socket, emulator, &*puts).await });
    }
}

async fn connection(socket: TcpStream, emulator: SocketAddr, puts: &impl Puts) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut client = BufReader::with_capacity(64 * 1024, socket);
    let mut server = None;
    let (mut message, mut answer) = (Vec::new(), Vec::new());
    while let Some(body) = read(&mut client, &mut message).await? {
        let body = message.get(body..).unwrap_or_default();
        let is_put = message.starts_with(b"POST /properties ");
        match puts.door() {
            Door::Open if is_put => {
                puts.taken(body);
                client.get_mut().write_all(TAKEN).await?;
                continue;
            }
            Door::Shut if is_put => {
                client.get_mut().write_all(AWAY).await?;
                continue;
            }
            Door::Open | Door::Shut | Door::Emulator => {}
        }
        let server = match &mut server {
            Some(server) => server,
            None => server.insert(BufReader::new(emulator_at(emulator).await?)),
        };
        server.get_mut().write_all(&message).await?;
        let Some(answer_body) = read(server, &mut answer).await? else { break };
        if is_put && answer.starts_with(b"HTTP/1.1 200 ") {
            match without_refused(body, answer.get(answer_body..).unwrap_or_default()) {
                Some(rest) => puts.taken(&rest),
                None => puts.taken(body),
            }
        }
        client.get_mut().write_all(&answer).await?;
    }
    Ok(())
}

async fn emulator_at(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// The request without the entries that were refused; none if none was.
fn without_refused(body: &[u8], answer: &[u8]) -> Option<Vec<u8>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let errors = answer.get("errorEntries")?.as_array().filter(|errors| !errors.is_empty())?;
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let entries = request.get_mut("entries")?.as_array_mut()?;
    entries.retain(|entry| errors.iter().all(|error| error.get("entryId") != entry.get("entryId")));
    serde_json::to_vec(&request).ok()
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
