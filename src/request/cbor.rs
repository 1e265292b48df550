//! Bodies in CBOR (RFC 8949): looked through before anything is made of them.

use minicbor::{Decoder, data::Token, data::Type, decode::Tokenizer};
use minicbor_serde::Deserializer;
use serde::Deserialize;

use super::problem::shortened;

/// Deepest nesting of lists, maps and tags that is read. No request has a tenth of it, and what reads values calls itself for each
/// level.
const MAX_DEPTH: usize = 64;

/// What is wrong with a body that was to be a map in CBOR.
type Told = String;

/// Checks that bytes are one item that is complete and not nested too deeply, whatever lengths it claims.
pub(super) fn check(body: &[u8]) -> Result<(), Told> {
    let mut decoder = Decoder::new(body);
    // How many items each list or map has to come; None for one that is ended by a break.
    let mut open: Vec<Option<u64>> = Vec::new();
    loop {
        let token = Tokenizer::from(&mut decoder).token().map_err(|error| told(&error.to_string()))?;
        let begun = match token {
            Token::Array(len) => Some(Some(len)),
            Token::Map(len) => Some(Some(len.checked_mul(2).ok_or("a map has more entries than can be counted")?)),
            Token::Tag(_) => Some(Some(1)),
            Token::BeginArray | Token::BeginMap | Token::BeginBytes | Token::BeginString => Some(None),
            Token::Break => match open.pop() {
                Some(None) => None,
                _ => return Err("a break ends nothing".to_owned()),
            },
            _ => None,
        };
        match begun {
            Some(_) if open.len() == MAX_DEPTH => return Err(format!("it is nested deeper than {MAX_DEPTH} levels")),
            Some(items) if items != Some(0) => open.push(items),
            _ => close(&mut open),
        }
        match (open.is_empty(), body.len().saturating_sub(decoder.position())) {
            (true, 0) => return Ok(()),
            (true, rest) => return Err(format!("{rest} bytes follow its end")),
            (false, _) => {}
        }
    }
}

/// Counts an item that is complete, and whatever is complete with it.
fn close(open: &mut Vec<Option<u64>>) {
    while let Some(Some(items)) = open.last_mut() {
        *items = items.saturating_sub(1);
        if *items > 0 {
            return;
        }
        open.pop();
    }
}

/// Calls `take` for each entry of a map that has been [checked](check).
pub(super) fn entries<'a>(map: &'a [u8], mut take: impl FnMut(&'a str, &'a [u8])) -> Result<(), Told> {
    let mut decoder = Decoder::new(map);
    let failed = |error: minicbor::decode::Error| told(&error.to_string());
    let mut left = decoder.map().map_err(failed)?;
    loop {
        match &mut left {
            Some(0) => return Ok(()),
            Some(left) => *left = left.saturating_sub(1),
            None if decoder.datatype().map_err(failed)? == Type::Break => return Ok(()),
            None => {}
        }
        let name = decoder.str().map_err(|_| "its keys must be texts of a known length")?;
        let start = decoder.position();
        decoder.skip().map_err(failed)?;
        take(name, map.get(start..decoder.position()).unwrap_or_default());
    }
}

/// The items of a list that has been [checked](check), of which there may be no more than `MOST`.
pub(super) fn items<const MOST: usize>(list: &[u8]) -> Result<Vec<&[u8]>, Told> {
    let mut decoder = Decoder::new(list);
    let failed = |error: minicbor::decode::Error| told(&error.to_string());
    let (claimed, mut items, mut len) = (decoder.array().map_err(failed)?, Vec::new(), 0_u64);
    while match claimed {
        Some(claimed) => len < claimed,
        None => decoder.datatype().map_err(failed)? != Type::Break,
    } {
        let start = decoder.position();
        decoder.skip().map_err(failed)?;
        len = len.saturating_add(1);
        if items.len() < MOST {
            items.push(list.get(start..decoder.position()).unwrap_or_default());
        }
    }
    if len > MOST as u64 {
        return Err(format!("has {len} entries; at most {MOST} are possible"));
    }
    Ok(items)
}

