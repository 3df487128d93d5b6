//! How a plan is written into its row: a version, then numbers and strings in the order of the
//! fields, signed numbers as their two's complement.

use super::{PendingPlan, Share};
use crate::mail::{Delivery, EmailFacts, NewPlacement, SearchText, Target, ThreadKeys};
use bytes::Bytes;
use posthorn_base::varint::{put, put_bytes, take, take_bytes};
use posthorn_base::{
    AccountId, ArrivalId, BodyId, EmailId, Flags, Keyword, MailboxId, Role, Time, ZonedTime,
};

const VERSION: u64 = 1;

const TARGET_MAILBOX: u64 = 0;
const TARGET_ROLE: u64 = 1;

impl PendingPlan {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.facts.bytes() + 32 * self.shares.len());
        put(&mut out, VERSION);
        put_zoned(&mut out, self.received);
        put_int(&mut out, self.body.get());
        put(&mut out, self.size);
        put(&mut out, self.crlf_added);
        put_facts(&mut out, &self.facts);
        put(&mut out, self.shares.len() as u64);
        for share in &self.shares {
            put_share(&mut out, share);
        }
        out
    }

    /// `None` when it is not what [`PendingPlan::encode`] writes.
    pub(super) fn decode(arrival: ArrivalId, data: &Bytes) -> Option<PendingPlan> {
        let input = &mut &**data;
        if take(input)? != VERSION {
            return None;
        }
        let plan = PendingPlan {
            arrival,
            received: take_zoned(input)?,
            body: BodyId::new(take_int(input)?)?,
            size: take(input)?,
            crlf_added: take(input)?,
            facts: take_facts(input)?,
            shares: take_all(input, take_share)?,
        };
        input.is_empty().then_some(plan)
    }
}

fn put_int(out: &mut Vec<u8>, number: i64) {
    put(out, number.cast_unsigned());
}

fn take_int(input: &mut &[u8]) -> Option<i64> {
    take(input).map(u64::cast_signed)
}

fn put_zoned(out: &mut Vec<u8>, zoned: ZonedTime) {
    put_int(out, zoned.time.millis());
    put_int(out, zoned.offset_minutes.into());
}

fn take_zoned(input: &mut &[u8]) -> Option<ZonedTime> {
    let time = Time::from_millis(take_int(input)?);
    Some(ZonedTime { time, offset_minutes: i16::try_from(take_int(input)?).ok()? })
}

fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put_it: impl FnOnce(&mut Vec<u8>, T)) {
    put(out, value.is_some().into());
    if let Some(value) = value {
        put_it(out, value);
    }
}

fn take_option<T>(
    input: &mut &[u8],
    take_it: impl FnOnce(&mut &[u8]) -> Option<T>,
) -> Option<Option<T>> {
    match take(input)? {
        0 => Some(None),
        1 => take_it(input).map(Some),
        _ => None,
    }
}

