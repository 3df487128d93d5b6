use super::*;
use crate::sasl::scram::{AwaitFinal, AwaitFirst, Binding, ScramError, ScramKeys, derive};
use crate::sasl::{ChannelBindings, Identity, Mechanisms, Refusal, ScramAnswer, Secret, Verdict};
use posthorn_base::{AccountId, CredentialId};
use proptest::prelude::*;
use std::num::NonZeroU32;

const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();

fn identity() -> Identity {
    Identity {
        account: AccountId::new(7).unwrap(),
        login: "user@example.com".into(),
        credential: CredentialId::new(1).unwrap(),
    }
}

fn offer() -> Offer {
    Offer {
        allowed: Mechanisms::ALL,
        confidential: true,
        bindings: ChannelBindings { exporter: Some([9; 32]), end_point: Some([1, 2].into()) },
        certificate: true,
    }
}

fn b64(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    STANDARD.encode(bytes).into_bytes()
}

fn challenge(progress: Progress) -> Vec<u8> {
    match progress {
        Progress::Challenge(text) => STANDARD.decode(text).unwrap(),
        other => panic!("no challenge: {other:?}"),
    }
}

/// The verdict on `user`'s app password, which is not meant for this protocol.
fn app() -> Verdict {
    Err(Refusal::Disabled)
}

/// Who the driver of these tests knows: `user` with the password `pencil`.
fn answer(question: &Question) -> Answer {
    match question {
        Question::Password { authcid, authzid, password } => {
            let right = &**authcid == "user" && password.expose() == "pencil";
            Answer::Verdict(match (right, authzid) {
                (false, _) => Err(Refusal::Credentials),
                (true, Some(_)) => Err(Refusal::Authorization),
                (true, None) => Ok(identity()),
            })
        }
        Question::ScramKeys { authcid, authzid } => {
            let known = &**authcid == "user";
            let keys = if known {
                derive("pencil", b"sixteen bytes :)", ITERATIONS).unwrap()
            } else {
                ScramKeys::fake(b"secret", authcid, ITERATIONS)
            };
            let verdict = match (known, authzid) {
                (false, _) => Err(Refusal::Credentials),
                (true, Some(_)) => Err(Refusal::Authorization),
                (true, None) => Ok(identity()),
            };
            Answer::Scram(Box::new(ScramAnswer {
                keys,
                nonce: [3; 18],
                // The account's app password.
                others: match known {
                    true => {
                        vec![(derive("quill", b"sixteen bytes :)", ITERATIONS).unwrap(), app())]
                    }
                    false => Vec::new(),
                },
                verdict,
            }))
        }
        Question::Certificate { authzid: None } => Answer::Verdict(Ok(identity())),
        Question::Certificate { authzid: Some(_) } => Answer::Verdict(Err(Refusal::Authorization)),
    }
}

/// Plays lines until the end. The first line is the initial response.
fn play(mechanism: Mechanism, initial: Option<&[u8]>, lines: &[&[u8]]) -> Progress {
    let (mut exchange, mut progress) = Exchange::start(mechanism, &offer(), initial);
    let mut lines = lines.iter();
    loop {
        progress = match progress {
            Progress::Ask(question) => exchange.answer(answer(&question)),
            Progress::Challenge(_) => match lines.next() {
                Some(line) => exchange.line(line),
                None => return progress,
            },
            Progress::Done(_) | Progress::Failed(_) => return progress,
        };
    }
}

#[track_caller]
fn check(mechanism: Mechanism, initial: Option<&[u8]>, lines: &[&[u8]], want: Result<(), Failure>) {
    let want = match want {
        Ok(()) => Progress::Done(Success { identity: identity(), mechanism }),
        Err(failure) => Progress::Failed(failure),
    };
    assert_eq!(play(mechanism, initial, lines), want);
}

#[test]
fn plain() {
    let good = b64("\0user\0pencil");
    check(Mechanism::Plain, Some(&good), &[], Ok(()));
    check(Mechanism::Plain, None, &[&good], Ok(()));
    let wrong = b64("\0user\0pen");
    check(Mechanism::Plain, Some(&wrong), &[], Err(Refusal::Credentials.into()));
    let other = b64("root\0user\0pencil");
    check(Mechanism::Plain, Some(&other), &[], Err(Refusal::Authorization.into()));
    check(Mechanism::Plain, Some(b"="), &[], Err(Failure::Syntax));
    check(Mechanism::Plain, None, &[b""], Err(Failure::Syntax));
    check(Mechanism::Plain, None, &[b"*"], Err(Failure::Cancelled));
    check(Mechanism::Plain, Some(b""), &[], Err(Failure::Base64));
    check(Mechanism::Plain, Some(b"AHVzZXIAcGVuY2ls="), &[], Err(Failure::Base64));
    check(Mechanism::Plain, Some(b"AHVzZXI AcGVuY2ls"), &[], Err(Failure::Base64));
    check(Mechanism::Plain, Some(b"*"), &[], Err(Failure::Base64));
}

