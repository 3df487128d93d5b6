//! Conversations: the order of commands and what they lead to.

use super::play::*;

#[test]
fn a_message_is_received() {
    let wire = format!("{OPENING}DATA\r\nSubject: hi\r\n\r\n..dot\r\n.\r\nQUIT\r\n");
    let log = play(&Scene::mx(), wire.as_bytes());
    let want = [
        "S: 250-mx.example",
        "S: 250-PIPELINING",
        "S: 250-SIZE 35651584",
        "S: 250-8BITMIME",
        "S: 250-SMTPUTF8",
        "S: 250-ENHANCEDSTATUSCODES",
        "S: 250-CHUNKING",
        "S: 250-LIMITS MAILMAX=10000 RCPTMAX=1000",
        "S: 250 STARTTLS",
        "? sender <a@b.example>",
        "S: 250 2.1.0 Sender OK",
        "? recipient <bob@example.org>",
        "S: 250 2.1.5 Recipient OK",
        "? data <a@b.example> -> <bob@example.org>",
        "S: 354 Send the message, then a line with only a dot",
        "? message \"Subject: hi\\r\\n\\r\\n.dot\\r\\n\"",
        "S: 250 2.0.0 Message accepted, id 0000000000001",
        "S: 221 2.0.0 Goodbye",
        "closed: the client said goodbye",
    ];
    assert_eq!(log, want);
}
