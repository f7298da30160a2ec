//! The emulator's own addresses under `/_sitewise/`, which AWS does not have.

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::shared::Shared;
use crate::wire::bind::percent_decode;
use crate::wire::error::{Error, Kind, Result};

/// Answers a request to `/_sitewise/{path}`.
pub(crate) fn answer(
    shared: &Shared,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<Value> {
    match (method, path.trim_end_matches('/')) {
        ("GET", "health") => Ok(json!({ "status": "ok" })),
        ("GET", "usage") => {
            let since = query.split('&').find_map(|pair| pair.strip_prefix("since="));
            let core = shared.settled();
            let usage = match since {
                Some(mark) => core.usage_since(&percent_decode(mark)?)?,
                None => core.usage(),
            };
            Ok(json!(usage))
        }
        ("GET", "faults") => Ok(json!({ "faults": shared.lock().faults.rules() })),
        ("POST", "faults") => {
            let fault: Fault = serde_json::from_slice(body)
                .map_err(|error| Error::invalid(format!("The fault is not understood: {error}")))?;
            Ok(json!({ "id": shared.lock().order(fault)? }))
        }
        ("DELETE", "faults") => {
            shared.lock().faults.clear();
            Ok(json!({}))
        }
        ("DELETE", path) if path.starts_with("faults/") => {
            let id = path.trim_start_matches("faults/");
            let removed = id.parse().is_ok_and(|id| shared.lock().faults.remove(id));
            if removed {
                Ok(json!({}))
            } else {
                Err(Error::not_found(format!("There is no fault {id}")))
            }
        }
        ("POST", "reset") => {
            shared.reset();
            Ok(json!({}))
        }
        ("POST", path) if path.starts_with("usage/marks/") => {
            let name = percent_decode(path.trim_start_matches("usage/marks/"))?;
            shared.lock().mark(&name)?;
            Ok(json!({ "mark": name }))
        }
        _ => Err(Error::new(
            Kind::UnknownOperation,
            format!("There is no {method} /_sitewise/{path}"),
        )),
    }
}
