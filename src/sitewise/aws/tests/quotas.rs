//! Service Quotas, played by a stub: what its answers look like was never seen.

use super::*;
use crate::sitewise::api::Quotas;

async fn ask(stub: &Stub) -> Result<Quotas, ApiFault> {
    let client = client(stub);
    crate::sitewise::aws::quotas::ask_at(
        &stub.url(),
        &client.config,
        &client.endpoint,
        &client.inspector,
    )
    .await
}

fn quota(name: &str, value: f64) -> Value {
    json!({"QuotaName": name, "Value": value, "Period": {"PeriodValue": 1, "PeriodUnit": "SECOND"}})
}

#[tokio::test]
async fn quotas_are_read_by_one_signed_call_and_matched_by_their_names() {
    let stub = Stub::start(|_| {
        StubReply::json(
            200,
            &json!({"Quotas": [
                quota("Request rate for BatchPutAssetPropertyValue", 2_000.0),
                quota("Rate of BatchPutAssetPropertyValue entries ingested per asset property", 10.0),
                quota("Rate of timestamp-quality-value (TQV) data points ingested", 20_000.0),
                quota("Number of TQVs with the same timestamp per property", 10.0),
                quota("Request rate for CreateAssetModel", 20.0),
                quota("Request rate for UpdateAssetModel", 15.0),
                quota("Request rate for CreateAsset", 100.0),
                quota("Request rate for AssociateAssets", 200.0),
                quota("Request rate for DescribeAsset", 300.0),
                quota("Request rate for ListAssets", 60.0),
                json!({"QuotaName": "Number of assets per asset model", "Value": 10_000.0}),
                json!({"QuotaName": "Request rate for DescribeAssetModel", "Value": 250.0}),
            ]}),
        )
    })
    .await;
    let quotas = ask(&stub).await.unwrap();
    let wanted = Quotas {
        requests: Some(2_000),
        values: Some(20_000),
        model_writes: Some(15),
        asset_creations: Some(100),
        associations: Some(200),
        describes: Some(250),
        lists: Some(60),
    };
    assert_eq!(quotas, wanted);
    let requests = stub.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.headers["x-amz-target"], "ServiceQuotasV20190624.ListServiceQuotas");
    assert!(request.headers["authorization"].contains("/eu-west-1/servicequotas/aws4_request"));
    assert_eq!(request.json()["ServiceCode"], "iotsitewise");
}

#[tokio::test]
async fn what_service_quotas_does_not_know_or_denies_stays_as_it_is() {
    let stub = Stub::start(|_| StubReply::text(200, r#"{"Quotas":[]}"#)).await;
    assert_eq!(ask(&stub).await.unwrap(), Quotas::default());
    let stub = Stub::start(|_| {
        StubReply::text(400, r#"{"__type":"AccessDeniedException","Message":"no"}"#)
    });
    assert_eq!(ask(&stub.await).await.unwrap_err().kind, ApiFaultKind::Denied);
}

#[tokio::test]
async fn service_quotas_has_two_seconds_and_an_emulator_is_not_asked() {
    let began = std::time::Instant::now();
    let stub = Stub::start(|_| StubReply::Hang).await;
    assert_eq!(ask(&stub).await.unwrap_err().kind, ApiFaultKind::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(client(&stub).quotas().await, None);
}
