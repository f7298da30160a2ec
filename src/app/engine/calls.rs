//! A call to the control plane, made.

use crate::sitewise::api::ApiFault;
use crate::sitewise::client::SiteWise;
use crate::twin::plan::step::{CallResult, Step};

/// Makes one call.
pub(super) async fn carry_out<S: SiteWise>(
    sitewise: &S,
    step: Step,
) -> Result<CallResult, ApiFault> {
    match step {
        Step::ListModels(token) => sitewise.list_models(token).await.map(CallResult::Models),
        Step::DescribeModel(id) => sitewise.describe_model(id).await.map(CallResult::Model),
        Step::CreateModel(model) => {
            sitewise.create_model(model).await.map(|()| CallResult::Accepted)
        }
        Step::GrowModel(growth) => sitewise.grow_model(growth).await.map(|()| CallResult::Accepted),
        Step::CreateComposite(composite) => {
            sitewise.create_composite(composite).await.map(|()| CallResult::Accepted)
        }
        Step::GrowComposite(growth) => {
            sitewise.grow_composite(growth).await.map(|()| CallResult::Accepted)
        }
        Step::ListAssets(model, token) => {
            sitewise.list_assets(model, token).await.map(CallResult::Assets)
        }
        Step::CreateAsset(asset) => {
            sitewise.create_asset(asset).await.map(|()| CallResult::Accepted)
        }
        Step::DescribeAsset(id) => sitewise.describe_asset(id).await.map(CallResult::Asset),
        Step::ReadUnits(id, token) => sitewise.read_units(id, token).await.map(CallResult::Units),
        Step::ListChildren(parent, token) => {
            sitewise.list_children(parent, token).await.map(CallResult::Assets)
        }
        Step::Associate(link) => sitewise.associate(link).await.map(|()| CallResult::Accepted),
        Step::DescribeProperty { asset, property } => {
            sitewise.describe_property(asset, property).await.map(CallResult::Property)
        }
        Step::UpdateProperty(update) => {
            sitewise.update_property(update).await.map(|()| CallResult::Accepted)
        }
        Step::ReadValues(of) => sitewise.read_values(of).await.map(CallResult::Values),
    }
}
