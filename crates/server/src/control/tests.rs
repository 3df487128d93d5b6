use super::frame::{self, Frame, HEADER_BYTES, Header};
use super::listener::Answer;
use super::*;
use crate::shutdown;
use posthorn_base::limits::{CONTROL_CHUNK_BYTES_MAX, CONTROL_FRAME_BYTES_MAX};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ping echoes what the client sends; Reload lists, sends something large, and is refused at the
/// end.
#[derive(Default)]
struct Echo {
    ended: Arc<AtomicBool>,
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

impl Handler for Echo {
    async fn handle(&self, request: Request, exchange: &mut Exchange<'_>) -> Result<Value, Answer> {
        match request {
            Request::Ping {} => {
                let mut sum = 0;
                while let Some(number) = exchange.next_item::<u64>().await? {
                    sum += number;
                }
                let mut bytes = 0;
                while let Some(piece) = exchange.next_chunk().await? {
                    bytes += piece.len();
                }
                Ok(json!({ "sum": sum, "bytes": bytes }))
            }
            Request::Reload {} => {
                for number in 0..3 {
                    exchange.item(&number).await?;
                }
                exchange.content(&vec![7; CONTROL_CHUNK_BYTES_MAX + 1]).await?;
                let refusal = Refusal::new(RefusalKind::Configuration, "no");
                Err(refusal.hint("try again").into())
            }
            _ => Err(Refusal::new(RefusalKind::NotFound, "not here").into()),
        }
    }
}

fn both_directions(client: &mut Client) {
    client.send(&Request::Ping {}).unwrap();
    client.send_item(&40).unwrap();
    client.send_item(&2).unwrap();
    client.send_end().unwrap();
    client.send_content(&vec![1; CONTROL_CHUNK_BYTES_MAX * 2 + 5]).unwrap();
    let want = json!({ "sum": 42, "bytes": CONTROL_CHUNK_BYTES_MAX * 2 + 5 });
    assert_eq!(client.next_event().unwrap(), Event::Done(want));

    client.send(&Request::Reload {}).unwrap();
    for number in 0..3 {
        assert_eq!(client.next_event().unwrap(), Event::Item(json!(number)));
    }
    let mut bytes = 0;
    while let Event::Chunk(piece) = client.next_event().unwrap() {
        bytes += piece.len();
    }
    assert_eq!(bytes, CONTROL_CHUNK_BYTES_MAX + 1);
    let Err(ControlError::Refused(refusal)) = client.next_event() else { panic!("not refused") };
    assert_eq!(
        (refusal.kind, refusal.hint.as_deref()),
        (RefusalKind::Configuration, Some("try again"))
    );
}

/// A server in its own thread, on a socket in a new directory.
struct Server {
    dir: tempfile::TempDir,
    source: Option<shutdown::ShutdownSource>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start() -> Server {
        let dir = tempfile::tempdir().unwrap();
        let (source, shutdown) = shutdown::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let path = dir.path().to_owned();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = Listener::bind(&path).unwrap();
                ready.send(()).unwrap();
                listener.serve(Arc::new(Echo::default()), shutdown).await;
            });
        });
        is_ready.recv().unwrap();
        Server { dir, source: Some(source), thread: Some(thread) }
    }

    fn stop(&mut self) {
        self.source.take().unwrap().drain();
        self.thread.take().unwrap().join().unwrap();
    }

    fn raw(&self) -> UnixStream {
        let mut stream = UnixStream::connect(self.dir.path().join(SOCKET_NAME)).unwrap();
        assert!(matches!(read(&mut stream), Some(Frame::Greeting(_))));
        stream
    }
}

/// The next frame; `None` when the server has closed.
fn read(stream: &mut UnixStream) -> Option<Frame> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).ok()?;
    let header = Header::parse(header).unwrap();
    let mut content = vec![0; header.length()];
    stream.read_exact(&mut content).unwrap();
    Some(header.frame(content).unwrap())
}

#[test]
fn items_and_pieces_flow_both_ways_and_a_refusal_does_not_end_the_connection() {
    let mut server = Server::start();
    let mut client = Client::connect(server.dir.path()).unwrap();
    assert_eq!(client.greeting(), &Greeting::ours());
    both_directions(&mut client);
    both_directions(&mut client);
    server.stop();
    assert!(matches!(client.next_event(), Err(ControlError::Broken(_))), "closed when it drains");
}

#[test]
fn the_same_within_one_process() {
    let ended = Arc::new(AtomicBool::new(false));
    let mut client = in_process(Echo { ended: ended.clone() });
    both_directions(&mut client);
    drop(client);
    assert!(ended.load(Ordering::SeqCst), "the handler has ended before the client is gone");
}

