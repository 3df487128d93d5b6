//! Bodies go in and come out, whole and in part; what was damaged is noticed.

use super::frame::Codec;
use super::{BodyFiles, BodyReader, BodyWriter};
use crate::EngineError;
use crate::mail::{Body, Location, NewBody};
use bytes::Bytes;
use posthorn_base::limits::{BODY_FRAME_BYTES, INLINE_BODY_BYTES_MAX};
use posthorn_base::{ArrivalId, BodyId};
use proptest::prelude::*;

const PREFIX: &[u8] = b"Return-Path: <a@b.example>\r\n";

fn files() -> (tempfile::TempDir, BodyFiles) {
    let dir = tempfile::tempdir().unwrap();
    let files = BodyFiles::open(dir.path()).unwrap();
    (dir, files)
}

fn id(number: i64) -> BodyId {
    BodyId::new(number).unwrap()
}

/// As the row comes back.
fn stored(new: &NewBody) -> Body {
    Body {
        id: new.id,
        arrival: ArrivalId::new(1).unwrap(),
        prefix: new.prefix.clone(),
        size: new.size,
        hash: Bytes::copy_from_slice(&new.hash),
        codec: new.codec,
        key_id: new.key_id,
        frames: new.frames.clone(),
        location: new.location.clone(),
    }
}

/// Text that compresses, or noise that does not.
fn octets(size: usize, noise: bool) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let line = b"The quick brown fox jumps over the lazy dog.\r\n";
    (0..size)
        .map(|at| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if noise { state.to_le_bytes()[0] } else { line[at % line.len()] }
        })
        .collect()
}

fn write(files: &BodyFiles, number: i64, octets: &[u8], piece: usize) -> NewBody {
    let mut writer = BodyWriter::new(files, id(number));
    for piece in octets.chunks(piece) {
        writer.push(piece).unwrap();
    }
    writer.finish(Bytes::from_static(PREFIX)).unwrap()
}

#[test]
fn round_trips_at_every_border() {
    let (_dir, files) = files();
    let sizes = [
        0,
        1,
        4096,
        INLINE_BODY_BYTES_MAX,
        INLINE_BODY_BYTES_MAX + 1,
        BODY_FRAME_BYTES - 1,
        BODY_FRAME_BYTES,
        BODY_FRAME_BYTES + 1,
        2 * BODY_FRAME_BYTES,
        3 * BODY_FRAME_BYTES + 17,
    ];
    let mut number = 1;
    for size in sizes {
        for noise in [false, true] {
            for piece in [7919, 1 << 20] {
                number += 1;
                let octets = octets(size, noise);
                let new = write(&files, number, &octets, piece);
                let inline = matches!(new.location, Location::Inline(_));
                assert_eq!(inline, size <= INLINE_BODY_BYTES_MAX, "{size}");
                let packed = if inline { Codec::Lz4 } else { Codec::Zstd };
                let codec = if !noise && size > 100 { packed } else { Codec::Plain };
                assert_eq!(new.codec, codec.code(), "{size} {noise}");
                assert_eq!(new.size, size as u64);
                let reader = BodyReader::open(&stored(&new), &files).unwrap();
                assert_eq!(reader.read_all().unwrap(), octets, "{size} {noise} {piece}");
                reader.verify(PREFIX, &new.hash).unwrap();
                assert!(reader.verify(b"another prefix", &new.hash).is_err());
                if piece > size {
                    let prefix = Bytes::from_static(PREFIX);
                    let whole =
                        BodyWriter::encode(&files, id(number + 1000), &octets, prefix).unwrap();
                    assert_eq!((whole.hash, whole.frames), (new.hash, new.frames));
                }
            }
        }
    }
}

#[test]
fn a_small_body_is_packed_for_size_where_speed_saves_little() {
    let (_dir, files) = files();
    // 64 of 256 octets, without order: like base64.
    let letters: Vec<u8> = octets(50_000, true).iter().map(|octet| b'0' + octet % 64).collect();
    for (octets, codec) in [
        (letters, Codec::Zstd),
        (octets(50_000, true), Codec::Plain),
        (octets(50_000, false), Codec::Lz4),
    ] {
        let new = write(&files, 11, &octets, 1 << 20);
        assert_eq!(new.codec, codec.code());
        let reader = BodyReader::open(&stored(&new), &files).unwrap();
        assert_eq!(reader.read_all().unwrap(), octets);
    }
}

