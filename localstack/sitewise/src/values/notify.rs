//! What SiteWise publishes about the values that it took.
//!
//! Source: User Guide, "Interact with other AWS services": every value is told, whether it is another
//! than the one before or not, up to ten in a message. An entry has no more.

use serde_json::json;

use super::point::Point;
use super::stream::StreamKey;
use crate::account::Account;
use crate::account::asset_properties::notification_topic;
use crate::options::Notification;

impl Account {
    /// What is to be told about the points of an entry; none where nobody wants to know.
    pub(super) fn notice(&self, key: StreamKey, points: &[Point]) -> Option<Notification> {
        self.setting.notify.as_ref()?;
        let wanted = self.state.properties.get(key).is_some_and(|state| state.notified);
        if !wanted || points.is_empty() {
            return None;
        }
        let model = self.state.assets.get(&key.asset)?.model;
        let values: Vec<_> = points.iter().map(Point::wire).collect();
        let payload = json!({
            "type": "PropertyValueUpdate",
            "payload": { "assetId": key.asset, "propertyId": key.property, "values": values },
        });
        let payload = payload.to_string().into_bytes();
        Some(Notification { topic: notification_topic(key, model), payload })
    }
}