/// The value that an item stands for.
pub(super) fn read<'a, T: Deserialize<'a>>(item: &'a [u8]) -> Result<T, Told> {
    let mut deserializer = Deserializer::new(item);
    let value = T::deserialize(&mut deserializer).map_err(|error| told(&error.to_string()))?;
    if deserializer.decoder().position() == item.len() {
        Ok(value)
    } else {
        Err("has more than is expected".to_owned())
    }
}

/// Whether an item is null, which is the same as none.
pub(super) fn is_null(item: &[u8]) -> bool {
    matches!(item, [0xf6])
}

/// The message without the position, which counts from the start of the field.
fn told(message: &str) -> Told {
    let message = message.strip_prefix("decode error: ").unwrap_or(message);
    let Some((before, after)) = message.split_once(" at position ") else { return shortened(message.to_owned()) };
    shortened(format!("{before}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_item_has_to_be_complete_and_alone() {
        for (bytes, expected) in [
            (&b"\xa1\x61a\x01"[..], Ok(())),
            (b"\xbf\x61a\x9f\x01\xff\xff", Ok(())),
            (b"\x9f\x7f\x61a\xff\xff", Ok(())),
            (b"\xc1\x01", Ok(())),
            (b"\x80", Ok(())),
            (b"\x80\x80", Err("1 bytes follow its end")),
            (b"\xff", Err("a break ends nothing")),
            (b"\x81\xff", Err("a break ends nothing")),
            (b"\xa1\x61a", Err("end of input bytes")),
            (b"", Err("end of input bytes")),
        ] {
            assert_eq!(check(bytes), expected.map_err(str::to_owned), "{bytes:?}");
        }
    }

    #[test]
    fn lists_of_known_and_unknown_length_have_the_same_items_and_no_more_than_they_may() {
        for list in [&b"\x83\x01\x61a\x80"[..], b"\x9f\x01\x61a\x80\xff"] {
            assert_eq!(items::<3>(list), Ok(vec![&b"\x01"[..], b"\x61a", b"\x80"]));
            assert_eq!(items::<2>(list), Err("has 3 entries; at most 2 are possible".to_owned()));
        }
        assert!(items::<3>(b"\xa0").is_err() && items::<3>(b"\x01").is_err());
    }

    #[test]
    fn lengths_that_are_claimed_take_nothing() {
        for head in [0x5b, 0x7b, 0x9b, 0xbb] {
            let mut hostile = vec![head];
            hostile.extend([0x7f; 8]);
            assert!(check(&hostile).is_err(), "{head:x}");
            hostile.push(1);
            assert!(check(&hostile).is_err(), "{head:x}");
        }
        assert_eq!(
            check(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff").unwrap_err(),
            "a map has more entries than can be counted"
        );
    }

    #[test]
    fn nesting_is_bounded_whatever_nests() {
        for level in [&b"\x81"[..], b"\x9f", b"\xa1\x01", b"\xbf\x01", b"\xc1"] {
            let mut nested = level.repeat(1_000_000);
            nested.push(1);
            assert_eq!(check(&nested).unwrap_err(), "it is nested deeper than 64 levels", "{level:?}");
        }
        let mut nested = b"\x81".repeat(MAX_DEPTH);
        nested.push(1);
        assert_eq!(check(&nested), Ok(()));
    }

    proptest! {
        #[test]
        fn what_passes_can_be_read_and_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if check(&bytes).is_ok() {
                prop_assert!(read::<serde::de::IgnoredAny>(&bytes).is_ok());
            }
            let _ = entries(&bytes, |_, _| {});
            let _ = items::<3>(&bytes);
            let _ = read::<serde_json::Value>(&bytes);
        }
    }
}
