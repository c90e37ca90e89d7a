//! Which certificates are taken, and in words why one was not.
//!
//! The system's authorities, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, and with them those of the profile's `ca`.
//! A self-signed certificate that is itself in that file is taken, too, as long as it names the host and has not expired;
//! `openssl req -x509` makes one that calls itself an authority, which no verifier takes from a server.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible,
    RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use crate::domain::run::{RunError, Trust};

/// The settings of TLS for everything that trusts so. `proxies` are hosts whose certificate is checked in any case.
///
/// # Errors
/// When no certificates can be read.
pub(super) fn config(trust: &Trust, proxies: Vec<String>) -> Result<ClientConfig, RunError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let own = trust.ca.as_deref().map_or_else(|| Ok(Vec::new()), read)?;
    let usual = match system_file().and_then(|()| {
        Verifier::new_with_extra_roots(own.iter().cloned(), Arc::clone(&provider)).map_err(unreadable)
    }) {
        Ok(usual) => Some(usual),
        // Nothing is checked, so nothing is missed.
        Err(_) if trust.insecure => None,
        Err(error) => return Err(error),
    };
    let verifier = Checker { usual, own, insecure: trust.insecure, proxies, provider: Arc::clone(&provider) };
    Ok(versions(provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// The settings for addresses without TLS: no certificate is read, and none is taken.
pub(super) fn nobody() -> Result<ClientConfig, RunError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(versions(provider)?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn versions(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, RunError> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| RunError { what: error.to_string(), ..RunError::default() })
}

/// The certificates of a PEM file.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, RunError> {
    let fault = |why: String| RunError {
        what: format!("the certificates of the profile's ca, {}, cannot be used: {why}", path.display()),
        remedy: "Set ca to a PEM file: text with -----BEGIN CERTIFICATE----- in it.".to_owned(),
        ..RunError::default()
    };
    let text = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|_| fault("one of them is damaged".to_owned()))?;
    if found.is_empty() {
        return Err(fault("there is none in it".to_owned()));
    }
    let is_readable = |der: &CertificateDer<'static>| RootCertStore::empty().add(der.clone()).is_ok();
    if found.iter().all(is_readable) { Ok(found) } else { Err(fault("one of them is damaged".to_owned())) }
}

/// Whether the file that stands in for the system's can be read. Who reads it otherwise says nothing.
fn system_file() -> Result<(), RunError> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else { return Ok(()) };
    std::fs::File::open(&path).map(drop).map_err(|why| RunError {
        what: format!("SSL_CERT_FILE is {}, which cannot be read: {why}", Path::new(&path).display()),
        remedy: "Set it to a PEM file of the authorities that you trust, or unset it.".to_owned(),
        ..RunError::default()
    })
}

fn unreadable(error: Error) -> RunError {
    RunError {
        what: "this machine has no certificates of authorities, so no https server can be trusted".to_owned(),
        remedy:
            "Install its package ca-certificates, or set SSL_CERT_FILE to a PEM file of those that you trust."
                .to_owned(),
        details: error.to_string(),
        ..RunError::default()
    }
}

/// Checks the certificates of servers.
#[derive(Debug)]
struct Checker {
    /// `None` when nothing is checked and there is nothing to check with.
    usual: Option<Verifier>,
    /// Those of the profile's `ca`.
    own: Vec<CertificateDer<'static>>,
    insecure: bool,
    proxies: Vec<String>,
    provider: Arc<CryptoProvider>,
}

impl Checker {
    /// Whether a server's certificate is one of the profile's own, and the only thing against it is that it signed itself.
    fn is_own(&self, der: &CertificateDer<'_>, error: &Error) -> bool {
        let is_listed = self.own.iter().any(|own| own.as_ref() == der.as_ref());
        is_listed && is_authority(error)
    }
}

