//! The emulators' HTTP APIs, as any client sees them.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Entries in one BatchGetAssetPropertyValue.
const ENTRIES: usize = 128;

/// One connection.
pub(crate) struct Api {
    address: SocketAddr,
    /// Names the service, where an address has several.
    authorization: Option<String>,
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Error(String);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asset {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) asset_model_id: String,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) hierarchies: Vec<Hierarchy>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) state: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Hierarchy {
    pub(crate) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Model {
    pub(crate) asset_model_name: String,
    pub(crate) asset_model_properties: Vec<Property>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Property {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) unit: Option<String>,
    /// One key: what kind of property it is.
    #[serde(rename = "type")]
    pub(crate) kind: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Latest {
    pub(crate) value: Value,
    pub(crate) quality: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    pub(crate) values_accepted: u64,
    pub(crate) models: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assets {
    asset_summaries: Vec<Asset>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Values {
    success_entries: Vec<Success>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Success {
    entry_id: String,
    asset_property_value: Option<Latest>,
}

impl Api {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Error> {
        Self::connect_as(address, None).await
    }

    /// Connects as a caller whose requests are signed for `service`. The emulators read the
    /// signature's scope alone.
    pub(crate) async fn connect_as(
        address: SocketAddr,
        service: Option<&str>,
    ) -> Result<Self, Error> {
        let authorization = service.map(|service| {
            let scope = format!("demo/20260101/demo/{service}/aws4_request");
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
        });
        let stream = TcpStream::connect(address).await.map_err(failed("connect"))?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(failed("connect"))?;
        let connection = tokio::spawn(async move {
            // How it ended shows in the requests.
            let _ = connection.await;
        });
        Ok(Self { address, authorization, sender, connection })
    }

    /// The roots of the tree.
    pub(crate) async fn top_level(&mut self) -> Result<Vec<Asset>, Error> {
        self.assets("/assets?filter=TOP_LEVEL&").await
    }

    pub(crate) async fn children(
        &mut self,
        asset: &str,
        hierarchy: &str,
    ) -> Result<Vec<Asset>, Error> {
        self.assets(&format!(
            "/assets/{asset}/hierarchies?hierarchyId={hierarchy}&traversalDirection=CHILD&"
        ))
        .await
    }

    pub(crate) async fn model(&mut self, id: &str) -> Result<Model, Error> {
        self.get(&format!("/asset-models/{id}")).await
    }

    pub(crate) async fn usage(&mut self) -> Result<Usage, Error> {
        self.get("/_sitewise/usage").await
    }

    /// Latest values of pairs of asset and property, in their order; none where there is none.
    pub(crate) async fn latest(
        &mut self,
        of: &[(String, String)],
    ) -> Result<Vec<Option<Latest>>, Error> {
        let mut found: Vec<Option<Latest>> = of.iter().map(|_| None).collect();
        for (offset, part) in of.chunks(ENTRIES).enumerate().map(|(n, part)| (n * ENTRIES, part)) {
            let entries: Vec<Value> = (offset..)
                .zip(part)
                .map(|(n, (asset, property))| {
                    json!({ "entryId": n.to_string(), "assetId": asset, "propertyId": property })
                })
                .collect();
            let mut token: Option<String> = None;
            loop {
                let body = match &token {
                    None => json!({ "entries": entries }),
                    Some(token) => json!({ "entries": entries, "nextToken": token }),
                };
                let page: Values =
                    self.call(Method::POST, "/properties/batch/latest", body.to_string()).await?;
                for success in page.success_entries {
                    let place = success.entry_id.parse().ok().and_then(|n: usize| found.get_mut(n));
                    if let (Some(place), Some(value)) = (place, success.asset_property_value) {
                        *place = Some(value);
                    }
                }
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn assets(&mut self, path: &str) -> Result<Vec<Asset>, Error> {
        let mut assets = Vec::new();
        let mut token = String::new();
        loop {
            let page: Assets = self.get(&format!("{path}maxResults=250{token}")).await?;
            assets.extend(page.asset_summaries);
            match page.next_token {
                Some(next) => token = format!("&nextToken={}", percent_encoded(&next)),
                None => return Ok(assets),
            }
        }
    }

    async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, String::new()).await
    }

    pub(crate) async fn call<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<T, Error> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let request = request
            .header("host", self.address.to_string())
            .header("content-type", "application/json")
            .body(Full::from(body))
            .map_err(failed(path))?;
        self.sender.ready().await.map_err(failed(path))?;
        let response = self.sender.send_request(request).await.map_err(failed(path))?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(failed(path))?.to_bytes();
        if !status.is_success() {
            return Err(Error(format!("{path}: {status} {}", String::from_utf8_lossy(&body))));
        }
        serde_json::from_slice(&body).map_err(failed(path))
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a request to an emulator failed: {}", self.0)
    }
}

fn failed<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Error {
    move |error| Error(format!("{what}: {error}"))
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
