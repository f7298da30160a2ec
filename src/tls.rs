//! Why TLS with a server fails, in words for people.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, Error};

/// A server, and the variables that say where it is and whom to trust for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'a> {
    /// How it is called in a sentence.
    pub(crate) name: &'a str,
    /// The variable with its address.
    pub(crate) address: &'static str,
    /// The variable with the authorities that are trusted.
    pub(crate) authorities: &'static str,
}

impl Peer<'_> {
    /// Why the handshake fails on our side: its certificate, or what answers is not TLS. None for what
    /// else there is.
    pub(crate) fn explain(&self, error: &Error) -> Option<String> {
        let Self { name, address, .. } = self;
        match error {
            Error::InvalidCertificate(error) => {
                Some(format!("the certificate of {name} {}", self.explain_certificate(error)))
            }
            Error::InvalidMessage(_) => Some(format!(
                "{name} does not speak TLS at this port: check scheme and port in {address}"
            )),
            _ => None,
        }
    }

    fn explain_certificate(&self, error: &CertificateError) -> String {
        let Self { address, authorities, .. } = self;
        match error {
            CertificateError::UnknownIssuer => format!(
                "is signed by an authority that is not trusted: set {authorities} to that authority's \
                 certificate, or to this one if it is self-signed"
            ),
            // Two authorities of one name: one was made anew, say.
            CertificateError::BadSignature => format!(
                "is signed by an authority that has the name of a trusted one, but another key: set \
                 {authorities} to the new one"
            ),
            CertificateError::NotValidForNameContext { presented, .. } => {
                self.explain_names(presented)
            }
            CertificateError::NotValidForName => {
                format!("does not name this host: use in {address} a name that it contains")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "has expired: renew it at the server; if it has not, set this host's clock".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "is not valid yet: set this host's clock, or that of the host it was issued on"
                    .to_owned()
            }
            CertificateError::Revoked => {
                "is revoked: have another one issued for the server".to_owned()
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "is not one for a server: issue one with serverAuth in extendedKeyUsage".to_owned()
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                "is signed with an algorithm that is not supported, such as SHA-1: issue one that is \
                 signed with SHA-256"
                    .to_owned()
            }
            CertificateError::UnhandledCriticalExtension => {
                "has a critical extension that is not supported: issue one without it".to_owned()
            }
            CertificateError::BadEncoding => {
                "cannot be read as X.509: issue it again, and check what the server presents"
                    .to_owned()
            }
            CertificateError::Other(error) => self.explain_other(&format!("{:?}", error.0)),
            error => format!("is not valid ({error}): have another one issued for the server"),
        }
    }

    /// It names others, or nobody: older ones have a common name alone.
    fn explain_names(&self, presented: &[String]) -> String {
        let name = |of: &String| of.split('"').nth(1).unwrap_or(of).to_owned();
        let names: Vec<String> = presented.iter().take(NAMES).map(name).collect();
        let address = self.address;
        match names.is_empty() {
            true => {
                "does not name this host, nor any other in subjectAltName (a common name does not \
                     count): issue one that does"
                    .to_owned()
            }
            false => format!(
                "does not name this host: use in {address} a name that it contains ({}), or issue one \
                 with this host in subjectAltName",
                names.join(", ")
            ),
        }
    }

    /// What the verifier has no name of its own for, by its debug output.
    fn explain_other(&self, error: &str) -> String {
        let authorities = self.authorities;
        match error {
            "CaUsedAsEndEntity" => format!(
                "is self-signed as that of a certificate authority (CA:TRUE, as `openssl req -x509` \
                 makes it), which no server may present as its own: issue one for the server with \
                 CA:FALSE and this host in subjectAltName, and set {authorities} to the certificate \
                 of the authority that signs it, or to this one if it is self-signed"
            ),
            "EndEntityUsedAsCa" => "is signed with a certificate that is not one of an authority: have \
                                    it signed with one that has CA:TRUE"
                .to_owned(),
            "UnsupportedCertVersion" => "is one of X.509 version 1: issue one of version 3, with this \
                                         host in subjectAltName"
                .to_owned(),
            "PathLenConstraintViolated" | "MaximumPathDepthExceeded" => {
                "has more authorities above it than one of them allows (pathlen): have it signed by an \
                 authority further up"
                    .to_owned()
            }
            "NameConstraintViolation" => "has a name that its authority may not issue certificates for \
                                          (nameConstraints): have it issued by another one"
                .to_owned(),
            error => format!("is not valid ({error}): have another one issued for the server"),
        }
    }
}

/// Names of a certificate that are listed.
const NAMES: usize = 5;

/// The first error of type `T` on the way to the root cause. An I/O error hides what it wraps
/// from `source`.
pub(crate) fn find<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;
    use rustls::pki_types::UnixTime;

    use super::*;

    /// As the verifier has it.
    #[derive(Debug)]
    enum Verdict {
        CaUsedAsEndEntity,
        EndEntityUsedAsCa,
        UnsupportedCertVersion,
        PathLenConstraintViolated,
        NameConstraintViolation,
        InvalidSerialNumber,
    }

    impl std::fmt::Display for Verdict {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{self:?}")
        }
    }

    impl StdError for Verdict {}

    /// A self-signed certificate was "not valid: Other(OtherError(CaUsedAsEndEntity))".
    #[test]
    fn each_fault_of_a_certificate_is_a_sentence_with_what_to_do() {
        let peer = Peer { name: "mqtts://b", address: "MQTT_URL", authorities: "MQTT_CA" };
        let other = |verdict| CertificateError::Other(OtherError(Arc::new(verdict)));
        let time = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
        for (error, hint) in [
            (CertificateError::UnknownIssuer, "set MQTT_CA to that authority's certificate"),
            (CertificateError::BadSignature, "set MQTT_CA to the new one"),
            (CertificateError::NotValidForName, "use in MQTT_URL a name that it contains"),
            (CertificateError::Expired, "renew it at the server"),
            (CertificateError::NotValidYetContext { time, not_before: time }, "this host's clock"),
            (CertificateError::Revoked, "another one issued"),
            (CertificateError::InvalidPurpose, "serverAuth"),
            (CertificateError::BadEncoding, "issue it again"),
            (CertificateError::ApplicationVerificationFailure, "another one issued"),
            (other(Verdict::CaUsedAsEndEntity), "with CA:FALSE and this host in subjectAltName"),
            (other(Verdict::EndEntityUsedAsCa), "signed with one that has CA:TRUE"),
            (other(Verdict::UnsupportedCertVersion), "issue one of version 3"),
            (other(Verdict::PathLenConstraintViolated), "an authority further up"),
            (other(Verdict::NameConstraintViolation), "issued by another one"),
            (other(Verdict::InvalidSerialNumber), "(InvalidSerialNumber): have another one"),
        ] {
            let told = peer.explain(&Error::InvalidCertificate(error)).unwrap();
            assert!(told.starts_with("the certificate of mqtts://b "), "{told}");
            assert!(told.contains(hint), "{hint} is not in: {told}");
            assert!(!told.contains("OtherError"), "{told}");
        }
    }

    #[test]
    fn the_names_of_a_certificate_are_told() {
        let peer = Peer { name: "b", address: "MQTT_URL", authorities: "MQTT_CA" };
        let told = peer.explain_names(&["DnsName(\"a.example\")".to_owned()]);
        assert!(told.contains("a name that it contains (a.example)"), "{told}");
        assert!(peer.explain_names(&[]).contains("common name does not count"));
    }
}
