//! The command's side of the control socket. Blocking: a command does one thing at a time.

use super::error::ControlError;
use super::frame::{self, Frame, HEADER_BYTES, Header};
use super::listener::{Connection, Handler};
use super::request::{Greeting, Request};
use super::{PROTOCOL, SOCKET_NAME};
use posthorn_base::limits::{CONTROL_BUFFER_BYTES, CONTROL_CHUNK_BYTES_MAX};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::future::Future;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;

/// What comes between a request and its end.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// One of several things.
    Item(Value),
    /// A piece of something large.
    Chunk(Vec<u8>),
    /// That was the last piece.
    End,
    /// The request is done; its result. Nothing more comes.
    Done(Value),
}

/// Both directions. What is written is sent when an answer is waited for, or when the buffer is
/// full: an import writes three frames for each message, and would otherwise make as many system
/// calls.
#[derive(Debug)]
struct Stream {
    input: BufReader<UnixStream>,
    output: BufWriter<UnixStream>,
}

impl Stream {
    fn new(stream: UnixStream) -> io::Result<Self> {
        let input = BufReader::with_capacity(CONTROL_BUFFER_BYTES, stream.try_clone()?);
        Ok(Stream { input, output: BufWriter::with_capacity(CONTROL_BUFFER_BYTES, stream) })
    }
}

/// A connection to a server, or to a handler within this process.
#[derive(Debug)]
pub struct Client {
    stream: Option<Stream>,
    greeting: Greeting,
    in_process: Option<JoinHandle<()>>,
}

impl Client {
    /// Connects to the server that has the store in this directory.
    pub fn connect(store_dir: &Path) -> Result<Client, ControlError> {
        let socket = store_dir.join(SOCKET_NAME);
        let stream = UnixStream::connect(&socket).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ControlError::NotRunning { socket: socket.clone() }
            }
            io::ErrorKind::PermissionDenied => ControlError::NotAllowed { socket: socket.clone() },
            _ => ControlError::Socket { socket: socket.clone(), source },
        })?;
        Client::over(stream, None)
    }

    /// Makes a handler on a thread of this process, and connects to it: for commands that work on a
    /// store that no server has. Dropping the client waits until the handler has ended.
    ///
    /// `prepare` runs first on that thread: what it changes of the thread alone (whose files it may
    /// use) holds for all threads that the handler starts, and not for the rest of the process.
    pub fn in_process<H, E, F>(
        prepare: impl FnOnce() -> Result<(), E> + Send + 'static,
        make: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Client, E>
    where
        H: Handler,
        E: From<ControlError> + Send + 'static,
        F: Future<Output = Result<H, E>>,
    {
        let io = |error: io::Error| E::from(ControlError::Broken(error));
        let (ours, theirs) = UnixStream::pair().map_err(io)?;
        theirs.set_nonblocking(true).map_err(io)?;
        let (made, is_made) = std::sync::mpsc::channel();
        let builder = std::thread::Builder::new().name("control".to_owned());
        let thread = builder.spawn(move || serve_in_process(theirs, prepare, make, &made));
        let thread = thread.map_err(io)?;
        match is_made.recv() {
            Ok(Ok(())) => Ok(Client::over(ours, Some(thread))?),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ControlError::Unexpected("the handler's thread has ended").into()),
        }
    }

    fn over(
        stream: UnixStream,
        in_process: Option<JoinHandle<()>>,
    ) -> Result<Client, ControlError> {
        let greeting = Greeting { version: String::new(), protocol: 0, pid: 0 };
        let stream = Stream::new(stream)?;
        let mut client = Client { stream: Some(stream), greeting, in_process };
        client.greeting = match client.receive()? {
            Frame::Greeting(greeting) => greeting,
            Frame::Failed(refusal) => return Err(refusal.into()),
            _ => return Err(ControlError::Unexpected("no greeting")),
        };
        if client.greeting.protocol != PROTOCOL {
            let server = client.greeting.version.clone();
            return Err(ControlError::Version { server });
        }
        Ok(client)
    }

    /// What the server said first.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Sends a request. Then come [`Client::next_event`] until its end, and what the request wants
    /// sent.
    pub fn send(&mut self, request: &Request) -> Result<(), ControlError> {
        self.write(&frame::request(request)?)
    }

    /// Sends an item that belongs to the request under way.
    pub fn send_item(&mut self, item: &impl Serialize) -> Result<(), ControlError> {
        self.write(&frame::item(item)?)
    }

    /// Sends something large that belongs to the request under way, and its end.
    pub fn send_content(&mut self, content: &[u8]) -> Result<(), ControlError> {
        for piece in content.chunks(CONTROL_CHUNK_BYTES_MAX) {
            self.write(&frame::chunk(piece)?)?;
        }
        self.send_end()
    }

    /// Says that no more items come.
    pub fn send_end(&mut self) -> Result<(), ControlError> {
        self.write(&frame::end()?)
    }

    /// What comes next.
    pub fn next_event(&mut self) -> Result<Event, ControlError> {
        match self.receive()? {
            Frame::Item(item) => Ok(Event::Item(item)),
            Frame::Chunk(piece) => Ok(Event::Chunk(piece)),
            Frame::End => Ok(Event::End),
            Frame::Done(result) => Ok(Event::Done(result)),
            Frame::Failed(refusal) => Err(refusal.into()),
            Frame::Greeting(_) | Frame::Request(_) | Frame::UnknownRequest(_) => {
                Err(ControlError::Unexpected("not an answer"))
            }
        }
    }

    /// Sends a request that is answered by its result alone.
    pub fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, ControlError> {
        self.list(request, |_: Value| Err(ControlError::Unexpected("items for a plain request")))
    }

    /// Sends a request that is answered by items, hands each to `each`, and returns the result.
    pub fn list<I: DeserializeOwned, T: DeserializeOwned, E: From<ControlError>>(
        &mut self,
        request: &Request,
        mut each: impl FnMut(I) -> Result<(), E>,
    ) -> Result<T, E> {
        fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ControlError> {
            serde_json::from_value(value).map_err(ControlError::Malformed)
        }
        self.send(request)?;
        loop {
            match self.next_event()? {
                Event::Item(item) => each(typed(item)?)?,
                Event::Done(result) => return Ok(typed(result)?),
                Event::Chunk(_) | Event::End => {
                    return Err(ControlError::Unexpected("pieces for a listing").into());
                }
            }
        }
    }

    fn stream(&mut self) -> Result<&mut Stream, ControlError> {
        self.stream.as_mut().ok_or(ControlError::Unexpected("the connection is closed"))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ControlError> {
        Ok(self.stream()?.output.write_all(bytes)?)
    }

    fn receive(&mut self) -> Result<Frame, ControlError> {
        let Stream { input, output } = self.stream()?;
        output.flush()?;
        let mut header = [0; HEADER_BYTES];
        input.read_exact(&mut header)?;
        let header = Header::parse(header)?;
        let mut content = vec![0; header.length()];
        input.read_exact(&mut content)?;
        header.frame(content)
    }
}

