//! Counts line ends and notes odd octets in everything that passes, at memory speed.

use crate::part::Damage;

/// Octets looked at in one step: small enough that the step's counters cannot overflow a byte, so
/// that the compiler can keep them in vector registers.
const STEP_BYTES: usize = 128;

/// What has passed so far.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// Line feeds so far.
    pub(crate) newlines: u64,
    /// What was noted since [`Scan::take_damage`] was last called.
    damage: Damage,
    /// The last octet; a line feed before the first, because a message begins at a line's start.
    last: u8,
    /// True when the octet before the last was a CR.
    cr_before_last: bool,
}

impl Scan {
    pub(crate) fn new() -> Self {
        Scan { newlines: 0, damage: Damage::NONE, last: b'\n', cr_before_last: true }
    }

    /// Takes in what comes next.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        let Some((&first, rest)) = bytes.split_first() else { return };
        self.cr_before_last = self.last == b'\r';
        self.step(&[self.last], &[first]);
        let steps = rest.chunks(STEP_BYTES).zip(bytes.chunks(STEP_BYTES));
        for (now, before) in steps {
            self.step(before, now);
        }
        if let Some((&last, before)) = rest.split_last() {
            self.last = last;
            self.cr_before_last = before.last().copied().unwrap_or(first) == b'\r';
        } else {
            self.last = first;
        }
    }

    /// One step; `before` holds the octets that stand before those of `now`.
    #[inline]
    fn step(&mut self, before: &[u8], now: &[u8]) {
        let (mut newlines, mut lf, mut cr, mut nul, mut high) = (0u8, 0u8, 0u8, 0u8, 0u8);
        for (&b, &n) in before.iter().zip(now) {
            let after_cr = u8::from(b == b'\r');
            let is_lf = u8::from(n == b'\n');
            newlines += is_lf;
            lf |= is_lf & (after_cr ^ 1);
            cr |= after_cr & (is_lf ^ 1);
            nul |= u8::from(n == 0);
            high |= n;
        }
        self.newlines += u64::from(newlines);
        if lf | cr | nul != 0 || high >= 0x80 {
            self.note(lf, cr, nul, high);
        }
    }

    #[cold]
    fn note(&mut self, lf: u8, cr: u8, nul: u8, high: u8) {
        let mut note = |seen: bool, damage| {
            if seen {
                self.damage |= damage;
            }
        };
        note(lf != 0, Damage::BARE_LF);
        note(cr != 0, Damage::BARE_CR);
        note(nul != 0, Damage::NUL);
        note(high >= 0x80, Damage::EIGHT_BIT_BODY);
    }

    /// What was noted since the last call.
    pub(crate) fn take_damage(&mut self) -> Damage {
        std::mem::replace(&mut self.damage, Damage::NONE)
    }

    /// Length of the line end that has just passed: 2, 1, or 0 when the last octet was none.
    pub(crate) fn line_end_bytes(&self) -> u64 {
        match (self.last, self.cr_before_last) {
            (b'\n', true) => 2,
            (b'\n', false) => 1,
            _ => 0,
        }
    }

    /// True when the last octet was a CR, which then is a bare one if nothing follows.
    pub(crate) fn ends_in_cr(&self) -> bool {
        self.last == b'\r'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_gives_the_same() {
        let mut text = b"a\r\nb\n\r\rc\0\xe9\r\n".repeat(40);
        text.extend_from_slice(b"end\r\n");
        let whole = {
            let mut scan = Scan::new();
            scan.pass(&text);
            scan
        };
        assert_eq!(whole.newlines, 121);
        assert_eq!(whole.line_end_bytes(), 2);
        for size in [1, 2, 3, 127, 128, 129, 200] {
            let mut scan = Scan::new();
            text.chunks(size).for_each(|piece| scan.pass(piece));
            assert_eq!(format!("{scan:?}"), format!("{whole:?}"), "pieces of {size}");
        }
    }

    #[test]
    fn notes() {
        #[track_caller]
        fn check(text: &[u8], want: Damage, line_end: u64) {
            let mut scan = Scan::new();
            scan.pass(text);
            assert_eq!((scan.line_end_bytes(), scan.take_damage()), (line_end, want), "{text:?}");
        }
        check(b"a\r\n", Damage::NONE, 2);
        check(b"a\n", Damage::BARE_LF, 1);
        check(b"\n", Damage::BARE_LF, 1);
        check(b"a\rb", Damage::BARE_CR, 0);
        check(b"\0", Damage::NUL, 0);
        check(b"\xff", Damage::EIGHT_BIT_BODY, 0);
    }
}
