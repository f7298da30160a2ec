//! Which calls are made, and what becomes of their faults.

use super::*;

#[test]
fn an_update_carries_what_others_have_set() {
    let mut rig = Rig::new(aliases(), 1, 4);
    let (enabled, disabled) = (NotificationState::Enabled, NotificationState::Disabled);
    let own = |alias: Option<&str>, notification, unit: Option<&str>| AssetProperty {
        alias: alias.map(str::to_owned),
        notification,
        unit: unit.map(str::to_owned),
    };
    rig.sitewise.has.insert((0, 0), own(None, enabled, Some("bar")));
    rig.sitewise.has.insert((0, 1), own(Some("/theirs"), enabled, None));
    rig.sitewise.has.insert((0, 2), own(Some(&alias_of(0, 2)), disabled, None));
    rig.pass(Duration::from_secs(600));
    let is = |at| rig.sitewise.property(0, at);
    assert_eq!(is(0), own(Some(&alias_of(0, 0)), enabled, Some("bar")));
    assert_eq!(is(1), own(Some("/theirs"), enabled, None));
    assert_eq!(is(3), own(Some(&alias_of(0, 3)), disabled, None));
    assert_eq!((rig.count("UpdateAssetProperty"), rig.count("ListAssetProperties")), (2, 1));
    assert_eq!(
        rig.reported,
        ["other_alias: Nordsee/gw/T0/p1: it keeps its alias `/theirs`, and does not get \
          `/Nordsee/gw/T0/p1`"]
    );
    assert_eq!(rig.lane.remarks().count(), 1);
    let Figures { aliases, notifications, settled_assets, remarks, .. } = rig.lane.figures();
    assert_eq!((aliases, notifications, settled_assets, remarks), (2, 0, 1, [1, 0, 0, 0, 0, 0, 0]));
}

/// A million assets would no longer follow their model's unit.
#[test]
fn a_unit_of_the_model_is_not_made_the_assets_own() {
    let mut rig = Rig::new(aliases(), 1, 2);
    rig.plant.unit = Some("rpm");
    let shown = |unit: &str| {
        let (alias, notification) = (None, NotificationState::Disabled);
        AssetProperty { alias, notification, unit: Some(unit.to_owned()) }
    };
    rig.sitewise.has.insert((0, 0), shown("rpm"));
    rig.sitewise.has.insert((0, 1), shown("1/s"));
    rig.pass(Duration::from_secs(60));
    let mut written: Vec<_> =
        rig.sitewise.updates.iter().map(|update| update.unit.as_deref()).collect();
    written.sort_unstable();
    assert_eq!(written, [None, Some("1/s")]);
}

#[test]
fn what_is_as_wanted_costs_one_read_a_page_after_a_restart() {
    let mut rig = Rig::new(aliases(), 3, 300);
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.sitewise.updates.len(), 900);
    rig.kill();
    rig.sitewise.calls.clear();
    rig.pass(Duration::from_secs(3_600));
    assert_eq!(rig.sitewise.calls, BTreeMap::from([("ListAssetProperties", 6)]));
}

#[test]
fn notifications_are_switched_on_by_address_or_model_and_never_off() {
    for (globs, expected) in [
        ("Nordsee/gw/T1/*", vec![(1, 0), (1, 1)]),
        ("Turbine/p1", vec![(0, 1), (1, 1)]),
        ("Pump/*", vec![]),
    ] {
        let mut rig = Rig::new(notify(globs), 2, 2);
        let on = AssetProperty {
            alias: Some("/x".to_owned()),
            notification: NotificationState::Enabled,
            unit: None,
        };
        rig.sitewise.has.insert((0, 0), on.clone());
        rig.pass(Duration::from_secs(60));
        let mut written: Vec<_> = rig
            .sitewise
            .updates
            .iter()
            .map(|update| {
                assert_eq!(update.notification, NotificationState::Enabled);
                (number(update.asset), number(update.property))
            })
            .collect();
        written.sort_unstable();
        assert_eq!(written, expected, "{globs}");
        assert_eq!(rig.sitewise.property(0, 0), on);
        assert_eq!(rig.lane.figures().notifications as usize, expected.len());
    }
}

