//! What the AWS SDK reads on its own: listed for help, and checked as far as that is possible.

use hyper::Uri;
use hyper::http::uri::Authority;

use super::parse::text;
use super::reader::{VariableReader, quoted_path};
use super::variable::{DefaultValue, Section, Variable};

const REGION: Variable = Variable {
    name: "AWS_REGION",
    default: DefaultValue::Words("the profile's"),
    form: "eu-central-1, or another region with AWS IoT SiteWise",
    doc: "Region of SiteWise. Required, unless the shared configuration file has one.",
    secret: false,
    file: false,
};

const CREDENTIALS: Variable = Variable {
    name: "AWS_ACCESS_KEY_ID",
    default: DefaultValue::Words("the SDK's credential chain"),
    form: "text",
    doc: "Static credentials, with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. A container's or \
          an instance's role, web identity, and profiles with keys, another role or a \
          credential_process work as well; profiles of sso and of aws login do not.",
    secret: true,
    file: false,
};

const PROFILE: Variable = Variable {
    name: "AWS_PROFILE",
    default: DefaultValue::Words("default"),
    form: "text",
    doc: "Profile in the shared configuration file.",
    secret: false,
    file: false,
};

const ENDPOINT: Variable = Variable {
    name: "AWS_ENDPOINT_URL_IOTSITEWISE",
    default: DefaultValue::Words("AWS"),
    form: "URL",
    doc: "Another address for SiteWise: an emulator, or a VPC endpoint.",
    secret: false,
    file: false,
};

const CA_BUNDLE: Variable = Variable {
    name: "AWS_CA_BUNDLE",
    default: DefaultValue::Words("the system's certificate authorities"),
    form: "path of a PEM file",
    doc: "Certificate authorities to trust for AWS, replacing the system's: for example those of \
          a TLS-intercepting proxy.",
    secret: false,
    file: false,
};

const HTTPS_PROXY: Variable = Variable {
    name: "HTTPS_PROXY",
    default: DefaultValue::Words("none"),
    form: "http://host:port",
    doc: "Proxy on the way to AWS; for an endpoint without TLS it is HTTP_PROXY. User name and \
          password may be part of the URL. MQTT does not use the proxy.",
    secret: false,
    file: false,
};

const NO_PROXY: Variable = Variable {
    name: "NO_PROXY",
    default: DefaultValue::Words("none"),
    form: "names, addresses and networks, separated by commas",
    doc: "Hosts that are reached without the proxy. Where HTTP_PROXY is set, list the credential \
          endpoints of containers and instances here: 169.254.170.2 and 169.254.169.254.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "AWS",
    doc: "Read by the AWS SDK itself, which supports many more.",
    vars: &[&REGION, &CREDENTIALS, &PROFILE, &ENDPOINT, &CA_BUNDLE, &HTTPS_PROXY, &NO_PROXY],
};

/// Variables that others read as well: only documented and logged.
#[cfg(test)]
pub(super) const OTHERS: [&str; 2] = [HTTPS_PROXY.name, NO_PROXY.name];

/// What a bundle of authorities holds.
const FILE_OF_CA: &str = "the authorities' certificates (-----BEGIN CERTIFICATE-----), or unset it";

/// A region that is missing would otherwise show only after everything else has started.
pub(super) fn check(reader: &mut VariableReader<'_>) {
    reader.optional(&ENDPOINT, url);
    if let Some(Some(path)) = reader.optional(&CA_BUNDLE, text) {
        let quoted = quoted_path(&path, false);
        match reader.text_of(&path) {
            Ok(pem) if pem.contains("-----BEGIN CERTIFICATE-----") => {}
            Ok(_) => reader.fault(
                &CA_BUNDLE,
                format!("{quoted}contains no PEM certificate: name a file with {FILE_OF_CA}"),
            ),
            Err(error) => reader.fault(
                &CA_BUNDLE,
                format!("{quoted}cannot be read: {error}; name a readable file, or unset it"),
            ),
        }
    }
    if reader.is_any_set(&["AWS_REGION", "AWS_DEFAULT_REGION"]) {
        reader.optional(&REGION, text);
    } else if reader.is_any_set(&["AWS_PROFILE", "AWS_CONFIG_FILE"])
        || reader.home_has_file(".aws/config")
    {
        reader.warn("AWS_REGION is not set: the region must come from the AWS configuration file");
    } else {
        reader.missing(&REGION);
    }
}

/// An invalid URL would panic in the SDK.
fn url(value: &str) -> Result<String, String> {
    let fits = value.parse::<Uri>().is_ok_and(|uri| {
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        is_http && uri.authority().is_some_and(has_place)
    });
    match fits {
        true => Ok(value.to_owned()),
        false => Err("is not a URL: write http://host:port or https://host".to_owned()),
    }
}

/// Whether it names a host, and a port that there can be, if any.
fn has_place(authority: &Authority) -> bool {
    let place = authority.as_str().rsplit('@').next().unwrap_or_default();
    let port = place.strip_prefix(authority.host()).unwrap_or_default();
    !authority.host().is_empty() && (port.is_empty() || authority.port_u16().is_some_and(|p| p > 0))
}
