use std::sync::Arc;

use super::*;

fn good(value: Value, form: ValueForm) -> Result<Converted, Unmappable> {
    convert(Some(&value), SparkplugQuality::Good, form)
}

fn exact(value: Variant) -> Result<Converted, Unmappable> {
    Ok(Converted { value, quality: Quality::Good, adjusted: None })
}

#[test]
fn every_type_is_mapped_as_the_documentation_says() {
    use SparkplugType as S;
    for (datatype, expected) in [
        (S::Int8, Some(ValueForm::Integer)),
        (S::Int16, Some(ValueForm::Integer)),
        (S::Int32, Some(ValueForm::Integer)),
        (S::Int64, Some(ValueForm::Double)),
        (S::UInt8, Some(ValueForm::Integer)),
        (S::UInt16, Some(ValueForm::Integer)),
        (S::UInt32, Some(ValueForm::Double)),
        (S::UInt64, Some(ValueForm::Double)),
        (S::Float, Some(ValueForm::Double)),
        (S::Double, Some(ValueForm::Double)),
        (S::Boolean, Some(ValueForm::Boolean)),
        (S::String, Some(ValueForm::String)),
        (S::DateTime, Some(ValueForm::Seconds)),
        (S::Text, Some(ValueForm::String)),
        (S::Uuid, Some(ValueForm::String)),
        (S::DataSet, Some(ValueForm::String)),
        (S::Bytes, None),
        (S::File, None),
        (S::Template, None),
        (S::DoubleArray, Some(ValueForm::String)),
        (S::Unknown, None),
    ] {
        assert_eq!(form(datatype, Int64::Double), expected, "{datatype:?}");
    }
    assert_eq!(form(S::UInt64, Int64::String), Some(ValueForm::String));
    assert_eq!(form(S::UInt32, Int64::String), Some(ValueForm::Double));
}

/// Milliseconds since 1970 are past the 10^10 that the API reference allows of a double.
#[test]
fn a_point_in_time_is_seconds_with_their_fraction() {
    let born = Value::DateTime(1_790_000_000_250);
    assert_eq!(good(born.clone(), ValueForm::Seconds), exact(Variant::Double(1_790_000_000.25)));
    assert_eq!(default_text(&born, ValueForm::Seconds).as_deref(), Some("1790000000.25"));
    let before = Value::Int(-1_500);
    assert_eq!(good(before, ValueForm::Seconds), exact(Variant::Double(-1.5)));
}

#[test]
fn integers_keep_their_sign_and_never_wrap() {
    assert_eq!(good(Value::Int(-5), ValueForm::Integer), exact(Variant::Integer(-5)));
    assert_eq!(good(Value::UInt(65_535), ValueForm::Integer), exact(Variant::Integer(65_535)));
    assert_eq!(good(Value::UInt(1 << 31), ValueForm::Integer), Err(Unmappable::OtherType));
    assert_eq!(good(Value::UInt(4_000_000_000), ValueForm::Double), exact(Variant::Double(4e9)));
}

#[test]
fn past_two_to_the_53_is_rounded_and_uncertain_unless_it_is_exact() {
    let max = good(Value::UInt(u64::MAX), ValueForm::Double).unwrap();
    assert_eq!(max.quality, Quality::Uncertain);
    assert_eq!(max.adjusted, Some(Adjustment::Rounded));
    assert_eq!(
        good(Value::Int(1 << 60), ValueForm::Double),
        exact(Variant::Double((1u64 << 60) as f64))
    );
    assert_eq!(
        good(Value::UInt(u64::MAX), ValueForm::String),
        exact(Variant::String("18446744073709551615".into()))
    );
    let bad = convert(Some(&Value::Int(i64::MAX)), SparkplugQuality::Bad, ValueForm::Double);
    assert_eq!(bad.unwrap().quality, Quality::Bad);
}

#[test]
fn null_and_what_is_not_finite_are_null_with_bad() {
    let null = Variant::Null(PropertyDataType::Double);
    let nan = Value::Double(f64::NAN);
    for value in [Some(Value::Float(f32::INFINITY)), Some(Value::Double(-1e300)), Some(nan), None] {
        let converted = convert(value.as_ref(), SparkplugQuality::Good, ValueForm::Double).unwrap();
        assert_eq!((converted.value, converted.quality), (null.clone(), Quality::Bad));
    }
    assert_eq!(default_text(&Value::Double(f64::NAN), ValueForm::Double), None);
    let exact = good(Value::Double(1e11), ValueForm::Double).unwrap();
    assert_eq!(exact.value, Variant::Double(1e11), "whether SiteWise takes it is SiteWise's word");
}

