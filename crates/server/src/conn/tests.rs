//! Connections over loopback.

use super::*;
use crate::tls::tests::{Issued, NOW};
use crate::tls::{Alpn, TlsConfig};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

const OFFER: Offer = Offer { alpn: Alpn::Smtp, client_certificate: false };

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

async fn pair(timeouts: ConnectionTimeouts) -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(local), listener.accept());
    let (stream, peer) = accepted.unwrap();
    (Connection::plain(stream, peer, local, timeouts), client.unwrap())
}

struct Secure {
    tls: Arc<Tls>,
    connector: TlsConnector,
    _dir: tempfile::TempDir,
}

fn secure() -> Secure {
    let dir = tempfile::tempdir().unwrap();
    let issued = Issued::self_signed(&["mail.example"]);
    let certificates = vec![issued.write(dir.path(), "0")];
    let config = TlsConfig { certificates, client_authorities: None };
    let (tls, _) = Tls::load(&config, None, NOW).unwrap();
    let connector = TlsConnector::from(Arc::new(issued.client()));
    Secure { tls: Arc::new(tls), connector, _dir: dir }
}

fn name() -> ServerName<'static> {
    ServerName::try_from("mail.example").unwrap()
}

#[tokio::test]
async fn reads_and_writes_are_counted_and_buffers_freed() {
    let (mut server, mut client) = pair(ConnectionTimeouts::default()).await;
    client.write_all(b"EHLO a\r\nNOOP\r\n").await.unwrap();
    while server.received() < 14 {
        server.read(soon()).await.unwrap();
    }
    assert_eq!(server.input(), b"EHLO a\r\nNOOP\r\n");
    server.consume(8);
    assert_eq!(server.input(), b"NOOP\r\n");
    server.consume(1000);
    assert_eq!((server.input().len(), server.input.capacity()), (0, 0));

    server.send(b"250 a\r\n").await.unwrap();
    assert_eq!(server.sent(), 0, "waits for more");
    server.send(b"250 b\r\n").await.unwrap();
    server.flush().await.unwrap();
    let mut reply = [0; 14];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!((&reply, server.sent()), (b"250 a\r\n250 b\r\n", 14));
    assert_eq!(server.output.capacity(), 0);

    drop(client);
    assert_eq!(server.read(soon()).await, Err(CloseReason::PeerClosed));
}

#[tokio::test]
async fn input_that_nobody_understands_has_a_bound() {
    let (mut server, mut client) = pair(ConnectionTimeouts::default()).await;
    let flood = vec![b'x'; limits::CONNECTION_INPUT_BYTES_MAX + 1];
    client.write_all(&flood).await.unwrap();
    while server.input().len() < limits::CONNECTION_INPUT_BYTES_MAX {
        server.read(soon()).await.unwrap();
    }
    assert_eq!(server.read(soon()).await, Err(CloseReason::InputFull));
    server.consume(1);
    assert_eq!(server.read(soon()).await, Ok(1));
}

#[tokio::test]
async fn silence_and_slow_readers_are_cut() {
    let write = Duration::from_millis(50);
    let timeouts = ConnectionTimeouts { write, ..ConnectionTimeouts::default() };
    let (mut server, _client) = pair(timeouts).await;
    let deadline = Instant::now() + Duration::from_millis(10);
    assert_eq!(server.read(deadline).await, Err(CloseReason::IdleTimeout));
    // The client never reads; at some point the kernel's buffers are full.
    let body = vec![b'x'; 1 << 20];
    let reason = loop {
        if let Err(reason) = server.send(&body).await {
            break reason;
        }
    };
    assert_eq!(reason, CloseReason::WriteTimeout);
    assert!(server.sent() < 1 << 30);
}

#[tokio::test]
async fn starttls_drops_what_came_before() {
    let secure = secure();
    let (mut server, mut client) = pair(ConnectionTimeouts::default()).await;
    // An attacker in the middle puts a command behind STARTTLS, hoping that it counts as secure.
    client.write_all(b"STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n").await.unwrap();
    while server.received() < 40 {
        server.read(soon()).await.unwrap();
    }
    server.consume(10);
    let serve = async {
        server.send(b"220 go\r\n").await.unwrap();
        let mut server = server.start_tls(&secure.tls, OFFER).await.unwrap();
        assert_eq!(server.input(), b"");
        server.read(soon()).await.unwrap();
        server
    };
    let talk = async {
        let mut reply = [0; 8];
        client.read_exact(&mut reply).await.unwrap();
        let mut client = secure.connector.connect(name(), client).await.unwrap();
        client.write_all(b"EHLO b\r\n").await.unwrap();
        client.flush().await.unwrap();
        client
    };
    let (mut server, mut client) = tokio::join!(serve, talk);
    assert_eq!(server.input(), b"EHLO b\r\n");
    assert_eq!(server.tls().unwrap().version, "TLSv1.3");
    server.consume(8);

    // More than fits into any buffer, both ways of a TLS stream.
    let body: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let write = async {
        server.send(&body).await.unwrap();
        server.flush().await.unwrap();
    };
    let mut got = vec![0; body.len()];
    let (_, read) = tokio::join!(write, client.read_exact(&mut got));
    read.unwrap();
    assert!(got == body);
    let again = server.start_tls(&secure.tls, OFFER).await.unwrap_err();
    assert_eq!(again, CloseReason::TlsTwice);
}

