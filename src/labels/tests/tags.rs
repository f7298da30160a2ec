//! Tags: desired against read.

use super::*;

fn tags(text: &str) -> Config {
    Config { tags: Some(TagTemplate::parse(text).unwrap()), ..Config::default() }
}

fn map(tags: &[(&str, &str)]) -> Tags {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

const T0: Taggable = Taggable::Asset(Uuid::from_u128(1 << 64));

#[test]
fn models_and_assets_get_their_tags_and_those_of_others_stay() {
    let mut rig = Rig::new(tags("team=ot,sparkplug:group={group},d={device}"), 3, 1);
    rig.sitewise.tags.insert(T0, map(&[("team", "people"), ("colour", "red")]));
    rig.pass(Duration::from_secs(60));
    let has = |of: Taggable| rig.sitewise.tags[&of].clone();
    assert_eq!(has(Taggable::Model(MODEL)), map(&[("team", "ot")]));
    let expected = [("colour", "red"), ("sparkplug:group", "Nordsee"), ("team", "people")];
    assert_eq!(has(T0), map(&expected));
    let all = map(&[("sparkplug:group", "Nordsee"), ("team", "ot")]);
    assert_eq!(has(Taggable::Asset(asset_id(2))), all);
    assert_eq!(
        rig.reported,
        [
            "other_tag: Nordsee/gw/T0: its tag `team` keeps the value `people`, and does not get `ot`"
        ]
    );
    let Figures { tags, settled_tags, .. } = rig.lane.figures();
    assert_eq!((tags, settled_tags), (6, 4));
    assert_eq!(rig.lane.visited().count(), 0, "no units are held up");
    assert_eq!(
        rig.sitewise.calls,
        BTreeMap::from([("ListTagsForResource", 4), ("TagResource", 4)]),
        "and nothing is read of properties"
    );
}

/// Ten times in between: what was on its way was carried out, and nobody heard of it.
#[test]
fn tags_are_put_on_once_each_though_the_process_is_killed_ten_times() {
    let mut rig = Rig::new(tags("team=ot,group={group}"), 1_000, 1);
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..10 {
        rig.pass(Duration::from_millis(random.u64(1_000..30_000)));
        rig.kill();
    }
    assert!(rig.sitewise.tagged.len() < 2_000, "killed too late");
    // A process knows nothing of the calls of the one before.
    rig.times.clear();
    rig.pass(Duration::from_secs(1_000));
    let once: BTreeSet<_> = rig.sitewise.tagged.iter().cloned().collect();
    assert_eq!((once.len(), rig.sitewise.tagged.len()), (2_001, 2_001));
    assert_eq!(rig.lane.figures().settled_tags, 1_001);
    for operation in ["ListTagsForResource", "TagResource"] {
        let most = limits::TAG_CALLS_PER_SECOND as usize / 2;
        assert!(rig.most_in_a_second(operation) <= most, "{operation}");
    }
    // From then on only reads, and none more often than after a start.
    rig.kill();
    rig.sitewise.calls.clear();
    rig.pass(Duration::from_secs(3_600));
    assert_eq!(rig.sitewise.calls, BTreeMap::from([("ListTagsForResource", 1_001)]));
}

#[test]
fn tags_are_read_again_where_an_answer_is_lost_or_others_may_have_come_in_between() {
    let mut rig = Rig::new(tags("team=ot"), 30, 1);
    rig.lost_answers = 3;
    let mut random = fastrand::Rng::with_seed(3);
    let mut failed = 0;
    rig.pass_with(Duration::from_secs(7_200), &mut |_| {
        (random.u32(0..5) == 0).then(|| {
            failed += 1;
            ApiFault::new(ApiFaultKind::Throttled, "later")
        })
    });
    assert!(failed > 10, "{failed}");
    assert_eq!((rig.sitewise.tagged.len(), rig.lane.figures().settled_tags), (31, 31));
    assert_eq!(rig.reported, [""; 0]);

    let mut rig = Rig::new(tags("team=ot"), 40, 1);
    let mut stop = true;
    rig.pass_with(Duration::from_secs(5), &mut |call| {
        (call.is_write() && std::mem::take(&mut stop))
            .then(|| ApiFault::new(ApiFaultKind::Denied, "no"))
    });
    let theirs = map(&[("team", "people")]);
    for asset in 0..40 {
        rig.sitewise.tags.insert(Taggable::Asset(asset_id(asset)), theirs.clone());
    }
    rig.pass(Duration::from_secs(600));
    for asset in 0..40 {
        assert_eq!(rig.sitewise.tags[&Taggable::Asset(asset_id(asset))], theirs);
    }
    let denials: Vec<_> =
        rig.reported.iter().filter(|told| !told.starts_with("other_tag")).collect();
    assert_eq!(denials, ["denied TagResource: no", "allowed TagResource"]);
}

#[test]
fn what_has_no_room_or_is_rejected_is_told_and_left() {
    let mut rig = Rig::new(tags("a=1,b=2,c=3"), 2, 1);
    let full: Tags = (0..48).map(|at| (format!("k{at}"), String::new())).collect();
    rig.sitewise.tags.insert(T0, full);
    rig.pass_with(Duration::from_secs(3_600), &mut |call| match call {
        ApiCall::Tag(Taggable::Model(_), _) => {
            Some(ApiFault::new(ApiFaultKind::Invalid, "not like this"))
        }
        _ => None,
    });
    assert_eq!(rig.sitewise.tags[&T0].len(), 50);
    rig.reported.sort_unstable();
    assert_eq!(
        rig.reported,
        [
            "rejected: Turbine: SiteWise rejected its tags: not like this",
            "tags_full: Nordsee/gw/T0: it does not get its tag `c`, since it has 50 tags already",
        ]
    );
    // Whoever mends it has to find the model or the asset.
    let ids: BTreeSet<_> = rig.lane.remarks().map(|told| (told.asset(), told.model())).collect();
    assert_eq!(ids, BTreeSet::from([(Some(asset_id(0)), None), (None, Some(MODEL))]));
}

#[test]
fn an_asset_that_was_deleted_or_comes_later_is_tagged_and_the_lane_waits_for_its_turn() {
    let mut rig = Rig::new(Config { aliases: aliases().aliases, ..tags("team=ot") }, 2, 2);
    rig.plant.turn = Turn::Wait;
    rig.pass(Duration::from_secs(600));
    assert_eq!(rig.sitewise.calls, BTreeMap::new());
    rig.plant.turn = Turn::Go;
    rig.sitewise.gone.insert(1);
    rig.pass(Duration::from_secs(90));
    assert_eq!(rig.sitewise.tagged.len(), 2);
    rig.sitewise.gone.clear();
    rig.plant.assets = 3;
    rig.pass(Duration::from_secs(120));
    assert_eq!(rig.sitewise.tagged.len(), 4);
    rig.sitewise.tags.clear();
    rig.plant.deletions += 1;
    rig.pass(Duration::from_secs(120));
    assert_eq!(rig.sitewise.tagged.len(), 7, "all assets again, and no model");
    assert_eq!(rig.lane.figures().aliases, 6, "aliases beside tags");
}
