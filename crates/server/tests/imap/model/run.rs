//! The operations, and what must be true after each.

use super::client::{Heard, numbers};
use super::fault::Fault;
use super::mirror::{Flags, Mirror};
use super::session::{Ended, Running, Selected, Session};
use crate::server::Server;
use posthorn_base::{MailboxId, Random};
use posthorn_testkit::SimRandom;
use std::collections::HashMap;

const SESSIONS: usize = 5;
const MAILBOXES: [&str; 4] = ["INBOX", "a", "b", "c"];
const FLAGS: [&str; 8] =
    ["\\Seen", "\\Deleted", "\\Deleted", "\\Flagged", "\\Answered", "$Forwarded", "todo", "later"];

pub(super) struct Run {
    random: SimRandom,
    server: Server,
    fault: Option<Fault>,
    sessions: Vec<Session>,
    selections: u32,
    /// Who was told that a message is \Recent.
    recent: HashMap<(MailboxId, u32), u32>,
    delivered: u32,
}

impl Drop for Run {
    /// A failure is read from the dialogues.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (number, session) in self.sessions.iter().enumerate() {
                eprintln!("session {number}: {:#?}", session.connection.log);
            }
        }
    }
}

impl Run {
    /// With a `fault`, what all sessions hear has it.
    pub(super) fn new(random: SimRandom, fault: Option<Fault>) -> Run {
        let server = Server::start();
        MAILBOXES.iter().skip(1).for_each(|name| server.create(name));
        let sessions =
            (0..SESSIONS).map(|number| Session::open(&server, number % 2 == 1, fault)).collect();
        let recent = HashMap::new();
        Run { random, server, fault, sessions, selections: 0, recent, delivered: 0 }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.up_to(bound as u64 - 1)).unwrap()
    }

    fn mailbox(&mut self) -> &'static str {
        // INBOX more often: sessions shall meet.
        let at = self.below(MAILBOXES.len() + 2);
        MAILBOXES.get(at).copied().unwrap_or("INBOX")
    }

    pub(super) fn step(&mut self) {
        let number = self.below(SESSIONS);
        if self.sessions[number].idling.is_some() {
            return self.done(number);
        }
        if self.sessions[number].selected.is_none() {
            return match self.below(8) {
                0 => self.mailboxes(number),
                1 => self.deliver(),
                _ => self.select(number),
            };
        }
        match self.below(40) {
            0..=2 => self.noop(number),
            3..=9 => self.store(number),
            10..=12 => self.expunge(number),
            13..=16 => self.copy(number),
            17..=19 => self.append(number),
            20..=23 => self.deliver(),
            24..=26 => self.fetch(number),
            27..=28 => self.search(number),
            29..=30 => self.leave(number),
            31 => self.select(number),
            32 => self.mailboxes(number),
            33 => self.reconnect(number),
            34..=36 => self.idle(number),
            _ => self.at_once(number),
        }
    }

    /// At the end every session is brought up to date.
    pub(super) fn end(&mut self) {
        for number in 0..SESSIONS {
            if self.sessions[number].idling.is_some() {
                self.done(number);
            }
            if self.sessions[number].selected.is_some() {
                self.noop(number);
            }
        }
    }

    fn run(&mut self, number: usize, command: &str, running: Running) -> Ended {
        let ended = self.sessions[number].command(command, running);
        self.after(number, ended)
    }

    /// What must be true after each command.
    fn after(&mut self, number: usize, ended: Ended) -> Ended {
        let session = &mut self.sessions[number];
        if ended.is_none() {
            // Its mailbox was deleted: a client connects again.
            let qresync = session.qresync;
            let kept = std::mem::take(&mut session.kept);
            *session = Session::open(&self.server, qresync, self.fault);
            session.kept = kept;
            return None;
        }
        let Some(selected) = &session.selected else { return ended };
        if !selected.read_only {
            for message in &selected.mirror.messages {
                let (Some(uid), Some(flags)) = (message.uid, &message.flags) else { continue };
                if flags.contains("\\recent") {
                    let owner = self.recent.entry((selected.id, uid)).or_insert(selected.number);
                    assert_eq!(*owner, selected.number, "UID {uid} is \\Recent in two sessions");
                }
            }
        }
        ended
    }

    fn learn(&mut self, number: usize) {
        self.sessions[number].learn();
        // Its mailbox may have gone meanwhile.
        if self.sessions[number].selected.is_some() {
            self.after(number, Some(Default::default()));
        } else {
            self.after(number, None);
        }
    }

    // ---- operations ----------------------------------------------------------------------------

    /// After a NOOP the client knows what the store holds.
    fn noop(&mut self, number: usize) {
        if self.run(number, "NOOP", tells()).is_none() {
            return;
        }
        self.learn(number);
        let session = &self.sessions[number];
        let Some(selected) = &session.selected else { return };
        let Some(store) = self.server.content(selected.id) else {
            // Deleted by another session: a goodbye follows.
            let session = &mut self.sessions[number];
            let last = session.connection.hear();
            assert!(matches!(last, Some(Heard::Bye(_))), "{last:?} after a mailbox was deleted");
            assert_eq!(session.connection.hear(), None);
            self.after(number, None);
            return;
        };
        let known: Vec<(u32, Flags)> = selected
            .mirror
            .messages
            .iter()
            .map(|message| {
                let mut flags = message.flags.clone().expect("flags were asked for");
                flags.remove("\\recent");
                (message.uid.expect("UIDs were asked for"), flags)
            })
            .collect();
        assert_eq!(known, store, "session {number} is out of step");
    }

    /// A set of sequence numbers or UIDs of the mailbox, and the numbers that it has.
    fn set(&mut self, number: usize, by_uid: bool) -> Option<(String, Vec<usize>)> {
        let len = self.sessions[number].selected.as_ref()?.mirror.messages.len();
        if len == 0 {
            return None;
        }
        let mut numbers: Vec<usize> = match self.below(4) {
            0 => {
                let (a, b) = (self.below(len) + 1, self.below(len) + 1);
                (a.min(b)..=a.max(b)).collect()
            }
            _ => (0..=self.below(3)).map(|_| self.below(len) + 1).collect(),
        };
        numbers.sort_unstable();
        numbers.dedup();
        let messages = &self.sessions[number].selected.as_ref()?.mirror.messages;
        let text: Option<Vec<String>> = numbers
            .iter()
            .map(|number| match by_uid {
                true => messages[*number - 1].uid.map(|uid| uid.to_string()),
                false => Some(number.to_string()),
            })
            .collect();
        Some((text?.join(","), numbers))
    }

    fn store_command(&mut self, number: usize) -> Option<(String, Running)> {
        let by_uid = self.random.one_in(2);
        let (set, numbers) = self.set(number, by_uid)?;
        let how = *self.random.pick(&['+', '-', '+', '=']).unwrap();
        let silent = self.random.one_in(2);
        let chosen: Vec<&str> =
            (0..=self.below(2)).filter_map(|_| self.random.pick(&FLAGS).copied()).collect();
        let flags: Flags = chosen.iter().map(|flag| flag.to_ascii_lowercase()).collect();
        let sign = if how == '=' { String::new() } else { how.to_string() };
        let modifier = match self.below(5) {
            0 => {
                let modseq = self.sessions[number].selected.as_ref()?.mirror.highest_modseq;
                format!(" (UNCHANGEDSINCE {modseq})")
            }
            _ => String::new(),
        };
        let (uid, dot) = (if by_uid { "UID " } else { "" }, if silent { ".SILENT" } else { "" });
        let command = format!("{uid}STORE {set}{modifier} {sign}FLAGS{dot} ({})", chosen.join(" "));
        let messages = &self.sessions[number].selected.as_ref()?.mirror.messages;
        let uids = numbers.iter().filter_map(|number| messages[number - 1].uid).collect();
        let silent = silent.then_some((uids, how, flags));
        Some((command, Running { may_expunge: by_uid, silent, ..Running::default() }))
    }

    fn store(&mut self, number: usize) {
        self.learn(number);
        let Some((command, running)) = self.store_command(number) else { return };
        self.run(number, &command, running);
    }

    fn expunge(&mut self, number: usize) {
        self.learn(number);
        if self.sessions[number].selected.is_none() {
            return;
        }
        let command = match (self.random.one_in(3), self.set(number, true)) {
            (true, Some((set, _))) => format!("UID EXPUNGE {set}"),
            _ => "EXPUNGE".to_owned(),
        };
        self.run(number, &command, tells());
    }

    fn copy(&mut self, number: usize) {
        self.learn(number);
        let by_uid = self.random.one_in(2);
        let Some((set, _)) = self.set(number, by_uid) else { return };
        let verb = if self.random.one_in(2) { "COPY" } else { "MOVE" };
        let (uid, to) = (if by_uid { "UID " } else { "" }, self.mailbox());
        self.run(number, &format!("{uid}{verb} {set} {to}"), tells());
    }

    fn append(&mut self, number: usize) {
        self.delivered += 1;
        let text = format!("Subject: {}\r\n\r\nAppended.\r\n", self.delivered);
        let to = self.mailbox();
        let flags = self.random.pick(&["", "(\\Seen todo) ", "(\\Deleted) "]).unwrap();
        let command = format!("APPEND {to} {flags}{{{}+}}\r\n{text}", text.len());
        self.run(number, &command, tells());
    }

    fn deliver(&mut self) {
        self.delivered += 1;
        let text = format!("Subject: {}\r\n\r\nDelivered.\r\n", self.delivered);
        let name = self.mailbox();
        let Some(mailbox) = self.server.find(name) else { return };
        let keywords: &[&str] = if self.random.one_in(4) { &["fresh"] } else { &[] };
        self.server.deliver(mailbox.id, text.as_bytes(), keywords);
    }

    fn fetch(&mut self, number: usize) {
        let by_uid = self.random.one_in(2);
        if by_uid {
            self.learn(number);
        }
        let Some((set, _)) = self.set(number, by_uid) else { return };
        let items = *self
            .random
            .pick(&["FLAGS", "(UID FLAGS)", "BODY[]", "BODY.PEEK[HEADER]", "(ENVELOPE MODSEQ)"])
            .unwrap();
        let uid = if by_uid { "UID " } else { "" };
        let running = Running { may_expunge: by_uid, ..Running::default() };
        self.run(number, &format!("{uid}FETCH {set} {items}"), running);
    }

    fn search(&mut self, number: usize) {
        let by_uid = self.random.one_in(2);
        let uid = if by_uid { "UID " } else { "" };
        let key =
            *self.random.pick(&["UNSEEN", "DELETED", "ALL", "RECENT", "KEYWORD todo"]).unwrap();
        let running = Running { may_expunge: by_uid, ..Running::default() };
        self.run(number, &format!("{uid}SEARCH {key}"), running);
    }

    fn select(&mut self, number: usize) {
        self.sessions[number].keep();
        let name = self.mailbox();
        let Some(mailbox) = self.server.find(name) else {
            let ended = self.run(number, &format!("SELECT {name}"), tells());
            assert_ne!(ended.map(|(status, _)| status).as_deref(), Some("OK"));
            return;
        };
        self.selections += 1;
        let read_only = self.random.one_in(5);
        let mut mirror = Mirror::default();
        let verb = if read_only { "EXAMINE" } else { "SELECT" };
        let mut command = format!("{verb} {name}");
        let session = &mut self.sessions[number];
        if let Some(kept) = session.kept.get(&mailbox.id).filter(|kept| kept.highest_modseq > 0) {
            let (validity, modseq) = (kept.uidvalidity, kept.highest_modseq);
            command.push_str(&format!(" (QRESYNC ({validity} {modseq}"));
            let known: Vec<u32> = kept.messages.keys().copied().collect();
            if self.random.one_in(3) && !known.is_empty() {
                // Messages that are new come without a word then, and are asked for.
                let set: Vec<String> = known.iter().map(u32::to_string).collect();
                command.push_str(&format!(" {}", set.join(",")));
                if self.random.one_in(2) {
                    let numbers: Vec<String> =
                        (1..=known.len()).map(|number| number.to_string()).collect();
                    command.push_str(&format!(" ({} {})", numbers.join(","), set.join(",")));
                }
            }
            command.push_str("))");
            mirror.resync = Some(kept.messages.clone());
        }
        session.selected = Some(Selected {
            id: mailbox.id,
            uidvalidity: mailbox.uidvalidity.get(),
            read_only,
            mirror,
            number: self.selections,
        });
        let ended = session.command(&command, tells());
        let Some((status, text)) = ended else {
            // The mailbox that it left was deleted.
            self.after(number, None);
            return;
        };
        assert_eq!(status, "OK", "{text}");
        session.selected.as_mut().unwrap().mirror.resynced();
        self.learn(number);
    }

    fn leave(&mut self, number: usize) {
        let command = if self.random.one_in(2) { "CLOSE" } else { "UNSELECT" };
        self.run(number, command, tells());
        self.sessions[number].keep();
    }

    fn mailboxes(&mut self, number: usize) {
        let (name, other) = (self.mailbox(), self.mailbox());
        if name == "INBOX" {
            return;
        }
        let command = match self.below(6) {
            0 => format!("DELETE {name}"),
            1 if other != "INBOX" => format!("RENAME {name} {other}"),
            _ => format!("CREATE {name}"),
        };
        let selected = self.sessions[number].selected.as_ref().map(|selected| selected.id);
        let named = self.server.find(name).map(|mailbox| mailbox.id);
        let ended = self.run(number, &command, tells());
        let is_ok = ended.is_some_and(|(status, _)| status == "OK");
        if is_ok && command.starts_with("DELETE") && selected == named {
            // Who deletes what it has selected has nothing selected.
            self.sessions[number].selected = None;
        }
    }

    fn reconnect(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        session.keep();
        session.leaving = true;
        session.command("LOGOUT", tells());
        let kept = std::mem::take(&mut session.kept);
        *session = Session::open(&self.server, session.qresync, self.fault);
        session.kept = kept;
    }

    fn idle(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        let mut running = tells();
        running.tag = session.connection.command("IDLE");
        session.idling = Some(running);
    }

    fn done(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        let running = session.idling.take().unwrap();
        session.connection.say("DONE");
        let ended = session.finish(running);
        self.after(number, ended);
    }

    /// Two sessions do something at the same time.
    fn at_once(&mut self, number: usize) {
        let other = (number + 1 + self.below(SESSIONS - 1)) % SESSIONS;
        if self.sessions[other].idling.is_some() || self.sessions[other].selected.is_none() {
            return;
        }
        self.learn(other);
        self.learn(number);
        let Some((first, mut one)) = self.concurrent(number) else { return };
        let Some((second, mut two)) = self.concurrent(other) else { return };
        if self.sessions[number].selected.is_none() || self.sessions[other].selected.is_none() {
            return;
        }
        one.tag = self.sessions[number].connection.command(&first);
        two.tag = self.sessions[other].connection.command(&second);
        for (number, running) in [(number, one), (other, two)] {
            let ended = self.sessions[number].finish(running);
            self.after(number, ended);
        }
    }

    fn concurrent(&mut self, number: usize) -> Option<(String, Running)> {
        match self.below(4) {
            0 => Some(("EXPUNGE".to_owned(), tells())),
            1 => {
                let (set, _) = self.set(number, true)?;
                Some((format!("UID MOVE {set} {}", self.mailbox()), tells()))
            }
            _ => {
                let (command, running) = self.store_command(number)?;
                Some((command, running))
            }
        }
    }
}

fn tells() -> Running {
    Running { may_expunge: true, ..Running::default() }
}

/// Sets are read by the same words that write them.
#[test]
fn sets() {
    assert_eq!(numbers("1:3,7"), [1, 2, 3, 7]);
}