#[test]
fn strings_are_cleaned_and_cut_on_a_character_boundary() {
    let cleaned = good(Value::String("a\nb\u{7f}".into()), ValueForm::String).unwrap();
    assert_eq!(cleaned.value, Variant::String("a b ".into()));
    assert_eq!(cleaned.adjusted, Some(Adjustment::Cleaned));
    let cut = good(Value::String("ß".repeat(600).as_str().into()), ValueForm::String).unwrap();
    assert_eq!(cut.value, Variant::String("ß".repeat(512).as_str().into()));
    assert_eq!(cut.adjusted, Some(Adjustment::Truncated));
    assert_eq!(
        good(Value::String("".into()), ValueForm::String),
        exact(Variant::String("".into()))
    );
    // What is as long as it may be, and a space, stay as they are.
    let whole = format!("{} {}", "a".repeat(500), "b".repeat(limits::STRING_BYTES - 501));
    let stays = exact(Variant::String(whole.as_str().into()));
    assert_eq!(good(Value::String(whole.as_str().into()), ValueForm::String), stays);
    let longer =
        good(Value::String(format!("{whole}c").as_str().into()), ValueForm::String).unwrap();
    assert_eq!(longer.value, Variant::String(whole.as_str().into()));
}

#[test]
fn tables_and_arrays_are_json_or_too_long() {
    let set = DataSet {
        columns: vec!["a".into(), "b\n".into()],
        rows: vec![vec![Some(Value::Int(1)), None], vec![Some(Value::Double(0.5)), None]],
    };
    assert_eq!(
        good(Value::DataSet(set.into()), ValueForm::String),
        exact(Variant::String(r#"{"columns":["a","b\n"],"rows":[[1,null],[0.5,null]]}"#.into()))
    );
    let odd = [
        Value::Float(f32::NAN),
        Value::Float(0.5),
        Value::Double(f64::INFINITY),
        Value::Boolean(true),
        Value::String("\u{7f}".into()),
        Value::DateTime(7),
        Value::Bytes(vec![1].into()),
    ];
    let json = r#"["NaN",0.5,"inf",true,"\u007f",7,null]"#;
    assert_eq!(
        good(Value::Array(odd.into_iter().collect()), ValueForm::String),
        exact(Variant::String(json.into()))
    );
    // As long as it may be, with its brackets and quotes, and one more.
    for (length, fits) in [(limits::STRING_BYTES - 4, true), (limits::STRING_BYTES - 3, false)] {
        let text = Value::String("a".repeat(length).as_str().into());
        assert_eq!(good(Value::Array([text].into()), ValueForm::String).is_ok(), fits, "{length}");
    }
    let array: Arc<[Value]> = (0..400).map(Value::Int).collect();
    assert!(matches!(good(Value::Array(array), ValueForm::String), Err(Unmappable::TooLong(_))));
}

#[test]
fn what_is_refused_for_its_type_is_kept_as_it_came() {
    let text = |text: &str| Variant::String(text.into());
    for (came, kept) in [
        (Value::String("off".into()), text("off")),
        (Value::Boolean(true), Variant::Boolean(true)),
        (Value::Double(1.5), Variant::Double(1.5)),
        (Value::Int(-7), Variant::Integer(-7)),
        (Value::UInt(1 << 40), text("1099511627776")),
    ] {
        assert_eq!(as_it_came(Some(&came)), kept, "{came:?}");
    }
}

#[test]
fn a_value_of_another_type_is_unfit_never_coerced() {
    for (value, form) in [
        (Value::String("1".into()), ValueForm::Integer),
        (Value::String("1".into()), ValueForm::Double),
        (Value::Double(1.0), ValueForm::Integer),
        (Value::Double(1.0), ValueForm::Seconds),
        (Value::UInt(u64::MAX), ValueForm::Seconds),
        (Value::Int(1), ValueForm::Boolean),
        (Value::Boolean(true), ValueForm::String),
    ] {
        assert_eq!(good(value, form), Err(Unmappable::OtherType));
    }
}

#[test]
fn a_double_of_the_largest_magnitude_is_a_number_and_one_beyond_is_null() {
    for sign in [1.0, -1.0] {
        let largest = sign * limits::DOUBLE_MAGNITUDE;
        assert_eq!(
            good(Value::Double(largest), ValueForm::Double),
            exact(Variant::Double(largest))
        );
        let beyond = good(Value::Double(largest * 1.001), ValueForm::Double).unwrap();
        assert_eq!(beyond.adjusted, Some(Adjustment::NotFinite));
    }
}

#[test]
fn each_adjustment_is_counted_under_a_label_of_its_own() {
    let labels = Adjustment::ALL.map(Adjustment::label);
    assert_eq!(labels, ["rounded", "not_finite", "cleaned", "cut"]);
}
