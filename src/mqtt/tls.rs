//! TLS: from PEM to a configuration of the client.

use std::sync::Arc;

use rumqttc::TlsConfiguration;
use rumqttc::tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rumqttc::tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use rumqttc::tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::config::{ClientCertificate, Mqtt, ServerUrl};

/// A connection cannot be configured as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `MQTT_CA` holds no usable certificate.
    #[error("MQTT_CA holds no usable certificate: {0}")]
    Ca(String),
    /// `MQTT_CERT` holds no usable certificate.
    #[error("MQTT_CERT holds no usable certificate: {0}")]
    Certificate(String),
    /// `MQTT_KEY` holds no usable private key.
    #[error("MQTT_KEY holds no usable private key: {0}")]
    Key(String),
    /// `MQTT_KEY` is not the key of `MQTT_CERT`.
    #[error(
        "MQTT_KEY is not the private key of the first certificate in MQTT_CERT: use the key and \
            certificate that were created together, with the client's own certificate first in \
            MQTT_CERT and those of its authorities after it"
    )]
    NotAPair,
    /// `MQTT_CERT` is of the first version of X.509, which has no extensions.
    #[error(
        "MQTT_CERT is an X.509 certificate of version 1, which cannot be used: have one of version \
         3 issued (`openssl x509 -req` with -extfile)"
    )]
    Version1,
    /// `MQTT_CERT` or `MQTT_KEY` is of a kind that is not supported.
    #[error("MQTT_CERT and MQTT_KEY do not work together: {0}")]
    Pair(rustls::Error),
    /// The system has no certificate authorities, or they cannot be read.
    #[error(
        "the system's certificate authorities cannot be loaded ({0}): install them, or set MQTT_CA"
    )]
    System(String),
    /// The protocol versions are not supported.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
    /// The server's URL cannot be used.
    #[error("{0} cannot be used: {1}")]
    Url(ServerUrl, String),
}

/// Whether certificates and keys can be used, where a server is reached by TLS.
///
/// # Errors
///
/// They cannot, or the system has no authorities.
pub fn check(mqtt: &Mqtt) -> Result<(), Error> {
    match mqtt.servers.iter().any(|url| url.scheme.is_secure()) {
        true => configuration(mqtt).map(drop),
        false => Ok(()),
    }
}

pub(super) fn configuration(mqtt: &Mqtt) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = match &mqtt.ca {
        Some(pem) => ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(Error::Setup)?
            .with_root_certificates(authorities(pem)?)
            .with_no_client_auth(),
        None => with_system_authorities()?,
    };
    if let Some(client) = &mqtt.client {
        config.client_auth_cert_resolver =
            Arc::new(SingleCertAndKey::from(identity(client, &provider)?));
    }
    Ok(Arc::new(config))
}

fn authorities(pem: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|error| Error::Ca(error.to_string()))?;
        roots.add(certificate).map_err(|error| Error::Ca(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(Error::Ca("there is none".to_owned()));
    }
    Ok(roots)
}

fn with_system_authorities() -> Result<ClientConfig, Error> {
    match TlsConfiguration::try_default_rustls() {
        Ok(TlsConfiguration::Rustls(config)) => Ok(ClientConfig::clone(&config)),
        Ok(TlsConfiguration::Simple { .. }) => {
            Err(Error::System("they are of another kind".to_owned()))
        }
        Err(error) => Err(Error::System(error.to_string())),
    }
}

fn identity(client: &ClientCertificate, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    let chain = CertificateDer::pem_slice_iter(client.cert.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Error::Certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(Error::Certificate("there is none".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(client.key.expose().as_bytes())
        .map_err(|error| Error::Key(error.to_string()))?;
    let is_old = chain.first().is_some_and(|own| is_version_1(own));
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        _ if is_old => Error::Version1,
        rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch) => Error::NotAPair,
        error => Error::Pair(error),
    })
}

/// Whether a certificate lacks the version, which is then the first: it would be the first part of
/// what is signed, with a tag of its own [RFC 5280, 4.1].
fn is_version_1(der: &[u8]) -> bool {
    const VERSION: u8 = 0xa0;
    let signed = content(der).and_then(content);
    signed.and_then(|signed| signed.first()).is_some_and(|tag| *tag != VERSION)
}

/// What a sequence in DER holds.
fn content(der: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    let [SEQUENCE, length, rest @ ..] = der else { return None };
    match length.checked_sub(0x80) {
        Some(bytes) => rest.get(usize::from(bytes)..),
        None => Some(rest),
    }
}
