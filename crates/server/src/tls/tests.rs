//! Handshakes over loopback with a real client.

use super::*;
use posthorn_base::Address;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::os::unix::fs::PermissionsExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;

pub(crate) const NOW: Time = Time::from_seconds(1_800_000_000);

/// A certificate and its key in PEM.
pub(crate) struct Issued {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Issued {
    pub(crate) fn self_signed(names: &[&str]) -> Self {
        Self::with_key(names, &rcgen::PKCS_ECDSA_P256_SHA256)
    }
    pub(crate) fn rsa(names: &[&str]) -> Self {
        Self::with_key(names, &rcgen::PKCS_RSA_SHA256)
    }
    pub(crate) fn with_key(names: &[&str], algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Issued { chain: certificate.pem(), key: key.serialize_pem() }
    }
    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap()
    }
    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
    pub(crate) fn load(&self) -> LoadedCertificate {
        let files = CertificateFiles { chain: "c".into(), key: "k".into() };
        load::assemble(vec![self.der()], self.key_der(), &files, NOW).unwrap()
    }
    pub(crate) fn write(&self, dir: &std::path::Path, name: &str) -> CertificateFiles {
        let (chain, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
        std::fs::write(&chain, &self.chain).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        CertificateFiles { chain, key }
    }
    /// A client that trusts exactly this certificate.
    pub(crate) fn client(&self) -> ClientConfig {
        trusting(self.der()).with_no_client_auth()
    }
}

fn trusting(
    root: CertificateDer<'static>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
}

const SMTP: Offer = Offer { alpn: Alpn::Smtp, client_certificate: false };
const ASKING: Offer = Offer { alpn: Alpn::Smtp, client_certificate: true };

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { dir: tempfile::tempdir().unwrap() }
    }
    fn config(&self, issued: &[&Issued]) -> TlsConfig {
        let write = |(i, issued): (usize, &&Issued)| issued.write(self.dir.path(), &i.to_string());
        let certificates = issued.iter().enumerate().map(write).collect();
        TlsConfig { certificates, client_authorities: None }
    }
}

fn tls(config: &TlsConfig) -> Tls {
    Tls::load(config, None, NOW).unwrap().0
}

/// One handshake. The server then sends a byte, so that the client sees a refusal that comes after
/// its own part is done (TLS 1.3 client certificates).
async fn handshake(
    tls: &Tls,
    offer: Offer,
    client: ClientConfig,
    name: &str,
) -> (std::io::Result<TlsInfo>, std::io::Result<ClientStream<TcpStream>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connect = async {
        let stream = TcpStream::connect(address).await?;
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await?;
        assert_eq!(stream.read_u8().await?, b'!');
        Ok(stream)
    };
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut stream, info) = tls.accept(stream, offer).await?;
        stream.write_all(b"!").await?;
        stream.flush().await?;
        Ok(info)
    };
    tokio::join!(serve, connect)
}

#[tokio::test]
async fn modern_clients_get_a_post_quantum_exchange_and_both_sides_the_same_bindings() {
    let (issued, place) = (Issued::self_signed(&["mail.example"]), Place::new());
    let tls = tls(&place.config(&[&issued]));
    let (info, stream) = handshake(&tls, SMTP, issued.client(), "mail.example").await;
    let (info, stream) = (info.unwrap(), stream.unwrap());
    assert_eq!((info.version, info.group), ("TLSv1.3", Some("X25519MLKEM768")));
    assert!(info.cipher.starts_with("TLS_AES_") || info.cipher.starts_with("TLS_CHACHA20_"));
    assert_eq!(info.server_name.as_deref(), Some("mail.example"));
    assert!(!info.has_alpn && info.client_certificate.is_none() && !info.is_resumed);
    let session = stream.get_ref().1;
    let exported =
        session.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap();
    assert_eq!(info.bindings.exporter, Some(exported));
    let end_point = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &issued.der());
    assert_eq!(info.bindings.end_point.as_deref(), Some(end_point.as_ref()));
    let first = provider().kx_groups.first().map(|group| group.name());
    assert_eq!(first, Some(rustls::NamedGroup::X25519MLKEM768), "preferred by us");
}