#[test]
fn an_alias_that_belongs_to_something_else_is_told_and_the_notification_set_without_it() {
    let config = Config { notify: notify("*/p0").notify, ..aliases() };
    let mut rig = Rig::new(config, 1, 2);
    rig.sitewise.streams.extend([alias_of(0, 0), alias_of(0, 1)]);
    rig.pass(Duration::from_secs(3_600));
    let has = |at| rig.sitewise.property(0, at);
    assert_eq!((has(0).alias, has(0).notification), (None, NotificationState::Enabled));
    assert_eq!((has(1).alias, has(1).notification), (None, NotificationState::Disabled));
    let (asset, alias) = (asset_id(0), alias_of(0, 0));
    // Whose it is SiteWise does not say: who wants it, by ids, and how to find out whose it is.
    let expected = |at| {
        let alias = alias_of(0, at);
        format!(
            "alias_taken: Nordsee/gw/T0/p{at}: property {} of asset {asset} does not get its alias \
             `{alias}`, which belongs to another property or data stream (Given alias {alias} already \
             in use by another property); `aws iotsitewise describe-time-series --alias '{alias}'` says \
             whose it is: remove it there, or change TWIN_ALIASES, and restart",
            property_id(at)
        )
    };
    rig.reported.sort_unstable();
    assert_eq!(rig.reported, [expected(0), expected(1)], "once each");
    let told = rig.lane.remarks().find(|remark| remark.reason.contains(&alias)).unwrap();
    assert_eq!(told.ids, Some((asset, property_id(0))));
}

/// Dead letters and search named the alias that was wanted, though SiteWise has another one, or none.
#[test]
fn the_alias_that_sitewise_has_is_known_until_it_is_the_wanted_one() {
    let mut rig = Rig::new(aliases(), 1, 4);
    let (alias, notification) = (Some("/theirs".to_owned()), NotificationState::Disabled);
    let theirs = AssetProperty { alias, notification, unit: None };
    rig.sitewise.has.insert((0, 1), theirs);
    rig.sitewise.streams.insert(alias_of(0, 2));
    rig.pass(Duration::from_secs(60));
    let kept = |rig: &Rig, at| {
        let kept = rig.lane.kept_alias(asset_id(0), property_id(at));
        kept.map(|kept| kept.map(str::to_owned))
    };
    assert_eq!(kept(&rig, 0), None, "its own");
    assert_eq!(kept(&rig, 1), Some(Some("/theirs".to_owned())));
    assert_eq!(kept(&rig, 2), Some(None), "another has it");
    assert_eq!(rig.lane.holder("/theirs"), Some((asset_id(0), property_id(1))));
    assert_eq!(rig.lane.holder(&alias_of(0, 0)), None);
    // Both causes end, and a new property has the asset read again.
    rig.sitewise.has.remove(&(0, 1));
    rig.sitewise.streams.clear();
    (rig.plant.each, rig.sitewise.each) = (5, 5);
    rig.pass(Duration::from_secs(180));
    assert_eq!((kept(&rig, 1), kept(&rig, 2)), (None, None));
    assert_eq!(rig.sitewise.property(0, 2).alias, Some(alias_of(0, 2)));
}

