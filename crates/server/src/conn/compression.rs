//! Compression of a connection in both directions: raw DEFLATE (RFC 4978, RFC 1951).
//!
//! Invariants
//! * Unpacking stops where the reader has no more room, and goes on when it has: compressed input
//!   makes no more of it than plain input would.
//! * While we wait for the peer there is no compressor, which is a few hundred kilobytes. After a
//!   sync flush a new one continues the stream; it only forgets what it could have pointed back to.
//!   What stays is the peer's window, of which 32 KiB are its right.

use super::CloseReason;
use bytes::{Buf, BytesMut};
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use posthorn_base::limits;

/// Output of one step.
const STEP_BYTES: usize = 4096;

/// The state of both directions.
#[derive(Debug)]
pub(super) struct Compression {
    unpacker: Decompress,
    /// Read, and not unpacked.
    packed: BytesMut,
    /// The peer's stream came to its end.
    is_over: bool,
    /// While something is being sent.
    packer: Option<Compress>,
    /// Something was packed since the last sync flush.
    is_open: bool,
}

impl Compression {
    /// `packed` was read already.
    pub(super) fn new(packed: BytesMut) -> Self {
        Compression {
            unpacker: Decompress::new(false),
            packed,
            is_over: false,
            packer: None,
            is_open: false,
        }
    }

    /// Where compressed input goes.
    pub(super) fn packed(&mut self) -> &mut BytesMut {
        &mut self.packed
    }

    /// Unpacks to the end of `into`, at most `room` bytes; how many. 0 when more input is needed.
    ///
    /// # Errors
    /// [`CloseReason::PeerClosed`] behind the end of the peer's stream, [`CloseReason::Protocol`]
    /// when it is none.
    pub(super) fn unpack(
        &mut self,
        into: &mut BytesMut,
        room: usize,
    ) -> Result<usize, CloseReason> {
        const BROKEN: CloseReason = CloseReason::Protocol("compressed input is broken");
        if self.is_over {
            return Err(CloseReason::PeerClosed);
        }
        let mut scratch = [0; limits::CONNECTION_INPUT_BYTES_MAX];
        let room = room.min(scratch.len());
        let scratch = scratch.get_mut(..room).unwrap_or_default();
        let (before_in, before_out) = (self.unpacker.total_in(), self.unpacker.total_out());
        // Also without input: of what was taken before, output may be left that had no room.
        let status = self
            .unpacker
            .decompress(&self.packed, scratch, FlushDecompress::None)
            .map_err(|_| BROKEN)?;
        let step = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let taken = step(self.unpacker.total_in(), before_in);
        let made = step(self.unpacker.total_out(), before_out);
        self.packed.advance(taken.min(self.packed.len()));
        if self.packed.is_empty() {
            self.packed = BytesMut::new(); // freed while we wait
        } else if taken == 0 && made == 0 {
            // Neither input nor room is missing, and nothing moves.
            return Err(BROKEN);
        }
        self.is_over = status == Status::StreamEnd;
        into.extend_from_slice(scratch.get(..made).unwrap_or_default());
        if self.is_over && made == 0 { Err(CloseReason::PeerClosed) } else { Ok(made) }
    }

    /// Compresses; what is ready to be sent, which may be nothing yet.
    pub(super) fn pack(&mut self, bytes: &[u8]) -> Result<Vec<u8>, CloseReason> {
        self.is_open |= !bytes.is_empty();
        self.step(bytes, FlushCompress::None)
    }