#[test]
fn login_with_prompts_and_with_an_initial_response() {
    let (_, first) = Exchange::start(Mechanism::Login, &offer(), None);
    assert_eq!(first, Progress::Challenge("VXNlcm5hbWU6".into()));
    let (name, password) = (b64("user"), b64("pencil"));
    let (_, second) = Exchange::start(Mechanism::Login, &offer(), Some(&name));
    assert_eq!(second, Progress::Challenge("UGFzc3dvcmQ6".into()));
    check(Mechanism::Login, None, &[&name, &password], Ok(()));
    check(Mechanism::Login, Some(&name), &[&password], Ok(()));
    check(Mechanism::Login, None, &[&name, &name], Err(Refusal::Credentials.into()));
    check(Mechanism::Login, None, &[&name, b"*"], Err(Failure::Cancelled));
}

#[test]
fn external() {
    check(Mechanism::External, Some(b"="), &[], Ok(()));
    check(Mechanism::External, None, &[b""], Ok(()));
    let other = b64("root");
    check(Mechanism::External, Some(&other), &[], Err(Refusal::Authorization.into()));
}

#[test]
fn responses_have_a_limit() {
    let at_limit = b64(vec![b'x'; limits::SASL_RESPONSE_BYTES_MAX]);
    check(Mechanism::Plain, Some(&at_limit), &[], Err(Failure::Syntax));
    let beyond = b64(vec![b'x'; limits::SASL_RESPONSE_BYTES_MAX + 3]);
    check(Mechanism::Plain, Some(&beyond), &[], Err(Failure::TooLong));
}

/// A SCRAM exchange up to the client's final message, which `tamper` may change.
fn scram(
    mechanism: Mechanism,
    offer: &Offer,
    (name, authzid, password): (&str, Option<&str>, &str),
    binding: Binding<'_>,
    tamper: impl Fn(String) -> String,
) -> (Progress, Exchange, AwaitFinal) {
    let password = Secret::new(password.into());
    let (client, first) = AwaitFirst::start(name, authzid, password, binding, &[5; 18]).unwrap();
    let (mut exchange, progress) = Exchange::start(mechanism, offer, Some(&b64(first)));
    let Progress::Ask(question) = progress else { panic!("{progress:?}") };
    let server_first = challenge(exchange.answer(answer(&question)));
    let (client, last) = client.server_first(&server_first).unwrap();
    let last = tamper(String::from_utf8(last).unwrap());
    (exchange.line(&b64(last)), exchange, client)
}

const USER: (&str, Option<&str>, &str) = ("user", None, "pencil");
const EXPORTER: Binding<'_> = Binding::Bound { name: "tls-exporter", data: &[9; 32] };

#[test]
fn scram_succeeds_on_both_sides() {
    let end_point = Binding::Bound { name: "tls-server-end-point", data: &[1, 2] };
    for (mechanism, binding) in [
        (Mechanism::ScramSha256, Binding::Unsupported),
        (Mechanism::ScramSha256Plus, EXPORTER),
        (Mechanism::ScramSha256Plus, end_point),
    ] {
        let (progress, mut exchange, client) = scram(mechanism, &offer(), USER, binding, |m| m);
        assert_eq!(client.server_final(&challenge(progress)), Ok(()));
        // RFC 4422 3.6: the client acknowledges the additional data by an empty response.
        let done = Progress::Done(Success { identity: identity(), mechanism });
        assert_eq!(exchange.line(b""), done);
    }
}

#[test]
fn scram_success_needs_its_acknowledgement() {
    let acknowledge = |line: &[u8]| {
        let no_binding = Binding::Unsupported;
        let (_, mut exchange, _) = scram(Mechanism::ScramSha256, &offer(), USER, no_binding, |m| m);
        exchange.line(line)
    };
    assert_eq!(acknowledge(b"*"), Progress::Failed(Failure::Cancelled));
    assert_eq!(acknowledge(b"AAAA"), Progress::Failed(Failure::Syntax));
}

#[test]
fn scram_refusals_look_alike_until_the_password_is_proved() {
    let run = |login| {
        let run = scram(Mechanism::ScramSha256, &offer(), login, Binding::Unsupported, |m| m);
        run.0
    };
    let refused = Progress::Failed(Refusal::Credentials.into());
    assert_eq!(run(("user", None, "pen")), refused);
    assert_eq!(run(("nobody", None, "pencil")), refused);
    assert_eq!(run(("user", Some("root"), "pen")), refused);
    assert_eq!(run(("user", None, "quill")), Progress::Failed(app().unwrap_err().into()));
    let unauthorized = Progress::Failed(Refusal::Authorization.into());
    assert_eq!(run(("user", Some("root"), "pencil")), unauthorized);
    assert!(matches!(run(("user", Some("user"), "pencil")), Progress::Challenge(_)));
}

