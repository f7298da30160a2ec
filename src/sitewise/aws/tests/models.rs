//! Growth and descriptions of models.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::*;
use crate::sitewise::api::{
    ActiveVersion, Associate, CreateAsset, Hierarchy, ModelHierarchy, Property, PropertyKind,
    ResourceState,
};

const ETAG: &str = "0123456789012345678901234567890123456789012";

#[tokio::test]
async fn growth_keeps_whatever_the_model_has() {
    let stub = Stub::start(grown_by_people).await;
    let client = client(&stub);
    client.grow_model(growth()).await.unwrap();
    let requests = stub.requests();
    let [read, write] = requests.as_slice() else {
        panic!("one read, one write: {requests:?}");
    };
    assert_eq!(read.path, format!("/asset-models/{MODEL}?assetModelVersion=LATEST"));
    assert_eq!(write.method, "PUT");
    assert_eq!(write.headers["if-match"], ETAG);
    assert_eq!(write.headers["match-for-version-type"], "LATEST");

    let (before, mut after) = (model_of_people(), write.json());
    let mut properties = before["assetModelProperties"].as_array().unwrap().clone();
    properties.push(json!({
        "id": Uuid::from_u128(9).to_string(), "externalId": "speed-9", "name": "Speed",
        "dataType": "DOUBLE", "unit": "1/min", "type": {"measurement": {}},
    }));
    let mut hierarchies = before["assetModelHierarchies"].as_array().unwrap().clone();
    hierarchies.push(json!({
        "id": Uuid::from_u128(10).to_string(), "externalId": "gearbox-10", "name": "Gearbox",
        "childAssetModelId": Uuid::from_u128(11).to_string(),
    }));
    after.as_object_mut().unwrap().remove("clientToken");
    assert_eq!(
        after,
        json!({
            "assetModelName": "Turbine",
            "assetModelExternalId": "turbine-1",
            "assetModelDescription": "Made by Sparkwise",
            "assetModelProperties": properties,
            "assetModelHierarchies": hierarchies,
            "assetModelCompositeModels": before["assetModelCompositeModels"],
        })
    );
}

#[tokio::test]
async fn growth_that_is_there_already_writes_nothing() {
    let stub = Stub::start(grown_by_people).await;
    let mut growth = growth();
    growth.hierarchies.clear();
    growth.properties[0].name = "Power".to_owned();
    growth.properties.push(Property {
        id: Uuid::from_u128(3),
        name: "Another name".to_owned(),
        ..growth.properties[0].clone()
    });
    client(&stub).grow_model(growth).await.unwrap();
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_model_written_by_somebody_else_meanwhile_has_changed() {
    let stub = Stub::start(|request: &StubRequest| match request.method.as_str() {
        "PUT" => StubReply::error(412, "PreconditionFailedException"),
        _ => grown_by_people(request),
    })
    .await;
    let fault = client(&stub).grow_model(growth()).await.unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::Changed);
    assert_eq!(
        fault.message,
        "update asset model \"Turbine\": PreconditionFailedException: because"
    );
}

#[tokio::test]
async fn descriptions_are_asked_for_once_and_kept_until_a_write() {
    let stub = Stub::start(grown_by_people).await;
    let client = client(&stub);
    let id: Uuid = MODEL.parse().unwrap();
    let (a, b, c) = tokio::join!(
        client.describe_model(id),
        client.describe_model(id),
        client.describe_model(id)
    );
    let model = a.unwrap();
    assert_eq!((b.unwrap(), c.unwrap()), (model.clone(), model.clone()));
    client.describe_model(id).await.unwrap();
    assert_eq!(stub.requests().len(), 1);

    assert_eq!(model.state, ResourceState::Active);
    let names: Vec<&str> = model.properties.iter().map(|property| property.name.as_str()).collect();
    assert_eq!(names, ["Power", "Power kW", "Mean power", "AWS/ALARM_TYPE"]);
    let (id_of, child_model) = (Uuid::from_u128(6), Uuid::from_u128(7));
    let place = ModelHierarchy { id: id_of, name: "Cameras".into(), child_model };
    assert_eq!(model.hierarchies, [place]);

    client.grow_model(growth()).await.unwrap();
    client.describe_model(id).await.unwrap();
    assert_eq!(stub.requests().len(), 4);
}

