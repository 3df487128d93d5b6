//! Whose turn it is, when many search.

use super::*;
use crate::conn::CloseReason;
use crate::imap::context::Fault;
use crate::turns::Turn;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

/// Messages of a mailbox: several pages of texts.
const MESSAGES: usize = 1100;

async fn filled() -> (Place, Selected) {
    let place = Place::new().await;
    for _ in 0..MESSAGES / 100 {
        let messages =
            (0..100).map(|_| place.message(b"Subject: x\r\n\r\ntext\r\n", b"", NO_FLAGS));
        place.append_all(messages.collect()).await;
    }
    let selected = place.select(Uid::FIRST).await;
    (place, selected)
}

/// Takes every slice that there is but one.
async fn all_but_one(large: &LargeMessages, account: AccountId) -> Vec<Turn> {
    let mut held = Vec::new();
    loop {
        let mut slice = std::pin::pin!(large.slice(account));
        match slice.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => held.push(turn),
            Poll::Pending => break,
        }
    }
    held.pop();
    held
}

fn body(text: &str) -> SearchKey {
    SearchKey::Text(TextField::Body, text.into())
}

#[tokio::test]
async fn many_searches_of_one_account_delay_others_by_two_slices_at_most() {
    let ((busy, many), (quiet, one)) = (filled().await, filled().await);
    let large = &busy.large;
    let _held = all_but_one(large, busy.ids.next(busy.saved_at)).await;
    let slices = Mutex::new(Vec::new());
    let log = |name: char| {
        slices.lock().unwrap().push(name);
        Ok(())
    };
    let flood = async {
        let (mut searches, log) = (Vec::new(), || log('m'));
        for _ in 0..6 {
            searches.push(busy.scan(body("text"), &many, large).await);
        }
        let [a, b, c, d, e, f] = searches.as_slice() else { panic!("six searches") };
        let run = |scan| Scan::run(scan, Wanted::All, &log);
        tokio::join!(run(a), run(b), run(c), run(d), run(e), run(f)).0.unwrap().len()
    };
    let single = async {
        let scan = quiet.scan(body("text"), &one, large).await;
        let found = scan.run(Wanted::All, &|| log('1')).await.unwrap();
        slices.lock().unwrap().push('.');
        found.len()
    };
    assert_eq!(tokio::join!(flood, single), (MESSAGES, MESSAGES));
    let slices: String = slices.into_inner().unwrap().into_iter().collect();
    let (until, after) = slices.split_once('.').unwrap();
    assert!(after.contains('m'), "the others go on: {slices}");
    // From its first slice to its last.
    let (_, between) = until.split_once('1').unwrap();
    let (between, _) = between.rsplit_once('1').unwrap();
    let longest = between.split('1').map(str::len).max().unwrap();
    assert!(between.len() > 4 && longest <= 2, "{slices}");
}

#[tokio::test]
async fn a_search_ends_with_the_slice_in_which_its_client_goes() {
    let (place, selected) = filled().await;
    let scan = place.scan(body("text"), &selected, &place.large).await;
    let slices = Mutex::new(0);
    let goes = || {
        let mut slices = slices.lock().unwrap();
        *slices += 1;
        if *slices == 3 { Err(CloseReason::PeerClosed) } else { Ok(()) }
    };
    let ended = scan.run(Wanted::All, &goes).await;
    assert!(matches!(ended, Err(Fault::Close(CloseReason::PeerClosed))));
    assert_eq!(*slices.lock().unwrap(), 3);
}
