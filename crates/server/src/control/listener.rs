//! The server's side of the control socket.

use super::error::{ControlError, Refusal, RefusalKind};
use super::frame::{self, Frame, HEADER_BYTES, Header};
use super::request::{Greeting, Request};
use super::{SOCKET_NAME, SOCKET_PATH_BYTES_MAX};
use crate::shutdown::Shutdown;
use posthorn_base::limits::{CONTROL_BUFFER_BYTES, CONTROL_CONNECTIONS_MAX, CONTROL_IDLE_MAX};
use posthorn_base::shown::Shown;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What requests do.
pub trait Handler: Send + Sync + 'static {
    /// Does what `request` asks, and returns its result. Items and pieces flow through `exchange`
    /// meanwhile.
    ///
    /// No transaction of the store may be open while waiting for `exchange`: whoever is at the
    /// other end may be looking at a pager.
    fn handle(
        &self,
        request: Request,
        exchange: &mut Exchange<'_>,
    ) -> impl Future<Output = Result<Value, Answer>> + Send;

    /// Called once when a command has ended that had the handler for itself
    /// ([`super::Client::in_process`]).
    fn finish(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// How a handler ends early.
#[derive(Debug)]
pub enum Answer {
    /// It refuses: the client is told, and the connection goes on.
    Refused(Refusal),
    /// The connection is of no more use.
    Broken(ControlError),
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        Answer::Refused(refusal)
    }
}

impl From<ControlError> for Answer {
    fn from(error: ControlError) -> Answer {
        Answer::Broken(error)
    }
}

/// The running exchange of one request: what goes to and fro between the request and its result.
#[derive(Debug)]
pub struct Exchange<'c> {
    connection: &'c mut Connection,
}

impl Exchange<'_> {
    /// Sends one of several things.
    pub async fn item(&mut self, item: &impl Serialize) -> Result<(), ControlError> {
        self.connection.send(&frame::item(item)?).await
    }

    /// Sends something large, in pieces, and its end.
    pub async fn content(&mut self, content: &[u8]) -> Result<(), ControlError> {
        self.piece(content).await?;
        self.end().await
    }

    /// Sends a part of something large.
    pub async fn piece(&mut self, content: &[u8]) -> Result<(), ControlError> {
        for piece in content.chunks(posthorn_base::limits::CONTROL_CHUNK_BYTES_MAX) {
            self.connection.send(&frame::chunk(piece)?).await?;
        }
        Ok(())
    }

    /// Says that no more pieces come.
    pub async fn end(&mut self) -> Result<(), ControlError> {
        self.connection.send(&frame::end()?).await
    }

    /// The client's next item; `None` after its last one.
    pub async fn next_item<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Answer> {
        match self.connection.receive().await? {
            Some(Frame::Item(value)) => match serde_json::from_value(value) {
                Ok(item) => Ok(Some(item)),
                Err(error) => Err(ControlError::Malformed(error).into()),
            },
            Some(Frame::End) => Ok(None),
            _ => Err(ControlError::Unexpected("neither an item nor the end of items").into()),
        }
    }

    /// The next piece of what the client sends; `None` after its last one.
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, Answer> {
        match self.connection.receive().await? {
            Some(Frame::Chunk(piece)) => Ok(Some(piece)),
            Some(Frame::End) => Ok(None),
            _ => Err(ControlError::Unexpected("neither a piece nor the end of pieces").into()),
        }
    }
}

/// The control socket of a server. Dropping it removes the socket.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
    /// The user who may connect besides root: the one we are.
    owner: u32,
}

