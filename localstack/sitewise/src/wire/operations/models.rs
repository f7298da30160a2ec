//! Asset models and their composite models.

use super::{IF_MATCH, IF_NONE_MATCH, MATCH_FOR, MAX_RESULTS, MODEL_VERSION, NEXT_TOKEN};
use crate::account::Account;
use crate::account::describe_models::describe_with_etag;
use crate::wire::operation::{Call, Field, Operation, body, call, path, query};
use crate::wire::shape::{may, must};
use crate::wire::shapes;

const MODEL: Field = path(must("assetModelId", &shapes::CUSTOM_ID));
const COMPOSITE: Field = path(must("assetModelCompositeModelId", &shapes::CUSTOM_ID));
const TOKEN: Field = body(may("clientToken", &shapes::CLIENT_TOKEN));
const QUERY_TOKEN: Field = query(may("clientToken", &shapes::CLIENT_TOKEN));

pub(super) static TABLE: &[Operation] = &[
    Operation {
        name: "CreateAssetModel",
        method: "POST",
        path: "/asset-models",
        status: 202,
        input: &[
            body(must("assetModelName", &shapes::NAME)),
            body(may("assetModelType", &shapes::ASSET_MODEL_TYPE)),
            body(may("assetModelId", &shapes::ID)),
            body(may("assetModelExternalId", &shapes::EXTERNAL_ID)),
            body(may("assetModelDescription", &shapes::DESCRIPTION)),
            body(may("assetModelProperties", &shapes::PROPERTY_DEFINITIONS)),
            body(may("assetModelHierarchies", &shapes::HIERARCHY_DEFINITIONS)),
            body(may("assetModelCompositeModels", &shapes::COMPOSITE_DEFINITIONS)),
            TOKEN,
            body(may("tags", &shapes::TAGS)),
        ],
        call: call!(Account::create_asset_model),
    },
    Operation {
        name: "DescribeAssetModel",
        method: "GET",
        path: "/asset-models/{assetModelId}",
        status: 200,
        input: &[MODEL, query(may("excludeProperties", &shapes::BOOLEAN)), MODEL_VERSION],
        call: Call::Bound(describe_with_etag),
    },
    Operation {
        name: "UpdateAssetModel",
        method: "PUT",
        path: "/asset-models/{assetModelId}",
        status: 202,
        input: &[
            MODEL,
            body(may("assetModelExternalId", &shapes::EXTERNAL_ID)),
            body(must("assetModelName", &shapes::NAME)),
            body(may("assetModelDescription", &shapes::DESCRIPTION)),
            body(may("assetModelProperties", &shapes::PROPERTIES)),
            body(may("assetModelHierarchies", &shapes::HIERARCHIES)),
            body(may("assetModelCompositeModels", &shapes::COMPOSITES)),
            TOKEN,
            IF_MATCH,
            IF_NONE_MATCH,
            MATCH_FOR,
        ],
        call: call!(Account::update_asset_model),
    },
    Operation {
        name: "DeleteAssetModel",
        method: "DELETE",
        path: "/asset-models/{assetModelId}",
        status: 202,
        input: &[MODEL, QUERY_TOKEN, IF_MATCH, IF_NONE_MATCH, MATCH_FOR],
        call: call!(Account::delete_asset_model),
    },
    Operation {
        name: "ListAssetModels",
        method: "GET",
        path: "/asset-models",
        status: 200,
        input: &[
            query(may("assetModelTypes", &shapes::ASSET_MODEL_TYPES)),
            NEXT_TOKEN,
            MAX_RESULTS,
            MODEL_VERSION,
        ],
        call: call!(Account::list_asset_models),
    },
    Operation {
        name: "ListAssetModelProperties",
        method: "GET",
        path: "/asset-models/{assetModelId}/properties",
        status: 200,
        input: &[
            MODEL,
            NEXT_TOKEN,
            MAX_RESULTS,
            query(may("filter", &shapes::SCOPE)),
            MODEL_VERSION,
        ],
        call: call!(Account::list_asset_model_properties),
    },
    Operation {
        name: "ListAssetModelCompositeModels",
        method: "GET",
        path: "/asset-models/{assetModelId}/composite-models",
        status: 200,
        input: &[MODEL, NEXT_TOKEN, MAX_RESULTS, MODEL_VERSION],
        call: call!(Account::list_asset_model_composite_models),
    },
    Operation {
        name: "CreateAssetModelCompositeModel",
        method: "POST",
        path: "/asset-models/{assetModelId}/composite-models",
        status: 202,
        input: &[
            MODEL,
            body(may("assetModelCompositeModelExternalId", &shapes::EXTERNAL_ID)),
            body(may("parentAssetModelCompositeModelId", &shapes::CUSTOM_ID)),
            body(may("assetModelCompositeModelId", &shapes::ID)),
            body(may("assetModelCompositeModelDescription", &shapes::DESCRIPTION)),
            body(must("assetModelCompositeModelName", &shapes::NAME)),
            body(must("assetModelCompositeModelType", &shapes::NAME)),
            TOKEN,
            body(may("composedAssetModelId", &shapes::CUSTOM_ID)),
            body(may("assetModelCompositeModelProperties", &shapes::PROPERTY_DEFINITIONS)),
            IF_MATCH,
            IF_NONE_MATCH,
            MATCH_FOR,
        ],
        call: call!(Account::create_composite_model),
    },
    Operation {
        name: "DescribeAssetModelCompositeModel",
        method: "GET",
        path: "/asset-models/{assetModelId}/composite-models/{assetModelCompositeModelId}",
        status: 200,
        input: &[MODEL, COMPOSITE, MODEL_VERSION],
        call: call!(Account::describe_composite_model),
    },
    Operation {
        name: "UpdateAssetModelCompositeModel",
        method: "PUT",
        path: "/asset-models/{assetModelId}/composite-models/{assetModelCompositeModelId}",
        status: 202,
        input: &[
            MODEL,
            COMPOSITE,
            body(may("assetModelCompositeModelExternalId", &shapes::EXTERNAL_ID)),
            body(may("assetModelCompositeModelDescription", &shapes::DESCRIPTION)),
            body(must("assetModelCompositeModelName", &shapes::NAME)),
            TOKEN,
            body(may("assetModelCompositeModelProperties", &shapes::PROPERTIES)),
            IF_MATCH,
            IF_NONE_MATCH,
            MATCH_FOR,
        ],
        call: call!(Account::update_composite_model),
    },
    Operation {
        name: "DeleteAssetModelCompositeModel",
        method: "DELETE",
        path: "/asset-models/{assetModelId}/composite-models/{assetModelCompositeModelId}",
        status: 202,
        input: &[MODEL, COMPOSITE, QUERY_TOKEN, IF_MATCH, IF_NONE_MATCH, MATCH_FOR],
        call: call!(Account::delete_composite_model),
    },
    Operation {
        name: "ListCompositionRelationships",
        method: "GET",
        path: "/asset-models/{assetModelId}/composition-relationships",
        status: 200,
        input: &[path(must("assetModelId", &shapes::ID)), NEXT_TOKEN, MAX_RESULTS],
        call: call!(Account::list_composition_relationships),
    },
];
