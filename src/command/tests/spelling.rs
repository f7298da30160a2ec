//! A command speaks as the birth did.

use super::*;
use crate::twin::{Nested, Rules};

/// What is told to the plant for a request that is allowed.
fn told(rig: &mut Rig, asset: &str, property: &str, value: impl Into<rig::Json>) -> String {
    assert_eq!(rig.ask(asset, property, value), None);
    gist(&rig.message())
}

#[test]
fn topics_ncmd_dcmd_qos_retain_timestamp_and_no_seq() {
    let mut rig = Rig::new("Nordsee/gw/Limit = 0..90\nNordsee/gw/T1/Limit = 0..90");
    rig.born([Metric::new("Limit", 40.0_f32)]);
    rig.device("T1", [Metric::new("Limit", 40_i16)]);
    rig.ask("Nordsee/gw", "Limit", 41);
    let message = rig.message();
    assert_eq!((message.qos, message.retain), (Qos::AtMostOnce, false));
    let payload = crate::sparkplug::payload::decode(&message.payload).unwrap();
    assert_eq!(payload.timestamp, Some((START + 10) as u64));
    assert_eq!(gist(&message), "spBv1.0/Nordsee/NCMD/gw Limit(9)=41");
    let told = told(&mut rig, "Nordsee/gw/T1", "Limit", -0);
    assert_eq!(told, "spBv1.0/Nordsee/DCMD/gw/T1 Limit(2)=0");
}

/// A turbine with a pitch system with a blade, three deep.
fn turbine(value: f64) -> Metric {
    let blade = Template::instance("Blade").member(Metric::new("Angle", value));
    let pitch = Template::instance("Pitch").version("2").member(Metric::template("B1", blade));
    let turbine = Template::instance("Turbine")
        .member(Metric::new("Limit", value))
        .member(Metric::template("Pitch", pitch));
    Metric::template("T1", turbine)
}

#[test]
fn a_member_of_templates_three_deep_is_written_in_partial_instances() {
    let rules = "Turbine/Limit = 0..90\nBlade/Angle = 0..90";
    let mut rig = Rig::new(rules);
    rig.born([turbine(1.0)]);
    let expected = "spBv1.0/Nordsee/NCMD/gw T1:Turbine{Pitch:Pitch@2{B1:Blade{Angle(10)=2.5}}}";
    assert_eq!(told(&mut rig, "Nordsee/gw/T1/Pitch/B1", "Angle", 2.5), expected);
    let expected = "spBv1.0/Nordsee/NCMD/gw T1:Turbine{Limit(10)=3}";
    assert_eq!(told(&mut rig, "Nordsee/gw/T1", "Limit", 3), expected);

    // Without assets for nested templates the property has the path.
    let nested = "Turbine/Pitch/B1/Angle = 0..90";
    let mut rig = Rig::with(nested, |bridge, _| bridge.twin.nested = Nested::Flatten);
    rig.born([turbine(1.0)]);
    let expected = "spBv1.0/Nordsee/NCMD/gw T1:Turbine{Pitch:Pitch@2{B1:Blade{Angle(10)=2.5}}}";
    assert_eq!(told(&mut rig, "Nordsee/gw/T1", "Pitch/B1/Angle", 2.5), expected);
    assert_eq!(rig.ask("Nordsee/gw/T1/Pitch/B1", "Angle", 2.5), Some(Code::UnknownAsset));
}

#[test]
fn what_only_rules_make_an_asset_is_written_by_its_plain_name() {
    let rules = "{asset}/Gearbox/{member} => Turbine > Gearbox, {asset}/{member} => Turbine";
    let allow = "Gearbox/Oil/Limit = 0..90\nTurbine/Derate = on, off";
    let mut rig = Rig::with(allow, |bridge, _| bridge.twin.rules = Rules::parse(rules).unwrap());
    rig.born([Metric::new("T1/Derate", false), Metric::new("T1/Gearbox/Oil/Limit", 7_u8)]);
    let derate = "spBv1.0/Nordsee/NCMD/gw T1/Derate(11)=true";
    assert_eq!(told(&mut rig, "Nordsee/gw/T1", "Derate", "on"), derate);
    let limit = "spBv1.0/Nordsee/NCMD/gw T1/Gearbox/Oil/Limit(5)=8";
    assert_eq!(told(&mut rig, "Nordsee/gw/T1/Gearbox", "Oil/Limit", 8), limit);
}

#[test]
fn a_flat_member_is_written_by_its_path() {
    let mut rig = Rig::new("Nordsee/*/Derate = on, off");
    rig.born([]);
    rig.device("T1", [Metric::new("Drive/Derate", false), Metric::new("Derate", false)]);
    let expected = "spBv1.0/Nordsee/DCMD/gw/T1 Drive/Derate(11)=true";
    assert_eq!(told(&mut rig, "Nordsee/gw/T1", "Drive/Derate", true), expected);
}

#[test]
fn with_the_form_both_the_births_alias_stands_beside_the_name() {
    let allow = "Turbine/Limit = 0..90\nNordsee/gw/Plain = 0..90\nNordsee/gw/Bare = 0..90";
    let metrics = || {
        let member = Metric::new("Limit", 1.0).alias(9);
        let turbine = Template::instance("Turbine").member(member);
        let turbine = Metric::template("T1", turbine).alias(7);
        [turbine, Metric::new("Plain", 1_i32).alias(5), Metric::new("Bare", 1_i32)]
    };
    let ask = |rig: &mut Rig| {
        rig.born(metrics());
        [("Nordsee/gw/T1", "Limit"), ("Nordsee/gw", "Plain"), ("Nordsee/gw", "Bare")]
            .map(|(asset, property)| told(rig, asset, property, 2).split_off(24))
    };
    let mut rig = Rig::with(allow, |_, commands| commands.form = Form::Both);
    assert_eq!(ask(&mut rig), ["T1#7:Turbine{Limit#9(10)=2}", "Plain#5(3)=2", "Bare(3)=2"]);
    let mut rig = Rig::new(allow);
    assert_eq!(ask(&mut rig), ["T1:Turbine{Limit(10)=2}", "Plain(3)=2", "Bare(3)=2"]);
}