impl Listener {
    /// Makes the socket in the store's directory. Call it with the store's lock held: a socket that
    /// a server left behind is then nobody's, and is replaced.
    pub fn bind(store_dir: &Path) -> Result<Listener, ControlError> {
        let path = store_dir.join(SOCKET_NAME);
        let failed = |source| ControlError::Socket { socket: path.clone(), source };
        if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            let message = format!("its path has more than {SOCKET_PATH_BYTES_MAX} bytes");
            return Err(failed(io::Error::new(io::ErrorKind::InvalidFilename, message)));
        }
        match std::os::unix::net::UnixStream::connect(&path) {
            Ok(_) => return Err(ControlError::InUse { socket: path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => fs::remove_file(&path).map_err(failed)?,
        }
        let socket = StdListener::bind(&path).map_err(failed)?;
        // The directory has mode 0700, so nobody gets in between.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        // What we make belongs to us.
        let owner = fs::metadata(&path).map_err(failed)?.uid();
        let socket = UnixListener::from_std(socket).map_err(failed)?;
        Ok(Listener { socket, path, owner })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves until the word to drain comes, and then until the requests that are under way have
    /// ended. Dropping the future cuts them.
    pub async fn serve<H: Handler>(self, handler: Arc<H>, mut shutdown: Shutdown) {
        let places = Arc::new(Semaphore::new(CONTROL_CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.draining() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = accept(&self.socket, &places) => accepted,
            };
            let (stream, place) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: it passes when connections end.
                    tracing::warn!(%error, "cannot accept a control connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (handler, owner, shutdown) = (handler.clone(), self.owner, shutdown.clone());
            connections.spawn(async move {
                let mut connection = Connection::new(stream);
                let ended = match connection.peer_is_allowed(owner) {
                    true => connection.serve(&*handler, shutdown).await,
                    false => connection.refuse().await,
                };
                if let Err(error) = ended {
                    tracing::debug!(%error, "a control connection broke");
                }
                drop(place);
            });
        }
        while connections.join_next().await.is_some() {}
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // If it cannot be removed, the next server finds that nobody listens and replaces it.
        let _ = fs::remove_file(&self.path);
    }
}

async fn accept(
    socket: &UnixListener,
    places: &Arc<Semaphore>,
) -> io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = socket.accept().await?;
    Ok((stream, place))
}

/// One connection. Frames are read many at a time: an import sends three a message.
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<UnixStream>,
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> Self {
        Connection { stream: BufReader::with_capacity(CONTROL_BUFFER_BYTES, stream) }
    }

    /// Root may, and so may the user that the server runs as.
    fn peer_is_allowed(&self, owner: u32) -> bool {
        self.stream.get_ref().peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == owner)
    }

    async fn refuse(&mut self) -> Result<(), ControlError> {
        let peer = self.stream.get_ref().peer_cred().ok();
        tracing::warn!(?peer, "control connection refused");
        let message = "only root and the server's own user may control it";
        let refusal = Refusal::new(RefusalKind::NotAllowed, message);
        self.send(&frame::failed(&refusal)?).await
    }

    /// Answers requests until the client goes away.
    pub(super) async fn serve<H: Handler>(
        &mut self,
        handler: &H,
        mut shutdown: Shutdown,
    ) -> Result<(), ControlError> {
        self.send(&frame::greeting(&Greeting::ours())?).await?;
        loop {
            // Between requests nothing is lost by closing.
            let received = tokio::select! {
                () = shutdown.draining() => return Ok(()),
                received = self.receive() => received?,
            };
            let outcome = match received {
                None => return Ok(()),
                Some(Frame::Request(request)) => {
                    handler.handle(request, &mut Exchange { connection: self }).await
                }
                Some(Frame::UnknownRequest(reason)) => Err(unknown(&reason).into()),
                Some(_) => return Err(ControlError::Unexpected("not a request")),
            };
            match outcome {
                Ok(result) => self.send(&frame::done(&result)?).await?,
                Err(Answer::Refused(refusal)) => self.send(&frame::failed(&refusal)?).await?,
                Err(Answer::Broken(error)) => return Err(error),
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), ControlError> {
        let written = timeout(CONTROL_IDLE_MAX, self.stream.write_all(bytes)).await;
        Ok(written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??)
    }

    /// The next frame; `None` when the client has closed the connection between two.
    async fn receive(&mut self) -> Result<Option<Frame>, ControlError> {
        let received = timeout(CONTROL_IDLE_MAX, receive(&mut self.stream)).await;
        received.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

async fn receive(stream: &mut BufReader<UnixStream>) -> Result<Option<Frame>, ControlError> {
    let mut header = [0; HEADER_BYTES];
    let (first, rest) = header.split_at_mut(1);
    if stream.read(first).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(rest).await?;
    let header = Header::parse(header)?;
    let mut content = vec![0; header.length()];
    stream.read_exact(&mut content).await?;
    header.frame(content).map(Some)
}

fn unknown(reason: &str) -> Refusal {
    let message = format!(
        "the running server {} does not know this request: {}",
        env!("CARGO_PKG_VERSION"),
        Shown::text(reason)
    );
    Refusal::new(RefusalKind::Unknown, message)
        .hint("restart the server, so that it has the version of this command")
}