    /// What is left, up to a point from which the peer has everything.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, CloseReason> {
        if !self.is_open {
            return Ok(Vec::new());
        }
        let packed = self.step(&[], FlushCompress::Sync)?;
        self.is_open = false;
        Ok(packed)
    }

    /// We are about to wait for the peer.
    pub(super) fn rest(&mut self) {
        if !self.is_open {
            self.packer = None;
        }
    }

    fn step(&mut self, mut bytes: &[u8], flush: FlushCompress) -> Result<Vec<u8>, CloseReason> {
        let level = flate2::Compression::fast();
        let packer = self.packer.get_or_insert_with(|| Compress::new(level, false));
        let mut packed = Vec::new();
        loop {
            let mut scratch = [0; STEP_BYTES];
            let (before_in, before_out) = (packer.total_in(), packer.total_out());
            packer
                .compress(bytes, &mut scratch, flush)
                .map_err(|error| CloseReason::Internal(format!("compressing: {error}")))?;
            let step = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
            let taken = step(packer.total_in(), before_in);
            let made = step(packer.total_out(), before_out);
            bytes = bytes.get(taken..).unwrap_or_default();
            packed.extend_from_slice(scratch.get(..made).unwrap_or_default());
            // Output that fills its room may have more behind it.
            if bytes.is_empty() && made < STEP_BYTES {
                return Ok(packed);
            }
            if taken == 0 && made == 0 {
                return Err(CloseReason::Internal("compressing: it stands still".into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Like the peer: packs with its own compressor, unpacks with its own window.
    fn peer_packs(bytes: &[u8], flush: FlushCompress) -> BytesMut {
        let mut packer = Compress::new(flate2::Compression::best(), false);
        let mut packed = Vec::with_capacity(bytes.len() + 1024);
        packer.compress_vec(bytes, &mut packed, flush).unwrap();
        assert_eq!(packer.total_in(), bytes.len() as u64);
        BytesMut::from(packed.as_slice())
    }

    fn text(len: usize) -> Vec<u8> {
        let mut state = 7_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"* 1 FETCH (FLAGS \\Seen)\r\n"[(state >> 24) as usize % 25]
        })
        .take(len)
        .collect()
    }

    #[test]
    fn what_is_sent_arrives_whoever_packed_it() {
        let mut ours = Compression::new(BytesMut::new());
        let mut theirs = Compression::new(BytesMut::new());
        let mut sent = Vec::new();
        let mut arrived = BytesMut::new();
        for len in [1, 5, 4096, 100_000, 0, 16_384, 3] {
            let bytes = text(len);
            sent.extend_from_slice(&bytes);
            for chunk in bytes.chunks(5000) {
                let packed = ours.pack(chunk).unwrap();
                theirs.packed().extend_from_slice(&packed);
            }
            let packed = ours.finish().unwrap();
            theirs.packed().extend_from_slice(&packed);
            while theirs.unpack(&mut arrived, 777).unwrap() > 0 {}
            assert_eq!(arrived.len(), sent.len(), "everything is there after a flush");
            // A new compressor goes on where the old one stopped.
            ours.rest();
            assert!(ours.packer.is_none());
            assert_eq!(ours.finish().unwrap(), b"", "nothing to say");
        }
        assert_eq!(arrived, sent.as_slice());
    }

    #[test]
    fn a_packer_with_something_to_say_stays() {
        let mut ours = Compression::new(BytesMut::new());
        ours.pack(b"a").unwrap();
        ours.rest();
        assert!(ours.packer.is_some());
        assert!(!ours.finish().unwrap().is_empty());
    }

    #[test]
    fn a_bomb_is_unpacked_no_faster_than_it_is_used() {
        let packed = peer_packs(&vec![b'x'; 50 << 20], FlushCompress::Sync);
        assert!(packed.len() < 100_000, "{}", packed.len());
        let mut ours = Compression::new(packed);
        let mut into = BytesMut::new();
        let mut total = 0;
        loop {
            let count = ours.unpack(&mut into, limits::CONNECTION_INPUT_BYTES_MAX).unwrap();
            assert!(count <= limits::CONNECTION_INPUT_BYTES_MAX && count == into.len());
            if count == 0 {
                break;
            }
            assert!(into.iter().all(|b| *b == b'x'));
            into.clear();
            total += count;
        }
        assert_eq!(total, 50 << 20);
    }

    #[test]
    fn pieces_of_any_size_are_unpacked() {
        let bytes = text(10_000);
        for size in [1, 2, 7, 1000] {
            let mut ours = Compression::new(BytesMut::new());
            let mut into = BytesMut::new();
            for piece in peer_packs(&bytes, FlushCompress::Sync).chunks(size) {
                ours.packed().extend_from_slice(piece);
                while ours.unpack(&mut into, 100).unwrap() > 0 {}
            }
            assert_eq!(into, bytes.as_slice());
        }
    }

    #[test]
    fn the_end_of_the_stream_and_what_is_none() {
        let mut ours = Compression::new(peer_packs(b"LOGOUT\r\n", FlushCompress::Finish));
        let mut into = BytesMut::new();
        assert_eq!(ours.unpack(&mut into, 100), Ok(8));
        assert_eq!(ours.unpack(&mut into, 100), Err(CloseReason::PeerClosed));

        let mut ours = Compression::new(BytesMut::from(&b"a NOOP\r\n"[..]));
        assert_eq!(
            ours.unpack(&mut into, 100),
            Err(CloseReason::Protocol("compressed input is broken"))
        );
    }
}