#[tokio::test]
async fn a_peer_that_goes_is_noticed_without_reading() {
    let (server, mut client) = pair(ConnectionTimeouts::default()).await;
    assert!(server.is_open());
    client.shutdown().await.unwrap();
    while server.is_open() {
        tokio::task::yield_now().await;
    }
    // TLS says goodbye first; nobody reads that.
    let secure = secure();
    let (server, client) = pair(ConnectionTimeouts::default()).await;
    let handshake = server.start_tls(&secure.tls, OFFER);
    let (server, client) = tokio::join!(handshake, secure.connector.connect(name(), client));
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    client.write_all(b"NOOP\r\n").await.unwrap();
    client.flush().await.unwrap();
    server.read(soon()).await.unwrap();
    assert!(server.is_open());
    client.shutdown().await.unwrap();
    while server.is_open() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn failed_handshakes_have_reasons() {
    let secure = secure();
    let handshake = Duration::from_millis(50);
    let timeouts = ConnectionTimeouts { handshake, ..ConnectionTimeouts::default() };
    let (server, _silent) = pair(timeouts).await;
    let reason = server.start_tls(&secure.tls, OFFER).await.unwrap_err();
    assert_eq!(reason, CloseReason::HandshakeTimeout);

    let (server, mut client) = pair(ConnectionTimeouts::default()).await;
    client.write_all(b"EHLO plain.example\r\n").await.unwrap();
    let reason = server.start_tls(&secure.tls, OFFER).await.unwrap_err();
    assert!(
        matches!(&reason, CloseReason::HandshakeFailed(why) if why.contains("corrupt")),
        "{reason}"
    );

    let (server, client) = pair(ConnectionTimeouts::default()).await;
    drop(client);
    let reason = server.start_tls(&secure.tls, OFFER).await.unwrap_err();
    assert!(matches!(reason, CloseReason::HandshakeFailed(_)), "{reason}");
}

#[tokio::test]
async fn the_last_reply_survives_unread_input() {
    for is_tls in [false, true] {
        let secure = secure();
        let (server, client) = pair(ConnectionTimeouts::default()).await;
        let serve = async {
            let mut server = server;
            if is_tls {
                server = server.start_tls(&secure.tls, OFFER).await.unwrap();
            }
            server.send(b"421 too many errors\r\n").await.unwrap();
            // The peer has sent much that we never read.
            server.close(&CloseReason::Protocol("errors")).await;
        };
        let talk = async {
            let input = vec![b'x'; 100_000];
            let mut reply = Vec::new();
            if is_tls {
                let mut client = secure.connector.connect(name(), client).await.unwrap();
                client.write_all(&input).await.unwrap();
                client.read_to_end(&mut reply).await.unwrap(); // fails without close_notify
            } else {
                let mut client = client;
                client.write_all(&input).await.unwrap();
                client.read_to_end(&mut reply).await.unwrap();
            }
            reply
        };
        let ((), reply) = tokio::join!(serve, talk);
        assert_eq!(reply, b"421 too many errors\r\n", "TLS {is_tls}");
    }
}

#[tokio::test]
async fn compression_begins_behind_what_was_read_in_plain_text() {
    use flate2::{Compress, Decompress, FlushCompress, FlushDecompress};
    let (mut server, mut client) = pair(ConnectionTimeouts::default()).await;
    let mut packer = Compress::new(flate2::Compression::best(), false);
    let mut pack = |bytes: &[u8]| {
        let mut packed = Vec::with_capacity(1000);
        packer.compress_vec(bytes, &mut packed, FlushCompress::Sync).unwrap();
        packed
    };
    // The first compressed command stands right behind the last plain one.
    client
        .write_all(&[b"a COMPRESS DEFLATE\r\n", &pack(b"b NOOP\r\n")[..]].concat())
        .await
        .unwrap();
    while server.received() < 21 {
        server.read(soon()).await.unwrap();
    }
    server.consume(20);
    server.send(b"a OK\r\n").await.unwrap();
    server.flush().await.unwrap();
    server.start_compression();
    assert_eq!(server.input(), b"");
    while server.input().len() < 8 {
        server.read(soon()).await.unwrap();
    }
    assert_eq!(server.input(), b"b NOOP\r\n");
    server.consume(8);

    // Large and small replies, in the buffer and past it; the last one as a goodbye.
    let large: Vec<u8> = (0..100_000).map(|n: u32| b'a' + (n % 17) as u8).collect();
    server.send(b"b OK\r\n").await.unwrap();
    server.flush().await.unwrap();
    client.write_all(&pack(b"c NOOP\r\n")).await.unwrap();
    server.read(soon()).await.unwrap();
    let reader = tokio::spawn(async move {
        let mut wire = Vec::new();
        client.read_to_end(&mut wire).await.unwrap();
        wire
    });
    server.send(&large).await.unwrap();
    server.send_now(b"c OK\r\n").await.unwrap();
    server.send(b"* BYE\r\n").await.unwrap();
    server.close(&CloseReason::Finished).await;

    let wire = reader.await.unwrap();
    let packed = wire.strip_prefix(b"a OK\r\n").unwrap();
    let mut unpacked = Vec::with_capacity(200_000);
    Decompress::new(false).decompress_vec(packed, &mut unpacked, FlushDecompress::Sync).unwrap();
    assert_eq!(unpacked, [b"b OK\r\n", &large[..], b"c OK\r\n* BYE\r\n"].concat());
    assert!(packed.len() < 10_000, "{}", packed.len());
}

#[tokio::test]
async fn compressed_rubbish_ends_the_connection() {
    let (mut server, mut client) = pair(ConnectionTimeouts::default()).await;
    server.start_compression();
    client.write_all(b"a NOOP\r\n").await.unwrap();
    let read = server.read(soon()).await;
    assert_eq!(read, Err(CloseReason::Protocol("compressed input is broken")));
}