/// Closing comes first: the handler's thread ends when nobody talks to it any more.
impl Drop for Client {
    fn drop(&mut self) {
        if let Some(Stream { input, output }) = self.stream.take() {
            // What nobody waited for an answer to was given up.
            drop((input, output.into_parts()));
        }
        if let Some(thread) = self.in_process.take() {
            // A panic there has been told already.
            let _ = thread.join();
        }
    }
}

fn serve_in_process<H, E, F>(
    stream: UnixStream,
    prepare: impl FnOnce() -> Result<(), E>,
    make: impl FnOnce() -> F,
    made: &std::sync::mpsc::Sender<Result<(), E>>,
) where
    H: Handler,
    E: From<ControlError>,
    F: Future<Output = Result<H, E>>,
{
    // Whoever waits for the outcome waits in `in_process`, and nowhere else.
    let tell = |outcome| drop(made.send(outcome));
    let runtime = match prepare() {
        Ok(()) => tokio::runtime::Builder::new_current_thread().enable_all().build(),
        Err(error) => return tell(Err(error)),
    };
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(ControlError::Broken(error).into())),
    };
    runtime.block_on(async move {
        let handler = match make().await {
            Ok(handler) => handler,
            Err(error) => return tell(Err(error)),
        };
        tell(Ok(()));
        // The source lives as long as the connection: nobody drains it.
        let (_source, shutdown) = crate::shutdown::channel();
        let served = match tokio::net::UnixStream::from_std(stream) {
            Ok(stream) => Connection::new(stream).serve(&handler, shutdown).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = served {
            tracing::debug!(%error, "the exchange with the command broke");
        }
        handler.finish().await;
    });
}