/// An asset's model was gone, and was described for five minutes more as it had been.
#[tokio::test]
async fn a_description_is_not_kept_where_something_is_not_found() {
    type Call = fn(&AwsSiteWise) -> Pin<Box<dyn Future<Output = ()> + '_>>;
    let create: Call = |client| {
        let asset = CreateAsset {
            id: Uuid::from_u128(1),
            external_id: "turbine-7".into(),
            name: "Turbine 7".into(),
            model: Uuid::from_u128(2),
            description: None,
        };
        Box::pin(async { drop(client.create_asset(asset).await) })
    };
    let associate: Call = |client| {
        let [parent, hierarchy, child] = [1, 2, 3].map(Uuid::from_u128);
        let link = Associate { parent, hierarchy, child };
        Box::pin(async move { drop(client.associate(link).await) })
    };
    let put: Call = |client| Box::pin(async { drop(client.put(Vec::new()).await) });
    for (call, code, kept) in [
        (create, "ResourceNotFoundException", false),
        (associate, "ResourceNotFoundException", false),
        (put, "ResourceNotFoundException", false),
        (create, "ThrottlingException", true),
        (put, "ThrottlingException", true),
    ] {
        let stub = Stub::start(move |request| match request.method.as_str() {
            "GET" => grown_by_people(request),
            _ if request.path.starts_with("/properties") => {
                let error = json!({"errorCode": code, "errorMessage": "because", "timestamps": []});
                StubReply::json(
                    200,
                    &json!({"errorEntries": [{"entryId": "0", "errors": [error]}]}),
                )
            }
            _ => StubReply::error(if kept { 429 } else { 404 }, code),
        })
        .await;
        let client = client(&stub);
        let id: Uuid = MODEL.parse().unwrap();
        let described = || stub.requests().iter().filter(|request| request.method == "GET").count();
        client.describe_model(id).await.unwrap();
        client.describe_model(id).await.unwrap();
        assert_eq!(described(), 1);
        call(&client).await;
        client.describe_model(id).await.unwrap();
        assert_eq!(described(), if kept { 1 } else { 2 }, "{code}");
    }
}

#[tokio::test]
async fn models_in_motion_and_faults_are_not_kept() {
    let failed = Arc::new(AtomicBool::new(false));
    let now_failed = failed.clone();
    let stub = Stub::start(move |_| {
        if now_failed.load(Ordering::Relaxed) {
            return StubReply::error(404, "ResourceNotFoundException");
        }
        let mut model = model_of_people();
        model["assetModelStatus"] = json!({"state": "FAILED", "error": {
            "code": "VALIDATION_ERROR", "message": "no such unit", "details": []}});
        StubReply::json(200, &model)
    })
    .await;
    let client = client(&stub);
    let id: Uuid = MODEL.parse().unwrap();
    for _ in 0..2 {
        let model = client.describe_model(id).await.unwrap();
        assert_eq!(model.state, ResourceState::Failed("VALIDATION_ERROR: no such unit".to_owned()));
    }
    failed.store(true, Ordering::Relaxed);
    let fault = client.describe_model(id).await.unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::NotFound);
    // Of one that failed, what its assets go on with is asked for as well.
    assert_eq!(stub.requests().len(), 5);
}

#[tokio::test]
async fn of_a_model_that_failed_the_active_version_is_what_it_has() {
    let ever_active = Arc::new(AtomicBool::new(true));
    let active = ever_active.clone();
    let stub = Stub::start(move |request: &StubRequest| {
        let mut model = model_of_people();
        model["assetModelStatus"] = json!({"state": "FAILED"});
        if request.path.ends_with("ACTIVE") {
            if !active.load(Ordering::Relaxed) {
                return StubReply::error(404, "ResourceNotFoundException");
            }
            model["assetModelProperties"].as_array_mut().unwrap().truncate(1);
        }
        StubReply::json(200, &model)
    })
    .await;
    let client = client(&stub);
    let model = client.describe_model(MODEL.parse().unwrap()).await.unwrap();
    assert_eq!(model.properties.len(), 4);
    let properties = [3, 12].map(Uuid::from_u128).to_vec();
    let hierarchies = vec![Uuid::from_u128(6)];
    assert_eq!(model.usable, Some(ActiveVersion { properties, hierarchies }));
    ever_active.store(false, Ordering::Relaxed);
    let model = client.describe_model(MODEL.parse().unwrap()).await.unwrap();
    assert_eq!(model.usable, None);
}

