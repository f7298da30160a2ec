use std::sync::Arc;

use super::*;

fn good(value: Value, data_type: DataType) -> Result<Converted, Unfit> {
    convert(Some(&value), SparkplugQuality::Good, data_type)
}

fn exact(value: Variant) -> Result<Converted, Unfit> {
    Ok(Converted { value, quality: Quality::Good, adjusted: None })
}

#[test]
fn every_type_is_mapped_as_the_documentation_says() {
    use SparkplugType as S;
    for (datatype, expected) in [
        (S::Int8, Some(DataType::Integer)),
        (S::Int16, Some(DataType::Integer)),
        (S::Int32, Some(DataType::Integer)),
        (S::Int64, Some(DataType::Double)),
        (S::UInt8, Some(DataType::Integer)),
        (S::UInt16, Some(DataType::Integer)),
        (S::UInt32, Some(DataType::Double)),
        (S::UInt64, Some(DataType::Double)),
        (S::Float, Some(DataType::Double)),
        (S::Double, Some(DataType::Double)),
        (S::Boolean, Some(DataType::Boolean)),
        (S::String, Some(DataType::String)),
        (S::DateTime, Some(DataType::Double)),
        (S::Text, Some(DataType::String)),
        (S::Uuid, Some(DataType::String)),
        (S::DataSet, Some(DataType::String)),
        (S::Bytes, None),
        (S::File, None),
        (S::Template, None),
        (S::DoubleArray, Some(DataType::String)),
        (S::Unknown, None),
    ] {
        assert_eq!(data_type(datatype, Int64::Double), expected, "{datatype:?}");
    }
    assert_eq!(data_type(S::UInt64, Int64::String), Some(DataType::String));
    assert_eq!(data_type(S::UInt32, Int64::String), Some(DataType::Double));
}

#[test]
fn integers_keep_their_sign_and_never_wrap() {
    assert_eq!(good(Value::Int(-5), DataType::Integer), exact(Variant::Integer(-5)));
    assert_eq!(good(Value::UInt(65_535), DataType::Integer), exact(Variant::Integer(65_535)));
    assert_eq!(good(Value::UInt(1 << 31), DataType::Integer), Err(Unfit::OtherType));
    assert_eq!(good(Value::UInt(4_000_000_000), DataType::Double), exact(Variant::Double(4e9)));
}

#[test]
fn past_two_to_the_53_is_rounded_and_uncertain_unless_it_is_exact() {
    let max = good(Value::UInt(u64::MAX), DataType::Double).unwrap();
    assert_eq!(max.quality, Quality::Uncertain);
    assert_eq!(max.adjusted, Some(Adjustment::Rounded));
    assert_eq!(
        good(Value::Int(1 << 60), DataType::Double),
        exact(Variant::Double((1u64 << 60) as f64))
    );
    assert_eq!(
        good(Value::UInt(u64::MAX), DataType::String),
        exact(Variant::String("18446744073709551615".into()))
    );
    let bad = convert(Some(&Value::Int(i64::MAX)), SparkplugQuality::Bad, DataType::Double);
    assert_eq!(bad.unwrap().quality, Quality::Bad);
}

#[test]
fn null_and_what_is_not_finite_are_null_with_bad() {
    let null = Variant::Null(DataType::Double);
    for value in [Some(Value::Float(f32::INFINITY)), Some(Value::Double(-1e300)), None] {
        let converted = convert(value.as_ref(), SparkplugQuality::Good, DataType::Double).unwrap();
        assert_eq!((converted.value, converted.quality), (null.clone(), Quality::Bad));
    }
    let nan = good(Value::Double(f64::NAN), DataType::Double).unwrap();
    assert!(matches!(nan.value, Variant::Double(number) if number.is_nan()));
}

#[test]
fn strings_are_cleaned_and_cut_on_a_character_boundary() {
    let cleaned = good(Value::String("a\nb\u{7f}".into()), DataType::String).unwrap();
    assert_eq!(cleaned.value, Variant::String("a b ".into()));
    assert_eq!(cleaned.adjusted, Some(Adjustment::Cleaned));
    let cut = good(Value::String("ß".repeat(600).as_str().into()), DataType::String).unwrap();
    assert_eq!(cut.value, Variant::String("ß".repeat(512).as_str().into()));
    assert_eq!(cut.adjusted, Some(Adjustment::Cut));
    assert_eq!(good(Value::String("".into()), DataType::String), exact(Variant::String("".into())));
}

#[test]
fn tables_and_arrays_are_json_or_too_long() {
    let set = DataSet {
        columns: vec!["a".into(), "b\n".into()],
        rows: vec![vec![Some(Value::Int(1)), None], vec![Some(Value::Double(0.5)), None]],
    };
    assert_eq!(
        good(Value::DataSet(set.into()), DataType::String),
        exact(Variant::String(r#"{"columns":["a","b\n"],"rows":[[1,null],[0.5,null]]}"#.into()))
    );
    let array: Arc<[Value]> = (0..400).map(Value::Int).collect();
    assert!(matches!(good(Value::Array(array), DataType::String), Err(Unfit::TooLong(_))));
}

#[test]
fn a_value_of_another_type_is_unfit_never_coerced() {
    for (value, data_type) in [
        (Value::String("1".into()), DataType::Integer),
        (Value::String("1".into()), DataType::Double),
        (Value::Double(1.0), DataType::Integer),
        (Value::Int(1), DataType::Boolean),
        (Value::Boolean(true), DataType::String),
    ] {
        assert_eq!(good(value, data_type), Err(Unfit::OtherType));
    }
}
