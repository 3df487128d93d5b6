//! Messages of all sizes, with and without memory.

use super::*;
use std::net::IpAddr;
use std::net::Ipv4Addr;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
use std::io::Read;

const INLINE: usize = limits::INLINE_BODY_BYTES_MAX;

fn open(dir: &tempfile::TempDir, budget: usize) -> SpoolDir {
    SpoolDir::open(&dir.path().join("spool"), Budget::new(budget)).unwrap()
}

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

async fn spool(dir: &SpoolDir, message: &[u8], piece: usize) -> Spooled {
    let mut spool = dir.begin(PEER);
    for piece in message.chunks(piece) {
        spool.push(piece).await.unwrap();
        assert!(spool.buffer.capacity() <= spool.permit.bytes(), "memory is charged");
    }
    assert_eq!(spool.len(), message.len() as u64);
    spool.finish().await.unwrap()
}

fn read(spooled: &Spooled) -> Vec<u8> {
    let mut bytes = Vec::new();
    spooled.reader().read_to_end(&mut bytes).unwrap();
    bytes
}

fn names(dir: &tempfile::TempDir) -> usize {
    std::fs::read_dir(dir.path().join("spool")).unwrap().count()
}

#[tokio::test]
async fn no_file_grows_into_the_reserve() {
    let dir = tempfile::tempdir().unwrap();
    let spools = open(&dir, 4 * INLINE).with_reserve(u64::MAX);
    assert_eq!(read(&spool(&spools, &message(INLINE), 1000).await), message(INLINE));
    let mut large = spools.begin(PEER);
    large.push(&message(INLINE)).await.unwrap();
    let refused = large.push(b"x").await;
    assert!(matches!(refused, Err(SpoolError::Full(_))), "{refused:?}");
    drop(large);
    // A file that has begun grows no further once the reserve is reached.
    let mut begun = open(&dir, 4 * INLINE).begin(PEER);
    begun.push(&message(3 * INLINE)).await.unwrap();
    begun.dir = spools.clone();
    let refused = begun.push(&message(3 * INLINE)).await;
    assert!(matches!(refused, Err(SpoolError::Full(_))), "{refused:?}");
    assert!(begun.file.is_none(), "what it had taken is free again");
    assert_eq!(names(&dir), 0);
    // What the file system does not have in its last byte is as good as nothing in reserve.
    let one = open(&dir, 4 * INLINE).with_reserve(1);
    assert_eq!(spool(&one, &message(3 * INLINE), 1 << 16).await.len(), 3 * INLINE as u64);
}

#[tokio::test]
async fn what_goes_in_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let spools = open(&dir, 4 * INLINE);
    for (len, is_inline) in [
        (0, true),
        (1, true),
        (INLINE - 1, true),
        (INLINE, true),
        (INLINE + 1, false),
        (2 * INLINE, false),
        (3 * INLINE + 17, false),
    ] {
        let message = message(len);
        for piece in [13, 16 * 1024, usize::MAX] {
            let spooled = spool(&spools, &message, piece).await;
            assert_eq!(spooled.in_memory().is_some(), is_inline, "{len} by {piece}");
            assert_eq!(spooled.len(), len as u64);
            assert!(read(&spooled) == message, "{len} by {piece}");
            assert!(read(&spooled) == message, "again");
            assert_eq!(names(&dir), 0, "no name is left");
        }
    }
    assert_eq!(spools.budget().free(), 4 * INLINE, "everything was returned");
}

/// A flood has filled what may wait in the system's cache.
#[tokio::test]
async fn past_the_cache_what_goes_in_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let spools = open(&dir, 4 * INLINE);
    let cached = &spools.cached;
    for (free, way) in [(0, "past it"), (INLINE, "first to it"), (2 * INLINE + 100, "at its end")] {
        let others = cached.try_acquire(cached.bytes() - free).unwrap();
        for len in [INLINE + 1, 2 * INLINE, 5 * INLINE + 17] {
            let message = message(len);
            for piece in [997, 16 * 1024, usize::MAX] {
                let spooled = spool(&spools, &message, piece).await;
                assert_eq!((spooled.in_memory(), spooled.len()), (None, len as u64));
                assert!(read(&spooled) == message, "{way}: {len} by {piece}");
                assert!(cached.free() <= free);
                drop(spooled);
                assert_eq!(cached.free(), free, "what waited there is nobody's any more");
            }
        }
        // Without memory each piece goes to the file by itself, and they end within blocks.
        let _all = spools.budget().try_acquire(4 * INLINE).unwrap();
        let message = message(20_000);
        assert!(read(&spool(&spools, &message, 1000).await) == message, "{way}");
        drop(others);
    }
}

#[tokio::test]
async fn without_memory_messages_go_to_disk_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let spools = open(&dir, INLINE);
    let all = spools.budget().try_acquire(INLINE).unwrap();
    let message = message(20_000);
    let spooled = spool(&spools, &message, 1000).await;
    assert!(spooled.in_memory().is_none());
    assert!(read(&spooled) == message);
    drop(all);
    let spooled = spool(&spools, &message, 1000).await;
    assert_eq!(spooled.in_memory(), Some(message.as_slice()));
    let clone = spooled.clone();
    drop(spooled);
    assert!(spools.budget().free() < INLINE, "a clone holds it");
    drop(clone);
    assert_eq!(spools.budget().free(), INLINE);
}

#[tokio::test]
async fn messages_half_sent_leave_half_of_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let spools = open(&dir, 4 * INLINE);
    let message = message(INLINE);
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut spool = spools.begin(PEER);
        spool.push(&message).await.unwrap();
        held.push(spool);
    }
    assert_eq!(spools.budget().free(), 2 * INLINE);
    // Small ones find memory meanwhile, until a quarter of it is left.
    let letter = &message[..limits::SPOOL_SMALL_BYTES_MAX];
    let mut letters = Vec::new();
    while spools.budget().free() > INLINE {
        letters.push(spool(&spools, letter, 1000).await);
    }
    assert!(letters.iter().all(|letter| letter.in_memory().is_some()), "{}", letters.len());
    assert!(spool(&spools, letter, 1000).await.in_memory().is_none());
    drop(letters);
    for (index, spool) in held.into_iter().enumerate() {
        let spooled = spool.finish().await.unwrap();
        assert_eq!(spooled.in_memory().is_some(), index < 2, "{index}");
        assert!(read(&spooled) == message, "{index}");
    }
}

#[tokio::test]
async fn leftovers_are_swept_and_errors_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let spools = open(&dir, INLINE);
    let path = dir.path().join("spool");
    std::fs::write(path.join("0000000000000001.spool"), "left by a crash").unwrap();
    std::fs::write(path.join("README"), "not ours").unwrap();
    open(&dir, INLINE);
    assert_eq!(names(&dir), 1);

    std::fs::remove_dir_all(&path).unwrap();
    let mut message = spools.begin(PEER);
    let error = message.push(&vec![0; INLINE + 1]).await.unwrap_err();
    assert!(matches!(error, SpoolError::Io { .. }), "{error}");
    let full = spools.failed(io::ErrorKind::StorageFull.into());
    assert!(matches!(full, SpoolError::Full(_)), "{full}");
}
