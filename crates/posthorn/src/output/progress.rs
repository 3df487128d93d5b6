//! A progress bar for jobs that take a while.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// How often the bar is drawn anew.
const REDRAW: Duration = Duration::from_millis(100);
const BAR_WIDTH: u64 = 30;

/// Progress of a job, drawn on standard error when it is a terminal, else silent.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    total: Option<u64>,
    done: u64,
    started: Instant,
    drawn: Option<Instant>,
    watched: bool,
}

impl Progress {
    /// A job of `total` steps, if that is known; `what` names the steps: "messages".
    pub fn new(what: &'static str, total: Option<u64>) -> Progress {
        let watched = super::stderr_is_watched();
        Progress { what, total, done: 0, started: Instant::now(), drawn: None, watched }
    }

    /// So many more steps are done.
    pub fn advance(&mut self, steps: u64) {
        self.done = self.done.saturating_add(steps);
        if self.watched && self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW) {
            self.drawn = Some(Instant::now());
            let line = line(self.what, self.done, self.total, self.started.elapsed());
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
    }

    /// The steps done so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Clears the bar's line, so that something else can be said.
    pub fn clear(&mut self) {
        if self.drawn.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// The job ends, well or not: the line is free for what comes next.
impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What the bar shows.
fn line(what: &str, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let mut line = String::new();
    let total = total.filter(|total| *total > 0);
    // Writing to a String cannot fail.
    let _ = match total {
        Some(total) => {
            let share = |of: u64| {
                u64::try_from(u128::from(done.min(total)) * u128::from(of) / u128::from(total))
            };
            let filled = share(BAR_WIDTH).unwrap_or(0) as usize;
            let (bar, rest) = ("#".repeat(filled), ".".repeat(BAR_WIDTH as usize - filled));
            let percent = share(100).unwrap_or(0);
            let (done, total) = (grouped(done), grouped(total));
            write!(line, "[{bar}{rest}] {percent:>3} %  {done} of {total} {what}")
        }
        None => write!(line, "{} {what}", grouped(done)),
    };
    let seconds = elapsed.as_secs_f64();
    if seconds >= 1.0 && done > 0 {
        let rate = done as f64 / seconds;
        let _ = write!(line, ", {}/s", grouped(rate as u64));
        if let Some(total) = total.filter(|total| *total > done) {
            let left = ((total - done) as f64 / rate).ceil() as u64;
            let _ = write!(line, ", about {} left", rough(left));
        }
    }
    line
}

/// A number with a comma every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A span of time, as exact as a guess can be.
fn rough(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        #[track_caller]
        fn check(done: u64, total: Option<u64>, seconds: u64, want: &str) {
            assert_eq!(line("messages", done, total, Duration::from_secs(seconds)), want);
        }
        check(0, None, 0, "0 messages");
        check(5000, None, 5, "5,000 messages, 1,000/s");
        check(0, Some(10), 0, "[..............................]   0 %  0 of 10 messages");
        check(
            1_000_000,
            Some(2_000_000),
            100,
            "[###############...............]  50 %  1,000,000 of 2,000,000 messages, 10,000/s, \
             about 100 s left",
        );
        check(10, Some(10), 0, "[##############################] 100 %  10 of 10 messages");
        check(11, Some(10), 0, "[##############################] 100 %  11 of 10 messages");
        check(0, Some(0), 9, "0 messages");
        check(1, Some(u64::MAX), 0, &{
            let dots = ".".repeat(30);
            format!("[{dots}]   0 %  1 of 18,446,744,073,709,551,615 messages")
        });
    }
}
