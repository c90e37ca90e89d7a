//! Proxies: they know the tests' host, lead everything to one server, and remember what they were asked.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

#[derive(Clone, Default)]
pub(super) struct Options {
    /// The address speaks TLS.
    pub tls: Option<TlsAcceptor>,
    /// Who may pass.
    pub password: Option<(&'static str, &'static str)>,
}

pub(super) struct Proxy {
    pub(super) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy that leads everything to this port of this machine.
    pub(super) fn start(options: Options, to: u16) -> Self {
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let (stop, stopped) = oneshot::channel();
        let (tell, bound) = std::sync::mpsc::channel();
        let told = Arc::clone(&heard);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                tell.send(listener.local_addr().expect("an address").port()).expect("told");
                tokio::select! {
                    () = accept(listener, options, to, told) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { port: bound.recv().expect("bound"), heard, stop: Some(stop), thread: Some(thread) }
    }

    /// What it was asked: `CONNECT host:port`, `GET http://…`, `SOCKS host:port`.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("whole").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, options: Options, to: u16, heard: Arc<Mutex<Vec<String>>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (options, heard) = (options.clone(), Arc::clone(&heard));
        tokio::spawn(async move {
            // Whoever calls may hang up at any time.
            let _ = match options.tls.clone() {
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve(stream, &options, to, &heard).await,
                    Err(why) => Err(why),
                },
                None => serve(stream, &options, to, &heard).await,
            };
        });
    }
}

async fn serve(
    mut line: impl AsyncRead + AsyncWrite + Unpin,
    options: &Options,
    to: u16,
    heard: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let first = line.read_u8().await?;
    if first == 5 {
        socks(line, options, to, heard).await
    } else {
        http(line, first, options, to, heard).await
    }
}

async fn server(to: u16) -> io::Result<TcpStream> {
    TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], to))).await
}

/// As proxies do, it passes on nothing that is meant for the next hop only, `Upgrade` among it.
async fn http(
    mut line: impl AsyncRead + AsyncWrite + Unpin,
    first: u8,
    options: &Options,
    to: u16,
    heard: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut head = vec![first];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(line.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let request = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<&str> = lines.collect();
    let header = |name: &str| {
        let found = headers.iter().filter_map(|header| header.split_once(':'));
        found.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    let (what, _) = request.rsplit_once(' ').unwrap_or_default();
    heard.lock().expect("whole").push(what.to_owned());
    let wanted = options
        .password
        .map(|(user, password)| format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))));
    if wanted.is_some() && header("proxy-authorization") != wanted.as_deref() {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        line.write_all(refusal.as_bytes()).await?;
        return line.shutdown().await;
    }
    let (method, target) = what.split_once(' ').unwrap_or_default();
    let mut server = server(to).await?;
    if method == "CONNECT" {
        line.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        let path = target.splitn(4, '/').nth(3).unwrap_or_default();
        let mut passed = format!("{method} /{path} HTTP/1.1\r\nConnection: close\r\n");
        let hop = ["connection", "upgrade", "proxy-authorization", "proxy-connection", "keep-alive", "te"];
        for header in headers {
            let name = header.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if !hop.contains(&name.as_str()) {
                passed += &format!("{header}\r\n");
            }
        }
        server.write_all(format!("{passed}\r\n").as_bytes()).await?;
    }
    copy_bidirectional(&mut line, &mut server).await.map(drop)
}

async fn socks(
    mut line: impl AsyncRead + AsyncWrite + Unpin,
    options: &Options,
    to: u16,
    heard: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut methods = vec![0; usize::from(line.read_u8().await?)];
    line.read_exact(&mut methods).await?;
    match options.password {
        None if methods.contains(&0) => line.write_all(&[5, 0]).await?,
        Some((user, password)) if methods.contains(&2) => {
            line.write_all(&[5, 2]).await?;
            line.read_u8().await?;
            let mut told = Vec::new();
            for _ in 0..2 {
                let mut text = vec![0; usize::from(line.read_u8().await?)];
                line.read_exact(&mut text).await?;
                told.push(text);
            }
            let is_right = told == [user.as_bytes(), password.as_bytes()];
            line.write_all(&[1, u8::from(!is_right)]).await?;
            if !is_right {
                return Ok(());
            }
        }
        _ => return line.write_all(&[5, 0xff]).await,
    }
    let mut asked = [0; 4];
    line.read_exact(&mut asked).await?;
    let host = match asked[3] {
        1 => {
            let mut address = [0; 4];
            line.read_exact(&mut address).await?;
            std::net::Ipv4Addr::from(address).to_string()
        }
        3 => {
            let mut name = vec![0; usize::from(line.read_u8().await?)];
            line.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
        _ => {
            let mut address = [0; 16];
            line.read_exact(&mut address).await?;
            std::net::Ipv6Addr::from(address).to_string()
        }
    };
    let port = line.read_u16().await?;
    heard.lock().expect("whole").push(format!("SOCKS {host}:{port}"));
    let mut server = server(to).await?;
    line.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
    copy_bidirectional(&mut line, &mut server).await.map(drop)
}
