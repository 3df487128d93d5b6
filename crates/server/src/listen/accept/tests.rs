//! Accepting over loopback.

use super::*;
use crate::listen::{LimitsConfig, bind};
use crate::network::Exemptions;
use crate::shutdown::{self, ShutdownSource};
use crate::system::SystemClock;
use crate::throttle::{Offence, ThrottleConfig};
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const SERVICE: Service = Service {
    name: "test",
    refusals: Some(RefusalTexts { busy: b"421 busy\r\n", blocked: b"554 blocked\r\n" }),
};

fn door(per_address: u32) -> Arc<Door> {
    // Loopback is exempt by default, and everything here comes from it.
    let exempt = Exemptions(Vec::new());
    let throttle = ThrottleConfig { exempt: exempt.clone(), ..ThrottleConfig::default() };
    let limits = LimitsConfig { per_address, exempt, ..LimitsConfig::default() };
    Arc::new(Door {
        limits: ConnectionLimits::new(limits),
        throttle: Arc::new(Throttle::new(throttle)),
        ids: Arc::new(Ids::new()),
    })
}

struct Running {
    address: SocketAddr,
    door: Arc<Door>,
    source: ShutdownSource,
    task: JoinHandle<Drained>,
}

/// Greets, then echoes; says goodbye when told to stop, unless the peer has sent `stubborn`.
async fn echo(mut accepted: Accepted) {
    let _ = accepted.stream.write_all(b"220 hello\r\n").await;
    let mut input = [0; 64];
    let mut is_stubborn = false;
    loop {
        tokio::select! {
            () = accepted.shutdown.draining(), if !is_stubborn => {
                let _ = accepted.stream.write_all(b"421 bye\r\n").await;
                return;
            }
            read = accepted.stream.read(&mut input) => match read {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    assert_ne!(&input[..count], b"panic");
                    is_stubborn |= &input[..count] == b"stubborn";
                    let _ = accepted.stream.write_all(&input[..count]).await;
                }
            },
        }
    }
}

fn start(per_address: u32, drain: Duration) -> Running {
    let listener = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap().remove(0);
    let address = listener.address();
    let (source, shutdown) = shutdown::channel();
    let door = door(per_address);
    let clock = Arc::new(SystemClock::new());
    let serving = serve(listener, SERVICE, Arc::clone(&door), clock, shutdown, drain, echo);
    let task = tokio::spawn(async { serving.await.unwrap() });
    Running { address, door, source, task }
}

async fn line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        match stream.read_u8().await {
            Ok(byte) => line.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(line).unwrap()
}

async fn say(stream: &mut TcpStream, word: &str) {
    stream.write_all(word.as_bytes()).await.unwrap();
    let mut echoed = vec![0; word.len()];
    stream.read_exact(&mut echoed).await.unwrap();
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn one_too_many_is_told_so_and_a_place_comes_back() {
    let running = start(1, LONG);
    let mut first = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(line(&mut first).await, "220 hello\r\n");
    let mut second = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(line(&mut second).await, "421 busy\r\n");
    assert_eq!(line(&mut second).await, "", "closed");
    drop(first);
    while running.door.limits.open() > 0 {
        tokio::task::yield_now().await;
    }
    let mut third = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(line(&mut third).await, "220 hello\r\n");
}

#[tokio::test]
async fn blocked_networks_are_told_so() {
    let running = start(10, LONG);
    let now = SystemClock::new().now();
    while !running.door.throttle.offended(running.address.ip(), Offence::Relay, now) {}
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(line(&mut stream).await, "554 blocked\r\n");
}

#[tokio::test]
async fn a_panic_ends_one_connection_only() {
    let running = start(10, LONG);
    let mut other = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(line(&mut other).await, "220 hello\r\n");
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(line(&mut stream).await, "220 hello\r\n");
    stream.write_all(b"panic").await.unwrap();
    assert_eq!(line(&mut stream).await, "");
    say(&mut other, "still here").await;
    running.source.drain();
    assert_eq!(line(&mut other).await, "421 bye\r\n");
    assert_eq!(running.task.await.unwrap().aborted, 0);
}

#[tokio::test]
async fn stopping_says_goodbye_and_refuses_new_ones() {
    let running = start(10, LONG);
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(line(&mut stream).await, "220 hello\r\n");
    running.source.drain();
    assert_eq!(line(&mut stream).await, "421 bye\r\n");
    assert_eq!(running.task.await.unwrap(), Drained { finished: 1, aborted: 0 });
    assert!(TcpStream::connect(running.address).await.is_err());
    assert_eq!(running.door.limits.open(), 0);
}

#[tokio::test]
async fn who_does_not_end_is_cut() {
    let running = start(10, Duration::from_millis(20));
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(line(&mut stream).await, "220 hello\r\n");
    say(&mut stream, "stubborn").await;
    running.source.drain();
    assert_eq!(running.task.await.unwrap(), Drained { finished: 0, aborted: 1 });
    assert_eq!(running.door.limits.open(), 0);
    assert_eq!(line(&mut stream).await, "", "closed");
}

/// A socket that fails a few times first.
struct Failing {
    errors: VecDeque<io::Error>,
    socket: TcpListener,
    left: mpsc::UnboundedSender<usize>,
}

impl Source for Failing {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        if let Some(error) = self.errors.pop_front() {
            let _ = self.left.send(self.errors.len());
            return Err(error);
        }
        self.socket.accept().await
    }
}

#[tokio::test]
async fn errors_of_accept_do_not_end_it() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = socket.local_addr().unwrap();
    // EMFILE and ENFILE on Linux, then a connection that was gone.
    let errors = [24, 23].map(io::Error::from_raw_os_error).into_iter();
    let errors = errors.chain([io::ErrorKind::ConnectionAborted.into()]).collect();
    let (left, mut lefts) = mpsc::unbounded_channel();
    let (source, shutdown) = shutdown::channel();
    let accepting = Accepting {
        service: SERVICE,
        door: door(10),
        clock: Arc::new(SystemClock::new()),
        shutdown,
        local,
        tasks: JoinSet::new(),
        pause: Duration::from_millis(1),
        refused: Seldom::every(LOG_INTERVAL),
        failed: Seldom::every(LOG_INTERVAL),
    };
    let task = tokio::spawn(accepting.run(Failing { errors, socket, left }, LONG, echo));
    let mut stream = TcpStream::connect(local).await.unwrap();
    assert_eq!(line(&mut stream).await, "220 hello\r\n");
    assert_eq!([lefts.recv().await, lefts.recv().await, lefts.recv().await], [2, 1, 0].map(Some));
    source.drain();
    assert_eq!(task.await.unwrap(), Drained { finished: 1, aborted: 0 });
}
