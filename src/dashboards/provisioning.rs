//! Files by which a Grafana finds the data source and the dashboards, and a README.

use super::query::PLUGIN;
use super::{DATASOURCE, FOLDER, File, MARK};

/// All that does not depend on the plant.
pub(super) fn files() -> Vec<File> {
    let datasource = format!(
        "# {MARK}. The region and the credentials are those of Grafana's environment.
apiVersion: 1
datasources:
  - name: Sparkwise SiteWise
    type: {PLUGIN}
    uid: {DATASOURCE}
    jsonData:
      authType: default
      defaultRegion: $AWS_REGION
"
    );
    let dashboards = format!(
        "# {MARK}.
apiVersion: 1
providers:
  - name: sparkwise
    folder: {FOLDER}
    type: file
    allowUiUpdates: true
    options:
      path: /var/lib/grafana/dashboards/sparkwise
"
    );
    let readme = format!(
        "{MARK}: run it again after new models, and for alert rules of new machines; it replaces these files alone.\n\
         Mount `dashboards` at /var/lib/grafana/dashboards/sparkwise and `provisioning` at /etc/grafana/provisioning, or import a dashboard by hand.\n\
         Grafana needs the plugin {PLUGIN}; `bridge.json` reads Prometheus instead.\n"
    );
    let file = |path: &str, text: String| File { path: path.to_owned(), text };
    vec![
        file("provisioning/datasources/sparkwise.yaml", datasource),
        file("provisioning/dashboards/sparkwise.yaml", dashboards),
        file("README.md", readme),
    ]
}
