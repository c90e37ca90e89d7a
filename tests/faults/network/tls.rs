//! Certificates, and a server that shows one before another server.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::support::Home;

/// A server's certificate, and what a client has to trust for it.
pub(super) struct Identity {
    pub(super) tls: TlsAcceptor,
    pub(super) trusted: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Signed by an authority of its own.
    Signed,
    /// Signed by itself.
    Own,
    /// Signed by itself, and calling itself an authority, as `openssl req -x509` makes it.
    OwnAuthority,
    /// As that, and expired.
    Expired,
}

impl Identity {
    pub(super) fn new(kind: Kind, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        if matches!(kind, Kind::OwnAuthority | Kind::Expired) {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        if kind == Kind::Expired {
            params.not_after = date_time_ymd(2020, 2, 1);
        }
        let (certificate, trusted) = if kind == Kind::Signed {
            let mut authority = CertificateParams::new(Vec::new()).expect("no names");
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"));
            let authority = authority.expect("an authority");
            let signed = params.signed_by(&key, &authority).expect("signed");
            (signed, authority.as_ref().pem())
        } else {
            let certificate = params.self_signed(&key).expect("signed");
            let pem = certificate.pem();
            (certificate, pem)
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("a certificate");
        Self { tls: TlsAcceptor::from(Arc::new(config)), trusted }
    }

    /// The file to trust, in a home's folder.
    pub(super) fn file(&self, home: &Home) -> PathBuf {
        let path = home.folder.path().join("server.pem");
        std::fs::write(&path, &self.trusted).expect("written");
        path
    }
}

/// TLS before a server.
pub(super) struct Front {
    pub(super) port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// Plain TCP without an identity.
    pub(super) fn start(identity: Option<&Identity>, at: SocketAddr, to: u16) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(at)?;
        let port = listener.local_addr()?.port();
        listener.set_nonblocking(true)?;
        let tls = identity.map(|identity| identity.tls.clone());
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = accept(listener, tls, to) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { port, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn local(identity: &Identity, to: u16) -> Self {
        Self::start(Some(identity), ([127, 0, 0, 1], 0).into(), to).expect("a port")
    }

    /// On the other `localhost`, where this machine has it.
    pub(super) fn six(identity: Option<&Identity>, to: u16) -> std::io::Result<Self> {
        Self::start(identity, (Ipv6Addr::LOCALHOST, 0).into(), to)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, to: u16) {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { return };
        let tls = tls.clone();
        tokio::spawn(async move {
            let mut server = TcpStream::connect(("127.0.0.1", to)).await?;
            match tls {
                Some(tls) => copy_bidirectional(&mut tls.accept(stream).await?, &mut server).await,
                None => copy_bidirectional(&mut stream, &mut server).await,
            }
        });
    }
}