#[tokio::test]
async fn properties_of_custom_composite_models_are_listed() {
    let stub = Stub::start(|request: &StubRequest| {
        if request.path.starts_with(&format!("/asset-models/{MODEL}/properties")) {
            let id = |n| Uuid::from_u128(n).to_string();
            let property = |n, name| json!({"id": id(n), "name": name, "dataType": "DOUBLE", "type": {"measurement": {}}});
            return match request.path.contains("nextToken") {
                false => StubReply::json(200, &json!({"assetModelPropertySummaries": [property(20, "A")], "nextToken": "2"})),
                true => StubReply::json(200, &json!({"assetModelPropertySummaries": [property(21, "B")]})),
            };
        }
        let mut model = model_of_people();
        model["assetModelCompositeModelSummaries"] =
            json!([{"id": Uuid::from_u128(30).to_string(), "name": "More", "type": "CUSTOM"}]);
        StubReply::json(200, &model)
    })
    .await;
    let model = client(&stub).describe_model(MODEL.parse().unwrap()).await.unwrap();
    let properties = model.properties.iter();
    let properties: Vec<_> = properties.map(|told| (told.id, told.name.as_str())).collect();
    assert_eq!(properties, [(Uuid::from_u128(20), "A"), (Uuid::from_u128(21), "B")]);
}

/// A proxy answered each page with the first one: the list grew until the process was killed.
#[tokio::test]
async fn a_list_of_properties_that_names_the_same_page_again_has_failed() {
    let stub = Stub::start(|request: &StubRequest| {
        if request.path.starts_with(&format!("/asset-models/{MODEL}/properties")) {
            let page = json!({"assetModelPropertySummaries": [], "nextToken": "A"});
            return StubReply::json(200, &page);
        }
        let mut model = model_of_people();
        model["assetModelCompositeModelSummaries"] =
            json!([{"id": Uuid::from_u128(30).to_string(), "name": "More", "type": "CUSTOM"}]);
        StubReply::json(200, &model)
    })
    .await;
    let client = client(&stub);
    let described = client.describe_model(MODEL.parse().unwrap());
    let described = tokio::time::timeout(Duration::from_secs(10), described).await;
    let fault = described.expect("it ends").unwrap_err();
    assert_eq!(fault.kind, ApiFaultKind::Foreign);
    assert!(fault.message.contains("caching proxy"), "{}", fault.message);
    assert_eq!(stub.requests().len(), 3);
}

/// Nothing that ever had a value is taken away, whatever is asked for.
#[tokio::test]
async fn a_failed_model_is_written_without_what_was_refused_and_never_active() {
    let ids = |of: &Value| -> Vec<String> {
        let properties = of["assetModelProperties"].as_array().unwrap().iter();
        properties.map(|property| property["id"].as_str().unwrap().to_owned()).collect()
    };
    for (state, gone) in [("FAILED", true), ("ACTIVE", false)] {
        let stub = Stub::start(move |request| {
            if request.method == "PUT" {
                return grown_by_people(request);
            }
            let mut model = model_of_people();
            if request.path.contains("LATEST") {
                model["assetModelStatus"]["state"] = json!(state);
                let mut refused = model["assetModelProperties"][0].clone();
                refused["id"] = json!(Uuid::from_u128(30).to_string());
                refused["name"] = json!("Refused");
                model["assetModelProperties"].as_array_mut().unwrap().push(refused);
            }
            StubReply::json(200, &model).header("etag", ETAG)
        })
        .await;
        let without = vec![Uuid::from_u128(30), Uuid::from_u128(3)];
        client(&stub).grow_model(GrowModel { without, ..growth() }).await.unwrap();
        let requests = stub.requests();
        let written = requests.iter().find(|request| request.method == "PUT").unwrap();
        let mut wanted: Vec<_> = [3, 4, 5].map(|n| Uuid::from_u128(n).to_string()).into();
        wanted.extend((!gone).then(|| Uuid::from_u128(30).to_string()));
        wanted.push(Uuid::from_u128(9).to_string());
        assert_eq!(ids(&written.json()), wanted, "{state}");
    }
}