#[tokio::test]
async fn tls_1_2_works_without_the_exporter_binding() {
    let (issued, place) = (Issued::self_signed(&["mail.example"]), Place::new());
    let tls = tls(&place.config(&[&issued]));
    let mut roots = RootCertStore::empty();
    roots.add(issued.der()).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (info, stream) = handshake(&tls, SMTP, client, "mail.example").await;
    let info = info.unwrap();
    stream.unwrap();
    assert_eq!(info.version, "TLSv1.2");
    assert!(info.cipher.starts_with("TLS_ECDHE_ECDSA_WITH_"), "{}", info.cipher);
    assert_eq!(info.bindings.exporter, None);
    assert!(info.bindings.end_point.is_some());
}

#[tokio::test]
async fn each_name_gets_its_certificate_and_a_stranger_the_first() {
    let a = Issued::self_signed(&["a.example", "unlisted.example"]);
    let b = Issued::self_signed(&["*.b.example"]);
    let place = Place::new();
    let tls = tls(&place.config(&[&a, &b]));
    for (name, issued) in [("a.example", &a), ("x.b.example", &b)] {
        let (info, stream) = handshake(&tls, SMTP, issued.client(), name).await;
        assert!(info.is_ok() && stream.is_ok(), "{name}");
        let shown = stream.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone();
        assert_eq!(shown, issued.der(), "{name}");
    }
    // Asking for an address sends no name: the default, which the client then refuses or not.
    let (_, stream) = handshake(&tls, SMTP, a.client(), "127.0.0.1").await;
    assert!(stream.unwrap_err().to_string().contains("not valid for"), "the default was shown");
    assert_eq!(tls.certificates().list().count(), 2);
}

#[tokio::test]
async fn a_client_led_to_the_wrong_port_is_refused() {
    let (issued, place) = (Issued::self_signed(&["mail.example"]), Place::new());
    let tls = tls(&place.config(&[&issued]));
    let mut client = issued.client();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let (info, stream) = handshake(&tls, SMTP, client, "mail.example").await;
    assert!(info.is_err());
    assert!(stream.unwrap_err().to_string().contains("NoApplicationProtocol"));
    for alpn in [Alpn::Smtp, Alpn::Pop3, Alpn::Imap, Alpn::ManageSieve] {
        let mut client = issued.client();
        client.alpn_protocols = vec![b"h2".to_vec(), alpn.id().to_vec()];
        let offer = Offer { alpn, client_certificate: false };
        let (info, stream) = handshake(&tls, offer, client, "mail.example").await;
        assert!(info.unwrap().has_alpn);
        stream.unwrap();
    }
}

#[tokio::test]
async fn a_reload_is_whole_or_nothing_and_tickets_outlive_it() {
    let (old, new) = (Issued::self_signed(&["a.example"]), Issued::self_signed(&["a.example"]));
    let place = Place::new();
    let config = place.config(&[&old]);
    let tls = tls(&config);
    let client = old.client();
    let (info, stream) = handshake(&tls, SMTP, client.clone(), "a.example").await;
    assert!(!info.unwrap().is_resumed);
    stream.unwrap();

    std::fs::write(&config.certificates[0].chain, &new.chain).unwrap();
    let error = tls.reload(&config, None, NOW).unwrap_err();
    assert!(matches!(error, TlsError::Certificate(CertificateError::Mismatch { .. })), "{error}");
    let (info, stream) = handshake(&tls, SMTP, client.clone(), "a.example").await;
    let info = info.unwrap();
    assert!(info.is_resumed, "the old certificate serves, the ticket is good");
    assert!(info.bindings.end_point.is_some());
    stream.unwrap();

    std::fs::write(&config.certificates[0].key, &new.key).unwrap();
    assert_eq!(tls.reload(&config, None, NOW).unwrap(), []);
    let (info, stream) = handshake(&tls, SMTP, client, "a.example").await;
    let info = info.unwrap();
    assert!(info.is_resumed, "the ticket outlives the reload");
    assert_eq!(info.bindings.end_point, None, "the client knows the old certificate");
    stream.unwrap();
    let (info, stream) = handshake(&tls, SMTP, new.client(), "a.example").await;
    assert!(info.is_ok() && stream.is_ok(), "the new certificate serves");
}

