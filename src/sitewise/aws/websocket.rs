//! The address of a WebSocket to AWS IoT, signed with the process's own credentials (Signature
//! Version 4), so that no certificate is needed.
//!
//! AWS IoT takes the session token of temporary credentials behind the signature, not within it.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sigv4::http_request::{
    SessionTokenMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use hyper::Request;

use super::credentials::RenewableCredentials;
use super::sdk::{NoClient, NoRegion, ServiceConfig};
use super::{CREDENTIALS_TIMEOUT, load_credentials};
use crate::sitewise::api::{ApiFault, ApiFaultKind};

/// AWS IoT's name in signatures of WebSockets.
const SERVICE: &str = "iotdevicegateway";
/// For how long an address may be used: it is used at once, by clocks that may differ a little.
const VALID: Duration = Duration::from_secs(5 * 60);

/// Signs addresses of WebSockets to one endpoint of AWS IoT.
#[derive(Clone, Debug)]
pub struct WebSocketSigner {
    credentials: RenewableCredentials,
    region: String,
    /// With the port where that is not the usual one of its scheme: it is signed as it is sent.
    authority: String,
    path: String,
}

impl WebSocketSigner {
    /// With the credentials that the environment names. The region is the host's, else the
    /// environment's.
    ///
    /// # Errors
    ///
    /// Neither names a region, or the certificate authorities are none.
    pub async fn from_env(host: &str, port: Option<u16>, path: &str) -> Result<Self, NoClient> {
        let config = Box::pin(ServiceConfig::from_env(CREDENTIALS_TIMEOUT)).await?;
        let of_environment = || config.sdk.region().map(|region| region.as_ref().to_owned());
        let region = region_of(host).or_else(of_environment).ok_or(NoRegion)?;
        Ok(Self::new(config.credentials, region, (host, port, path)))
    }

    /// With these credentials.
    #[cfg(test)]
    pub(crate) fn of_test((key, secret, token): (&str, &str, &str), at: (&str, u16)) -> Self {
        let credentials = aws_credential_types::Credentials::new(
            key,
            secret,
            Some(token.to_owned()),
            None,
            "test",
        );
        let provider = Some(SharedCredentialsProvider::new(credentials));
        let credentials = RenewableCredentials::new(provider, None, CREDENTIALS_TIMEOUT);
        Self::new(credentials, "eu-west-1".to_owned(), (at.0, Some(at.1), "/mqtt"))
    }

    fn new(
        credentials: RenewableCredentials,
        region: String,
        (host, port, path): (&str, Option<u16>, &str),
    ) -> Self {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let authority = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        Self { credentials, region, authority, path: path.to_owned() }
    }

    /// The address for an attempt at this time.
    ///
    /// # Errors
    ///
    /// There are no credentials.
    pub async fn address(&self, at: SystemTime) -> Result<String, ApiFault> {
        let denied = |why: String| ApiFault::new(ApiFaultKind::Denied, why);
        // AWS IoT rejects old keys where no client of the SDK sees it: the files are read again.
        self.credentials.invalidate();
        let provider = SharedCredentialsProvider::new(self.credentials.clone());
        let identity = load_credentials(&provider).await?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.session_token_mode = SessionTokenMode::Exclude;
        settings.expires_in = Some(VALID);
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(at)
            .settings(settings)
            .build()
            .map_err(|error| denied(error.to_string()))?
            .into();
        let uri = format!("ws://{}{}", self.authority, self.path);
        let headers = [("host", self.authority.as_str())].into_iter();
        let unsigned = SignableRequest::new("GET", &uri, headers, SignableBody::Bytes(&[]));
        let signed = unsigned.and_then(|unsigned| sign(unsigned, &params));
        let signed = signed.map_err(|error| denied(error.to_string()))?;
        let request = Request::builder().uri(&uri).body(());
        let mut request = request.map_err(|error| denied(error.to_string()))?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }
}

