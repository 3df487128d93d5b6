//! One connection: plaintext or TLS, read and written with deadlines, in bounded memory.
//!
//! Invariants
//! * While a connection waits for its peer it holds no read buffer: bytes are read to the stack and
//!   copied, so an idle connection costs what its session and its TLS state cost.
//! * At most `limits::CONNECTION_INPUT_BYTES_MAX` are read ahead of the session, and at most
//!   `limits::CONNECTION_OUTPUT_BYTES_MAX` wait to be written.
//! * Nothing that arrived before a TLS handshake is read after it (RFC 3207 4.2, RFC 2595 4):
//!   STARTTLS takes the connection and gives back a new one without its input.
//! * Compression (RFC 4978) stands above TLS. What is read compressed is unpacked no faster than
//!   the session uses it, so that a little input cannot become much memory.
//! * Who sends without end lets others have their turn every
//!   `limits::CONNECTION_TURN_BYTES_MAX`.
//! * Every end has a [`CloseReason`].

mod close;
mod compression;
mod stream;

pub use close::CloseReason;

use crate::tls::{Offer, Tls, TlsInfo};
use bytes::{Buf, BytesMut};
use compression::Compression;
use posthorn_base::limits;
use std::net::SocketAddr;
use std::time::Duration;
use stream::Stream;
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a connection waits for its peer, apart from the sessions' own deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionTimeouts {
    /// For a peer to take what we write. See `limits::WRITE_STALL_MAX`.
    pub write: Duration,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a peer to take our last words.
    pub linger: Duration,
}

impl Default for ConnectionTimeouts {
    fn default() -> Self {
        ConnectionTimeouts {
            write: limits::WRITE_STALL_MAX,
            handshake: limits::TLS_HANDSHAKE_MAX,
            linger: limits::LINGER_MAX,
        }
    }
}

/// A connection to a peer.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
    peer: SocketAddr,
    local: SocketAddr,
    tls: Option<Box<TlsInfo>>,
    compression: Option<Box<Compression>>,
    timeouts: ConnectionTimeouts,
    received: u64,
    sent: u64,
    /// Bytes received since others had their turn.
    in_turn: usize,
}

impl Connection {
    /// A connection that begins in plaintext. `peer` and `local` are the addresses to log and to
    /// count by, IPv4 as IPv4.
    pub fn plain(
        stream: TcpStream,
        peer: SocketAddr,
        local: SocketAddr,
        timeouts: ConnectionTimeouts,
    ) -> Self {
        Connection {
            stream: Stream::Plain(stream),
            input: BytesMut::new(),
            output: BytesMut::new(),
            peer,
            local,
            tls: None,
            compression: None,
            timeouts,
            received: 0,
            sent: 0,
            in_turn: 0,
        }
    }

