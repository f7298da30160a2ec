//! The demo's half of the cloud: a rule that watches a value in SiteWise and starts AWS IoT
//! commands, as a Lambda function would.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::api::{Api, Error};
use crate::remedy::{Deed, Execution, Remedy, Sight, TURBINE};
use crate::story::{Act, Telling};
use crate::twins::{Snapshot, Twin};
use crate::world::{REGION, THING};

/// The command that the rule starts.
const COMMAND: &str = "derate";
/// How long the turbine has to show the value, in seconds.
const TIMEOUT: u64 = 20;

/// The rule, and where its commands go.
#[derive(Debug)]
pub(crate) struct Cloud {
    iot: SocketAddr,
    remedy: Remedy,
    /// The id of what was started.
    execution: Option<String>,
}

impl Cloud {
    pub(crate) fn new(iot: SocketAddr) -> Self {
        Self { iot, remedy: Remedy::new(), execution: None }
    }

    /// Goes on, with what SiteWise shows; gives what is to be done to the plant.
    pub(crate) async fn go_on(
        &mut self,
        now: &Snapshot,
        all_live: bool,
        at: Duration,
    ) -> Result<Option<Act>, String> {
        let turbine = now.twin(TURBINE);
        let execution = match &self.execution {
            Some(id) => Some(self.look(id).await.map_err(|error| error.to_string())?),
            None => None,
        };
        let sight = sight(now, turbine);
        Ok(match self.remedy.go_on(all_live, sight, execution.as_ref(), at) {
            Some(Deed::BreakCooling) => Some(Act::BreakCooling),
            Some(Deed::Derate) => {
                let asset = turbine.map(|turbine| turbine.id.as_str()).unwrap_or_default();
                let id = self.start(asset).await.map_err(|error| error.to_string())?;
                self.execution = Some(id);
                None
            }
            None => None,
        })
    }

    /// Whether the gearbox has cooled by a command.
    ///
    /// # Errors
    ///
    /// Why it will not.
    pub(crate) fn has_cooled(&self) -> Result<bool, String> {
        self.remedy.has_cooled()
    }

    /// What there is to tell.
    pub(crate) fn telling(&self) -> Option<&dyn Telling> {
        self.remedy.has_begun().then_some(&self.remedy as &dyn Telling)
    }

    /// Creates the command and starts it for an asset; gives the execution's id.
    async fn start(&self, asset: &str) -> Result<String, Error> {
        let parameter = |name: &str| format!("${{aws:iot:commandexecution::parameter:{name}}}");
        let template = json!({
            "asset": parameter("asset"),
            "property": "Derate",
            "value": parameter("value"),
            "timeout": "${aws:iot:commandexecution::executionTimeoutSec}",
        });
        let command = json!({
            "namespace": "AWS-IoT",
            "payloadTemplate": template.to_string(),
            "preprocessor": { "awsJsonSubstitution": { "outputFormat": "JSON" } },
            "mandatoryParameters": [
                { "name": "asset", "type": "STRING" },
                { "name": "value", "type": "BOOLEAN" },
            ],
        });
        let mut iot = Api::connect_as(self.iot, Some("iot")).await?;
        let path = format!("/commands/{COMMAND}");
        let created: Value = iot.call(Method::PUT, &path, command.to_string()).await?;

        let start = json!({
            "commandArn": created.get("commandArn"),
            "targetArn": target(),
            "parameters": { "asset": { "S": asset }, "value": { "B": true } },
            "executionTimeoutSeconds": TIMEOUT,
        });
        let mut jobs = Api::connect_as(self.iot, Some("iot-jobs-data")).await?;
        let started: Value =
            jobs.call(Method::POST, "/command-executions", start.to_string()).await?;
        Ok(text(started.get("executionId")))
    }

    async fn look(&self, id: &str) -> Result<Execution, Error> {
        let mut iot = Api::connect_as(self.iot, Some("iot")).await?;
        let path = format!("/command-executions/{id}?includeResult=true&targetArn={}", target());
        let shown: Value = iot.call(Method::GET, &path, String::new()).await?;
        let code = shown.get("statusReason").and_then(|reason| reason.get("reasonCode"));
        let after = shown.get("result").and_then(|result| result.get("after_ms")?.get("S"));
        Ok(Execution {
            status: text(shown.get("status")),
            code: text(code),
            confirmed_after: after.and_then(Value::as_str).map(str::to_owned),
        })
    }
}

fn target() -> String {
    let account = iot_local::Options::default().account;
    format!("arn:aws:iot:{REGION}:{account}:thing/{THING}")
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The gearbox is an asset of its own, unless parts are flattened.
fn sight(now: &Snapshot, turbine: Option<&Twin>) -> Sight {
    let value = |twin: Option<&Twin>, property: &str| {
        let latest = twin?.property(property)?.latest.as_ref()?;
        latest.value.as_object()?.values().next().cloned()
    };
    let gearbox = now.twin(&format!("{TURBINE}/Gearbox"));
    let oil = value(gearbox, "Oil Temperature")
        .or_else(|| value(turbine, "Gearbox/Oil Temperature"))
        .and_then(|oil| oil.as_f64());
    Sight { oil, stopped: value(turbine, "State").is_some_and(|state| state == "stopped") }
}
