//! Attackers and owners, with a clock of the test's own.

use super::*;

const START: Time = Time::from_seconds(1_800_000_000);

fn at(seconds: u64) -> Time {
    START + Duration::from_secs(seconds)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn throttle() -> Throttle {
    Throttle::new(ThrottleConfig::default())
}

fn failed(
    throttle: &Throttle,
    peer: IpAddr,
    name: &str,
    secret: Option<&[u8]>,
    now: Time,
) -> Duration {
    throttle.login_failed(peer, &throttle.attempt(name, secret), now)
}

/// Fails logins with ever new passwords until blocked; how many it took.
fn guess(throttle: &Throttle, peer: IpAddr, name: &str, now: Time) -> u32 {
    for count in 0..1000_u32 {
        if throttle.may_log_in(peer, name, now).is_err() {
            return count;
        }
        failed(throttle, peer, name, Some(&count.to_le_bytes()), now);
    }
    1000
}

#[test]
fn guessing_one_account_blocks_the_network_for_it_and_nobody_else() {
    let (throttle, attacker) = (throttle(), ip("192.0.2.66"));
    assert_eq!(guess(&throttle, attacker, "alice", at(0)), 11);
    let neighbour = ip("192.0.2.1");
    assert!(throttle.may_log_in(neighbour, "ALICE", at(0)).is_err(), "same network, same name");
    assert!(throttle.may_log_in(neighbour, "bob", at(0)).is_ok());
    assert!(throttle.may_log_in(ip("198.51.100.1"), "alice", at(0)).is_ok(), "the owner elsewhere");
    assert!(throttle.connect(attacker, at(0)).is_ok());
    let blocks = throttle.blocks(at(0));
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].target.to_string(), "192.0.2.0/24 for alice");
    assert_eq!(blocks[0].reason.to_string(), "too many failed logins");
    assert_eq!(blocks[0].until, at(600));
    assert!(throttle.may_log_in(attacker, "alice", at(600)).is_ok(), "it ends");
    assert_eq!(throttle.blocks(at(600)), []);
}

#[test]
fn guessing_many_accounts_blocks_the_network() {
    let (throttle, attacker) = (throttle(), ip("2001:db8:1:2::66"));
    for n in 0..31_u32 {
        assert!(throttle.connect(attacker, at(0)).is_ok(), "{n}");
        let name = format!("user{n}");
        failed(&throttle, attacker, &name, Some(b"123456"), at(0));
    }
    let refused = throttle.connect(ip("2001:db8:1:2:ffff::1"), at(0)).unwrap_err();
    let reason = BlockReason::LoginFailures;
    assert_eq!(refused, Refusal::Blocked { reason, until: at(600) });
    assert!(throttle.connect(ip("2001:db8:1:3::1"), at(0)).is_ok());
}

#[test]
fn an_old_password_in_a_forgotten_device_counts_once() {
    let (throttle, home) = (throttle(), ip("192.0.2.1"));
    for minute in 0..600 {
        failed(&throttle, home, "alice", Some(b"old password"), at(minute * 60));
    }
    assert_eq!(throttle.blocks(at(600 * 60)), []);
    assert!(throttle.may_log_in(home, "alice", at(600 * 60)).is_ok());
}

#[test]
fn a_network_with_a_good_login_is_not_blocked() {
    let (throttle, office) = (throttle(), ip("192.0.2.1"));
    throttle.login_succeeded(office, "alice", at(0));
    assert_eq!(guess(&throttle, office, "alice", at(10)), 1000);
    assert!(throttle.connect(office, at(10)).is_ok());
    for n in 0..1000 {
        assert!(throttle.connect(office, at(11)).is_ok(), "{n}");
        assert!(!throttle.offended(office, Offence::UnknownRecipient, at(11)));
    }
    // Another account has no such trust there, and trust ends.
    assert_eq!(guess(&throttle, office, "bob", at(12)), 11);
    let later = at(31 * 86_400);
    assert!(!throttle.is_trusted(office, later));
    assert_eq!(guess(&throttle, office, "alice", later), 11);
}

