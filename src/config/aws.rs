//! What the AWS SDK reads on its own: listed for help, and checked as far as that is possible.

use super::parse::text;
use super::reader::Reader;
use super::variable::{Default, Section, Var};

const REGION: Var = Var {
    name: "AWS_REGION",
    default: Default::Words("the profile's"),
    form: "eu-central-1, or another region with AWS IoT SiteWise",
    doc: "Region of SiteWise. Required, unless the shared configuration file has one.",
    secret: false,
    file: false,
};

const CREDENTIALS: Var = Var {
    name: "AWS_ACCESS_KEY_ID",
    default: Default::Words("the SDK's credential chain"),
    form: "text",
    doc: "With AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN one way to give credentials. A container's or \
          an instance's role, web identity and profiles work as well.",
    secret: true,
    file: false,
};

const PROFILE: Var = Var {
    name: "AWS_PROFILE",
    default: Default::Words("default"),
    form: "text",
    doc: "Profile in the shared configuration file.",
    secret: false,
    file: false,
};

const ENDPOINT: Var = Var {
    name: "AWS_ENDPOINT_URL_IOTSITEWISE",
    default: Default::Words("AWS"),
    form: "URL",
    doc: "Another address for SiteWise: an emulator, or a VPC endpoint.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "AWS",
    doc: "Read by the AWS SDK itself, which knows many more.",
    vars: &[&REGION, &CREDENTIALS, &PROFILE, &ENDPOINT],
};

/// A region that is missing would otherwise show only after everything else has started.
pub(super) fn check(reader: &mut Reader<'_>) {
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
