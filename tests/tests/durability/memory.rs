//! SQLite runs out of memory, really: large messages are refused for a while, small ones go on.

use crate::child::{Loading, command};
use posthorn_testkit::fixtures::temp_dir;
use posthorn_tests::durability::office::options;
use posthorn_tests::durability::{Expected, Line, Office};

#[tokio::test]
async fn without_memory_messages_are_refused_for_a_while_and_none_is_lost() {
    let (mut refused, mut accepted) = (0, 0);
    for megabytes in [1, 2, 4] {
        let dir = temp_dir();
        let store = dir.path().join("store");
        let settings = [
            ("seed", megabytes),
            ("steps", 20),
            ("heap_limit_at", 150),
            ("heap_limit", megabytes << 20),
            ("checkpoint_pages", 200),
        ];
        let mut loading = Loading::start(&mut command(&store, &settings));
        let (mut expected, mut is_done) = (Expected::default(), false);
        while let Some(line) = loading.next() {
            assert!(!matches!(line, Line::Refused(_, false) | Line::Stopped), "{line}");
            refused += u32::from(matches!(line, Line::Refused(..)));
            is_done |= line == Line::Done;
            expected.hear(&line);
        }
        assert!(is_done && loading.wait().success());
        accepted += expected.acknowledged();
        let office = Office::open(&store, 1, options(1)).unwrap();
        expected.judge(&office).await.unwrap_or_else(|why| panic!("{why}"));
        office.engine.close().await.unwrap();
    }
    println!("{refused} refused, {accepted} accepted");
    assert!(refused > 0 && accepted > 50, "{refused} refused, {accepted} accepted");
}
