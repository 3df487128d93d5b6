//! A certificate made by ourselves, so that a fresh machine speaks TLS from its first minute.

use super::LoadedCertificate;
use super::load::{CertificateError, CertificateFiles};
use posthorn_base::{Time, ZonedTime};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use x509_parser::extensions::GeneralName;

/// Some clients refuse what is valid for longer than 825 days.
const VALIDITY: Duration = Duration::from_secs(800 * 86_400);
/// A certificate that ends sooner is replaced when it is loaded.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 86_400);

/// Why there is no self-signed certificate.
#[derive(Debug, thiserror::Error)]
pub enum SelfSignedError {
    /// A name is no host name or address.
    #[error("cannot make a certificate for {names:?}: {source}")]
    Make {
        /// The names asked for.
        names: Vec<String>,
        /// What the library says.
        source: rcgen::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What was written cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Where the self-signed certificate lives and for whom it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfSigned {
    /// Key and certificate in one PEM file, so that they can never differ. Mode 0600.
    pub path: PathBuf,
    /// Host names and addresses. `localhost` and the loopback addresses are always added.
    pub names: Vec<String>,
}

impl SelfSigned {
    /// The certificate alone, for clients to trust: beside [`SelfSigned::path`], ending in `.crt`.
    pub fn public_path(&self) -> PathBuf {
        self.path.with_extension("crt")
    }

    /// The certificate in the file, if it is there, covers all names and is valid for a while; else
    /// a new one, which is written there.
    pub fn load_or_make(&self, now: Time) -> Result<LoadedCertificate, SelfSignedError> {
        let files = CertificateFiles { chain: self.path.clone(), key: self.path.clone() };
        if let Ok(loaded) = files.load(now)
            && loaded.not_after > now + RENEW_BEFORE
            && self.is_covered_by(&loaded)
            && self.public_path().exists()
        {
            return Ok(loaded);
        }
        self.make(now)?;
        Ok(files.load(now)?)
    }

    fn all_names(&self) -> Vec<String> {
        let mut names = self.names.clone();
        for always in ["localhost", "127.0.0.1", "::1"] {
            if !names.iter().any(|name| name.eq_ignore_ascii_case(always)) {
                names.push(always.into());
            }
        }
        names
    }

    fn is_covered_by(&self, loaded: &LoadedCertificate) -> bool {
        let addresses = loaded.key.cert.first().map(|der| addresses(der)).unwrap_or_default();
        self.all_names().iter().all(|name| match name.parse::<IpAddr>() {
            Ok(address) => addresses.contains(&address),
            Err(_) => loaded.names.contains(&name.to_ascii_lowercase()),
        })
    }

    fn make(&self, now: Time) -> Result<(), SelfSignedError> {
        let names = self.all_names();
        let made = generate(&names, now);
        let (key, certificate) = made.map_err(|source| SelfSignedError::Make { names, source })?;
        let write = |path: &Path, text: &str, mode| {
            replace_file(path, text.as_bytes(), mode)
                .map_err(|source| SelfSignedError::Write { path: path.into(), source })
        };
        write(&self.path, &format!("{key}{certificate}"), 0o600)?;
        write(&self.public_path(), &certificate, 0o644)
    }
}

/// Key and certificate in PEM.
fn generate(names: &[String], now: Time) -> Result<(String, String), rcgen::Error> {
    // P-256: understood by every client, and quick on small machines.
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(first) = names.first() {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    // A day back, for clients whose clock is slow.
    let (year, month, day) = date(now - Duration::from_secs(86_400));
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(now + VALIDITY);
    params.not_after = rcgen::date_time_ymd(year, month, day);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key)?;
    Ok((key.serialize_pem(), certificate.pem()))
}

/// Year, month and day in UTC. Years that a certificate cannot say would panic in the library.
fn date(time: Time) -> (i32, u8, u8) {
    let last = Time::from_seconds(253_402_300_799); // 9999-12-31T23:59:59Z
    let civil = ZonedTime { time: time.clamp(Time::EPOCH, last), offset_minutes: 0 }.civil();
    (i32::try_from(civil.year).unwrap_or(9999), civil.month, civil.day)
}

fn addresses(der: &[u8]) -> Vec<IpAddr> {
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(der) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let addresses = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
            .ok(),
        _ => None,
    });
    addresses.collect()
}

/// Writes a file whole or not at all: a new file beside it, synced, then renamed over it.
fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = dir.join(name);
    // A leftover of a process that died here with the same id.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh);
    let written = written.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&fresh, path));
    if renamed.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&fresh);
    }
    renamed?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NOW: Time = Time::from_seconds(1_800_000_000);

    #[test]
    fn made_once_private_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("self-signed.pem");
        let names = vec!["mail.example".into(), "192.0.2.1".into()];
        let ours = SelfSigned { path: path.clone(), names };
        let first = ours.load_or_make(NOW).unwrap();
        assert_eq!(first.names, ["mail.example", "localhost"]);
        assert_eq!(first.warnings, []);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let public = fs::read_to_string(ours.public_path()).unwrap();
        assert!(public.contains("BEGIN CERTIFICATE") && !public.contains("KEY"));

        let again = ours.load_or_make(NOW + Duration::from_secs(86_400 * 700)).unwrap();
        assert_eq!(again.key.cert, first.key.cert, "kept");
        let late = ours.load_or_make(NOW + Duration::from_secs(86_400 * 790)).unwrap();
        assert_ne!(late.key.cert, first.key.cert, "renewed before it ends");

        let more = SelfSigned { names: vec!["other.example".into()], ..ours.clone() };
        let wider = more.load_or_make(NOW).unwrap();
        assert_eq!(wider.names, ["other.example", "localhost"]);
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "no leftovers: {left:?}");
    }

    #[test]
    fn a_damaged_file_is_replaced_and_an_impossible_place_reported() {
        let dir = tempfile::tempdir().unwrap();
        let ours = SelfSigned { path: dir.path().join("s.pem"), names: Vec::new() };
        fs::write(&ours.path, "-----BEGIN CERT").unwrap();
        assert_eq!(ours.load_or_make(NOW).unwrap().names, ["localhost"]);
        let nowhere = SelfSigned { path: dir.path().join("missing/s.pem"), names: Vec::new() };
        assert!(matches!(nowhere.load_or_make(NOW), Err(SelfSignedError::Write { .. })));
    }
}
