//! An HTTP server of a few lines, for tests of the client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct StubRequest {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// By name in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl StubRequest {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum StubReply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Says half of an answer and closes the connection.
    Cut,
    /// Closes the connection.
    Drop,
    /// Never answers.
    Hang,
    /// Answers with this status, and sends a body without end, which does not say its length.
    Endless(u16),
}

impl StubReply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::text(status, r#"{"message":"because","resourceId":"a","resourceArn":"b"}"#)
            .header("x-amzn-errortype", code)
    }

    pub(crate) fn header(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer { status, mut headers, body } => {
                headers.push((name, value.to_owned()));
                Self::Answer { status, headers, body }
            }
            other => other,
        }
    }
}

/// A server on a free port, for as long as the test's runtime lives.
#[derive(Debug)]
pub(crate) struct Stub {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<StubRequest>>>,
}

impl Stub {
    pub(crate) async fn start<F>(answer: F) -> Self
    where
        F: Fn(&StubRequest) -> StubReply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, seen.clone(), answer.clone()));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<StubRequest> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve<F>(socket: TcpStream, seen: Arc<Mutex<Vec<StubRequest>>>, answer: Arc<F>)
where
    F: Fn(&StubRequest) -> StubReply,
{
    let mut socket = BufReader::new(socket);
    while let Some(request) = read(&mut socket).await {
        seen.lock().unwrap().push(request.clone());
        match answer(&request) {
            StubReply::Answer { status, headers, body } => {
                let mut answer = format!(
                    "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
                    body.len()
                );
                for (name, value) in headers {
                    answer.push_str(&format!("{name}: {value}\r\n"));
                }
                answer.push_str("\r\n");
                answer.push_str(&body);
                if socket.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            StubReply::Cut => {
                let half = b"HTTP/1.1 200 -\r\ncontent-length: 100\r\n\r\n{\"errorEntr";
                let _ = socket.write_all(half).await;
                return;
            }
            StubReply::Drop => return,
            StubReply::Hang => std::future::pending().await,
            StubReply::Endless(status) => {
                let head = format!("HTTP/1.1 {status} -\r\ntransfer-encoding: chunked\r\n\r\n");
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
                let mut next = head;
                while socket.write_all(next.as_bytes()).await.is_ok() {
                    next.clone_from(&chunk);
                }
                return;
            }
        }
    }
}

async fn read(socket: &mut BufReader<TcpStream>) -> Option<StubRequest> {
    let mut line = String::new();
    if socket.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some(StubRequest { method, path, headers, body: String::from_utf8(body).unwrap() })
}
