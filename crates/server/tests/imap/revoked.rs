//! A login that ends while its session goes on.

use crate::model::{Connection, Heard};
use crate::server::Server;
use crate::support::operations;
use posthorn_server::auth::Secret;

/// Says a command and reads on to its completion, or to the end.
fn say(connection: &mut Connection, command: &str) -> Vec<Heard> {
    let wanted = connection.command(command);
    let mut all = Vec::new();
    while let Some(heard) = connection.hear() {
        let is_last = matches!(&heard, Heard::Tagged { tag, .. } if *tag == wanted);
        all.push(heard);
        if is_last {
            break;
        }
    }
    all
}

fn is_ok(heard: &[Heard]) -> bool {
    matches!(heard.last(), Some(Heard::Tagged { status, .. }) if status == "OK")
}

#[test]
fn a_changed_password_ends_the_sessions_that_it_opened() {
    let server = Server::start();
    let mut connection = Connection::open(server.address());
    connection.hear();
    assert!(is_ok(&say(&mut connection, "LOGIN alice@example.com password")));
    assert!(is_ok(&say(&mut connection, "SELECT INBOX")));
    let directory = operations(server.running()).directory;
    // Somebody else's password changes nothing here.
    let set = |account, password: &str| {
        let password = Secret::new(password.to_owned());
        server.runtime.block_on(directory.set_password(account, password)).unwrap();
    };
    set(server.bob, "another");
    assert!(is_ok(&say(&mut connection, "NOOP")));
    set(server.alice, "another");
    let heard = say(&mut connection, "FETCH 1:* FLAGS");
    assert!(matches!(heard.last(), Some(Heard::Tagged { status, .. }) if status == "NO"));
    assert!(matches!(connection.hear(), Some(Heard::Bye(_))));
    assert_eq!(connection.hear(), None);

    let mut again = Connection::open(server.address());
    again.hear();
    assert!(!is_ok(&say(&mut again, "LOGIN alice@example.com password")));
    assert!(is_ok(&say(&mut again, "LOGIN alice@example.com another")));
}
