//! A call to the control plane, made.

use crate::sitewise::api::Fault;
use crate::sitewise::client::SiteWise;
use crate::twin::plan::step::{Done, Step};

/// Makes one call.
pub(super) async fn carry_out<S: SiteWise>(sitewise: &S, step: Step) -> Result<Done, Fault> {
    match step {
        Step::ListModels(token) => sitewise.list_models(token).await.map(Done::Models),
        Step::DescribeModel(id) => sitewise.describe_model(id).await.map(Done::Model),
        Step::CreateModel(model) => sitewise.create_model(model).await.map(|()| Done::Accepted),
        Step::GrowModel(growth) => sitewise.grow_model(growth).await.map(|()| Done::Accepted),
        Step::CreateComposite(composite) => {
            sitewise.create_composite(composite).await.map(|()| Done::Accepted)
        }
        Step::GrowComposite(growth) => {
            sitewise.grow_composite(growth).await.map(|()| Done::Accepted)
        }
        Step::ListAssets(model, token) => {
            sitewise.list_assets(model, token).await.map(Done::Assets)
        }
        Step::CreateAsset(asset) => sitewise.create_asset(asset).await.map(|()| Done::Accepted),
        Step::DescribeAsset(id) => sitewise.describe_asset(id).await.map(Done::Asset),
        Step::ReadUnits(id, token) => sitewise.read_units(id, token).await.map(Done::Units),
        Step::ListChildren(parent, token) => {
            sitewise.list_children(parent, token).await.map(Done::Assets)
        }
        Step::Associate(link) => sitewise.associate(link).await.map(|()| Done::Accepted),
        Step::DescribeProperty { asset, property } => {
            sitewise.describe_property(asset, property).await.map(Done::Property)
        }
        Step::UpdateProperty(update) => {
            sitewise.update_property(update).await.map(|()| Done::Accepted)
        }
        Step::ReadValues(of) => sitewise.read_values(of).await.map(Done::Values),
    }
}
