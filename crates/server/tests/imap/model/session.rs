//! What one client of the model does and knows, beside what it believes of its mailbox.

use super::client::{Connection, Heard};
use super::fault::Fault;
use super::mirror::{Flags, Message, Mirror};
use crate::server::Server;
use posthorn_base::MailboxId;
use std::collections::{BTreeMap, HashMap};

/// What a client that left a mailbox keeps of it (RFC 7162 6).
pub(super) struct Kept {
    pub(super) uidvalidity: u32,
    pub(super) highest_modseq: u64,
    pub(super) messages: BTreeMap<u32, Option<Flags>>,
}

pub(super) struct Selected {
    pub(super) id: MailboxId,
    pub(super) uidvalidity: u32,
    pub(super) read_only: bool,
    pub(super) mirror: Mirror,
    /// Which selection this is: \Recent messages belong to one.
    pub(super) number: u32,
}

/// What a command may bring.
#[derive(Clone, Default)]
pub(super) struct Running {
    pub(super) tag: String,
    pub(super) may_expunge: bool,
    /// .SILENT: the UIDs of the messages, how, and the flags.
    pub(super) silent: Option<(Vec<u32>, char, Flags)>,
}

pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) selected: Option<Selected>,
    pub(super) qresync: bool,
    pub(super) idling: Option<Running>,
    pub(super) leaving: bool,
    pub(super) kept: HashMap<MailboxId, Kept>,
}

/// How a command ended: its status and text; `None` when the server closed.
pub(super) type Ended = Option<(String, String)>;

impl Session {
    pub(super) fn open(server: &Server, qresync: bool, fault: Option<Fault>) -> Session {
        let mut connection = Connection::open(server.address());
        if let Some(fault) = fault {
            connection.tamper(fault);
        }
        let mut session = Session {
            connection,
            selected: None,
            qresync,
            idling: None,
            leaving: false,
            kept: HashMap::new(),
        };
        assert!(session.connection.hear().is_some());
        session.plain("LOGIN alice@example.com password");
        if qresync {
            session.plain("ENABLE QRESYNC");
        }
        session
    }

    /// A command that must succeed, without a mailbox.
    fn plain(&mut self, command: &str) {
        let ended = self.command(command, Running { may_expunge: true, ..Running::default() });
        assert_eq!(ended.expect("open").0, "OK", "{command}");
    }

    pub(super) fn command(&mut self, command: &str, mut running: Running) -> Ended {
        running.tag = self.connection.command(command);
        self.finish(running)
    }

    /// Reads to the end of a command.
    pub(super) fn finish(&mut self, running: Running) -> Ended {
        if let Some(selected) = &mut self.selected {
            selected.mirror.told.clear();
        }
        loop {
            let Some(heard) = self.connection.hear() else {
                self.selected = None;
                return None;
            };
            match heard {
                Heard::Tagged { tag, status, text } => {
                    assert_eq!(tag, running.tag);
                    assert_ne!(status, "BAD", "{text}");
                    self.silently(&running, &status, &text);
                    return Some((status, text));
                }
                heard => self.hear(&heard, running.may_expunge),
            }
        }
    }

    fn hear(&mut self, heard: &Heard, may_expunge: bool) {
        if let Heard::Bye(why) = heard {
            assert!(self.leaving || why.contains("deleted"), "BYE {why}");
        }
        let qresync = self.qresync;
        if let Some(selected) = &mut self.selected {
            selected.mirror.hear(heard, may_expunge, qresync);
        }
    }

    /// A client that stores with .SILENT knows what came of it, but for what it was told.
    fn silently(&mut self, running: &Running, status: &str, text: &str) {
        let (Some(selected), Some((uids, how, flags))) = (&mut self.selected, &running.silent)
        else {
            return;
        };
        if status != "OK" || text.contains("MODIFIED") {
            // What it does not know it asks for.
            selected.mirror.messages.iter_mut().for_each(|message| message.flags = None);
            return;
        }
        let mirror = &mut selected.mirror;
        let told = &mirror.told;
        let is_named = |uid: u32| uids.contains(&uid) && !told.contains(&uid);
        for message in mirror.messages.iter_mut().filter(|one| one.uid.is_some_and(is_named)) {
            let Some(known) = &mut message.flags else { continue };
            let recent = known.take("\\recent");
            match how {
                '+' => known.extend(flags.iter().cloned()),
                '-' => known.retain(|flag| !flags.contains(flag)),
                _ => known.clone_from(flags),
            }
            known.extend(recent);
        }
    }

    /// Asks for what is not known of messages.
    pub(super) fn learn(&mut self) {
        while let Some(first) =
            self.selected.as_ref().and_then(|selected| selected.mirror.first_unknown())
        {
            let ended = self.command(&format!("FETCH {first}:* (UID FLAGS)"), Running::default());
            let Some((status, _)) = ended else { return };
            let selected = self.selected.as_mut().unwrap();
            if selected.mirror.first_unknown() == Some(first) {
                // It is gone, and could not be told of: NOOP may.
                assert_ne!(selected.mirror.messages.len(), 0);
                let _ = status;
                let tells = Running { may_expunge: true, ..Running::default() };
                if self.command("NOOP", tells).is_none() {
                    return;
                }
            }
        }
    }

    pub(super) fn keep(&mut self) {
        let Some(selected) = self.selected.take() else { return };
        let mirror = selected.mirror;
        // Who has not asked for what is new has no place in the log to come back to.
        let is_whole = mirror.messages.iter().all(|message| message.uid.is_some());
        if !self.qresync || !is_whole {
            return;
        }
        // \Recent is of one session, and not among what a client keeps.
        let lasting = |mut flags: Flags| {
            flags.remove("\\recent");
            flags
        };
        let known = mirror.messages.into_iter();
        let lasting = |Message { uid, flags }| Some((uid?, flags.map(lasting)));
        let messages = known.filter_map(lasting).collect();
        let (uidvalidity, highest_modseq) = (selected.uidvalidity, mirror.highest_modseq);
        self.kept.insert(selected.id, Kept { uidvalidity, highest_modseq, messages });
    }
}
