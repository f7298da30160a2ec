//! The endpoint of SiteWise.

use std::fmt;

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::cause::Plane;

/// Where the client's calls go; for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// AWS region.
    pub region: String,
    /// URL of an emulator or a private endpoint; none for AWS itself.
    pub url: Option<String>,
}

impl Endpoint {
    /// Where a client built from `config` goes, by the rules of the SDK: the service's own
    /// setting before the common one. None without a region.
    pub(super) fn of(config: &SdkConfig) -> Option<Self> {
        let url = custom_url(config, "IoTSiteWise");
        Some(Self { region: config.region()?.as_ref().to_owned(), url })
    }

    /// The host of calls; for people.
    pub fn host(&self, plane: Plane) -> String {
        let region = &self.region;
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let label = match plane {
            Plane::Control => "api",
            Plane::Write | Plane::Read => "data",
        };
        match &self.url {
            Some(url) => without_user(url),
            None => format!("{label}.iotsitewise.{region}.{domain}"),
        }
    }
}

/// The URL that replaces AWS's own for a service, by the rules of the SDK: the service's own setting
/// before the common one.
pub(crate) fn custom_url(config: &SdkConfig, service_id: &str) -> Option<String> {
    // An empty variable counts as unset: templates leave them behind.
    let set = |url: &String| !url.trim().is_empty();
    let common = config.endpoint_url().map(str::to_owned).filter(set);
    if config.get_origin("endpoint_url").is_client_config() {
        return common;
    }
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config().and_then(|settings| settings.load_config(key)).filter(set).or(common)
}

/// An address without the user and password that may stand in it.
fn without_user(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => write!(f, "{} (region {})", without_user(url), self.region),
            None => write!(f, "AWS region {}", self.region),
        }
    }
}