/// A count and so many values. What is counted takes an octet each at least, so that a false count
/// ends with the input.
fn take_all<T>(
    input: &mut &[u8],
    mut take_it: impl FnMut(&mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let count = take(input)?;
    (0..count).map(|_| take_it(input)).collect()
}

fn take_owned(input: &mut &[u8]) -> Option<Bytes> {
    take_bytes(input).map(Bytes::copy_from_slice)
}

fn put_facts(out: &mut Vec<u8>, facts: &EmailFacts) {
    put_int(out, facts.map_version);
    put_bytes(out, &facts.part_map);
    put_bytes(out, &facts.envelope);
    put_option(out, facts.sent, put_zoned);
    put_option(out, facts.text.as_ref(), |out, text| {
        put_int(out, text.version);
        put_int(out, text.codec);
        put(out, text.size);
        put_bytes(out, &text.data);
    });
    put_option(out, facts.thread.message_id, put_int);
    put(out, facts.thread.references.len() as u64);
    for reference in &facts.thread.references {
        put_int(out, *reference);
    }
    put_int(out, facts.thread.base_subject);
}

fn take_facts(input: &mut &[u8]) -> Option<EmailFacts> {
    Some(EmailFacts {
        map_version: take_int(input)?,
        part_map: take_owned(input)?,
        envelope: take_owned(input)?,
        sent: take_option(input, take_zoned)?,
        text: take_option(input, |input| {
            Some(SearchText {
                version: take_int(input)?,
                codec: take_int(input)?,
                size: take(input)?,
                data: take_owned(input)?,
            })
        })?,
        thread: ThreadKeys {
            message_id: take_option(input, take_int)?,
            references: take_all(input, take_int)?,
            base_subject: take_int(input)?,
        },
    })
}

fn put_share(out: &mut Vec<u8>, share: &Share) {
    let delivery = &share.delivery;
    put_int(out, delivery.account.get());
    put_int(out, delivery.email.get());
    put_int(out, share.story_role);
    put(out, delivery.placements.len() as u64);
    for placement in &delivery.placements {
        match placement.target {
            Target::Mailbox(mailbox) => {
                put(out, TARGET_MAILBOX);
                put_int(out, mailbox.get());
            }
            Target::Role(role) => {
                put(out, TARGET_ROLE);
                put_int(out, role.code());
            }
        }
        put(out, placement.flags.bits().into());
        put(out, placement.keywords.len() as u64);
        for keyword in &placement.keywords {
            put_bytes(out, keyword.as_str().as_bytes());
        }
    }
}

fn take_share(input: &mut &[u8]) -> Option<Share> {
    let account = AccountId::new(take_int(input)?)?;
    let email = EmailId::new(take_int(input)?)?;
    let story_role = take_int(input)?;
    let placements = take_all(input, take_placement)?;
    Some(Share { delivery: Delivery { account, email, placements }, story_role })
}

fn take_placement(input: &mut &[u8]) -> Option<NewPlacement> {
    let target = match (take(input)?, take_int(input)?) {
        (TARGET_MAILBOX, mailbox) => Target::Mailbox(MailboxId::new(mailbox)?),
        (TARGET_ROLE, role) => Target::Role(Role::from_code(role)?),
        _ => return None,
    };
    let flags = Flags::from_bits(u32::try_from(take(input)?).ok()?);
    let keyword = |input: &mut &[u8]| {
        std::str::from_utf8(take_bytes(input)?).ok().and_then(|text| Keyword::parse(text).ok())
    };
    Some(NewPlacement { target, flags, keywords: take_all(input, keyword)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(is_full: bool) -> PendingPlan {
        let zoned = ZonedTime { time: Time::from_millis(-5), offset_minutes: -600 };
        let text = SearchText { version: 3, codec: 1, size: 900, data: Bytes::from_static(b"t") };
        let placement = |target, keywords: &[&str]| NewPlacement {
            target,
            flags: Flags::SEEN,
            keywords: keywords.iter().map(|word| Keyword::parse(word).unwrap()).collect(),
        };
        let delivery = Delivery {
            account: AccountId::new(i64::MAX).unwrap(),
            email: EmailId::new(1).unwrap(),
            placements: vec![
                placement(Target::Role(Role::Junk), &["a", "b"]),
                placement(Target::Mailbox(MailboxId::new(7).unwrap()), &[]),
            ],
        };
        PendingPlan {
            arrival: ArrivalId::new(9).unwrap(),
            received: zoned,
            body: BodyId::new(3).unwrap(),
            size: 1000,
            crlf_added: 12,
            facts: EmailFacts {
                map_version: 2,
                part_map: Bytes::from_static(b"map"),
                envelope: Bytes::from_static(b""),
                sent: is_full.then_some(zoned),
                text: is_full.then_some(text),
                thread: ThreadKeys {
                    message_id: is_full.then_some(-1),
                    references: vec![i64::MIN, 5],
                    base_subject: -7,
                },
            },
            shares: vec![Share { delivery, story_role: 3 }; if is_full { 2 } else { 0 }],
        }
    }

    #[test]
    fn a_plan_comes_back_as_it_went_in() {
        for is_full in [true, false] {
            let plan = plan(is_full);
            let data = Bytes::from(plan.encode());
            let read = PendingPlan::decode(plan.arrival, &data).unwrap();
            assert_eq!(format!("{read:?}"), format!("{plan:?}"));
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_no_plan() {
        let plan = plan(true);
        let data = plan.encode();
        for len in 0..data.len() {
            let cut = Bytes::copy_from_slice(&data[..len]);
            assert!(PendingPlan::decode(plan.arrival, &cut).is_none(), "{len}");
        }
        let longer = Bytes::from([&*data, &[0]].concat());
        assert!(PendingPlan::decode(plan.arrival, &longer).is_none());
    }
}
