use super::*;
use crate::mail::{KeywordSet, Message};
use crate::view::snapshot::tests::{CHUNK_MESSAGES, apply, filled, mailbox, message, numbers, uid};
use posthorn_base::{Flags, ModSeq};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn changed(number: u32, modseq: i64) -> Message {
    Message { modseq: ModSeq::new(modseq).unwrap(), ..message(number, Flags::SEEN) }
}

/// In words: `-5@4` gone from position 4, `5@4>3` changed, `+9@3` new.
fn told(old: &View, new: &View) -> Vec<String> {
    let word = |difference| match difference {
        Difference::Gone { position, entry } => {
            assert_eq!(old.get(position), Some(&entry));
            format!("-{}@{position}", entry.uid)
        }
        Difference::Changed { old_position, position, entry } => {
            assert_eq!(new.get(position), Some(&entry));
            assert_eq!(old.get(old_position).map(|old| old.uid), Some(entry.uid));
            format!("{}@{old_position}>{position}", entry.uid)
        }
        Difference::New { position, entry } => {
            assert_eq!(new.get(position), Some(&entry));
            format!("+{}@{position}", entry.uid)
        }
    };
    old.difference(new).map(word).collect()
}

#[test]
fn what_is_gone_changed_and_new() {
    let old = filled(6);
    let new = apply(&old, vec![changed(4, 9), changed(7, 9), changed(8, 9)], &[1, 3]);
    assert_eq!(told(&old, &new), ["-1@0", "-3@2", "4@3>1", "+7@4", "+8@5"]);
    assert!(told(&old, &old).is_empty());
    assert!(told(&new, &new).is_empty());

    let empty = apply(&old, vec![], &[1, 2, 3, 4, 5, 6]);
    assert_eq!(told(&old, &empty).len(), 6);
    assert_eq!(told(&empty, &old), ["+1@0", "+2@1", "+3@2", "+4@3", "+5@4", "+6@5"]);
    assert!(told(&empty, &empty).is_empty());
}

#[test]
fn shared_chunks_are_passed_over() {
    let old = filled(100 * CHUNK_MESSAGES);
    let touched = 50 * CHUNK_MESSAGES + 7;
    let new = apply(&old, vec![changed(touched, 9)], &[]);
    let mut differences = old.difference(&new);
    let position = touched as usize - 1;
    let entry = *new.get(position).unwrap();
    let expected = Difference::Changed { old_position: position, position, entry };
    assert_eq!(differences.next(), Some(expected));
    // All that is left to look at is the rest of one chunk: the others go at once.
    assert_eq!(differences.old.chunks.len(), 50);
    assert_eq!(differences.next(), None);
    assert_eq!(differences.next(), None, "an end stays one");
}

#[test]
fn ghosts_keep_their_place_until_they_may_go() {
    let old = filled(6);
    let new = apply(&old, vec![changed(4, 9), changed(7, 9)], &[1, 3]);
    let kept = old.keeping(&new);
    assert_eq!(numbers(&kept), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(kept.ghosts(), [uid(1), uid(3)]);
    assert!(kept.is_ghost(uid(3)) && !kept.is_ghost(uid(4)));
    assert_eq!(told(&old, &kept), ["4@3>3", "+7@6"], "what a client hears before EXPUNGE");
    assert_eq!(told(&kept, &new), ["-1@0", "-3@2"], "what it hears after");

    let newer = apply(&new, vec![], &[7]);
    let kept = kept.keeping(&newer);
    assert_eq!(kept.ghosts(), [uid(1), uid(3), uid(7)], "old ghosts stay");
    assert_eq!(told(&kept, &newer), ["-1@0", "-3@2", "-7@6"]);
    assert!(newer.keeping(&newer).ghosts().is_empty());
}

#[test]
fn what_ghosts_have_nothing_to_do_with_stays_shared() {
    let old = filled(10 * CHUNK_MESSAGES);
    let second = (CHUNK_MESSAGES + 1..=2 * CHUNK_MESSAGES).collect::<Vec<_>>();
    let new = apply(&old, vec![], &[&[5], &*second].concat());
    let kept = old.keeping(&new);
    let shared = |with: &View| {
        let is_in = |chunk: &&Chunk| {
            with.chunks().iter().any(|other| Arc::ptr_eq(chunk.shared(), other.shared()))
        };
        kept.chunks().iter().filter(is_in).count()
    };
    assert_eq!(numbers(&kept), numbers(&old));
    assert_eq!(shared(&new), 8);
    assert_eq!(shared(&old), 9, "also the chunk of which all are gone");
}

#[test]
fn keywords_survive_a_view_that_was_read_anew() {
    let old = filled(6);
    let read_anew = apply(&View::empty(mailbox()), [2, 4, 6].map(|n| changed(n, 9)).into(), &[]);
    let kept = old.keeping(&read_anew);
    assert_eq!(numbers(&kept), [1, 2, 3, 4, 5, 6]);
    for entry in kept.messages() {
        let expected = KeywordSet::new(vec![entry.uid.get() % 3]);
        assert_eq!(*kept.keywords(entry), expected, "{}", entry.uid);
    }
}

/// The same by comparing everything.
fn plainly(old: &View, new: &View) -> Vec<String> {
    let places = |view: &View| -> BTreeMap<u32, (usize, ModSeq)> {
        let place =
            |(position, entry): (usize, &Entry)| (entry.uid.get(), (position, entry.modseq));
        view.messages().enumerate().map(place).collect()
    };
    let (old, new) = (places(old), places(new));
    let all: std::collections::BTreeSet<u32> = old.keys().chain(new.keys()).copied().collect();
    let word = |uid: u32| match (old.get(&uid), new.get(&uid)) {
        (Some((at, before)), Some((now, after))) => {
            (before != after).then(|| format!("{uid}@{at}>{now}"))
        }
        (Some((at, _)), None) => Some(format!("-{uid}@{at}")),
        (None, Some((at, _))) => Some(format!("+{uid}@{at}")),
        (None, None) => None,
    };
    all.into_iter().filter_map(word).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn steps_agree_with_comparing_everything(
        steps in prop::collection::vec(
            (prop::collection::vec(1..6000u32, 0..40), (1..6000u32, 0..3000u32), 0..1500u32),
            1..5,
        ),
    ) {
        let first = filled(4000);
        let (mut shown, mut view, mut next) = (first.clone(), first.clone(), 4001);
        for (modseq, (touched, (from, run), arrived)) in (1..).zip(steps) {
            let gone: Vec<u32> = (from..from + run).collect();
            let known = |n: &u32| view.find(uid(*n)).is_ok();
            let mut messages: Vec<Message> =
                touched.into_iter().filter(known).map(|n| changed(n, modseq)).collect();
            messages.extend((next..next + arrived).map(|n| changed(n, modseq)));
            next += arrived;
            let newer = apply(&view, messages, &gone);
            prop_assert_eq!(told(&view, &newer), plainly(&view, &newer));
            let kept = shown.keeping(&newer);
            prop_assert_eq!(told(&shown, &kept), plainly(&shown, &kept));
            prop_assert_eq!(told(&kept, &newer), plainly(&kept, &newer));
            let ghosts: Vec<_> = kept
                .difference(&newer)
                .map(|difference| match difference {
                    Difference::Gone { entry, .. } => entry.uid,
                    other => panic!("{other:?}"),
                })
                .collect();
            prop_assert_eq!(kept.ghosts(), ghosts);
            prop_assert_eq!(kept.len(), kept.messages().count());
            (shown, view) = (kept, newer);
        }
    }
}
