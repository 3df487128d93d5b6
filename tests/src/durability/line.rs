//! What the loading process says, a line for each step.

use super::Letter;
use posthorn_base::{AccountId, ArrivalId};
use std::fmt;
use std::str::FromStr;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The account exists: acknowledged.
    Account(AccountId),
    /// This message is about to be handed to the store.
    Offered {
        /// Its name.
        arrival: ArrivalId,
        /// Its octets.
        letter: Letter,
        /// Who is to get it.
        accounts: Vec<AccountId>,
        /// For how many remote recipients it is to be queued.
        queued: u32,
    },
    /// The store has it: acknowledged.
    Accepted(ArrivalId),
    /// The store did not take it; true when it may be offered again later.
    Refused(ArrivalId, bool),
    /// This copy is about to be expunged.
    Ending(ArrivalId, AccountId),
    /// It is expunged: acknowledged.
    Ended(ArrivalId, AccountId),
    /// The store said that it writes no more.
    Stopped,
    /// The load is through.
    Done,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Account(account) => write!(f, "account {account}"),
            Line::Offered { arrival, letter, accounts, queued } => {
                let accounts: Vec<String> = accounts.iter().map(AccountId::to_string).collect();
                let Letter { seed, size } = letter;
                write!(f, "offered {arrival} {seed} {size} {queued} {}", accounts.join(","))
            }
            Line::Accepted(arrival) => write!(f, "accepted {arrival}"),
            Line::Refused(arrival, is_temporary) => {
                let how = if *is_temporary { "temporary" } else { "permanent" };
                write!(f, "refused {arrival} {how}")
            }
            Line::Ending(arrival, account) => write!(f, "ending {arrival} {account}"),
            Line::Ended(arrival, account) => write!(f, "ended {arrival} {account}"),
            Line::Stopped => f.write_str("stopped"),
            Line::Done => f.write_str("done"),
        }
    }
}

impl FromStr for Line {
    type Err = String;

    /// A line that is cut short, as a killed process may leave it, is an error.
    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').collect();
        parse(&words).ok_or_else(|| format!("not a line of the load: {text:?}"))
    }
}

fn parse(words: &[&str]) -> Option<Line> {
    Some(match words {
        ["account", account] => Line::Account(account.parse().ok()?),
        ["offered", arrival, seed, size, queued, accounts] => Line::Offered {
            arrival: arrival.parse().ok()?,
            letter: Letter { seed: seed.parse().ok()?, size: size.parse().ok()? },
            queued: queued.parse().ok()?,
            accounts: accounts
                .split(',')
                .map(|account| account.parse().ok())
                .collect::<Option<Vec<AccountId>>>()?,
        },
        ["accepted", arrival] => Line::Accepted(arrival.parse().ok()?),
        ["refused", arrival, "temporary"] => Line::Refused(arrival.parse().ok()?, true),
        ["refused", arrival, "permanent"] => Line::Refused(arrival.parse().ok()?, false),
        ["ending", arrival, account] => Line::Ending(arrival.parse().ok()?, account.parse().ok()?),
        ["ended", arrival, account] => Line::Ended(arrival.parse().ok()?, account.parse().ok()?),
        ["stopped"] => Line::Stopped,
        ["done"] => Line::Done,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let arrival = ArrivalId::new(77).unwrap();
        let account = AccountId::new(5).unwrap();
        let letter = Letter { seed: 3, size: 1024 };
        for line in [
            Line::Account(account),
            Line::Offered { arrival, letter, accounts: vec![account, account], queued: 2 },
            Line::Accepted(arrival),
            Line::Refused(arrival, true),
            Line::Refused(arrival, false),
            Line::Ending(arrival, account),
            Line::Ended(arrival, account),
            Line::Stopped,
            Line::Done,
        ] {
            let text = line.to_string();
            assert_eq!(text.parse(), Ok(line));
        }
        assert!("accepted 00000".parse::<Line>().is_err());
    }
}
