//! Instances within instances of the same model, which SiteWise has no place for below each other.

use super::*;

fn temp(slot: u32, name: &str) -> BirthMetric {
    leaf(slot, name, DataType::Double, sample(0, Value::Double(1.0)))
}

/// What is told of assets that hang beside the one that they are in.
fn beside(rig: &Rig) -> Vec<&str> {
    let found = rig.found.iter().filter(|(finding, _)| *finding == Finding::TemplateCycle);
    found.map(|(_, example)| example.as_str()).collect()
}

/// Asset, and what it hangs below. Each has one value of `Temp`.
fn check(rig: &Rig, places: &[(&str, &str)]) {
    assert_eq!(rig.twin.plan().problems().count(), 0);
    for (asset, parent) in places {
        let path = rig.sitewise.path(asset);
        assert_eq!(path[path.len() - 2], *parent, "{path:?}");
        assert_eq!(rig.written(asset, "Temp").len(), 1, "{asset}");
    }
    let names = rig.sitewise.models.values().map(|model| &*model.name);
    assert!(names.into_iter().all(|name| !name.contains("more")));
    rig.check_conservation();
}

/// Its values were given up.
#[test]
fn what_closes_a_ring_of_models_hangs_beside_it_with_all_its_values() {
    let self_in_self =
        instance("S", "Self", vec![temp(0, "Temp"), instance("In", "Self", vec![temp(1, "Temp")])]);
    let third = instance("C", "One", vec![temp(2, "Temp")]);
    let second = instance("B", "Two", vec![temp(3, "Temp"), third]);
    let ring = instance("A", "One", vec![temp(4, "Temp"), second]);
    // The same models the other way round make a ring as well.
    let other =
        instance("O", "Two", vec![temp(5, "Temp"), instance("P", "One", vec![temp(6, "Temp")])]);
    let mut rig = Rig::new();
    rig.event(birth(node(), Vec::new(), vec![self_in_self, ring, other]));
    rig.seconds(60);
    let places = [
        ("S", "gw"),
        ("S/In", "gw"),
        ("A", "gw"),
        ("A/B", "A"),
        ("A/B/C", "gw"),
        ("O", "gw"),
        ("O/P", "gw"),
    ];
    check(&rig, &places);
    let told = "Nordsee/gw/S/In is placed below Nordsee/gw, not below Nordsee/gw/S: that would put \
                the model Self below itself; where a rule of TWIN_RULES names it, name another \
                model there";
    assert_eq!(beside(&rig), [told]);
}

/// Its values were given up, and nobody was told.
#[test]
fn a_rule_that_names_one_model_on_two_levels_loses_nothing() {
    for (rules, metrics, places) in [
        (
            "{asset}/Folder/{member} => Folder > Folder, {asset}/{member} => Folder",
            vec!["Hall/Temp", "Hall/Folder/Temp"],
            vec![("Hall", "gw"), ("Hall/Folder", "gw")],
        ),
        (
            "{asset}/A/B/{member} => Top > Mid > Top, {asset}/A/{member} => Top > Mid",
            vec!["T/A/B/Temp", "T/A/Temp"],
            vec![("T/A", "T"), ("T/A/B", "gw")],
        ),
        // No rule has one model twice.
        (
            "{asset}/A/B/{member} => Top > Low > Mid, {asset}/A/{member} => Top > Mid",
            vec!["T/A/Temp", "T/A/B/Temp"],
            vec![("T/A", "T"), ("T/A/B", "T")],
        ),
    ] {
        let rules = Rules::parse(rules).unwrap();
        let mut rig = Rig::with(Config { rules, ..config() }, FakeSiteWise::default());
        let metrics = (0..).zip(&metrics).map(|(slot, name)| temp(slot, name)).collect();
        rig.event(birth(node(), Vec::new(), metrics));
        rig.seconds(60);
        check(&rig, &places);
        assert_eq!(beside(&rig).len(), 1);
    }
}

#[test]
fn a_rule_whose_model_is_that_of_the_instance_around_it_loses_nothing() {
    let rules = Rules::parse("{asset}/Box/{member} => Other > Turbine").unwrap();
    let config = Config { rules, ..config() };
    let born = |offset| {
        let metrics =
            vec![instance("T1", "Turbine", vec![temp(0, "Temp")]), temp(1, "T1/Box/Temp")];
        birth_at(offset, node(), Vec::new(), metrics)
    };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    rig.event(born(0));
    rig.seconds(60);
    check(&rig, &[("T1", "gw"), ("T1/Box", "gw")]);
    let mut rig = rig.restart_with(config);
    rig.event(born(rig.offset()));
    rig.seconds(60);
    assert_eq!(rig.twin.plan().problems().count(), 0);
    assert_eq!(rig.sitewise.path("T1/Box"), ["Nordsee", "gw", "T1/Box"]);
    assert_eq!(beside(&rig).len(), 1);
}

/// Flattened, the inner one is no asset, and there is no ring.
#[test]
fn a_flattened_rule_may_name_one_model_on_two_levels() {
    let rules = Rules::parse("{asset}/Folder/{member} => Folder > Folder").unwrap();
    let config = Config { rules, nested: Nested::Flatten, ..config() };
    let mut rig = Rig::with(config, FakeSiteWise::default());
    rig.event(birth(node(), Vec::new(), vec![temp(0, "Hall/Folder/Temp")]));
    rig.seconds(60);
    assert_eq!(rig.written("Hall", "Folder/Temp").len(), 1);
    assert_eq!(beside(&rig), [""; 0]);
}

/// It got an overflow level of no use, and was told of limits that it had not met.
#[test]
fn a_device_of_its_nodes_own_model_is_at_the_root_and_told_why() {
    let kinds = Kinds::parse("Nordsee/gw => Pump, Nordsee/gw/P* => Pump").unwrap();
    let mut rig = Rig::with(Config { kinds, ..config() }, FakeSiteWise::default());
    rig.event(birth(node(), Vec::new(), vec![temp(0, "Temp")]));
    let within = instance("Inner", "Pump", vec![temp(1, "Temp")]);
    rig.event(birth(device("P1"), Vec::new(), vec![temp(0, "Temp"), within]));
    rig.seconds(60);
    assert_eq!(rig.sitewise.path("P1"), ["P1"]);
    assert_eq!(rig.written("P1", "Temp").len(), 1);
    assert_eq!(rig.written("Inner", "Temp").len(), 1);
    let told: Vec<_> = rig.twin.plan().problems().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|(_, why)| why.contains("below itself")), "{told:?}");
    assert!(rig.sitewise.assets.values().all(|asset| !asset.name.contains("more")));
    rig.check_conservation();
}
