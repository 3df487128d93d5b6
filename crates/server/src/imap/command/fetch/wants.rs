//! What has to be read for the items of a FETCH.

use posthorn_message::part::SectionText;
use posthorn_proto::imap::value::{BodySection, FetchItem, SectionSpec};

/// What is read, for each message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// The summary, and of it: the envelope, the part map.
    pub(super) summary: Option<(bool, bool)>,
    /// SAVEDATE.
    pub(super) saved: bool,
    /// Octets.
    pub(super) octets: bool,
    /// Names of keywords.
    pub(super) flags: bool,
    /// Whether \Seen is set.
    pub(super) seen: bool,
}

impl Wants {
    /// For these items; in a mailbox that was opened by EXAMINE nothing is set (RFC 3501 6.3.2).
    pub(super) fn of(items: &[FetchItem], read_only: bool) -> Wants {
        let mut wants = Wants::default();
        for item in items {
            match item {
                FetchItem::Flags => wants.flags = true,
                FetchItem::Uid | FetchItem::Rfc822Size | FetchItem::ModSeq | FetchItem::EmailId => {
                }
                FetchItem::InternalDate | FetchItem::ThreadId => wants.add(false, false),
                FetchItem::Envelope => wants.add(true, false),
                FetchItem::Body | FetchItem::BodyStructure => wants.add(false, true),
                FetchItem::SaveDate => wants.saved = true,
                FetchItem::Section(section) => {
                    wants.octets = true;
                    wants.seen |= !section.peek && !read_only;
                    if !is_whole(section) {
                        wants.add(false, true);
                    }
                }
            }
        }
        wants
    }

    fn add(&mut self, envelope: bool, part_map: bool) {
        let (e, m) = self.summary.unwrap_or_default();
        self.summary = Some((e | envelope, m | part_map));
    }
}

/// True for `BODY[]`, for which nobody needs to know where its parts lie.
fn is_whole(section: &BodySection) -> bool {
    match &section.spec {
        SectionSpec::Part(section) => section.part.is_empty() && section.text == SectionText::Whole,
        SectionSpec::Fields { .. } => false,
    }
}
