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
          credential_process, and of `sso` and `aws login` while the sign-in lasts, work as well.",
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
    doc: "Endpoint URL of SiteWise in place of AWS's: an emulator, or a VPC endpoint.",
    secret: false,
    file: false,
};

const CA_BUNDLE: Variable = Variable {
    name: "AWS_CA_BUNDLE",
    default: DefaultValue::Words("the system's certificate authorities"),
    form: "path of a PEM file",
    doc: "Certificate authorities to trust for AWS, replacing the system's: for example those of a \
          TLS-intercepting proxy.",
    secret: false,
    file: false,
};

const HTTPS_PROXY: Variable = Variable {
    name: "HTTPS_PROXY",
    default: DefaultValue::Words("none"),
    form: "http://host:port",
    doc: "HTTP proxy for connections to AWS; for an endpoint without TLS the variable is \
        HTTP_PROXY. User name and password may be part of the URL. MQTT does not use the proxy.",
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

/// Where the SDK is sent elsewhere: for all services, or for the one that follows.
const ENDPOINTS: &str = "AWS_ENDPOINT_URL";
/// Where a proxy is named, in any spelling.
const PROXIES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// The region, and the name that other tools give it.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// What is wrong would otherwise show only after everything else has started, as something else.
pub(super) fn check(reader: &mut VariableReader<'_>) {
    reader.optional(&ENDPOINT, url);
    for name in reader.names_with(ENDPOINTS).iter().filter(|name| *name != ENDPOINT.name) {
        reader.check(name, url);
        if name.contains("SITEWISE") {
            reader.warn(format!(
                "{name} is no variable of AWS's and is ignored: that of SiteWise is {}",
                ENDPOINT.name
            ));
        }
    }
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
    check_credentials(reader);
    check_proxies(reader);
    // An emulator may call its region as it likes.
    let elsewhere = reader.names_with(ENDPOINTS).iter().any(|name| reader.is_any_set(&[name]));
    if reader.is_any_set(&REGIONS) {
        let named = |value: &str| if elsewhere { region(value) } else { region_of_aws(value) };
        reader.optional(&REGION, named);
        match reader.is_any_set(&[REGION.name]) {
            true => reader.check("AWS_DEFAULT_REGION", region),
            false => reader.check("AWS_DEFAULT_REGION", named),
        }
    } else if reader.has_stand_in(&REGION) {
        reader.optional(&REGION, region);
    } else if reader.is_any_set(&["AWS_PROFILE", "AWS_CONFIG_FILE"])
        || reader.home_has_file(".aws/config")
    {
        reader.warn("AWS_REGION is not set: the region must come from the AWS configuration file");
    } else {
        reader.missing(&REGION);
    }
}

/// The SDK takes proxies of HTTP alone, and names none of these where a call fails for another.
fn check_proxies(reader: &mut VariableReader<'_>) {
    for name in PROXIES {
        let Some(value) = reader.text(name) else { continue };
        let scheme = value.trim().split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if scheme.is_some_and(|scheme| !matches!(scheme.as_str(), "http" | "https")) {
            reader.warn(format!(
                "{name} names a proxy that is not one of HTTP: calls to AWS that would go through \
                 it fail; write http://host:port, list the hosts in NO_PROXY, or unset it"
            ));
        }
    }
}

/// The SDK passes over half a key and a profile that does not exist, and looks for credentials
/// elsewhere.
fn check_credentials(reader: &mut VariableReader<'_>) {
    const SECRET: [&str; 2] = ["AWS_SECRET_ACCESS_KEY", "SECRET_ACCESS_KEY"];
    match (reader.is_any_set(&[CREDENTIALS.name]), reader.is_any_set(&SECRET)) {
        (true, false) => reader.fault(
            &CREDENTIALS,
            "is set and AWS_SECRET_ACCESS_KEY is not: set both, or neither for a role",
        ),
        (false, true) => reader.fault(
            &CREDENTIALS,
            "is not set and AWS_SECRET_ACCESS_KEY is: set both, or neither for a role",
        ),
        (true, true) | (false, false) => {}
    }
    let Some(profile) = reader.text(PROFILE.name).filter(|name| name != "default") else { return };
    let files =
        [("AWS_CONFIG_FILE", ".aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")];
    let texts = files.map(|(name, usual)| match reader.text(name) {
        Some(path) => reader.text_of(&path).ok(),
        None => reader.text_of_home(usual),
    });
    if !texts.iter().flatten().any(|text| has_profile(text, &profile)) {
        let quoted = quoted_path(&profile, false);
        reader.warn(format!(
            "AWS_PROFILE {quoted}names a profile that is in neither of the AWS configuration files \
             (AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/config and \
             ~/.aws/credentials): credentials and region must come from elsewhere"
        ));
    }
}

/// Whether a configuration file has this profile.
fn has_profile(text: &str, profile: &str) -> bool {
    let sections = text.lines().filter_map(|line| line.trim().strip_prefix('['));
    let names = sections.filter_map(|line| line.split_once(']')).map(|(name, _)| name.trim());
    let names = names.map(|name| match name.strip_prefix("profile") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim(),
        _ => name,
    });
    names.map(|name| name.trim_matches(['"', '\''])).any(|name| name == profile)
}

/// Blanks around it are no harm: they are taken away before the SDK has it.
fn region(value: &str) -> Result<String, String> {
    let region = value.trim();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match region.chars().all(fits) {
        true => Ok(region.to_owned()),
        false => Err("is not an AWS region: write it like eu-central-1".to_owned()),
    }
}

/// As AWS names its regions: with a number at the end, which is easily left out.
fn region_of_aws(value: &str) -> Result<String, String> {
    let region = region(value)?;
    let number = region.rsplit_once('-').map_or("", |(_, number)| number);
    match !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(region),
        false => {
            Err("is not an AWS region: write it with its number, like eu-central-1".to_owned())
        }
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
