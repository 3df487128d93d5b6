//! SCRAM, the server's side (RFC 5802 5, 6).

use super::keys::ScramKeys;
use super::message::{self, BindingFlag, ClientFinal, ClientFirst, ScramError};
use crate::sasl::ChannelBindings;
use crate::sasl::external::authzid;
use crate::sasl::mechanism::{Mechanism, Offer};
use crate::sasl::prepare::prepare_bytes;
use crate::sasl::server::{Failure, Question, Refusal, ScramAnswer, Step, Success, Verdict};

#[derive(Debug)]
pub(crate) struct ScramServer {
    mechanism: Mechanism,
    state: State,
}

#[derive(Debug)]
enum State {
    First {
        bindings: ChannelBindings,
        plus_offered: bool,
    },
    Keys {
        exchange: Exchange,
    },
    Final {
        exchange: Exchange,
        nonce: Vec<u8>,
        server_first: Vec<u8>,
        candidates: Vec<(ScramKeys, Verdict)>,
    },
    Ended,
}

/// What the client's first message fixed.
#[derive(Debug)]
struct Exchange {
    client_first_bare: Vec<u8>,
    client_nonce: Vec<u8>,
    /// What `c=` must hold: the GS2 header and the binding's data.
    binding: Vec<u8>,
}

impl ScramServer {
    pub(crate) fn new(mechanism: Mechanism, offer: &Offer) -> Self {
        let plus_offered = offer.mechanisms().contains(Mechanism::ScramSha256Plus);
        let state = State::First { bindings: offer.bindings.clone(), plus_offered };
        ScramServer { mechanism, state }
    }

    pub(crate) fn respond(&mut self, response: &[u8]) -> Result<Step, Failure> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::First { bindings, plus_offered } => {
                let first = ClientFirst::parse(response)?;
                let data = self.binding_data(&first.flag, &bindings, plus_offered)?;
                let authcid: Box<str> = prepare_bytes(&first.name)?.into();
                let authzid = authzid(first.authzid.as_deref().unwrap_or_default())?
                    .filter(|authzid| *authzid != authcid);
                let exchange = Exchange {
                    client_first_bare: first.bare.to_vec(),
                    client_nonce: first.nonce.to_vec(),
                    binding: [first.gs2_header, data].concat(),
                };
                self.state = State::Keys { exchange };
                Ok(Step::Ask(Question::ScramKeys { authcid, authzid }))
            }
            State::Final { exchange, nonce, server_first, candidates } => {
                let message = ClientFinal::parse(response)?;
                check_final(&message, &exchange, &nonce)?;
                let parts: [&[u8]; 3] =
                    [&exchange.client_first_bare, &server_first, message.without_proof];
                let auth_message = parts.join(&b',');
                let (keys, verdict) = candidates
                    .into_iter()
                    .find(|(keys, _)| keys.verify(&auth_message, &message.proof))
                    .ok_or(Refusal::Credentials)?;
                // Only now: who cannot prove the password learns nothing about the account.
                let success = Success { identity: verdict?, mechanism: self.mechanism };
                let signature = message::encode(&keys.server_signature(&auth_message));
                Ok(Step::Done { success, data: Some(format!("v={signature}").into_bytes()) })
            }
            State::Keys { .. } | State::Ended => Err(Failure::OutOfOrder),
        }
    }

    pub(crate) fn answer(&mut self, answer: ScramAnswer) -> Result<Step, Failure> {
        let State::Keys { exchange } = std::mem::replace(&mut self.state, State::Ended) else {
            return Err(Failure::OutOfOrder);
        };
        let ScramAnswer { keys, nonce: server_nonce, verdict, mut others } = answer;
        let same =
            |other: &ScramKeys| (&other.salt, other.iterations) == (&keys.salt, keys.iterations);
        others.retain(|(other, _)| same(other));
        // Base64 is `printable` without a comma.
        let server_nonce = message::encode(&server_nonce);
        let nonce = [&exchange.client_nonce, server_nonce.as_bytes()].concat();
        let salt = message::encode(&keys.salt);
        let tail = format!(",s={salt},i={}", keys.iterations);
        let server_first = [b"r=", nonce.as_slice(), tail.as_bytes()].concat();
        let challenge = Step::Challenge(server_first.clone());
        others.insert(0, (keys, verdict));
        self.state = State::Final { exchange, nonce, server_first, candidates: others };
        Ok(challenge)
    }

    /// RFC 5802 6: which binding data the client must repeat, if its flag is one it may use here.
    fn binding_data<'a>(
        &self,
        flag: &BindingFlag,
        bindings: &'a ChannelBindings,
        plus_offered: bool,
    ) -> Result<&'a [u8], ScramError> {
        let plus = self.mechanism == Mechanism::ScramSha256Plus;
        match flag {
            BindingFlag::Bound(name) if plus => bindings.data(name).ok_or(ScramError::BindingType),
            BindingFlag::NotOffered if plus_offered => Err(ScramError::Downgrade),
            BindingFlag::NotOffered | BindingFlag::Unsupported if !plus => Ok(&[]),
            BindingFlag::Bound(_) | BindingFlag::NotOffered | BindingFlag::Unsupported => {
                Err(ScramError::BindingFlag)
            }
        }
    }
}

fn check_final(
    message: &ClientFinal<'_>,
    exchange: &Exchange,
    nonce: &[u8],
) -> Result<(), ScramError> {
    if message.nonce != nonce {
        return Err(ScramError::Nonce);
    }
    if message.binding != exchange.binding {
        return Err(ScramError::BindingMismatch);
    }
    Ok(())
}