/// What it failed for may have passed. One that is well is left alone.
#[tokio::test]
async fn a_failed_model_is_written_as_it_stands_where_nothing_is_to_be_added() {
    for (state, writes) in [("FAILED", 1), ("ACTIVE", 0)] {
        let stub = Stub::start(move |request| {
            if request.method == "PUT" {
                return grown_by_people(request);
            }
            let mut model = model_of_people();
            model["assetModelStatus"]["state"] = json!(state);
            StubReply::json(200, &model).header("etag", ETAG)
        })
        .await;
        let nothing = GrowModel { properties: Vec::new(), hierarchies: Vec::new(), ..growth() };
        client(&stub).grow_model(nothing).await.unwrap();
        let requests = stub.requests();
        let written = requests.iter().filter(|request| request.method == "PUT");
        let written: Vec<_> = written.map(|request| request.json()).collect();
        assert_eq!(written.len(), writes, "{state}");
        for written in written {
            let before = model_of_people();
            for part in ["assetModelProperties", "assetModelHierarchies"] {
                assert_eq!(written[part], before[part]);
            }
        }
    }
}

/// A property and a hierarchy that the model lacks.
fn growth() -> GrowModel {
    GrowModel {
        id: MODEL.parse().unwrap(),
        properties: vec![Property {
            id: Uuid::from_u128(9),
            external_id: "speed-9".to_owned(),
            name: "Speed".to_owned(),
            data_type: PropertyDataType::Double,
            unit: Some("1/min".to_owned()),
            kind: PropertyKind::Measurement,
        }],
        hierarchies: vec![Hierarchy {
            id: Uuid::from_u128(10),
            external_id: "gearbox-10".to_owned(),
            name: "Gearbox".to_owned(),
            child_model: Uuid::from_u128(11),
        }],
        without: Vec::new(),
    }
}

fn grown_by_people(request: &StubRequest) -> StubReply {
    match request.method.as_str() {
        "PUT" => StubReply::json(202, &json!({"assetModelStatus": {"state": "UPDATING"}})),
        _ => StubReply::json(200, &model_of_people()).header("etag", ETAG),
    }
}

/// A model with everything that people add by hand.
fn model_of_people() -> Value {
    let id = |n| Uuid::from_u128(n).to_string();
    json!({
        "assetModelId": MODEL, "assetModelExternalId": "turbine-1", "assetModelArn": "arn",
        "assetModelName": "Turbine", "assetModelType": "ASSET_MODEL",
        "assetModelDescription": "Made by Sparkwise",
        "assetModelProperties": [
            {"id": id(3), "externalId": "power-3", "name": "Power", "dataType": "DOUBLE", "unit": "W",
             "type": {"measurement": {"processingConfig": {"forwardingConfig": {"state": "ENABLED"}}}}},
            {"id": id(4), "name": "Power kW", "dataType": "DOUBLE", "unit": "kW",
             "type": {"transform": {"expression": "p / 1000",
                "variables": [{"name": "p", "value": {"propertyId": id(3), "propertyPath": [{"id": id(3), "name": "Power"}]}}],
                "processingConfig": {"computeLocation": "CLOUD"}}}},
            {"id": id(5), "name": "Mean power", "dataType": "DOUBLE", "unit": "W",
             "type": {"metric": {"expression": "avg(p)",
                "variables": [{"name": "p", "value": {"propertyId": id(3), "hierarchyId": id(6)}}],
                "window": {"tumbling": {"interval": "1h", "offset": "5m"}},
                "processingConfig": {"computeLocation": "CLOUD"}}}},
        ],
        "assetModelHierarchies": [
            {"id": id(6), "name": "Cameras", "childAssetModelId": id(7)},
        ],
        "assetModelCompositeModels": [
            {"id": id(8), "name": "Too hot", "type": "AWS/ALARM", "description": "by hand", "properties": [
                {"id": id(12), "name": "AWS/ALARM_TYPE", "dataType": "STRING",
                 "type": {"attribute": {"defaultValue": "EXTERNAL"}}},
            ]},
        ],
        "assetModelCompositeModelSummaries": [
            {"id": id(8), "name": "Too hot", "type": "AWS/ALARM"},
        ],
        "assetModelCreationDate": 1_790_000_000, "assetModelLastUpdateDate": 1_790_000_000,
        "assetModelStatus": {"state": "ACTIVE"},
    })
}
