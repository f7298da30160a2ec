//! What makes devices of plain metrics one kind, and for how long.

use super::flat::{begin, born, model_of, tag, tags, unplaced};
use super::*;

/// Where any four of twenty tags may be missing, 28 models were made.
#[test]
fn devices_of_ten_kinds_that_lack_any_fifth_of_their_tags_need_few_models() {
    let plant = |seed: u64, fewest: u32| {
        let mut rig = begin(Config { max_models: 1_000, ..config() });
        let mut rng = fastrand::Rng::with_seed(seed);
        for number in 0..150_u32 {
            let kind = number % 10;
            let mut names: Vec<String> = (0..20).map(|tag| format!("K{kind} tag {tag}")).collect();
            rng.shuffle(&mut names);
            names.truncate(20 - rng.usize(fewest as usize..=4));
            born(&mut rig, &format!("K{kind} {number}"), tags(names.iter().map(String::as_str)));
        }
        rig.seconds(600);
        assert_eq!(unplaced(&rig), 0);
        for asset in rig.sitewise.assets.values().filter(|asset| asset.name.starts_with('K')) {
            let kind = &asset.name[..2];
            let shown: Vec<_> = rig.properties(&asset.name).into_iter().skip(3).collect();
            assert!(shown.iter().all(|property| property.starts_with(kind)), "{}", asset.name);
            assert!(shown.len() <= 20, "{} of {}", shown.len(), asset.name);
        }
        rig.sitewise.models.values().filter(|model| model.name.starts_with('K')).count()
    };
    for seed in 0..3 {
        let kinds = plant(seed, 0);
        assert!((10..=20).contains(&kinds), "{kinds}");
    }
    // Where each lacks four, two of one kind have less than four fifths in common in 376 of 1,000
    // cases: the first that a founder meets is then a founder as well.
    let kinds: Vec<_> = (0..4).map(|seed| plant(seed, 4)).collect();
    assert!(kinds.iter().sum::<usize>() <= 4 * 20, "{kinds:?}");
}

/// Each device has two tags more than the one before, and lacks two: they are alike two by two.
#[test]
fn a_kind_does_not_wander_from_what_its_founder_had() {
    let mut rig = begin(config());
    let names: Vec<String> = (0..60).map(|tag| format!("tag {tag}")).collect();
    for number in 0..20 {
        let own = names.iter().skip(2 * number).take(20);
        born(&mut rig, &format!("D{number}"), tags(own.map(String::as_str)));
    }
    rig.seconds(300);
    for number in 0..20_usize {
        let (_, of) = rig.sitewise.asset(&format!("D{number}"));
        let founder = rig.sitewise.models[&of.model].description.clone().unwrap();
        let founder = founder.trim_start_matches("Founded by Nordsee/gw/D");
        let founder: usize = founder.split(' ').next().unwrap().parse().unwrap();
        // Three quarters of the founder's tags at least.
        assert!(2 * (number - founder) <= 5, "D{number} is of D{founder}'s kind");
    }
}

/// A founder whose asset was deleted came back with other tags, to the model that it had founded.
#[test]
fn a_founder_that_comes_back_with_other_tags_founds_another_kind() {
    let mut rig = begin(config());
    let delete = |rig: &mut Rig, name: &str| {
        let (id, _) = rig.sitewise.asset(name);
        rig.sitewise.assets.remove(&id);
    };
    born(&mut rig, "one", tags(["a", "b", "c"]));
    born(&mut rig, "two", tags(["a", "b", "c"]));
    rig.seconds(30);
    delete(&mut rig, "one");
    let mut rig = rig.restart();
    born(&mut rig, "one", tags(["x", "y"]));
    rig.seconds(30);
    assert_eq!(rig.properties("one")[3..], ["x", "y"]);
    assert_eq!(rig.properties("two")[3..], ["a", "b", "c"]);
    // It is a kind as any other, over restarts as well, and a third one has its place.
    let mut rig = rig.restart();
    born(&mut rig, "three", tags(["x", "y"]));
    rig.seconds(30);
    assert_eq!(model_of(&rig, "three"), model_of(&rig, "one"));
    delete(&mut rig, "one");
    let mut rig = rig.restart();
    born(&mut rig, "one", tags(["k"]));
    rig.seconds(30);
    assert_eq!(rig.properties("one")[3..], ["k"]);
    // With what it had at first it is of its first kind again.
    delete(&mut rig, "one");
    let mut rig = rig.restart();
    born(&mut rig, "one", tags(["a", "b", "c"]));
    rig.seconds(30);
    assert_eq!(model_of(&rig, "one"), model_of(&rig, "two"));
}