#[test]
fn an_alias_that_two_sources_of_the_node_share_is_not_sent() {
    let allow = "Nordsee/*/Limit = 0..90";
    let mut rig = Rig::with(allow, |_, commands| commands.form = Form::Both);
    rig.born([Metric::new("Speed", 1.0).alias(5)]);
    rig.device("T1", [Metric::new("Limit", 1.0).alias(5)]);
    rig.device("T2", [Metric::new("Limit", 1.0).alias(6)]);
    let told = ["Nordsee/gw/T1", "Nordsee/gw/T2"].map(|asset| told(&mut rig, asset, "Limit", 2));
    assert_eq!(told[0], "spBv1.0/Nordsee/DCMD/gw/T1 Limit(10)=2");
    assert_eq!(told[1], "spBv1.0/Nordsee/DCMD/gw/T2 Limit#6(10)=2");
}

#[test]
fn an_asset_is_found_by_address_uuid_and_external_id_and_a_property_by_name_and_uuid() {
    let mut rig = Rig::new("Turbine/Limit = 0..90");
    rig.born([turbine(1.0)]);
    rig.pass(60_000);
    let (id, external, property) = {
        let (id, asset) = rig.sitewise.asset("T1");
        let model = &rig.sitewise.models[&asset.model];
        let property = model.properties.iter().find(|property| property.name == "Limit");
        (id.to_string(), asset.external_id.clone().unwrap(), property.unwrap().id.to_string())
    };
    let external = format!("externalId:{external}");
    for (value, (asset, property)) in (2..).zip([
        ("Nordsee/gw/T1", "Limit"),
        (&*id, "Limit"),
        (&*external, "Limit"),
        ("Nordsee/gw/T1", &*property),
        (&*id, &*property),
    ]) {
        let expected = format!("spBv1.0/Nordsee/NCMD/gw T1:Turbine{{Limit(10)={value}}}");
        assert_eq!(told(&mut rig, asset, property, value), expected);
        rig.pass(11_000);
    }
    for asset in ["Nordsee/gw/T2", "externalId:T1", "T1", "", "Nordsee//gw", &property] {
        let code = rig.ask(asset, "Limit", 50);
        assert!(matches!(code, Some(Code::UnknownAsset | Code::Malformed)), "{asset} {code:?}");
    }
}

#[test]
fn a_rule_by_model_holds_with_a_prefix_and_for_the_part_of_a_model_that_is_full() {
    let mut rig = Rig::with("Turbine/Limit = 0..90", |bridge, _| {
        bridge.twin.model_prefix = "plant ".to_owned();
        bridge.twin.assets_per_model = 1;
    });
    let one = |name: &str| {
        Metric::template(name, Template::instance("Turbine").member(Metric::new("Limit", 1.0)))
    };
    rig.born([one("T1"), one("T2")]);
    rig.pass(60_000);
    let models: Vec<_> = rig.sitewise.models.values().map(|model| model.name.as_str()).collect();
    assert!(models.contains(&"plant Turbine (from asset 2)"), "{models:?}");
    for asset in ["T1", "T2"] {
        let expected = format!("spBv1.0/Nordsee/NCMD/gw {asset}:Turbine{{Limit(10)=2}}");
        assert_eq!(told(&mut rig, &format!("Nordsee/gw/{asset}"), "Limit", 2), expected);
    }
}

#[test]
fn a_metric_keeps_the_type_of_its_birth() {
    let mut rig = Rig::new("Nordsee/gw/* = 0..90");
    let text = Typed::new(DataType::Text, Value::String("Auto".into()));
    rig.born([Metric::new("Big", 1_u64), Metric::new("Int", -1_i8)]);
    assert_eq!(told(&mut rig, "Nordsee/gw", "Big", "72"), "spBv1.0/Nordsee/NCMD/gw Big(8)=72");
    let mut rig = Rig::new("Nordsee/gw/Mode = Auto, Manual");
    rig.born([Metric::new("Mode", text)]);
    let expected = "spBv1.0/Nordsee/NCMD/gw Mode(14)=Manual";
    assert_eq!(told(&mut rig, "Nordsee/gw", "Mode", "Manual"), expected);
}

#[test]
fn an_alias_is_sent_again_once_all_but_one_who_share_it_are_gone() {
    let mut rig = Rig::with("Nordsee/*/Limit = 0..90", |_, commands| commands.form = Form::Both);
    rig.born([]);
    for device in ["T1", "T2", "T3"] {
        rig.device(device, [Metric::new("Limit", 1.0).alias(5)]);
    }
    // One after the other is born again with an alias of its own.
    for (value, device, alias, spelling) in [(2, "T1", 6, "Limit(10)"), (3, "T2", 7, "Limit#5(10)")]
    {
        rig.device(device, [Metric::new("Limit", 1.0).alias(alias)]);
        let expected = format!("spBv1.0/Nordsee/DCMD/gw/T3 {spelling}={value}");
        assert_eq!(told(&mut rig, "Nordsee/gw/T3", "Limit", value), expected);
        rig.pass(11_000);
    }
}