#[test]
fn what_sitewise_rejects_or_takes_no_alias_of_is_told_and_left() {
    let mut rig = Rig::new(aliases(), 1, 2);
    rig.pass_with(Duration::from_secs(3_600), &mut |call| match call {
        ApiCall::UpdateProperty(update) if number(update.property) == 0 => {
            Some(ApiFault::new(ApiFaultKind::Invalid, "not like this"))
        }
        _ => None,
    });
    assert_eq!(
        rig.reported,
        ["rejected: Nordsee/gw/T0/p0: SiteWise rejected its alias or notification: not like this"]
    );
    assert_eq!(rig.sitewise.property(0, 1).alias, Some(alias_of(0, 1)));

    let long = TEMPLATE.replace("{member}", &format!("{}{{member}}", "x".repeat(400)));
    let template = AliasTemplate::parse(&long).unwrap();
    let place = Place { asset: "y".repeat(700), ..Place::default() };
    assert!(template.alias(&place, "p").is_err());
    let subject = Subject {
        id: asset_id(0),
        place,
        model: String::new(),
        properties: vec![Measurement { id: property_id(0), name: "p".to_owned(), unit: None }],
    };
    let config = Config { aliases: Some(template), ..Config::default() };
    let mut remarks = Vec::new();
    let visit = visit::Visit::begin(0, 1, subject, &config, &mut remarks);
    assert!(visit.is_over(), "nothing is left to do, and nothing is read for it");
    assert_eq!(remarks.first().map(|told| told.kind), Some(RemarkKind::AliasTooLong));
}

#[test]
fn a_property_that_the_model_gets_later_is_set_and_a_new_asset_visited() {
    let mut rig = Rig::new(aliases(), 1, 2);
    rig.pass(Duration::from_secs(30));
    (rig.plant.each, rig.sitewise.each, rig.plant.assets) = (3, 3, 2);
    rig.plant.not_now.insert(1);
    rig.pass(Duration::from_secs(120));
    assert_eq!(rig.sitewise.updates.len(), 3);
    rig.plant.not_now.clear();
    // Not only in the next minute.
    rig.pass(Duration::from_secs(12));
    assert_eq!(rig.sitewise.updates.len(), 6);
}

#[test]
fn an_asset_that_was_deleted_is_labelled_again_once_it_is_back() {
    let mut rig = Rig::new(aliases(), 2, 2);
    rig.sitewise.gone.insert(1);
    rig.pass(Duration::from_secs(30));
    assert_eq!((rig.sitewise.updates.len(), rig.lane.figures().settled_assets), (2, 1));
    rig.sitewise.gone.clear();
    rig.pass(Duration::from_secs(120));
    assert_eq!((rig.sitewise.updates.len(), rig.lane.figures().settled_assets), (4, 2));
    rig.sitewise.has.retain(|(asset, _), _| *asset != 0);
    rig.plant.deletions += 1;
    rig.pass(Duration::from_secs(120));
    assert_eq!((rig.sitewise.updates.len(), rig.lane.figures().settled_assets), (6, 2));
    assert_eq!(rig.reported, [""; 0]);
}

#[test]
fn the_lane_waits_while_others_have_work_and_then_goes_on() {
    let mut rig = Rig::new(aliases(), 4, 100);
    rig.plant.turn = Turn::Wait;
    rig.pass(Duration::from_secs(600));
    assert_eq!(rig.sitewise.calls, BTreeMap::new());
    rig.plant.turn = Turn::Go;
    rig.pass(Duration::from_secs(3));
    assert!((50..=150).contains(&rig.sitewise.updates.len()), "{}", rig.sitewise.updates.len());
    rig.plant.turn = Turn::Wait;
    rig.pass(SECOND * 2);
    let (described, updated) = (rig.count("DescribeAssetProperty"), rig.sitewise.updates.len());
    assert_eq!(described, updated, "what was just read is still written");
    rig.pass(Duration::from_secs(600));
    assert_eq!(
        (rig.count("DescribeAssetProperty"), rig.sitewise.updates.len()),
        (described, updated)
    );
    rig.plant.turn = Turn::Go;
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.sitewise.updates.len(), 400);
}