/// What it brings besides is added to the model that it founded, unless a unit differs.
#[test]
fn a_founder_that_comes_back_with_more_tags_is_of_the_kind_that_it_founded() {
    for (unit, is_same) in [(Some("V"), true), (Some("A"), false), (None, false)] {
        let mut rig = begin(config());
        born(&mut rig, "one", vec![tag(0, "a", Some("V")), tag(1, "b", None)]);
        rig.seconds(30);
        let founded = model_of(&rig, "one").to_owned();
        let (id, _) = rig.sitewise.asset("one");
        rig.sitewise.assets.remove(&id);
        let mut rig = rig.restart();
        let mut metrics = tags(["a", "b", "c", "d", "e", "f"]);
        metrics[0] = tag(0, "a", unit);
        born(&mut rig, "one", metrics);
        rig.seconds(30);
        assert_eq!(model_of(&rig, "one") == founded, is_same, "{unit:?}");
    }
}

/// The name that such a tag has in SiteWise is not its own, so that each new device founded a model.
#[test]
fn a_kind_with_a_tag_that_is_called_otherwise_in_sitewise_is_found_after_a_restart() {
    let long = "x".repeat(300);
    for odd in ["Online", " Flow", "Flow ", "a\tb", &long, "Last birth"] {
        for reborn in [false, true] {
            let names = [odd, "Head", "Speed"];
            let mut rig = begin(config());
            born(&mut rig, "Pump 1", tags(names));
            rig.seconds(30);
            let mut rig = rig.restart();
            if reborn {
                born(&mut rig, "Pump 1", tags(names));
            }
            born(&mut rig, "Pump 2", tags(names));
            // One that lacks it is of another kind, and so is one with another in its place.
            born(&mut rig, "Valve", tags(["Head", "Speed"]));
            born(&mut rig, "Fan", tags(["Other", "Head", "Speed"]));
            rig.seconds(30);
            assert_eq!(model_of(&rig, "Pump 2"), model_of(&rig, "Pump 1"), "{odd:?}");
            for other in ["Valve", "Fan"] {
                assert_ne!(model_of(&rig, other), model_of(&rig, "Pump 1"), "{odd:?}");
            }
        }
    }
}

/// As one that has all its tags, or lacks as many as four fifths allow.
#[test]
fn a_device_that_lacks_optional_tags_finds_its_kind_with_odd_names_after_a_restart() {
    let names = ["Online", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let mut rig = begin(config());
    born(&mut rig, "Pump 1", tags(names));
    rig.seconds(30);
    let mut rig = rig.restart();
    born(&mut rig, "Pump 2", tags(names.into_iter().take(8)));
    rig.seconds(30);
    assert_eq!(model_of(&rig, "Pump 2"), model_of(&rig, "Pump 1"));
}

/// Its asset was deleted, and it founded a second model with the same tags.
#[test]
fn a_founder_with_odd_names_that_comes_back_after_a_restart_founds_no_other_kind() {
    let mut rig = begin(config());
    born(&mut rig, "Pump 1", tags(["Online", "Head", "Speed"]));
    rig.seconds(30);
    let (id, _) = rig.sitewise.asset("Pump 1");
    rig.sitewise.assets.remove(&id);
    let mut rig = rig.restart();
    born(&mut rig, "Pump 1", tags(["Online", "Head", "Speed"]));
    rig.seconds(30);
    assert!(rig.sitewise.writes.iter().all(|write| !write.contains("create asset model")));
}
