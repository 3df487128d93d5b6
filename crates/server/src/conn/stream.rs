//! The byte stream of a connection, plaintext or TLS.

use bytes::BytesMut;
use posthorn_base::limits;
use socket2::SockRef;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Boxed where TLS makes it large, so that a plaintext connection does not pay for it.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Reads up to `room` bytes to the end of `into`. 0 at the end of the stream. Nothing is
    /// allocated before bytes are there.
    pub(super) async fn read_to(&mut self, into: &mut BytesMut, room: usize) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_read_to(cx, into, room)).await
    }

    fn poll_read_to(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut BytesMut,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        let mut scratch =
            [const { MaybeUninit::<u8>::uninit() }; limits::CONNECTION_INPUT_BYTES_MAX];
        let room = room.min(scratch.len());
        let Some(scratch) = scratch.get_mut(..room) else { return Poll::Ready(Ok(0)) };
        let mut buffer = ReadBuf::uninit(scratch);
        ready!(match self {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, &mut buffer),
        })?;
        into.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.write_all(bytes).await,
            Stream::Tls(stream) => stream.write_all(bytes).await,
        }
    }

    /// Writes some of `bytes`, which are not empty; how many. At least one: what takes none is an
    /// error.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match self {
            Stream::Plain(stream) => stream.write(bytes).await?,
            Stream::Tls(stream) => {
                // What it takes it keeps until the peer does.
                let most = bytes.len().min(limits::CONNECTION_OUTPUT_BYTES_MAX);
                stream.write(bytes.get(..most).unwrap_or_default()).await?
            }
        };
        if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.flush().await,
            Stream::Tls(stream) => stream.flush().await,
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }

    /// False when the peer has closed its direction: in plaintext once everything it sent was read.
    pub(super) fn is_open(&self) -> bool {
        if let Stream::Tls(_) = self {
            // Before a peer closes it says so, in a record that nobody has read: whether there is
            // anything to read tells nothing.
            return !is_read_closed(self.tcp());
        }
        let mut octet = [MaybeUninit::uninit()];
        match SockRef::from(self.tcp()).peek(&mut octet) {
            Ok(count) => count > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Lets the kernel drop what is unsent when the stream is dropped.
    pub(super) fn reset_on_drop(&self) {
        if let Err(error) = self.tcp().set_zero_linger() {
            tracing::debug!(%error, "cannot ask for a reset");
        }
    }

    /// Sends TLS's close_notify and ends our direction.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.shutdown().await,
            Stream::Tls(stream) => stream.shutdown().await,
        }
    }
}

/// Whether the end of what the peer sends has arrived, read or not, as far as is known without
/// waiting.
fn is_read_closed(tcp: &TcpStream) -> bool {
    let ready = pin!(tcp.ready(Interest::READABLE));
    match ready.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(ready)) => ready.is_read_closed(),
        Poll::Ready(Err(_)) => true,
        Poll::Pending => false,
    }
}
