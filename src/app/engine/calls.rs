//! A call to the control plane, made.

use crate::sitewise::api::ApiFault;
use crate::sitewise::client::SiteWise;
use crate::twin::plan::api_call::{ApiCall, CallResult};

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
        ApiCall::ReadUnits(id, token) => {
            sitewise.read_units(id, token).await.map(CallResult::Units)
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
        ApiCall::ReadValues(of) => sitewise.read_values(of).await.map(CallResult::Values),
    }
}
