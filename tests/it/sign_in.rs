//! Profiles of people who signed in with the AWS CLI: its caches are read, and what they stand for
//! is asked of AWS.

use std::path::Path;

use sitewise_local::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::aws::{Folder, asks, plan};
use crate::support::Emulator;

const START_URL: &str = "https://example.awsapps.com/start";
/// SHA-1 of it, which names the cached token.
const START_URL_SHA1: &str = "e8be5486177c5b5392bd9aa76563515b29358e6e";
const LOGIN_SESSION: &str = "arn:aws:iam::123456789012:user/Admin";
/// SHA-256 of it, which names the cached token.
const LOGIN_SESSION_SHA256: &str =
    "10cabd19777b6651ac57333b55c7c10a1242b1c2337f40e674926d7324698347";

fn profile(folder: &Folder, text: &str) -> String {
    folder.file("config", &format!("[profile plant]\n{text}"))
}

fn cached(folder: &Folder, kind: &str, name: &str, text: &str) {
    let below = Path::new(".aws").join(kind).join("cache");
    std::fs::create_dir_all(folder.path().join(&below)).unwrap();
    folder.file(below.join(name).with_extension("json").to_str().unwrap(), text);
}

fn variables<'a>(config: &'a str, emulator: &'a Emulator) -> [(&'a str, &'a str); 5] {
    [
        ("AWS_ACCESS_KEY_ID", "(unset)"),
        ("AWS_SECRET_ACCESS_KEY", "(unset)"),
        ("AWS_CONFIG_FILE", config),
        ("AWS_PROFILE", "plant"),
        ("AWS_ENDPOINT_URL_IOTSITEWISE", &emulator.endpoint),
    ]
}

async fn reported(folder: &Folder, variables: &[(&str, &str)]) -> String {
    let output = plan(folder, variables).await;
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

/// Stands in for IAM Identity Center: gives credentials for each request that has the token.
async fn identity_center() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 8192];
            let length = socket.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(request.get(..length).unwrap()).into_owned();
            let is_right = request.starts_with("GET /federation/credentials?")
                && request.contains("account_id=123456789012")
                && request.contains("role_name=Reader")
                && request.contains("x-amz-sso_bearer_token: the token");
            let (status, body) = if is_right {
                let credentials = r#"{"roleCredentials":{"accessKeyId":"id","secretAccessKey":"secret","sessionToken":"session","expiration":4070908800000}}"#;
                ("200 OK", credentials)
            } else {
                ("401 Unauthorized", r#"{"__type":"UnauthorizedException"}"#)
            };
            let head = "content-type: application/json\r\nconnection: close";
            let answer = format!(
                "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

/// They were an error that told of another profile to write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_of_sso_gives_credentials() {
    let emulator = Emulator::start(Options::default());
    let folder = Folder::new("sso");
    let config = profile(
        &folder,
        &format!(
            "sso_start_url = {START_URL}\nsso_region = eu-west-1\n\
             sso_account_id = 123456789012\nsso_role_name = Reader\n"
        ),
    );
    let portal = identity_center().await;
    let mut variables = variables(&config, &emulator).to_vec();
    variables.push(("AWS_ENDPOINT_URL_SSO", &portal));
    // Nobody has signed in yet.
    let said = reported(&folder, &variables).await;
    assert!(said.contains("aws sso login"), "{said}");
    let token = format!(
        r#"{{"startUrl":"{START_URL}","region":"eu-west-1","accessToken":"the token","expiresAt":"2099-01-01T00:00:00Z"}}"#
    );
    cached(&folder, "sso", START_URL_SHA1, &token);
    asks(&emulator, &folder, &variables).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_of_aws_login_gives_credentials() {
    let emulator = Emulator::start(Options::default());
    let folder = Folder::new("login");
    let config = profile(&folder, &format!("login_session = {LOGIN_SESSION}\n"));
    let variables = variables(&config, &emulator);
    let said = reported(&folder, &variables).await;
    assert!(said.contains("`aws login`"), "{said}");
    let token = r#"{"accessToken":{"accessKeyId":"id","secretAccessKey":"secret","sessionToken":"session","accountId":"123456789012","expiresAt":"2099-01-01T00:00:00Z"},"tokenType":"aws_sigv4","refreshToken":"refresh","clientId":"arn:aws:signin:::devtools/same-device","dpopKey":"of no use before it ends"}"#;
    cached(&folder, "login", LOGIN_SESSION_SHA256, token);
    asks(&emulator, &folder, &variables).await;
}
