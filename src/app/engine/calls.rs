//! A call to the control plane, made.

use tokio::task::JoinError;
use tracing::{debug, info};
use uuid::Uuid;

use super::repeated_lines::LineKind;
use super::{Engine, logging};
use crate::app::Error;
use crate::labels::Labels;

use crate::sitewise::api::ApiFault;
use crate::sitewise::client::SiteWise;
use crate::twin::Twin;
use crate::twin::plan::api_call::{ApiCall, CallId, CallResult};
use crate::twin::plan::problems::RejectionKind;

/// A call in words, with names beside the ids of models, assets and properties.
pub(super) fn described(call: &ApiCall, twin: &Twin) -> String {
    let call = call.to_string();
    let words: Vec<_> = call.split(' ').collect();
    let ids = || words.iter().filter_map(|word| Uuid::try_parse(word).ok());
    let named = words.iter().map(|word| {
        let id = Uuid::try_parse(word).ok()?;
        let asset = twin.asset(id).map(|(_, asset)| asset.address.to_string());
        let model = || twin.model_name(id).map(|name| format!("\"{name}\""));
        let property = || {
            let of = ids().find_map(|id| twin.asset(id))?.1;
            twin.property(of, id).map(|property| format!("\"{}\"", property.name))
        };
        let name = asset.or_else(model).or_else(property)?;
        Some(format!("{name} ({id})"))
    });
    let text = words.iter().zip(named).map(|(word, name)| name.unwrap_or((*word).to_owned()));
    text.collect::<Vec<_>>().join(" ")
}

impl<S: SiteWise> Engine<S> {
    /// A call to the control plane has ended.
    pub(super) fn handle_call_result(
        &mut self,
        done: Result<(CallId, String, Result<CallResult, ApiFault>), JoinError>,
    ) -> Result<(), Error> {
        let (id, tried, answer) = done.map_err(|_| Error::Task("provision"))?;
        match &answer {
            // There may be a million of them.
            Ok(CallResult::Accepted) if Labels::owns(id) => debug!("set labels: {tried}"),
            Ok(CallResult::Accepted) => info!("SiteWise accepted: {tried}"),
            Ok(_) => debug!("SiteWise answered: {tried}"),
            Err(fault) => debug!(error = %fault, "failed: {tried}: {fault}"),
        }
        let now = self.now();
        self.bridge.handle_call_result(id, answer, now);
        self.log_conflicts(now);
        self.log_all_live(now);
        for (subject, reason) in self.bridge.take_rejections() {
            let verdict = self.bridge.twin().plan().rejection(&subject);
            let verdict = verdict.unwrap_or(RejectionKind::Rejected);
            let kind = LineKind::NotCreated(verdict);
            if self.repeated_lines.admit(kind, Some(&subject), now.instant) {
                logging::log_rejection(&subject, &reason, verdict);
            }
        }
        Ok(())
    }
}

/// Makes one call.
pub(super) async fn carry_out<S: SiteWise>(
    sitewise: &S,
    call: ApiCall,
) -> Result<CallResult, ApiFault> {
    match call {
        ApiCall::ListModels(token) => sitewise.list_models(token).await.map(CallResult::Models),
        ApiCall::DescribeModel(id) => sitewise.describe_model(id).await.map(CallResult::Model),
        ApiCall::CreateModel(model) => {
            sitewise.create_model(model).await.map(|()| CallResult::Accepted)
        }
        ApiCall::GrowModel(growth) => {
            sitewise.grow_model(growth).await.map(|()| CallResult::Accepted)
        }
        ApiCall::CreateComposite(composite) => {
            sitewise.create_composite(composite).await.map(|()| CallResult::Accepted)
        }
        ApiCall::GrowComposite(growth) => {
            sitewise.grow_composite(growth).await.map(|()| CallResult::Accepted)
        }
        ApiCall::ListAssets(model, token) => {
            sitewise.list_assets(model, token).await.map(CallResult::Assets)
        }
        ApiCall::CreateAsset(asset) => {
            sitewise.create_asset(asset).await.map(|()| CallResult::Accepted)
        }
        ApiCall::DescribeAsset(id) => sitewise.describe_asset(id).await.map(CallResult::Asset),
        ApiCall::ReadProperties(id, token) => {
            sitewise.read_properties(id, token).await.map(CallResult::Properties)
        }
        ApiCall::ListChildren(parent, token) => {
            sitewise.list_children(parent, token).await.map(CallResult::Assets)
        }
        ApiCall::Associate(link) => sitewise.associate(link).await.map(|()| CallResult::Accepted),
        ApiCall::DescribeProperty { asset, property } => {
            sitewise.describe_property(asset, property).await.map(CallResult::Property)
        }
        ApiCall::UpdateProperty(update) => {
            sitewise.update_property(update).await.map(|()| CallResult::Accepted)
        }
        ApiCall::ReadTags(of) => sitewise.read_tags(of).await.map(CallResult::Tags),
        ApiCall::Tag(of, tags) => sitewise.tag(of, tags).await.map(|()| CallResult::Accepted),
        ApiCall::ReadValues(of) => sitewise.read_values(of).await.map(CallResult::Values),
    }
}
