//! Checking logins against the store.

use super::password::{self, Hashing, app_matches, keyed, main_matches, read_scram, scram_salt};
use super::remembered::Remembered;
use crate::hub::Hub;
use crate::system::SystemRandom;
use crate::tls::ClientCertificate;
use posthorn_base::{Clock, CredentialId, Random, Time};
use posthorn_proto::sasl::scram::ScramKeys;
use posthorn_proto::sasl::{Answer, Identity, Question, Refusal, ScramAnswer, Secret, Verdict};
use posthorn_store::directory::{
    Credential, CredentialKind, FindLogin, FullLoginKey, LoginFacts, MarkUsed, Scopes, login_key,
};
use posthorn_store::{Engine, Operation, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How logins are checked.
#[derive(Clone, Copy, Debug)]
pub struct AuthConfig {
    /// What new verifiers cost, and what an unknown name costs.
    pub hashing: Hashing,
    /// argon2id runs at once. Each takes [`Hashing::argon2_kib`] of memory and a processor.
    pub parallel: usize,
    /// How long a verified main password is remembered as a keyed hash; zero for not at all.
    pub remember: Duration,
}

impl Default for AuthConfig {
    fn default() -> Self {
        let hashing = Hashing::default();
        AuthConfig { hashing, parallel: 4, remember: Duration::from_secs(5 * 60) }
    }
}

/// Checks logins.
pub struct Authenticator {
    engine: Arc<Engine>,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    /// The store's: keys app passwords and fake salts.
    secret: [u8; 32],
    /// This process's: keys what is remembered.
    session_secret: [u8; 32],
    config: AuthConfig,
    hashing: Semaphore,
    remembered: Remembered,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Checks logins against the accounts of `engine`, whose changes arrive at `hub` and whose
    /// secret is `secret`.
    pub fn new(
        engine: Arc<Engine>,
        hub: Arc<Hub>,
        clock: Arc<dyn Clock>,
        secret: [u8; 32],
        config: AuthConfig,
    ) -> Self {
        let mut session_secret = [0; 32];
        SystemRandom.fill(&mut session_secret);
        Authenticator {
            engine,
            hub,
            clock,
            secret,
            session_secret,
            config,
            hashing: Semaphore::new(config.parallel.max(1)),
            remembered: Remembered::new(config.remember),
        }
    }

    /// Answers a SASL exchange's question. `certificate` is the client's, when TLS verified one.
    pub async fn answer(
        &self,
        question: Question,
        scope: Scopes,
        certificate: Option<&ClientCertificate>,
    ) -> Answer {
        match question {
            Question::Password { authcid, authzid, password } => {
                Answer::Verdict(self.password(&authcid, authzid.as_deref(), &password, scope).await)
            }
            Question::ScramKeys { authcid, authzid } => {
                match self.scram(&authcid, authzid.as_deref(), scope).await {
                    Ok(answer) => Answer::Scram(Box::new(answer)),
                    Err(refusal) => Answer::Verdict(Err(refusal)),
                }
            }
            Question::Certificate { authzid } => {
                Answer::Verdict(self.certificate(authzid.as_deref(), certificate, scope).await)
            }
        }
    }

    async fn find(&self, name: &str) -> Result<Option<LoginFacts>, Refusal> {
        let operation = FindLogin { name: name.to_owned() };
        self.engine.read(&operation).await.map_err(|error| {
            tracing::warn!(%error, operation = FindLogin::NAME, "logins cannot be checked");
            Refusal::Temporary
        })
    }

    /// Checks a name and a password.
    ///
    /// # Errors
    /// Why not.
    pub async fn password(
        &self,
        name: &str,
        authzid: Option<&str>,
        password: &Secret,
        scope: Scopes,
    ) -> Verdict {
        let now = self.clock.now();
        let facts = self.find(name).await?;
        let facts = facts.as_ref();
        let app = facts.and_then(|facts| self.matching_app_password(facts, password));
        let found = match app {
            Some(credential) => Some(credential),
            None => self.matching_main_password(facts, password, now).await?,
        };
        match (facts, found) {
            (Some(facts), Some(credential)) => {
                let verdict = judge(facts, credential, authzid, scope, now);
                self.mark_used(&verdict, facts, credential, now).await;
                verdict
            }
            _ => Err(Refusal::Credentials),
        }
    }

    fn matching_app_password<'a>(
        &self,
        facts: &'a LoginFacts,
        password: &Secret,
    ) -> Option<&'a Credential> {
        let is_app = |c: &&Credential| c.kind == CredentialKind::AppPassword;
        let matches =
            |c: &&Credential| app_matches(&self.secret, facts.account, &c.verifier, password);
        facts.credentials.iter().filter(is_app).find(matches)
    }

    async fn matching_main_password<'a>(
        &self,
        facts: Option<&'a LoginFacts>,
        password: &Secret,
        now: Time,
    ) -> Result<Option<&'a Credential>, Refusal> {
        // Taken before the password is checked: a change meanwhile makes the result stale at once.
        let generation = self.hub.directory_generation();
        let main = facts.and_then(|facts| {
            let credential =
                facts.credentials.iter().find(|c| c.kind == CredentialKind::MainPassword)?;
            let data = password.expose().as_bytes();
            let hash = keyed(&self.session_secret, b"remembered\0", facts.account, data);
            Some((facts.account, credential, hash))
        });
        if let Some((account, credential, hash)) = &main
            && self.remembered.knows(*account, credential.id, hash, generation, now)
        {
            return Ok(Some(*credential));
        }
        let verifier = main.as_ref().map(|(_, credential, _)| credential.verifier.clone());
        let matches = self.run_argon2(verifier, password.clone()).await?;
        Ok(main.filter(|_| matches).map(|(account, credential, hash)| {
            self.remembered.add(account, credential.id, hash, generation, now);
            credential
        }))
    }

    async fn run_argon2(
        &self,
        verifier: Option<Vec<u8>>,
        password: Secret,
    ) -> Result<bool, Refusal> {
        let permit = self.hashing.acquire().await.map_err(|_| Refusal::Temporary)?;
        let hashing = self.config.hashing;
        let matches = tokio::task::spawn_blocking(move || {
            main_matches(hashing, verifier.as_deref(), &password)
        })
        .await;
        drop(permit);
        matches.map_err(|error| {
            tracing::error!(%error, "the thread that checks a password failed");
            Refusal::Temporary
        })
    }

    async fn scram(
        &self,
        authcid: &str,
        authzid: Option<&str>,
        scope: Scopes,
    ) -> Result<ScramAnswer, Refusal> {
        let now = self.clock.now();
        let facts = self.find(authcid).await?;
        // All ways of writing a name get one salt, as real names do. Asked for real names, too, so
        // that they take as long.
        let full_key = FullLoginKey { name: authcid.to_owned() };
        let full_key = self.engine.read(&full_key).await.map_err(|error| {
            tracing::warn!(%error, operation = FullLoginKey::NAME, "logins cannot be checked");
            Refusal::Temporary
        })?;
        let mut candidates: Vec<(ScramKeys, Verdict)> = Vec::new();
        if let Some(facts) = &facts {
            let kept = |credential: &Credential| {
                credential.scram.as_deref().map(read_scram).unwrap_or_default()
            };
            let all: Vec<Vec<ScramKeys>> = facts.credentials.iter().map(kept).collect();
            let salt = shared_salt(&all, &scram_salt(&self.secret, &full_key));
            for (credential, keys) in facts.credentials.iter().zip(all) {
                let fitting = keys.into_iter().find(|keys| Some(&keys.salt) == salt.as_ref());
                let verdict = || judge(facts, credential, authzid, scope, now);
                candidates.extend(fitting.map(|keys| (keys, verdict())));
            }
        }
        if candidates.is_empty() {
            let iterations = self.config.hashing.scram_iterations;
            let keys = ScramKeys::fake(&self.secret, &full_key, iterations);
            candidates.push((keys, Err(Refusal::Credentials)));
        }
        let (keys, verdict) = candidates.remove(0);
        let mut nonce = [0; 18];
        SystemRandom.fill(&mut nonce);
        Ok(ScramAnswer { keys, nonce, verdict, others: candidates })
    }

    async fn certificate(
        &self,
        authzid: Option<&str>,
        certificate: Option<&ClientCertificate>,
        scope: Scopes,
    ) -> Verdict {
        let certificate = certificate.ok_or(Refusal::Credentials)?;
        let now = self.clock.now();
        // RFC 4422 app. A: without an authorization identity the certificate says who it is. One
        // with several addresses is whoever of them knows it.
        let names = match authzid {
            Some(name) => vec![name.to_owned()],
            None => certificate.addresses.iter().map(ToString::to_string).collect(),
        };
        // Whatever the certificate's issuer says of addresses, the account must know it, too.
        let matches = |c: &&Credential| {
            c.kind == CredentialKind::Certificate && c.verifier == certificate.sha256
        };
        for name in names {
            let Some(facts) = self.find(&name).await? else { continue };
            let Some(credential) = facts.credentials.iter().find(matches) else { continue };
            let verdict = judge(&facts, credential, None, scope, now);
            self.mark_used(&verdict, &facts, credential, now).await;
            return verdict;
        }
        Err(Refusal::Credentials)
    }

    /// Whether what opened an account still does: the account is there and not disabled, the
    /// credential not removed, replaced, expired or taken from `scope`. For sessions that outlive
    /// a change of the directory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_still_good(
        &self,
        identity: &Identity,
        scope: Scopes,
    ) -> Result<bool, StoreError> {
        let find = FindLogin { name: identity.login.clone().into() };
        let now = self.clock.now();
        let found = self.engine.read(&find).await?;
        let facts = found.filter(|facts| facts.account == identity.account);
        let is_it = |one: &&Credential| one.id == identity.credential;
        Ok(facts.is_some_and(|facts| {
            let credential = facts.credentials.iter().find(is_it);
            credential.is_some_and(|one| judge(&facts, one, None, scope, now).is_ok())
        }))
    }

    /// Notes when a credential was last used; kept to the hour, so that logins rarely write.
    async fn mark_used(
        &self,
        verdict: &Verdict,
        facts: &LoginFacts,
        credential: &Credential,
        now: Time,
    ) {
        const HOUR: Duration = Duration::from_secs(3600);
        let is_fresh = credential.last_used_at.is_some_and(|at| now.since(at) < HOUR);
        if verdict.is_err() || is_fresh {
            return;
        }
        let (account, credential): (_, CredentialId) = (facts.account, credential.id);
        if let Err(error) = self.engine.write(MarkUsed { account, credential, now }).await {
            tracing::warn!(%error, "the use of a credential could not be noted");
        }
    }

    /// What verifiers cost, for those who make new ones.
    pub fn hashing(&self) -> password::Hashing {
        self.config.hashing
    }
}

/// The salt that the client is shown, with which it computes one proof for all credentials: that of
/// the name it gave, unless more of them have keys under another one.
fn shared_salt(all: &[Vec<ScramKeys>], named: &[u8]) -> Option<Box<[u8]>> {
    let count =
        |salt: &[u8]| all.iter().filter(|keys| keys.iter().any(|keys| *keys.salt == *salt)).count();
    let salts = all.iter().flatten().map(|keys| &keys.salt);
    salts.max_by_key(|salt| (count(salt), ***salt == *named)).cloned()
}

/// What a right password means here and now.
fn judge(
    facts: &LoginFacts,
    credential: &Credential,
    authzid: Option<&str>,
    scope: Scopes,
    now: Time,
) -> Verdict {
    if authzid.is_some_and(|authzid| login_key(authzid) != login_key(&facts.address)) {
        return Err(Refusal::Authorization);
    }
    if facts.disabled_at.is_some() || !credential.is_valid(scope, now) {
        return Err(Refusal::Disabled);
    }
    Ok(Identity {
        account: facts.account,
        login: facts.address.as_str().into(),
        credential: credential.id,
    })
}