#[test]
fn the_socket_is_for_its_owner_and_goes_with_the_server() {
    let mut server = Server::start();
    let path = server.dir.path().join(SOCKET_NAME);
    let metadata = std::fs::metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    server.stop();
    assert!(!path.exists());
    let nobody = Client::connect(server.dir.path());
    assert!(matches!(nobody, Err(ControlError::NotRunning { .. })));
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SOCKET_NAME);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left behind");
    let listener = Listener::bind(dir.path()).unwrap();
    let second = Listener::bind(dir.path());
    assert!(matches!(second, Err(ControlError::InUse { .. })));
    assert!(path.exists());
    drop(listener);
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(SOCKET_PATH_BYTES_MAX));
    std::fs::create_dir(&deep).unwrap();
    let Err(ControlError::Socket { source, .. }) = Listener::bind(&deep) else { panic!("bound") };
    assert!(source.to_string().contains("107 bytes"), "{source}");
}

#[test]
fn an_unknown_request_is_refused_and_the_connection_goes_on() {
    let server = Server::start();
    let mut stream = server.raw();
    for content in ["{\"do\":\"fly\"}", "{\"do\":\"ping\",\"high\":true}", "[]"] {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        stream.write_all(&[b"r", &length[..], content.as_bytes()].concat()).unwrap();
        let Some(Frame::Failed(refusal)) = read(&mut stream) else { panic!("{content}") };
        assert_eq!(refusal.kind, RefusalKind::Unknown, "{content}");
    }
}

#[test]
fn whoever_breaks_the_protocol_is_cut_off() {
    let server = Server::start();
    let too_long = u32::try_from(CONTROL_FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
    let chunk_too_long = u32::try_from(CONTROL_CHUNK_BYTES_MAX + 1).unwrap().to_be_bytes();
    for bytes in [
        [b"r", &too_long[..]].concat(),
        [b"c", &chunk_too_long[..]].concat(),
        b"x\0\0\0\0".to_vec(),
        b"e\0\0\0\x01x".to_vec(),
        b"r\0\0\0\x01{".to_vec(),
        frame::item(&1).unwrap(),
        frame::end().unwrap(),
    ] {
        let mut stream = server.raw();
        stream.write_all(&bytes).unwrap();
        assert_eq!(read(&mut stream), None, "{bytes:?}");
    }
    // Others are served as before.
    both_directions(&mut Client::connect(server.dir.path()).unwrap());
}

#[test]
fn requests_byte_by_byte_and_all_at_once() {
    let server = Server::start();
    let mut stream = server.raw();
    let one = [frame::request(&Request::Ping {}), frame::end(), frame::end()]
        .map(Result::unwrap)
        .concat();
    for byte in &one {
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(matches!(read(&mut stream), Some(Frame::Done(_))));
    stream.write_all(&[&one[..], &one[..]].concat()).unwrap();
    assert!(matches!(read(&mut stream), Some(Frame::Done(_))));
    assert!(matches!(read(&mut stream), Some(Frame::Done(_))));
}

#[test]
fn another_protocol_version_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::os::unix::net::UnixListener::bind(dir.path().join(SOCKET_NAME)).unwrap();
    let greeting = Greeting { version: "9.9.9".into(), protocol: PROTOCOL + 1, pid: 1 };
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(&frame::greeting(&greeting).unwrap()).unwrap();
    });
    let Err(ControlError::Version { server }) = Client::connect(dir.path()) else { panic!() };
    assert_eq!(server, "9.9.9");
    answer.join().unwrap();
}

#[test]
fn frames_return_from_their_bytes() {
    #[track_caller]
    fn check(bytes: Vec<u8>, want: Frame) {
        let (header, content) = bytes.split_at(HEADER_BYTES);
        let header = Header::parse(header.try_into().unwrap()).unwrap();
        assert_eq!(header.length(), content.len());
        assert_eq!(header.frame(content.to_vec()).unwrap(), want);
    }
    check(frame::greeting(&Greeting::ours()).unwrap(), Frame::Greeting(Greeting::ours()));
    check(frame::request(&Request::Reload {}).unwrap(), Frame::Request(Request::Reload {}));
    check(frame::item(&"x").unwrap(), Frame::Item(json!("x")));
    check(frame::chunk(b"abc").unwrap(), Frame::Chunk(b"abc".to_vec()));
    check(frame::end().unwrap(), Frame::End);
    check(frame::done(&Value::Null).unwrap(), Frame::Done(Value::Null));
    let refusal = Refusal::because(RefusalKind::Internal, &std::io::Error::other("x"));
    check(frame::failed(&refusal).unwrap(), Frame::Failed(refusal));
    assert!(frame::chunk(&vec![0; CONTROL_CHUNK_BYTES_MAX]).is_ok());
    assert!(frame::chunk(&vec![0; CONTROL_CHUNK_BYTES_MAX + 1]).is_err());
}

fn in_process(handler: impl Handler) -> Client {
    let make = || async { Ok::<_, ControlError>(handler) };
    Client::in_process(|| Ok(()), make).unwrap()
}