/// The region in the name of an endpoint, as in `...-ats.iot.eu-central-1.amazonaws.com`.
fn region_of(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let rest =
        host.strip_suffix(".amazonaws.com.cn").or_else(|| host.strip_suffix(".amazonaws.com"))?;
    let (_, rest) = rest.split_once(".iot.")?;
    let region = rest.split('.').next().filter(|region| !region.is_empty())?;
    Some(region.to_owned())
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;
    use crate::sitewise::aws::credentials::ProviderFactory;

    const HOST: &str = "a1b2c3-ats.iot.eu-central-1.amazonaws.com";

    fn keys(key: &str, token: Option<&str>) -> Option<SharedCredentialsProvider> {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let token = token.map(str::to_owned);
        let credentials = Credentials::new(key, secret, token, None, "test");
        Some(SharedCredentialsProvider::new(credentials))
    }

    fn signer(credentials: RenewableCredentials, port: Option<u16>) -> WebSocketSigner {
        WebSocketSigner::new(credentials, region_of(HOST).unwrap(), (HOST, port, "/mqtt"))
    }

    fn fixed(provider: Option<SharedCredentialsProvider>) -> RenewableCredentials {
        RenewableCredentials::new(provider, None, CREDENTIALS_TIMEOUT)
    }

    async fn address(token: Option<&str>, port: Option<u16>) -> String {
        let signer = signer(fixed(keys("AKIDEXAMPLE", token)), port);
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        signer.address(at).await.unwrap()
    }

    /// The signatures are those that botocore's `SigV4QueryAuth` makes of the same request, with
    /// the token put behind.
    #[tokio::test]
    async fn addresses_are_signed_as_aws_iot_reads_them() {
        let scope = "AKIDEXAMPLE%2F20260921%2Feu-central-1%2Fiotdevicegateway%2Faws4_request";
        let query = |signature: &str| {
            format!(
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}\
                 &X-Amz-Date=20260921T141320Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature={signature}"
            )
        };
        let plain = query("4adb21571c21a8725d16806fa87f2c67b938203e6410ccdd7e851f3a7b610340");
        let host = "ws://a1b2c3-ats.iot.eu-central-1.amazonaws.com";
        assert_eq!(address(None, None).await, format!("{host}/mqtt?{plain}"));
        assert_eq!(
            address(Some("to/ken+="), None).await,
            format!("{host}/mqtt?{plain}&X-Amz-Security-Token=to%2Fken%2B%3D"),
            "the token is not signed"
        );
        let with_port = query("2d6d94a965fd96337495b47ac39836f5cef3bd2d778a9583ffebe79b8bf9ac54");
        assert_eq!(address(None, Some(8443)).await, format!("{host}:8443/mqtt?{with_port}"));
    }

    #[tokio::test]
    async fn without_credentials_there_is_no_address() {
        let signer = signer(fixed(None), None);
        let fault = signer.address(SystemTime::UNIX_EPOCH).await.unwrap_err();
        assert_eq!(fault.kind, ApiFaultKind::Denied);
    }

    /// Keys that were replaced in a profile's file were used only after a restart: AWS IoT rejects
    /// the old ones, and no client of the SDK is there to see it.
    #[tokio::test]
    async fn an_address_is_signed_with_the_keys_that_replaced_the_first_ones() {
        let load: ProviderFactory = Box::new(|| Box::pin(async { keys("AKIDNEW", None) }));
        let first = keys("AKIDOLD", None);
        let credentials = RenewableCredentials::new(first, Some(load), CREDENTIALS_TIMEOUT);
        let signer = signer(credentials, None);
        let address = signer.address(SystemTime::UNIX_EPOCH).await.unwrap();
        assert!(address.contains("X-Amz-Credential=AKIDNEW%2F"), "{address}");
    }

    #[test]
    fn the_region_is_read_from_the_name_of_an_endpoint() {
        for (host, region) in [
            ("a1-ats.iot.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("A1-ATS.IOT.EU-CENTRAL-1.AMAZONAWS.COM", Some("eu-central-1")),
            ("a1.ats.iot.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("vpce-1-2.data.iot.eu-west-1.vpce.amazonaws.com", Some("eu-west-1")),
            ("mqtt.iot.example.com", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(region_of(host).as_deref(), region, "{host}");
        }
    }
}