#[test]
fn throttling_slows_the_lane_and_nothing_is_lost_or_written_twice() {
    let mut rig = Rig::new(aliases(), 20, 20);
    let mut random = fastrand::Rng::with_seed(3);
    let kinds = [ApiFaultKind::Throttled, ApiFaultKind::Unavailable, ApiFaultKind::Conflict];
    let mut failed = 0;
    rig.pass_with(Duration::from_secs(7_200), &mut |_| {
        (random.u32(0..10) == 0).then(|| {
            failed += 1;
            ApiFault::new(kinds[random.usize(0..3)], "later")
        })
    });
    assert!(failed > 40, "{failed}");
    assert_eq!(rig.lane.figures().failures, failed);
    assert_eq!((rig.sitewise.updates.len(), rig.lane.figures().aliases), (400, 400));
    assert_eq!(rig.lane.figures().settled_assets, 20);
    assert_eq!(rig.reported, [""; 0]);
    for (operation, quota) in [
        ("UpdateAssetProperty", limits::PROPERTY_UPDATES_PER_SECOND),
        ("DescribeAssetProperty", limits::DESCRIBES_PER_SECOND),
    ] {
        assert!(rig.most_in_a_second(operation) <= quota as usize / 2, "{operation}");
    }
}

/// It may have been carried out: whoever writes at once writes twice.
#[test]
fn an_update_without_an_answer_is_read_before_it_is_written_again() {
    let mut rig = Rig::new(aliases(), 1, 3);
    rig.lost_answers = 3;
    rig.pass(Duration::from_secs(60));
    assert_eq!((rig.lost_answers, rig.lane.figures().settled_assets), (0, 1));
    assert_eq!(rig.sitewise.updates.len(), 3, "once each");
    assert_eq!(rig.count("DescribeAssetProperty"), 6, "once more each");
}

/// All was set, and the problem stayed: the operation that had failed was never called again.
#[test]
fn what_was_told_to_fail_ends_where_nothing_is_left_to_do() {
    let mut rig = Rig::new(aliases(), 1, 12);
    rig.lost_answers = 12;
    rig.pass(Duration::from_secs(900));
    assert_eq!((rig.lost_answers, rig.sitewise.updates.len()), (0, 12));
    let starts: Vec<_> = rig.reported.iter().map(|told| told.split(':').next()).collect();
    assert_eq!(starts, [Some("failing UpdateAssetProperty"), Some("allowed UpdateAssetProperty")]);
    // Somebody sets the labels by hand in place of granting the right.
    let mut rig = Rig::new(aliases(), 1, 1);
    rig.pass_with(Duration::from_secs(60), &mut |call| {
        call.is_write().then(|| ApiFault::new(ApiFaultKind::Denied, "no"))
    });
    let (alias, notification) = (Some(alias_of(0, 0)), NotificationState::Disabled);
    rig.sitewise.has.insert((0, 0), AssetProperty { alias, notification, unit: None });
    rig.pass(Duration::from_secs(900));
    assert_eq!(rig.reported, ["denied UpdateAssetProperty: no", "allowed UpdateAssetProperty"]);
    assert_eq!(rig.sitewise.updates.len(), 0);
}

#[test]
fn a_denial_is_told_once_with_its_operation_and_ends_by_itself() {
    let mut rig = Rig::new(aliases(), 2, 10);
    let mut tries = 0;
    rig.pass_with(Duration::from_secs(1_500), &mut |call| match call {
        ApiCall::UpdateProperty(_) => {
            tries += 1;
            Some(ApiFault::new(ApiFaultKind::Denied, "no"))
        }
        _ => None,
    });
    assert_eq!(rig.reported, ["denied UpdateAssetProperty: no"]);
    assert!((4..=6 * 16).contains(&tries), "{tries}");
    rig.pass(Duration::from_secs(600));
    assert_eq!(rig.reported.last().map(String::as_str), Some("allowed UpdateAssetProperty"));
    assert_eq!((rig.reported.len(), rig.sitewise.updates.len()), (2, 20));
}

