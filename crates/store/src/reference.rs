//! References to bodies: emails and queue rows hold one each, and the last one to go takes the body
//! with it.

use crate::{Batch, stmt};
use posthorn_base::{BodyId, Time, limits};

/// Appends the statements that give back `count` references. A body without references is removed;
/// its file, if it has one, is deleted after [`limits::BODY_FILE_GRACE`], which is longer than any
/// transaction or backup that may still read it.
pub fn release(body: BodyId, count: u32, now: Time, batch: &mut Batch) {
    batch.push(stmt!("UPDATE body SET refs = refs - ?2 WHERE body_id = ?1", body, count));
    batch.push(stmt!(
        "INSERT INTO body_sweep (name, location, due_at) \
         SELECT name, location, ?2 FROM body WHERE body_id = ?1 AND refs <= 0 AND location <> 0",
        body,
        now + limits::BODY_FILE_GRACE
    ));
    batch.push(stmt!("DELETE FROM body WHERE body_id = ?1 AND refs <= 0", body));
}
