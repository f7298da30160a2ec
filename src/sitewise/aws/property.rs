//! DescribeAssetProperty and UpdateAssetProperty.

use aws_sdk_iotsitewise::types::PropertyNotificationState;
use uuid::Uuid;

use super::AwsSiteWise;
use crate::sitewise::api::{ApiFault, AssetProperty, NotificationState, UpdateProperty};
use crate::sitewise::{convert, fault};

impl AwsSiteWise {
    pub(super) async fn property(
        &self,
        asset: Uuid,
        property: Uuid,
    ) -> Result<AssetProperty, ApiFault> {
        let tried = format!("describe property {property} of asset {asset}");
        let output = self
            .client
            .describe_asset_property()
            .asset_id(asset.to_string())
            .property_id(property.to_string())
            .send()
            .await
            .map_err(|error| fault::of_call(&tried, &error))?;
        let within = output.composite_model().and_then(|composite| composite.asset_property());
        let property = output.asset_property().or(within);
        let property = property.ok_or_else(|| fault::of_answer(tried, "no property is in it"))?;
        Ok(AssetProperty {
            alias: property.alias().map(str::to_owned),
            notification: convert::notification(property.notification()),
            unit: property.unit().map(str::to_owned),
        })
    }

    pub(super) async fn write_property(&self, update: UpdateProperty) -> Result<(), ApiFault> {
        let UpdateProperty { asset, property, alias, notification, unit } = update;
        self.client
            .update_asset_property()
            .asset_id(asset.to_string())
            .property_id(property.to_string())
            .set_property_alias(alias)
            .property_notification_state(match notification {
                NotificationState::Enabled => PropertyNotificationState::Enabled,
                NotificationState::Disabled => PropertyNotificationState::Disabled,
            })
            .set_property_unit(unit)
            .send()
            .await
            .map_err(|error| {
                fault::of_call(format_args!("set property {property} of asset {asset}"), &error)
            })?;
        Ok(())
    }
}
