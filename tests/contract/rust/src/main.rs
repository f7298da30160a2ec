//! One life of a twin with the AWS SDK for Rust: models, assets, tree, values, reads, deletion,
//! waiters. The argument is the emulator's address.

#![expect(clippy::print_stdout, reason = "the script reads the last line")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_iotsitewise as sitewise;
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use aws_types::endpoint_config::EndpointUrl;
use sitewise::client::Waiters as _;
use sitewise::config::interceptors::BeforeSerializationInterceptorContextMut;
use sitewise::config::retry::RetryConfig;
use sitewise::config::{ConfigBag, Intercept, RuntimeComponents};
use sitewise::error::{BoxError, ProvideErrorMetadata as _};
use sitewise::types::{
    AssetModelHierarchyDefinition, AssetModelPropertyDefinition, AssetPropertyValue,
    BatchPutAssetPropertyValueErrorCode, Measurement, PropertyDataType, PropertyType,
    PutAssetPropertyValueEntry, Quality, TimeInNanos, Variant,
};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps the host as it is configured: the SDK would put `api.` or `data.` before it.
#[derive(Debug)]
struct PlainHost;

impl Intercept for PlainHost {
    fn name(&self) -> &'static str {
        "PlainHost"
    }

    fn modify_before_serialization(
        &self,
        _: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<EndpointUrl>().is_some() {
            config.interceptor_state().unset::<EndpointPrefix>();
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let address = std::env::args().nth(1).ok_or("give the emulator's address")?;
    let shared = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .endpoint_url(format!("http://{address}"))
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let config = sitewise::config::Builder::from(&shared).interceptor(PlainHost).build();
    let client = sitewise::Client::from_conf(config);
    live(&client).await?;
    println!("{{\"passed\": 1, \"failed\": 0}}");
    Ok(())
}

async fn live(client: &sitewise::Client) -> Outcome {
    let power = "0b3c8a52-6c1d-4d53-9d38-2c1b0d6f0a11";
    let measurement = PropertyType::builder().measurement(Measurement::builder().build()).build();
    let property = AssetModelPropertyDefinition::builder()
        .id(power)
        .name("Power")
        .data_type(PropertyDataType::Double)
        .unit("kW")
        .r#type(measurement)
        .build()?;
    let generator = client
        .create_asset_model()
        .asset_model_name("rust generator")
        .asset_model_external_id("rust.generator")
        .asset_model_properties(property)
        .send()
        .await?
        .asset_model_id;
    client.wait_until_asset_model_active().asset_model_id(&generator).wait(PATIENCE).await?;
    let hierarchy = AssetModelHierarchyDefinition::builder()
        .name("generators")
        .external_id("generators")
        .child_asset_model_id("externalId:rust.generator")
        .build()?;
    let turbine = client
        .create_asset_model()
        .asset_model_name("rust turbine")
        .asset_model_hierarchies(hierarchy)
        .send()
        .await?
        .asset_model_id;
    client.wait_until_asset_model_active().asset_model_id(&turbine).wait(PATIENCE).await?;
    let create = client
        .create_asset()
        .asset_name("rust G1")
        .asset_model_id(&generator)
        .asset_external_id("rust_g1");
    let child = create.send().await?.asset_id;
    let parent =
        client.create_asset().asset_name("rust T1").asset_model_id(&turbine).send().await?.asset_id;
    for asset in [&child, &parent] {
        client.wait_until_asset_active().asset_id(asset).wait(PATIENCE).await?;
    }
    let associate =
        client.associate_assets().asset_id(&parent).hierarchy_id("externalId:generators");
    associate.clone().child_asset_id("externalId:rust_g1").send().await?;
    let again = associate.child_asset_id(&child).send().await;
    let code = again.err().and_then(|error| error.code().map(str::to_owned));
    check(
        code.as_deref() == Some("ResourceAlreadyExistsException"),
        "a second association is refused",
    )?;
    let children = client.list_associated_assets().asset_id(&parent).send().await?;
    check(
        children.asset_summaries().iter().any(|asset| asset.id() == child),
        "the child is listed",
    )?;

    values(client, &child, power).await?;

    client
        .disassociate_assets()
        .asset_id(&parent)
        .hierarchy_id("externalId:generators")
        .child_asset_id(&child)
        .send()
        .await?;
    for asset in [&child, &parent] {
        client.delete_asset().asset_id(asset).send().await?;
        client.wait_until_asset_not_exists().asset_id(asset).wait(PATIENCE).await?;
    }
    for model in [&turbine, &generator] {
        client.delete_asset_model().asset_model_id(model).send().await?;
        client.wait_until_asset_model_not_exists().asset_model_id(model).wait(PATIENCE).await?;
    }
    Ok(())
}

async fn values(client: &sitewise::Client, asset: &str, property: &str) -> Outcome {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let value = |number: f64, seconds: i64| -> Outcome<AssetPropertyValue> {
        Ok(AssetPropertyValue::builder()
            .value(Variant::builder().double_value(number).build())
            .timestamp(TimeInNanos::builder().time_in_seconds(seconds).offset_in_nanos(25).build()?)
            .quality(Quality::Uncertain)
            .build())
    };
    let entry = PutAssetPropertyValueEntry::builder()
        .entry_id("1")
        .asset_id(asset)
        .property_id(property)
        .property_values(value(1500.25, now)?)
        .property_values(value(f64::NAN, now - 1)?)
        .property_values(value(1.0, now - 1_000_000)?)
        .build()?;
    let put = client
        .batch_put_asset_property_value()
        .enable_partial_entry_processing(true)
        .entries(entry);
    let answer = put.send().await?;
    let codes: Vec<_> = answer
        .error_entries()
        .iter()
        .flat_map(|entry| entry.errors())
        .map(|e| e.error_code())
        .collect();
    check(
        codes == [&BatchPutAssetPropertyValueErrorCode::TimestampOutOfRangeException],
        "an old value is refused",
    )?;
    let latest =
        client.get_asset_property_value().asset_id(asset).property_id(property).send().await?;
    let latest = latest.property_value().ok_or("there is a latest value")?;
    check(
        latest.value().and_then(|value| value.double_value()) == Some(1500.25),
        "the latest value is read",
    )?;
    check(latest.quality() == Some(&Quality::Uncertain), "with its quality")?;
    let history = client.get_asset_property_value_history().asset_id(asset).property_id(property);
    let history =
        history.into_paginator().page_size(1).items().send().collect::<Result<Vec<_>, _>>().await?;
    let first =
        history.first().and_then(|value| value.value()).and_then(|value| value.double_value());
    check(history.len() == 2 && first.is_some_and(f64::is_nan), "the history is paged")
}

fn check(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(format!("not true: {what}").into()) }
}
