//! A round of the bare loop: nothing but full requests by the AWS SDK, made as its documentation
//! shows, as many in flight as help.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aws_sdk_iotsitewise::Client;
use aws_sdk_iotsitewise::types::{
    AssetPropertyValue, PutAssetPropertyValueEntry, Quality, TimeInNanos, Variant,
};
use sparkwise::sitewise::limits::{ENTRIES_PER_REQUEST, VALUES_PER_ENTRY};
use uuid::Uuid;

use super::child::Peer;
use super::measured::{Measured, Used};
use super::plan::{BARE_IN_FLIGHT, Plan};
use super::sdk;

const VALUES_PER_REQUEST: usize = ENTRIES_PER_REQUEST * VALUES_PER_ENTRY;

pub(crate) fn round(peer: &Peer, plan: &Plan) -> Measured {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let client = sdk::reader(&format!("http://127.0.0.1:{}", peer.http));
    let requests = plan.values() / VALUES_PER_REQUEST;
    let next = Arc::new(AtomicUsize::new(0));

    let before = Used::until_now(peer.id());
    let began = Instant::now();
    runtime.block_on(async {
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..BARE_IN_FLIGHT {
            let (client, next) = (client.clone(), Arc::clone(&next));
            senders.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        return;
                    }
                    send(&client, number).await;
                }
            });
        }
        while let Some(ended) = senders.join_next().await {
            ended.unwrap();
        }
    });
    let elapsed = began.elapsed();
    let cpu = Used::until_now(peer.id()).since(before);
    Measured {
        values: (requests * VALUES_PER_REQUEST) as u64,
        requests: requests as u64,
        elapsed,
        cpu,
    }
}

async fn send(client: &Client, number: usize) {
    let entries = (0..ENTRIES_PER_REQUEST).map(|entry| {
        let property = number * ENTRIES_PER_REQUEST + entry;
        let values = (0..VALUES_PER_ENTRY).map(|value| {
            let sample = 1000.0 * ((property + value) as f64 / 7.0).sin();
            AssetPropertyValue::builder()
                .value(Variant::builder().double_value(sample).build())
                .timestamp(
                    TimeInNanos::builder()
                        .time_in_seconds(1_790_000_000 + value as i64)
                        .offset_in_nanos(125_000_000)
                        .build()
                        .unwrap(),
                )
                .quality(Quality::Good)
                .build()
        });
        PutAssetPropertyValueEntry::builder()
            .entry_id(entry.to_string())
            .asset_id(Uuid::from_u128(property as u128 / 10).to_string())
            .property_id(Uuid::from_u128(property as u128).to_string())
            .set_property_values(Some(values.collect()))
            .build()
            .unwrap()
    });
    let entries: Vec<_> = entries.collect();
    let put = client.batch_put_asset_property_value().set_entries(Some(entries));
    let answer = put.enable_partial_entry_processing(true).send().await.unwrap();
    assert!(answer.error_entries().is_empty());
}
