//! Looking up what SiteWise has.

use super::*;
use crate::sitewise::api::{Page, Quality, Tqv, Variant};
use crate::time::Timestamp;

fn value(asset: Uuid) -> Tqv {
    Tqv {
        time: Timestamp::from_millis(1_790_000_000_000),
        quality: Quality::Uncertain,
        value: Variant::Double(asset.as_u128() as f64),
    }
}

/// Every asset with an even number has a value, and nothing else is there.
fn answer(call: &ApiCall) -> Result<CallResult, ApiFault> {
    match call {
        ApiCall::ReadValues(of) => {
            let read =
                of.iter().map(|(asset, _)| Ok((asset.as_u128() % 2 == 0).then(|| value(*asset))));
            Ok(CallResult::Values(read.collect()))
        }
        ApiCall::ListModels(_) => Ok(CallResult::Models(Page { items: Vec::new(), next: None })),
        call => panic!("{call}"),
    }
}

fn looked_up(rig: &Rig) -> Vec<(u64, &[ShownRead])> {
    let told = rig.told.iter().filter_map(|output| match output {
        Output::LookedUp { batch, values } => Some((*batch, values.as_slice())),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_batch_is_told_whole_and_in_order_however_its_parts_come_in() {
    let mut rig = Rig::new(Duration::from_millis(50));
    rig.plan.look_up(8, streams(300));
    rig.plan.look_up(9, Vec::new());
    let (mut sizes, mut failed) = (Vec::new(), false);
    rig.pass(Duration::from_secs(60), &mut |call| {
        if let ApiCall::ReadValues(of) = &call {
            sizes.push(of.len());
            // The first part comes last.
            if !std::mem::replace(&mut failed, true) {
                return Err(fault(ApiFaultKind::Throttled));
            }
        }
        answer(&call)
    });
    assert_eq!(sizes, [128, 128, 44, 128]);
    let told = looked_up(&rig);
    assert_eq!((told.len(), told[0]), (2, (9, [].as_slice())));
    let wanted: Vec<_> = streams(300)
        .iter()
        .map(|of| match of.asset.as_u128() % 2 {
            0 => ShownRead::Value(value(of.asset)),
            _ => ShownRead::NoValue,
        })
        .collect();
    assert_eq!(told[1], (8, wanted.as_slice()));
    assert_eq!((rig.plan.figures().reads_given_up, rig.plan.problems().count()), (0, 0));
}

#[test]
fn what_cannot_be_read_is_told_as_unread_and_counted() {
    // A part of it is asked for once more as other reads pass, and then ever more rarely.
    for (kind, least, most, patience) in
        [(ApiFaultKind::Denied, 2, 2, 1), (ApiFaultKind::Unavailable, 6, 9, 120)]
    {
        let mut rig = Rig::new(Duration::from_millis(50));
        rig.plan.look_up(3, streams(130));
        let mut calls = 0;
        rig.pass(Duration::from_secs(patience), &mut |call| match &call {
            ApiCall::ReadValues(of) if of.len() == 128 => {
                calls += 1;
                Err(fault(kind))
            }
            _ => answer(&call),
        });
        assert!((least..=most).contains(&calls), "{kind:?}: {calls}");
        let told = looked_up(&rig);
        assert_eq!(told.len(), 1);
        let unread = told[0].1.iter().filter(|value| **value == ShownRead::Unread).count();
        assert_eq!((unread, told[0].1[128].clone()), (128, ShownRead::NoValue));
        assert_eq!(rig.plan.figures().reads_given_up, 128);
        let problems: Vec<_> = rig.plan.problems().map(|(subject, _)| subject).collect();
        assert_eq!(problems, ["read latest values"]);
        // Once it can be read, it is no problem any more.
        rig.pass(Duration::from_secs(600), &mut |call| answer(&call));
        assert_eq!((rig.plan.problems().count(), rig.plan.pending()), (0, 0));
    }
}

/// The account's other readers share the quota.
#[test]
fn look_ups_take_a_tenth_of_the_quota() {
    let mut rig = Rig::new(Duration::from_millis(50));
    rig.plan.look_up(1, streams(128 * 200));
    let mut calls = 0;
    rig.pass(Duration::from_secs(2), &mut |call| {
        calls += usize::from(matches!(call, ApiCall::ReadValues(_)));
        answer(&call)
    });
    assert!((95..=110).contains(&calls), "{calls} in two seconds");
}

#[test]
fn a_batch_that_is_read_whole_ends_the_problem_of_one_before() {
    let mut rig = Rig::new(Duration::from_millis(50));
    rig.plan.look_up(1, streams(1));
    rig.pass(Duration::from_secs(1), &mut |call| match &call {
        ApiCall::ReadValues(_) => Err(fault(ApiFaultKind::Denied)),
        _ => answer(&call),
    });
    assert_eq!(rig.plan.problems().count(), 1);
    rig.plan.look_up(2, streams(1));
    rig.pass(Duration::from_secs(1), &mut |call| answer(&call));
    assert_eq!(rig.plan.problems().count(), 0);
    assert_eq!(rig.plan.figures().reads_given_up, 1);
}