#[test]
fn scram_tampered_final_messages() {
    #[track_caller]
    fn check(tamper: impl Fn(String) -> String, want: Failure) {
        let (got, ..) = scram(Mechanism::ScramSha256, &offer(), USER, Binding::Unsupported, tamper);
        assert_eq!(got, Progress::Failed(want));
    }
    check(|m| m.replace("r=", "r=x"), ScramError::Nonce.into());
    check(|m| m.replace(",p=", "x,p="), ScramError::Nonce.into());
    check(|m| m.replace("c=biws", "c=eSws"), ScramError::BindingMismatch.into());
    check(|m| m.replace(",p=", ",x=y,p="), Refusal::Credentials.into());
    check(|m| m.replace(",p=", ",m=y,p="), ScramError::MandatoryExtension.into());
    check(|_| String::new(), ScramError::Encoding.into());
}

#[test]
fn scram_channel_binding_flags() {
    let first = |mechanism, offer: &Offer, header: &str| {
        let message = b64(format!("{header}n=user,r=abc"));
        match Exchange::start(mechanism, offer, Some(&message)).1 {
            Progress::Failed(Failure::Scram(error)) => Err(error),
            Progress::Ask(_) => Ok(()),
            other => panic!("{other:?}"),
        }
    };
    let (plain, plus) = (Mechanism::ScramSha256, Mechanism::ScramSha256Plus);
    let bound = offer();
    assert_eq!(first(plain, &bound, "n,,"), Ok(()));
    // RFC 5802 6: the client believes that we cannot bind, but we said that we can.
    assert_eq!(first(plain, &bound, "y,,"), Err(ScramError::Downgrade));
    let unbound = Offer { bindings: ChannelBindings::none(), ..offer() };
    assert_eq!(first(plain, &unbound, "y,,"), Ok(()));
    assert_eq!(first(plain, &bound, "p=tls-exporter,,"), Err(ScramError::BindingFlag));
    assert_eq!(first(plus, &bound, "p=tls-exporter,,"), Ok(()));
    assert_eq!(first(plus, &bound, "p=tls-unique,,"), Err(ScramError::BindingType));
    assert_eq!(first(plus, &bound, "n,,"), Err(ScramError::BindingFlag));
    assert_eq!(first(plus, &bound, "y,,"), Err(ScramError::Downgrade));
}

#[test]
fn scram_bound_to_another_connection() {
    let elsewhere = Binding::Bound { name: "tls-exporter", data: &[8; 32] };
    let (got, ..) = scram(Mechanism::ScramSha256Plus, &offer(), USER, elsewhere, |m| m);
    assert_eq!(got, Progress::Failed(ScramError::BindingMismatch.into()));
}

#[test]
fn refusals_that_need_no_lookup_end_any_question() {
    let first = b64("n,,n=user,r=abc");
    let (mut exchange, _) = Exchange::start(Mechanism::ScramSha256, &offer(), Some(&first));
    let throttled = exchange.answer(Answer::Verdict(Err(Refusal::Throttled)));
    assert_eq!(throttled, Progress::Failed(Refusal::Throttled.into()));
    assert_eq!(exchange.line(b""), Progress::Failed(Failure::OutOfOrder));
}

#[test]
fn verdicts_do_not_replace_a_proof() {
    let first = b64("n,,n=user,r=abc");
    let (mut exchange, _) = Exchange::start(Mechanism::ScramSha256, &offer(), Some(&first));
    let forced = exchange.answer(Answer::Verdict(Ok(identity())));
    assert_eq!(forced, Progress::Failed(Failure::OutOfOrder));
}

proptest! {
    /// Whatever a client sends: no panic, no login without the password, and an end within the
    /// rounds that the limits allow.
    #[test]
    fn arbitrary_responses(
        which in 0usize..4,
        initial in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        lines in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                "[nyp],,n=[a-z=,]{0,5},r=[a-z]{0,3}".prop_map(b64),
                "c=biws,r=[a-z]{3},p=[A-Za-z]{43}=".prop_map(b64),
                "\0[a-z]{0,4}\0[a-z]{0,4}".prop_map(b64),
            ],
            limits::SASL_ROUNDS_MAX as usize,
        ),
    ) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let end = play(Mechanism::ALL[which], initial.as_deref(), &lines);
        prop_assert!(matches!(end, Progress::Failed(_)), "{:?}", end);
    }
}