#[test]
fn a_partial_read_touches_only_its_frames() {
    let (_dir, files) = files();
    let octets = octets(3 * BODY_FRAME_BYTES + 100, true);
    let new = write(&files, 5, &octets, 1 << 20);
    let Location::File(name) = &new.location else { panic!("a file") };
    // Damage the second frame; the others are still read.
    let path = files.path(name).unwrap();
    let mut data = std::fs::read(&path).unwrap();
    data[BODY_FRAME_BYTES + 5] ^= 1;
    std::fs::write(&path, &data).unwrap();
    let reader = BodyReader::open(&stored(&new), &files).unwrap();
    let read = |range: std::ops::Range<usize>| {
        let mut out = b"kept".to_vec();
        reader.read(range.start as u64..range.end as u64, &mut out).map(|()| out.split_off(4))
    };
    let frame = BODY_FRAME_BYTES;
    for range in [0..frame, 10..20, 2 * frame..octets.len(), 3 * frame + 99..3 * frame + 100] {
        assert_eq!(read(range.clone()).unwrap(), octets[range.clone()], "{range:?}");
    }
    for range in [frame - 1..frame + 1, frame..2 * frame, 0..octets.len()] {
        assert!(matches!(read(range), Err(EngineError::Corrupt(_))));
    }
    assert_eq!(read(octets.len()..octets.len() + 10).unwrap(), b"");
    assert!(reader.verify(PREFIX, &new.hash).is_err());
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let (_dir, files) = files();
    for noise in [false, true] {
        let new = write(&files, 9, &octets(3000, noise), 1 << 20);
        let Location::Inline(data) = &new.location else { panic!("inline") };
        for bit in 0..data.len() * 8 {
            let mut damaged = data.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let body = Body { location: Location::Inline(damaged.into()), ..stored(&new) };
            let read = BodyReader::open(&body, &files).unwrap().read_all();
            assert!(matches!(read, Err(EngineError::Corrupt(_))), "bit {bit}");
        }
        for cut in 0..data.len() {
            let location = Location::Inline(data.slice(..cut));
            let body = Body { location, ..stored(&new) };
            assert!(BodyReader::open(&body, &files).unwrap().read_all().is_err(), "cut at {cut}");
        }
        for bit in 0..new.frames.len() * 8 {
            let mut damaged = new.frames.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let body = Body { frames: damaged.into(), ..stored(&new) };
            let read = BodyReader::open(&body, &files).and_then(|reader| reader.read_all());
            assert!(read.is_err(), "bit {bit} of the table");
        }
    }
}

#[test]
fn files_are_named_once_and_unfinished_ones_vanish() {
    let (_dir, files) = files();
    let octets = octets(INLINE_BODY_BYTES_MAX + 1, false);
    let new = write(&files, 77, &octets, 1 << 20);
    let mut again = BodyWriter::new(&files, id(77));
    let refused = again.push(&octets).and_then(|()| again.finish(Bytes::new()).map(drop));
    assert!(matches!(refused, Err(EngineError::Io(_))), "{refused:?}");
    assert_eq!(files.list().unwrap(), [id(77)], "the first one is still there");
    BodyReader::open(&stored(&new), &files).unwrap().verify(PREFIX, &new.hash).unwrap();

    let mut dropped = BodyWriter::new(&files, id(78));
    dropped.push(&vec![1; 3 * BODY_FRAME_BYTES]).unwrap();
    assert_eq!(files.list().unwrap().len(), 2);
    drop(dropped);
    assert_eq!(files.list().unwrap(), [id(77)]);

    let hold = files.hold();
    assert!(matches!(files.remove(&BodyFiles::name(id(77))), Err(EngineError::Retry)));
    drop(hold);
    assert!(files.remove(&BodyFiles::name(id(77))).unwrap());
    assert!(!files.remove(&BodyFiles::name(id(77))).unwrap());
    assert!(matches!(
        BodyReader::open(&stored(&new), &files),
        Err(EngineError::Corrupt(what)) if what.contains("missing")
    ));
    for name in ["", "x", "../../../etc/passwd", "0000000000000", "00000000000/1"] {
        assert!(files.path(name).is_err(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_range_of_any_body(
        size in 0..3 * BODY_FRAME_BYTES,
        start in 0..3 * BODY_FRAME_BYTES as u64,
        length in 0..BODY_FRAME_BYTES as u64,
        noise: bool,
    ) {
        let (_dir, files) = files();
        let octets = octets(size, noise);
        let new = write(&files, 3, &octets, 100_000);
        let reader = BodyReader::open(&stored(&new), &files).unwrap();
        let mut out = Vec::new();
        reader.read(start..start + length, &mut out).unwrap();
        let from = (start as usize).min(size);
        let to = ((start + length) as usize).min(size);
        prop_assert_eq!(&out, &octets[from..to]);
    }
}