    /// Makes the TLS handshake as the server: at once on ports with implicit TLS, after the reply
    /// to STARTTLS on others. Input that was read before is dropped. A connection whose handshake
    /// fails is gone: nothing could be said on it any more.
    pub async fn start_tls(mut self, tls: &Tls, offer: Offer) -> Result<Self, CloseReason> {
        self.flush().await?;
        let Stream::Plain(stream) = self.stream else { return Err(CloseReason::TlsTwice) };
        // Boxed: it is large, and over in a moment.
        let handshake = timeout(self.timeouts.handshake, Box::pin(tls.accept(stream, offer)));
        let (stream, info) = match handshake.await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(error)) => return Err(CloseReason::of_handshake(&error)),
            Err(_) => return Err(CloseReason::HandshakeTimeout),
        };
        self.stream = Stream::Tls(Box::new(stream));
        self.tls = Some(Box::new(info));
        self.input = BytesMut::new();
        Ok(self)
    }

    /// Compresses from now on, in both directions (RFC 4978). What was said until now must have
    /// been sent; input that the session has not used is the beginning of the peer's compressed
    /// stream.
    pub fn start_compression(&mut self) {
        let input = std::mem::take(&mut self.input);
        self.compression = Some(Box::new(Compression::new(input)));
    }

    /// The peer's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }
    /// The address the peer connected to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }
    /// The TLS session; `None` in plaintext.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_deref()
    }
    /// Bytes received from the peer so far, without TLS's own; compressed ones as they are
    /// unpacked.
    pub fn received(&self) -> u64 {
        self.received
    }
    /// Bytes sent to the peer so far, without TLS's own; compressed ones as they are sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// What has been read and not [consumed](Connection::consume).
    pub fn input(&self) -> &[u8] {
        &self.input
    }

    /// Takes the input away, for a session that works on it while the connection writes. What is
    /// left of it comes back by [`Connection::put_back`].
    pub fn take_input(&mut self) -> BytesMut {
        std::mem::take(&mut self.input)
    }

    /// Puts back what was not used of [`Connection::take_input`], before anything else is read.
    pub fn put_back(&mut self, input: BytesMut) {
        // An empty one is dropped with its buffer.
        if !input.is_empty() {
            self.input = input;
        }
    }

    /// Drops the first `count` bytes of the input.
    pub fn consume(&mut self, count: usize) {
        self.input.advance(count.min(self.input.len()));
        if self.input.is_empty() {
            self.input = BytesMut::new(); // frees the buffer while we wait
        }
    }

    /// Waits for more input and appends it; how many bytes. Never 0: an end of the stream is
    /// [`CloseReason::PeerClosed`]. Cancelling it loses nothing.
    ///
    /// [`CloseReason::InputFull`] when the input was not consumed and its bound is reached.
    pub async fn read(&mut self, deadline: Instant) -> Result<usize, CloseReason> {
        let room = limits::CONNECTION_INPUT_BYTES_MAX.saturating_sub(self.input.len());
        if room == 0 {
            return Err(CloseReason::InputFull);
        }
        if self.in_turn >= limits::CONNECTION_TURN_BYTES_MAX {
            self.in_turn = 0;
            yield_now().await;
        }
        let count = match timeout_at(deadline, self.read_some(room)).await {
            Ok(result) => result?,
            Err(_) => return Err(CloseReason::IdleTimeout),
        };
        self.received = self.received.saturating_add(count as u64);
        self.in_turn = self.in_turn.saturating_add(count);
        Ok(count)
    }

    /// Appends at least one byte to the input and at most `room`.
    async fn read_some(&mut self, room: usize) -> Result<usize, CloseReason> {
        let Some(compression) = &mut self.compression else {
            return match self.stream.read_to(&mut self.input, room).await {
                Ok(0) => Err(CloseReason::PeerClosed),
                Ok(count) => Ok(count),
                Err(error) => Err(CloseReason::of_io(&error)),
            };
        };
        loop {
            let count = compression.unpack(&mut self.input, room)?;
            if count > 0 {
                return Ok(count);
            }
            compression.rest();
            match self
                .stream
                .read_to(compression.packed(), limits::CONNECTION_INPUT_BYTES_MAX)
                .await
            {
                Ok(0) => return Err(CloseReason::PeerClosed),
                Ok(_) => {}
                Err(error) => return Err(CloseReason::of_io(&error)),
            }
        }
    }

    /// Whether the peer has neither closed the connection nor ended its direction, as far as is
    /// known without waiting. What it sent before in plaintext and nobody has read hides that.
    pub fn is_open(&self) -> bool {
        self.stream.is_open()
    }

    /// Takes `bytes` for output. They are on their way after [`Connection::flush`]; what does not
    /// fit into the buffer is written now.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), CloseReason> {
        if self.output.len().saturating_add(bytes.len()) <= limits::CONNECTION_OUTPUT_BYTES_MAX {
            self.output.extend_from_slice(bytes);
            return Ok(());
        }
        self.write_output().await?;
        self.write(bytes).await
    }

    /// Sends everything that was taken for output, and then `bytes`: as
    /// [`send`](Connection::send) and [`flush`](Connection::flush), without a copy where nothing
    /// waits.
    pub async fn send_now(&mut self, bytes: &[u8]) -> Result<(), CloseReason> {
        if !self.output.is_empty() {
            self.send(bytes).await?;
            return self.flush().await;
        }
        self.write(bytes).await?;
        self.flush().await
    }

    /// Sends everything that was taken for output.
    pub async fn flush(&mut self) -> Result<(), CloseReason> {
        self.write_output().await?;
        if let Some(compression) = &mut self.compression {
            let packed = compression.finish()?;
            self.write_packed(&packed).await?;
        }
        match timeout(self.timeouts.write, self.stream.flush()).await {
            Ok(done) => done.map_err(|error| CloseReason::of_io(&error)),
            Err(_) => Err(CloseReason::WriteTimeout),
        }
    }

    async fn write_output(&mut self) -> Result<(), CloseReason> {
        if self.output.is_empty() {
            return Ok(());
        }
        let output = std::mem::take(&mut self.output); // freed afterwards
        self.write(&output).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), CloseReason> {
        if self.compression.is_none() {
            return self.write_packed(bytes).await;
        }
        for chunk in bytes.chunks(limits::CONNECTION_OUTPUT_BYTES_MAX) {
            if let Some(compression) = &mut self.compression {
                let packed = compression.pack(chunk)?;
                self.write_packed(&packed).await?;
            }
        }
        Ok(())
    }

    /// Offers everything at once, and wants `limits::CONNECTION_OUTPUT_BYTES_MAX` of it taken
    /// within the time that is given for it: a peer that takes a byte a minute makes progress, but
    /// is cut all the same.
    async fn write_packed(&mut self, bytes: &[u8]) -> Result<(), CloseReason> {
        let mut left = bytes;
        while !left.is_empty() {
            let goal = left.len().saturating_sub(limits::CONNECTION_OUTPUT_BYTES_MAX);
            let progress = async {
                while left.len() > goal {
                    let count = self.stream.write(left).await?;
                    self.sent = self.sent.saturating_add(count as u64);
                    left = left.get(count..).unwrap_or_default();
                }
                Ok::<(), std::io::Error>(())
            };
            match timeout(self.timeouts.write, progress).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(CloseReason::of_io(&error)),
                Err(_) => return Err(CloseReason::WriteTimeout),
            }
        }
        Ok(())
    }

    /// What is still to be said, as it goes to the stream.
    fn last_words(&mut self) -> Result<BytesMut, CloseReason> {
        let output = std::mem::take(&mut self.output);
        let Some(compression) = &mut self.compression else { return Ok(output) };
        let mut packed = compression.pack(&output)?;
        packed.extend_from_slice(&compression.finish()?);
        Ok(BytesMut::from(packed.as_slice()))
    }

    /// Ends the connection: says what is still to be said, closes TLS and our direction of TCP, and
    /// reads on for a moment. A socket closed with unread input sends a reset, which would destroy
    /// our last reply on its way.
    pub async fn close(mut self, reason: &CloseReason) {
        if reason.is_without_goodbye() {
            // What a slow reader has not taken would stay in the kernel's buffers for minutes.
            self.stream.reset_on_drop();
            return;
        }
        let deadline = Instant::now() + self.timeouts.linger;
        let mut output = BytesMut::new();
        match self.last_words() {
            Ok(last_words) => output = last_words,
            Err(reason) => tracing::debug!(%reason, "our last words cannot be said"),
        }
        let stream = &mut self.stream;
        let goodbye = async {
            stream.write_all(&output).await?;
            stream.shutdown().await?;
            let mut dropped = 0;
            while dropped < limits::LINGER_BYTES_MAX {
                self.input.clear();
                match stream.read_to(&mut self.input, limits::CONNECTION_INPUT_BYTES_MAX).await? {
                    0 => break,
                    count => dropped += count,
                }
            }
            Ok::<(), std::io::Error>(())
        };
        match timeout_at(deadline, goodbye).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the peer did not wait for our last words"),
            Err(_) => tracing::debug!("the peer did not close in time"),
        }
    }
}

#[cfg(test)]
mod tests;
