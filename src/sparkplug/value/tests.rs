use super::*;

fn read(arm: WireField<'_>, datatype: DataType) -> Result<Value, ValueError> {
    arm.decode(datatype, &mut FindingCounts::default())
}

fn int(v: u32) -> WireField<'static> {
    WireField::Int(v)
}

#[test]
fn integers_are_read_by_datatype_from_either_arm() {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    let cases: &[(DataType, WireField<'_>, Result<Value, ValueError>)] = &[
        // Two's complement of the declared width, of 32 and of 64 bits.
        (Int8, int(0xfb), Ok(Value::Int(-5))),
        (Int8, int(0xfffb), Ok(Value::Int(-5))),
        (Int8, int(4_294_967_291), Ok(Value::Int(-5))),
        (Int8, WireField::Long(u64::MAX - 4), Ok(Value::Int(-5))),
        (Int8, int(127), Ok(Value::Int(127))),
        (Int16, int(0xffff_8000), Ok(Value::Int(-32_768))),
        (Int16, int(0x8000), Ok(Value::Int(-32_768))),
        (Int32, int(u32::MAX), Ok(Value::Int(-1))),
        (Int32, WireField::Long(u64::from(u32::MAX)), Ok(Value::Int(-1))),
        (Int64, WireField::Long(u64::MAX), Ok(Value::Int(-1))),
        (Int64, int(7), Ok(Value::Int(7))),
        (UInt8, int(200), Ok(Value::UInt(200))),
        (UInt8, int(0xffff_ffc8), Ok(Value::UInt(200))),
        (UInt16, int(65_535), Ok(Value::UInt(65_535))),
        (UInt32, int(4_000_000_000), Ok(Value::UInt(4_000_000_000))),
        (UInt32, WireField::Long(4_000_000_000), Ok(Value::UInt(4_000_000_000))),
        (UInt32, WireField::Long(u64::MAX), Ok(Value::UInt(4_294_967_295))),
        (UInt64, WireField::Long(u64::MAX), Ok(Value::UInt(u64::MAX))),
        (UInt64, int(1), Ok(Value::UInt(1))),
        // What does not fit is said, not masked away.
        (Int8, int(300), Err(ValueError::OutOfRange)),
        (UInt8, int(256), Err(ValueError::OutOfRange)),
        (UInt8, int(0xffff_ff05), Err(ValueError::OutOfRange)),
        (Int32, WireField::Long(1 << 40), Err(ValueError::OutOfRange)),
        (Int32, WireField::Float(1.0), Err(ValueError::Mismatch)),
        (UInt64, WireField::String(b"1"), Err(ValueError::Mismatch)),
    ];
    for (datatype, arm, expected) in cases {
        assert_eq!(read(*arm, *datatype), *expected, "{datatype} from {arm:?}");
    }
}

#[test]
fn every_other_arm_is_held_against_its_datatype() {
    let uuid = "6f3b6a4e-2c5f-4a64-8f3e-0d2d3c1b9a87";
    let cases: &[(DataType, WireField<'_>, Result<Value, ValueError>)] = &[
        (DataType::Float, WireField::Float(1.5), Ok(Value::Float(1.5))),
        (DataType::Float, WireField::Double(1.5), Ok(Value::Float(1.5))),
        (DataType::Double, WireField::Float(1.5), Ok(Value::Double(1.5))),
        (DataType::Double, WireField::Int(1), Err(ValueError::Mismatch)),
        (DataType::Boolean, WireField::Boolean(true), Ok(Value::Boolean(true))),
        (DataType::Boolean, WireField::Long(0), Ok(Value::Boolean(false))),
        (DataType::Boolean, WireField::Int(2), Err(ValueError::Mismatch)),
        (DataType::String, WireField::String(b""), Ok(Value::String("".into()))),
        (DataType::Text, WireField::String(b"a"), Ok(Value::String("a".into()))),
        (DataType::Text, WireField::Bytes(b"a"), Err(ValueError::Mismatch)),
        (DataType::Uuid, WireField::String(uuid.as_bytes()), Ok(Value::String(uuid.into()))),
        (DataType::DateTime, WireField::Long(9), Ok(Value::DateTime(9))),
        (DataType::File, WireField::Bytes(b"a"), Ok(Value::Bytes(b"a".as_slice().into()))),
        (DataType::Template, WireField::Int(1), Err(ValueError::NoValue)),
        (DataType::Unknown, WireField::Int(1), Ok(Value::Int(1))),
        (DataType::Unknown, WireField::Extension, Err(ValueError::NoValue)),
    ];
    for (datatype, arm, expected) in cases {
        assert_eq!(read(*arm, *datatype), *expected, "{datatype} from {arm:?}");
    }
}

#[test]
fn a_long_string_is_cut_on_a_character_boundary() {
    let long = "é".repeat(limits::STRING_BYTES);
    let Ok(Value::String(text)) =
        WireField::String(long.as_bytes()).decode(DataType::String, &mut FindingCounts::default())
    else {
        panic!("a string");
    };
    assert_eq!(text.len(), limits::STRING_BYTES);
    let odd = format!("a{long}");
    let Ok(Value::String(text)) =
        WireField::String(odd.as_bytes()).decode(DataType::String, &mut FindingCounts::default())
    else {
        panic!("a string");
    };
    assert_eq!(text.len(), limits::STRING_BYTES - 1);
}

#[test]
fn arrays_are_little_endian() {
    let cases: &[(DataType, &[u8], &[Value])] = &[
        (DataType::Int8Array, &[0xe9, 0x7b], &[Value::Int(-23), Value::Int(123)]),
        (DataType::UInt8Array, &[0x80], &[Value::UInt(128)]),
        (DataType::Int16Array, &[0xfe, 0xff], &[Value::Int(-2)]),
        (DataType::UInt32Array, &[1, 0, 0, 0x80], &[Value::UInt(0x8000_0001)]),
        (DataType::FloatArray, &[0xa4, 0x70, 0x9d, 0x3f], &[Value::Float(1.23)]),
        (DataType::DateTimeArray, &[1, 0, 0, 0, 0, 0, 0, 0], &[Value::DateTime(1)]),
        (
            DataType::BooleanArray,
            &[9, 0, 0, 0, 0b0011_0000, 0x80],
            &[false, false, true, true, false, false, false, false, true].map(Value::Boolean),
        ),
        (
            DataType::StringArray,
            b"ABC\0\0hello\0",
            &["ABC", "", "hello"].map(|s| Value::String(s.into())),
        ),
        (DataType::StringArray, b"", &[]),
    ];
    for (datatype, bytes, expected) in cases {
        assert_eq!(
            array::decode(*datatype, bytes, &mut FindingCounts::default()).as_deref(),
            Ok(*expected),
            "{datatype}"
        );
        assert_eq!(array::encode(*datatype, expected).as_deref(), Some(*bytes), "{datatype}");
    }
}

#[test]
fn arrays_that_are_none_are_named() {
    let cases: &[(DataType, &[u8], ValueError)] = &[
        (DataType::Int32Array, &[1, 2, 3], ValueError::NoArray),
        (DataType::BooleanArray, &[1, 0], ValueError::NoArray),
        (DataType::BooleanArray, &[9, 0, 0, 0, 1], ValueError::NoArray),
        (DataType::BooleanArray, &[255, 255, 255, 255, 1], ValueError::TooLong),
    ];
    for (datatype, bytes, expected) in cases {
        assert_eq!(
            array::decode(*datatype, bytes, &mut FindingCounts::default()),
            Err(*expected),
            "{datatype}"
        );
    }
    let long = vec![0; limits::ELEMENTS + 1];
    assert_eq!(
        array::decode(DataType::Int8Array, &long, &mut FindingCounts::default()),
        Err(ValueError::TooLong)
    );
}

#[test]
fn a_data_set_is_read_by_its_columns() {
    use wire::data_set::data_set_value::Value as Cell;
    let cell = |value| wire::data_set::DataSetValue { value };
    let row = |elements| wire::data_set::Row { elements };
    let good = wire::DataSet {
        num_of_columns: Some(2),
        columns: vec!["a".into(), "b".into()],
        types: vec![DataType::Int8.number(), DataType::String.number()],
        rows: vec![
            row(vec![cell(Some(Cell::IntValue(0xff))), cell(Some(Cell::StringValue("x".into())))]),
            row(vec![cell(None), cell(None)]),
        ],
    };
    let expected = DataSet {
        columns: vec!["a".into(), "b".into()],
        rows: vec![vec![Some(Value::Int(-1)), Some(Value::String("x".into()))], vec![None, None]],
    };
    assert_eq!(table(&good, &mut FindingCounts::default()), Ok(expected));

    let mut narrow = good.clone();
    narrow.rows[1].elements.pop();
    assert_eq!(table(&narrow, &mut FindingCounts::default()), Err(ValueError::NoTable));
    let mut typeless = good.clone();
    typeless.types.pop();
    assert_eq!(table(&typeless, &mut FindingCounts::default()), Err(ValueError::NoTable));
    let mut counted = good.clone();
    counted.num_of_columns = Some(3);
    assert_eq!(table(&counted, &mut FindingCounts::default()), Err(ValueError::NoTable));
    let mut mixed = good;
    mixed.rows[0].elements[0].value = Some(Cell::BooleanValue(true));
    assert_eq!(table(&mixed, &mut FindingCounts::default()), Err(ValueError::Mismatch));
}