impl ServerCertVerifier for Checker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = server_name.to_str();
        let is_proxy = || self.proxies.iter().any(|proxy| proxy.trim_matches(['[', ']']) == name);
        if self.insecure && !is_proxy() {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(usual) = &self.usual else { return Err(CertificateError::UnknownIssuer.into()) };
        match usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(error) if self.is_own(end_entity, &error) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a certificate was not taken because it calls itself an authority.
fn is_authority(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => {
            matches!(other.0.downcast_ref::<webpki::Error>(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

/// What to do about a server that nobody known vouches for.
const VOUCH: &str = "If it is your own server, or your company's, put its certificate or that of who signed it into the profile: ca = \"FILE.pem\".";
const CLOCK: &str =
    "Check this machine's clock; if it is right, whoever runs the server has to renew the certificate.";

/// Why a handshake failed, as the end of a sentence about the host, and what to do.
pub(super) fn words(error: &Error) -> (String, &'static str) {
    let speaks = "Check that the profile's url and port are those of an https server.";
    match error {
        Error::InvalidCertificate(why) => certificate_words(why, is_authority(error)),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
            ("it does not speak TLS".to_owned(), speaks)
        }
        Error::NoCertificatesPresented => ("it showed no certificate".to_owned(), speaks),
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => (
            "it speaks only versions of TLS that are too old".to_owned(),
            "Ask whoever runs it for TLS 1.2 or 1.3.",
        ),
        Error::AlertReceived(alert) => alert_words(*alert),
        other => (format!("its TLS is not as it should be ({other})"), speaks),
    }
}

fn alert_words(alert: AlertDescription) -> (String, &'static str) {
    match alert {
        AlertDescription::UnrecognisedName => {
            ("it knows no host of this name".to_owned(), "Check the profile's url.")
        }
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => (
            "it wants a certificate of the client, which cannot be given".to_owned(),
            "Ask whoever runs it for another way in.",
        ),
        AlertDescription::ProtocolVersion => (
            "it speaks only versions of TLS that are too old".to_owned(),
            "Ask whoever runs it for TLS 1.2 or 1.3.",
        ),
        other => (
            format!("it broke off the handshake (TLS alert {})", u8::from(other)),
            "Check that the profile's url and port are those of an https server.",
        ),
    }
}

fn certificate_words(why: &CertificateError, is_authority: bool) -> (String, &'static str) {
    match why {
        _ if is_authority => {
            ("it signed its certificate itself, and nobody else vouches for it".to_owned(), VOUCH)
        }
        CertificateError::UnknownIssuer => {
            ("its certificate is signed by nobody that this machine trusts".to_owned(), VOUCH)
        }
        CertificateError::Expired => ("its certificate has expired".to_owned(), CLOCK),
        CertificateError::ExpiredContext { not_after, .. } => {
            (format!("its certificate expired on {}", day(*not_after)), CLOCK)
        }
        CertificateError::NotValidYet => ("its certificate is not valid yet".to_owned(), CLOCK),
        CertificateError::NotValidYetContext { not_before, .. } => {
            (format!("its certificate is valid only from {} on", day(*not_before)), CLOCK)
        }
        CertificateError::NotValidForName => ("its certificate is for another host".to_owned(), NAME),
        CertificateError::NotValidForNameContext { presented, .. } => (other_names(presented), NAME),
        CertificateError::Revoked => ("its certificate was revoked".to_owned(), RENEW),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            ("its certificate is not one for servers".to_owned(), RENEW)
        }
        CertificateError::BadSignature => ("the signature of its certificate is wrong".to_owned(), RENEW),
        CertificateError::BadEncoding => ("its certificate is damaged".to_owned(), RENEW),
        _ => ("its certificate is of a kind that is not taken".to_owned(), RENEW),
    }
}

const RENEW: &str = "Ask whoever runs the server for another certificate.";
const NAME: &str = "Use one of its names in the profile's url, or ask whoever runs the server for a certificate with this one.";

/// The names in a certificate, a few of them; they are the server's words.
fn other_names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
        let inner = inner.or_else(|| name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')));
        crate::wire::ansi::scrub_plain(inner.unwrap_or(name)).chars().take(80).collect::<String>()
    };
    let names: Vec<String> = presented.iter().take(4).map(bare).collect();
    match names.as_slice() {
        [] => "its certificate names no host".to_owned(),
        names if presented.len() > names.len() => format!("its certificate is for {}, …", names.join(", ")),
        names => format!("its certificate is for {}", names.join(", ")),
    }
}

fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let date = jiff::Timestamp::from_second(seconds);
    date.map_or_else(|_| "a day out of range".to_owned(), |date| date.strftime("%Y-%m-%d").to_string())
}
