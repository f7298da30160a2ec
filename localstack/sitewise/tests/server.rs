//! The server as its users hold it: in a process, on free ports, until it is told to stop.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use sitewise_local::{Effect, Fault, Handle, Options, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

struct Running {
    address: SocketAddr,
    handle: Handle,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

fn start() -> Outcome<Running> {
    let server = Server::bind(([127, 0, 0, 1], 0).into(), Options::default())?;
    let (stop, stopped) = oneshot::channel();
    let (address, handle) = (server.local_addr(), server.handle());
    let serving = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    Ok(Running { address, handle, stop, serving })
}

/// Sends one request on a connection of its own; gives all that comes back.
async fn ask(address: SocketAddr, host: &str, line: &str, body: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(address).await?;
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    Ok(String::from_utf8(answer)?)
}

#[tokio::test]
async fn servers_in_one_process_know_nothing_of_each_other() -> Outcome {
    let (one, two) = (start()?, start()?);
    let made =
        ask(one.address, "localhost", "POST /asset-models", r#"{"assetModelName":"only here"}"#)
            .await?;
    assert!(made.starts_with("HTTP/1.1 202"), "{made}");
    assert_eq!((one.handle.usage().models, two.handle.usage().models), (1, 0));
    for running in [one, two] {
        let _ = running.stop.send(());
        tokio::time::timeout(Duration::from_secs(5), running.serving).await???;
    }
    Ok(())
}

#[tokio::test]
async fn any_host_and_either_slash_is_the_same() -> Outcome {
    let running = start()?;
    let body = r#"{"assetModelName":"m","assetModelExternalId":"a:b"}"#;
    ask(running.address, "api.localhost:1", "POST /asset-models/", body).await?;
    for host in ["localhost", "api.localhost:4566", "data.iotsitewise.eu-west-1.amazonaws.com", "x"]
    {
        for path in [
            "/asset-models/externalId%3Aa%3Ab",
            "/asset-models/externalId:a:b/",
            "/timeseries/",
            "/timeseries",
        ] {
            let answer = ask(running.address, host, &format!("GET {path}"), "").await?;
            assert!(answer.starts_with("HTTP/1.1 200"), "{host} {path}: {answer}");
        }
    }
    for (line, status) in [
        ("GET /asset-models/externalId%3Aa%2Fb", "HTTP/1.1 400"),
        ("GET /asset-models/%zz", "HTTP/1.1 400"),
        ("GET /asset-models//composite-models", "HTTP/1.1 404"),
        ("PATCH /asset-models", "HTTP/1.1 404"),
    ] {
        let answer = ask(running.address, "x", line, "").await?;
        assert!(
            answer.starts_with(status) && answer.contains("x-amzn-requestid: "),
            "{line}: {answer}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() -> Outcome {
    let running = start()?;
    let latency = Effect::Latency { milliseconds: 300, jitter_milliseconds: 0 };
    running.handle.order(Fault::always(latency))?;
    let address = running.address;
    let asked = async { ask(address, "x", "GET /asset-models", "").await };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _ = running.stop.send(());
    };
    let (answer, ()) = tokio::join!(asked, stop);
    assert!(answer?.starts_with("HTTP/1.1 200"));
    tokio::time::timeout(Duration::from_secs(5), running.serving).await???;
    assert!(TcpStream::connect(address).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_body_without_end_is_refused() -> Outcome {
    let running = start()?;
    let mut stream = TcpStream::connect(running.address).await?;
    stream
        .write_all(b"POST /properties HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let (mut reader, mut writer) = stream.split();
    let send = async {
        for _ in 0..200 {
            if writer.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
    };
    let mut answer = vec![0; 12];
    let (_, read) = tokio::join!(send, reader.read_exact(&mut answer));
    read?;
    assert_eq!(answer, b"HTTP/1.1 413");
    Ok(())
}
