//! The configuration of a test: its variables, and the system's files.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::config::{Config, Environment, NotUnicode, VariableSource};

/// Variables of a test; files are those of the system.
struct Given(BTreeMap<String, String>);

impl VariableSource for Given {
    fn get(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        VariableSource::get(&self.0, name)
    }

    fn names(&self) -> Vec<String> {
        self.0.names()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        Environment.file(path)
    }

    fn has_file(&self, path: &Path) -> bool {
        Environment.has_file(path)
    }
}

pub(super) fn config(url: &str, variables: &[(&str, &str)]) -> Config {
    let mut source: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in
        [("MQTT_URL", url), ("AWS_REGION", "eu-central-1"), ("SPARKPLUG_HOST_ID", "tester")]
            .iter()
            .chain(variables)
    {
        source.insert((*name).to_owned(), (*value).to_owned());
    }
    Config::load(&Given(source)).unwrap()
}
