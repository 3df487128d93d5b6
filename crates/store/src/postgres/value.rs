//! Values on the wire of PostgreSQL, in its binary format.

use crate::seam::Value;
use bytes::{BufMut, Bytes, BytesMut};
use std::error::Error;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type Failure = Box<dyn Error + Sync + Send>;

/// A value as the statement's parameter wants it.
#[derive(Debug)]
pub(super) struct Bound<'a>(pub(super) &'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match (self.0, wanted) {
            (Value::Null, _) => return Ok(IsNull::Yes),
            (Value::Int(number), &Type::INT8) => out.put_i64(*number),
            (Value::Int(number), &Type::INT4) => out.put_i32((*number).try_into()?),
            (Value::Int(number), &Type::INT2) => out.put_i16((*number).try_into()?),
            (Value::Int(number), &Type::BOOL) => out.put_u8(u8::from(*number != 0)),
            (Value::Bytes(bytes), &Type::BYTEA) => out.put_slice(bytes),
            (Value::Text(text), &(Type::TEXT | Type::VARCHAR | Type::NAME | Type::BYTEA)) => {
                out.put_slice(text.as_bytes());
            }
            (Value::Ints(set), &Type::INT8_ARRAY) => return set.to_sql(wanted, out),
            (value, wanted) => {
                return Err(format!("a parameter of type {wanted} was given {value:?}").into());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column as a value.
pub(super) struct Cell(pub(super) Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Cell(match *kind {
            Type::INT8 => Value::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(kind, raw)?.into()),
            Type::INT2 => Value::Int(i16::from_sql(kind, raw)?.into()),
            Type::BOOL => Value::Int(bool::from_sql(kind, raw)?.into()),
            Type::BYTEA => Value::Bytes(Bytes::copy_from_slice(raw)),
            Type::TEXT | Type::VARCHAR | Type::NAME => Value::Text(String::from_sql(kind, raw)?),
            // What SUM makes of BIGINT.
            Type::NUMERIC => Value::Int(numeric(raw).ok_or("a number that is no whole i64")?),
            _ => return Err(format!("a column of type {kind}").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Cell(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A whole number in the binary form of NUMERIC: four 16-bit fields (digits, weight of the first,
/// sign, scale), then the digits in base 10,000.
fn numeric(raw: &[u8]) -> Option<i64> {
    let (words, []) = raw.as_chunks::<2>() else { return None };
    let mut words = words.iter().map(|word| u16::from_be_bytes(*word));
    let digits = words.next()?;
    let weight = i32::from(words.next()? as i16);
    let negative = match words.next()? {
        0x0000 => false,
        0x4000 => true,
        _ => return None,
    };
    let _scale = words.next()?;
    let mut number: i64 = 0;
    for place in 0..=weight.max(i32::from(digits) - 1) {
        let digit = if place < i32::from(digits) { i64::from(words.next()?) } else { 0 };
        if place > weight {
            // Behind the point: only zeros are whole.
            if digit != 0 {
                return None;
            }
            continue;
        }
        // Towards the negative, which reaches one further.
        number = number.checked_mul(10_000)?.checked_sub(digit)?;
    }
    if negative { Some(number) } else { number.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics() {
        #[track_caller]
        fn check(words: &[u16], want: Option<i64>) {
            let raw: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(numeric(&raw), want, "{words:?}");
        }
        check(&[0, 0, 0, 0], Some(0));
        check(&[1, 0, 0, 0, 42], Some(42));
        check(&[1, 0, 0x4000, 0, 42], Some(-42));
        check(&[1, 1, 0, 0, 7], Some(70_000));
        check(&[2, 1, 0, 0, 7, 1234], Some(71_234));
        check(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807], Some(i64::MAX));
        check(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808], None);
        check(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808], Some(i64::MIN));
        check(&[2, 0, 0, 1, 1, 5000], None);
        check(&[2, 0, 0, 1, 1, 0], Some(1));
        check(&[0, 0, 0xc000, 0], None);
        check(&[1, 0, 0], None);
        assert_eq!(numeric(&[0, 1, 0]), None);
    }
}