#[tokio::test]
async fn client_certificates_are_verified_where_asked_for() {
    let (issued, place) = (Issued::self_signed(&["mail.example"]), Place::new());
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let mut config = place.config(&[&issued]);
    let path = place.dir.path().join("authorities.pem");
    std::fs::write(&path, ours.pem()).unwrap();
    config.client_authorities = Some(path);
    let tls = tls(&config);
    assert!(tls.asks_for_client_certificates());
    let client = |authority: &CertifiedIssuer<'static, KeyPair>| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names =
            vec![SanType::Rfc822Name("alice@example.com".to_owned().try_into().unwrap())];
        let certificate = params.signed_by(&key, authority).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let chain = vec![certificate.der().clone()];
        trusting(issued.der()).with_client_auth_cert(chain, key).unwrap()
    };
    let (info, stream) = handshake(&tls, ASKING, client(&ours), "mail.example").await;
    stream.unwrap();
    let certificate = info.unwrap().client_certificate.unwrap();
    assert_eq!(certificate.addresses, [Address::parse("alice@example.com").unwrap()]);

    let (info, stream) = handshake(&tls, ASKING, issued.client(), "mail.example").await;
    assert!(info.unwrap().client_certificate.is_none() && stream.is_ok(), "none is no harm");
    let (info, _) = handshake(&tls, ASKING, client(&theirs), "mail.example").await;
    assert!(info.is_err(), "an authority that we don't know");
    let (info, stream) = handshake(&tls, SMTP, client(&theirs), "mail.example").await;
    assert!(info.unwrap().client_certificate.is_none() && stream.is_ok(), "not asked for");
}

#[tokio::test]
async fn without_certificates_a_self_signed_one_serves() {
    let place = Place::new();
    let ours =
        SelfSigned { path: place.dir.path().join("s.pem"), names: vec!["mail.example".into()] };
    assert!(matches!(Tls::load(&TlsConfig::default(), None, NOW), Err(TlsError::NoCertificate)));
    let now = Time::from_seconds(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64);
    let (tls, _) = Tls::load(&TlsConfig::default(), Some(&ours), now).unwrap();
    let public = std::fs::read(ours.public_path()).unwrap();
    let root = CertificateDer::from_pem_slice(&public).unwrap();
    for name in ["mail.example", "localhost", "127.0.0.1"] {
        let client = trusting(root.clone()).with_no_client_auth();
        let (info, stream) = handshake(&tls, SMTP, client, name).await;
        assert!(info.is_ok() && stream.is_ok(), "{name}");
    }
}

#[test]
fn a_users_certificate_is_read_from_pem() {
    let make = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "laptop");
        params.subject_alt_names = ["alice@example.com", "al@example.com"]
            .map(|address| SanType::Rfc822Name(address.to_owned().try_into().unwrap()))
            .to_vec();
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    };
    let good = make(&|_| {});
    // What stands around it, such as openssl's description and the rest of a chain, is no harm.
    let pem = format!("Certificate:\n    Data:\n{}{}", good.pem(), make(&|_| {}).pem());
    let read = UserCertificate::from_pem(&pem, NOW).unwrap();
    assert_eq!((read.der.as_slice(), read.common_name.as_str()), (&good.der()[..], "laptop"));
    let addresses: Vec<_> = read.shown.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["alice@example.com", "al@example.com"]);
    assert_eq!(read.expires_at.to_string(), "2030-01-01T00:00:00.000Z");

    let check = |pem: &str, want: UserCertificateError| {
        assert_eq!(UserCertificate::from_pem(pem, NOW), Err(want), "{pem}");
    };
    check("", UserCertificateError::NoCertificate);
    check(&KeyPair::generate().unwrap().serialize_pem(), UserCertificateError::NoCertificate);
    let authority =
        make(&|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    check(&authority.pem(), UserCertificateError::Authority);
    let expired = make(&|params| params.not_after = rcgen::date_time_ymd(1999, 1, 1));
    let at = Time::from_seconds(915_148_800);
    check(&expired.pem(), UserCertificateError::Expired(at));
    let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let refused = UserCertificate::from_pem(cut, NOW);
    assert!(matches!(refused, Err(UserCertificateError::Unreadable(_))), "{refused:?}");
}
