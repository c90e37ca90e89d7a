use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

use super::tls::Front;
use super::{HOST, assert_whole, home, run};
use crate::shim;
use crate::support::Server;

/// Sooner than a connection gives up.
const SOON: Duration = Duration::from_secs(12);

/// An address that takes no connection and refuses none, as a host that is switched off: a listener whose queue is full.
struct Dead {
    _listener: OwnedFd,
    _waiting: Vec<std::thread::JoinHandle<std::io::Result<TcpStream>>>,
}

impl Dead {
    fn at(address: SocketAddr) -> std::io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let listener = socket(family, SocketType::STREAM, None)?;
        bind(&listener, &address)?;
        listen(&listener, 0)?;
        // The queue holds one or two; the others wait for ever.
        let call =
            |_| std::thread::spawn(move || TcpStream::connect_timeout(&address, Duration::from_secs(300)));
        let waiting = (0..4).map(call).collect();
        let begun = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{address} is never full");
        }
        Ok(Self { _listener: listener, _waiting: waiting })
    }
}

fn port(server: &Server) -> u16 {
    server.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

#[test]
fn a_host_whose_first_address_is_dead_is_reached_at_its_second() {
    let mut server = Server::quick();
    let port = port(&server);
    let dead = Ipv4Addr::new(127, 0, 0, 9);
    let _dead = Dead::at((dead, port).into()).expect("a port");
    let home = home("comfyui", &format!("http://{HOST}:{port}"), "");
    let Some(faults) = shim::faults(&format!("hosts={HOST}={dead},127.0.0.1")) else { return };
    let env: Vec<_> = faults.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let begun = Instant::now();
    assert_whole("comfyui", &run(&home, &env), &mut server);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn localhost_is_reached_at_whichever_of_its_addresses_something_listens() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        println!("skipped: no IPv6 here");
        return;
    }
    let mut server = Server::quick();
    let port = port(&server);
    let six = Front::six(None, port).expect("a port");
    for url in [
        format!("http://localhost:{port}"),
        format!("http://localhost:{}", six.port),
        format!("http://[::1]:{}", six.port),
    ] {
        let home = home("comfyui", &url, "");
        assert_whole("comfyui", &run(&home, &[]), &mut server);
    }
    // Dead by the one family, alive by the other.
    let _dead = Dead::at((Ipv6Addr::LOCALHOST, port).into()).expect("a port");
    let home = home("comfyui", &format!("http://{HOST}:{port}"), "");
    let Some(faults) = shim::faults(&format!("hosts={HOST}=::1,127.0.0.1")) else { return };
    let env: Vec<_> = faults.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let begun = Instant::now();
    assert_whole("comfyui", &run(&home, &env), &mut server);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}