/// What the service says of an alias that is taken is not documented.
#[test]
fn a_property_that_conflicts_for_ever_is_told_and_holds_up_no_other() {
    let mut rig = Rig::new(aliases(), 4, 50);
    rig.pass_with(Duration::from_secs(600), &mut |call| match call {
        ApiCall::UpdateProperty(update) if number(update.property).is_multiple_of(10) => {
            Some(ApiFault::new(ApiFaultKind::Conflict, "not now"))
        }
        _ => None,
    });
    assert_eq!(rig.sitewise.updates.len(), 4 * 45);
    assert_eq!(rig.reported.len(), 4 * 5, "{:?}", rig.reported);
    let first = "rejected: Nordsee/gw/T0/p0: SiteWise rejected its alias or notification: not now";
    assert!(rig.reported.iter().any(|told| told == first), "{:?}", rig.reported);
    assert_eq!(rig.lane.figures().settled_assets, 4);
}

#[test]
fn calls_that_keep_failing_are_told_until_they_succeed() {
    let mut rig = Rig::new(aliases(), 2, 10);
    rig.pass_with(Duration::from_secs(3_600), &mut |call| {
        call.is_write().then(|| ApiFault::new(ApiFaultKind::Unavailable, "later"))
    });
    assert_eq!(rig.reported, ["failing UpdateAssetProperty: later"]);
    let tried = rig.times["UpdateAssetProperty"].len();
    assert!((30..400).contains(&tried), "{tried}");
    rig.pass(Duration::from_secs(600));
    assert_eq!(rig.reported.last().map(String::as_str), Some("allowed UpdateAssetProperty"));
    assert_eq!((rig.reported.len(), rig.sitewise.updates.len()), (2, 20));
}

/// A list that is read from its beginning once more has what was seen before it failed.
#[test]
fn a_property_is_written_once_though_its_page_is_read_twice() {
    let mut rig = Rig::new(aliases(), 1, 600);
    let mut failures = 3;
    rig.pass_with(Duration::from_secs(600), &mut |call| match call {
        ApiCall::ReadProperties(_, Some(token)) if failures > 0 && token == "500" => {
            failures -= 1;
            Some(ApiFault::new(ApiFaultKind::Invalid, "no such page"))
        }
        _ => None,
    });
    assert_eq!(failures, 0);
    let once: BTreeSet<_> =
        rig.sitewise.updates.iter().map(|update| number(update.property)).collect();
    assert_eq!((once.len(), rig.sitewise.updates.len()), (600, 600));
    // Each failed read has at most 16 more read again before they are written.
    assert!(rig.count("DescribeAssetProperty") <= 600 + 3 * 16);
}

/// What people set while the lane waits for its next try must not be overwritten with what was read
/// before.
#[test]
fn what_was_read_before_a_pause_is_read_again() {
    let mut rig = Rig::new(aliases(), 1, 40);
    let mut stop = true;
    rig.pass_with(Duration::from_secs(2), &mut |call| match call {
        ApiCall::UpdateProperty(_) if std::mem::take(&mut stop) => {
            Some(ApiFault::new(ApiFaultKind::Denied, "no"))
        }
        _ => None,
    });
    let missing: Vec<u32> =
        (0..40).filter(|at| rig.sitewise.property(0, *at).alias.is_none()).collect();
    assert!(missing.len() > 10, "{missing:?}");
    for at in &missing {
        let theirs = AssetProperty {
            alias: Some(format!("/theirs/{at}")),
            notification: NotificationState::Enabled,
            unit: Some("bar".to_owned()),
        };
        rig.sitewise.has.insert((0, *at), theirs);
    }
    rig.pass(Duration::from_secs(600));
    for at in missing {
        assert_eq!(rig.sitewise.property(0, at).alias, Some(format!("/theirs/{at}")));
    }
}

#[test]
fn an_asset_is_held_while_it_is_visited_and_only_then() {
    let mut rig = Rig::new(aliases(), 1, 20);
    rig.pass(SECOND / 5);
    assert_eq!(rig.lane.visited().collect::<Vec<_>>(), [0]);
    rig.pass(Duration::from_secs(10));
    assert_eq!(rig.lane.visited().count(), 0);
}