#[test]
fn exempt_networks_are_never_refused() {
    let exempt = crate::network::Exemptions(vec!["203.0.113.0/24".parse().unwrap()]);
    let throttle = Throttle::new(ThrottleConfig { exempt, ..ThrottleConfig::default() });
    let (owner, loopback) = (ip("::ffff:203.0.113.9"), ip("127.0.0.1"));
    assert_eq!(guess(&throttle, owner, "alice", at(0)), 1000);
    assert_eq!(failed(&throttle, owner, "alice", None, at(0)), Duration::ZERO);
    let account = AccountId::new(1).unwrap();
    for _ in 0..5000 {
        assert!(throttle.connect(owner, at(0)).is_ok());
        assert!(throttle.take_recipient(account, owner, at(0)).is_ok());
    }
    assert_eq!(guess(&throttle, loopback, "alice", at(0)), 11, "the setting replaces the default");
}

#[test]
fn repeated_blocks_grow_to_a_bound_and_are_forgiven() {
    let (throttle, attacker) = (throttle(), ip("192.0.2.66"));
    let mut now = at(0);
    let mut lengths = Vec::new();
    for _ in 0..10 {
        guess(&throttle, attacker, "alice", now);
        let until = throttle.blocks(now).first().unwrap().until;
        lengths.push(until.since(now).as_secs());
        now = until;
    }
    assert_eq!(lengths[..4], [600, 1200, 2400, 4800]);
    assert_eq!(lengths[9], 86_400);
    now = now + Duration::from_secs(86_401);
    guess(&throttle, attacker, "alice", now);
    assert_eq!(throttle.blocks(now)[0].until.since(now).as_secs(), 600);
}

#[test]
fn lifting_forgets_what_led_to_the_block() {
    let (throttle, peer) = (throttle(), ip("192.0.2.66"));
    guess(&throttle, peer, "alice", at(0));
    for _ in 0..101 {
        throttle.offended(peer, Offence::Relay, at(0));
    }
    assert_eq!(throttle.blocks(at(0)).len(), 2);
    assert_eq!(throttle.lift("198.51.100.0/24".parse().unwrap(), at(0)), 0);
    assert_eq!(throttle.lift("192.0.2.66".parse().unwrap(), at(0)), 2, "an address within");
    assert_eq!(throttle.lift("192.0.0.0/16".parse().unwrap(), at(0)), 0, "gone");
    failed(&throttle, peer, "alice", Some(b"one more"), at(0));
    assert!(!throttle.offended(peer, Offence::Relay, at(0)));
    assert_eq!(throttle.blocks(at(0)), []);
    guess(&throttle, peer, "alice", at(0));
    assert_eq!(throttle.lift_all(at(0)), 1);
}

#[test]
fn connections_have_a_pace() {
    let (throttle, peer) = (throttle(), ip("192.0.2.66"));
    for _ in 0..120 {
        throttle.connect(peer, at(0)).unwrap();
    }
    let wait = Wait(Duration::from_millis(500));
    assert_eq!(throttle.connect(peer, at(0)), Err(Refusal::TooFast(wait)));
    assert_eq!(throttle.connect(peer, at(1)), Ok(()));
}

#[test]
fn answers_to_wrong_passwords_come_later_and_later() {
    let (throttle, peer) = (throttle(), ip("192.0.2.66"));
    let waits: Vec<u128> = (0..7_u8)
        .map(|n| failed(&throttle, peer, "alice", Some(&[n]), at(0)).as_millis())
        .collect();
    assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
}

#[test]
fn submission_has_an_hourly_and_a_daily_allowance() {
    let config = ThrottleConfig {
        recipients_per_hour: 10,
        recipients_per_day: 20,
        ..ThrottleConfig::default()
    };
    let (throttle, peer) = (Throttle::new(config), ip("192.0.2.1"));
    let (alice, bob) = (AccountId::new(1).unwrap(), AccountId::new(2).unwrap());
    let sent = |account, now| {
        (0..100).take_while(|_| throttle.take_recipient(account, peer, now).is_ok()).count()
    };
    assert_eq!(sent(alice, at(0)), 10);
    assert_eq!(sent(bob, at(0)), 10, "each account has its own");
    assert_eq!(sent(alice, at(3600)), 10);
    assert_eq!(sent(alice, at(7200)), 1, "the day's is used but for what came back");
}
