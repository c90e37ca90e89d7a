use super::proxy::{Options, Proxy};
use super::tls::{Front, Identity, Kind};
use super::{HOST, assert_whole, doctor, home, run};
use crate::shim;
use crate::support::{Ended, Server};

const WHO: (&str, &str) = ("me@corp", "p/a:s%s");
/// As it stands in an address.
const IN_URL: &str = "me%40corp:p%2Fa%3As%25s@";

fn port(server: &Server) -> u16 {
    server.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

/// The last error that was told, with its remedy.
fn told(ended: &Ended) -> String {
    format!("{} {}", ended.out, ended.err)
}

#[test]
fn a_run_goes_through_each_kind_of_proxy_with_its_socket_and_its_downloads() {
    let trusted = Identity::new(Kind::Signed, &[HOST, "localhost", "127.0.0.1"]);
    for (kind, protocol, scheme) in [
        ("http", "comfyui", "http"),
        ("http", "comfyui", "https"),
        ("http", "cloud", "http"),
        ("https", "comfyui", "http"),
        ("https", "comfyui", "https"),
        ("socks5h", "comfyui", "http"),
        ("socks5h", "comfyui", "https"),
        ("socks5h", "cloud", "http"),
        ("socks5h", "stream", "https"),
    ] {
        let mut server = Server::quick();
        let front = Front::local(&trusted, port(&server));
        let behind = if scheme == "https" { front.port } else { port(&server) };
        let tls = (kind == "https").then(|| trusted.tls.clone());
        let proxy = Proxy::start(Options { tls, password: Some(WHO) }, behind);
        let home = home(protocol, &format!("{scheme}://{HOST}"), "ca = \"../server.pem\"\n");
        trusted.file(&home);
        let address = format!("{kind}://{IN_URL}localhost:{}", proxy.port);
        let env = [("ALL_PROXY", address.as_str())];
        let case = format!("{protocol} by {scheme} through {kind}");
        let ended = run(&home, &env);
        assert_whole(protocol, &ended, &mut server);
        let heard = proxy.heard();
        let port = if scheme == "https" { 443 } else { 80 };
        match (kind, scheme) {
            ("socks5h", _) => {
                let by_name = format!("SOCKS {HOST}:{port}");
                assert!(heard.iter().all(|asked| *asked == by_name), "{case}: {heard:?}");
            }
            (_, "https") => {
                let tunnel = format!("CONNECT {HOST}:{port}");
                assert!(heard.iter().all(|asked| *asked == tunnel), "{case}: {heard:?}");
            }
            _ => {
                let tunnels = heard.iter().filter(|asked| asked.starts_with("CONNECT")).count();
                assert!(tunnels > 0 && heard.len() > tunnels, "{case}: {heard:?}");
            }
        }
        let checked = doctor(&home, &env);
        assert_eq!(checked.code, Some(0), "{case}: {checked:?}");
        assert!(!(ended.out + &ended.err + &checked.out).contains("p%2Fa"), "{case}: the password is shown");
    }
}

#[test]
fn socks5_is_told_an_address_that_was_found_here() {
    let mut server = Server::quick();
    let proxy = Proxy::start(Options::default(), port(&server));
    let home = home("comfyui", &format!("http://{HOST}:8188"), "");
    let address = format!("socks5://127.0.0.1:{}", proxy.port);
    let Some(faults) = shim::faults(&format!("hosts={HOST}=192.0.2.7")) else { return };
    let mut env = vec![("all_proxy", address.as_str())];
    env.extend(faults.iter().map(|(name, value)| (*name, value.as_str())));
    assert_whole("comfyui", &run(&home, &env), &mut server);
    let heard = proxy.heard();
    assert!(heard.iter().all(|asked| asked == "SOCKS 192.0.2.7:8188"), "{heard:?}");
}

#[test]
fn a_proxy_that_wants_a_password_is_told_of_and_nothing_is_sent() {
    let identity = Identity::new(Kind::Own, &[HOST]);
    for (kind, protocol, scheme) in [
        ("http", "stream", "http"),
        ("http", "stream", "https"),
        ("http", "comfyui", "http"),
        ("http", "comfyui", "https"),
        ("http", "cloud", "https"),
        ("socks5h", "stream", "https"),
        ("socks5h", "comfyui", "http"),
    ] {
        for (who, wanted) in
            [("", "wants a user and password"), ("me:wrong@", "does not accept the user and password")]
        {
            let mut server = Server::quick();
            let front = Front::local(&identity, port(&server));
            let proxy = Proxy::start(Options { password: Some(WHO), ..Options::default() }, front.port);
            let home = home(protocol, &format!("{scheme}://{HOST}"), "");
            let address = format!("{kind}://{who}127.0.0.1:{}", proxy.port);
            let env = [("all_proxy", address.as_str())];
            let case = format!("{protocol} by {scheme} through {kind} as {who:?}");
            let ended = run(&home, &env);
            let text = told(&ended);
            assert!(text.contains(wanted) && text.contains("all_proxy"), "{case}: {text}");
            assert!(kind == "socks5h" || text.contains("407"), "{case}: {text}");
            assert_ne!(ended.code, Some(0), "{case}");
            assert!(server.requests().is_empty(), "{case}");
            let checked = doctor(&home, &env);
            // Of plain http a proxy is only asked by a request, and an endpoint that costs gets none.
            if (protocol, scheme) != ("stream", "http") {
                assert!(checked.out.contains(wanted), "{case}: {}", checked.out);
            }
        }
    }
}

#[test]
fn a_host_that_needs_no_proxy_is_reached_without_one() {
    let mut server = Server::quick();
    let home = home("comfyui", &server.url.replace("127.0.0.1", HOST), "");
    let closed = "http://127.0.0.1:1";
    let Some(faults) = shim::faults(&format!("hosts={HOST}=127.0.0.1")) else { return };
    let with = |env: &[(&'static str, &'static str)]| {
        let mut env = env.to_vec();
        env.extend(faults.iter().map(|(name, value)| (*name, &*value.clone().leak())));
        env
    };
    for spared in ["gpu.example", ".example", "*", "10.0.0.0/8, GPU.example"] {
        let ended = run(&home, &with(&[("HTTP_PROXY", closed), ("NO_PROXY", spared)]));
        assert_whole("comfyui", &ended, &mut server);
    }
    for other in ["", "example.io", "pu.example", "127.0.0.0/8"] {
        let ended = run(&home, &with(&[("HTTP_PROXY", closed), ("NO_PROXY", other)]));
        let text = told(&ended);
        assert!(text.contains("nothing is listening at the proxy http://127.0.0.1:1"), "{other}: {text}");
        assert!(server.requests().is_empty(), "{other}");
    }
}

#[test]
fn what_is_wrong_with_a_proxy_is_told_in_words() {
    let home = home("comfyui", &format!("http://{HOST}:8188"), "");
    for (address, wanted) in [
        ("ftp://127.0.0.1:21", "ftp:// is not a kind of proxy"),
        ("http://nowhere.invalid:3128", "the proxy's host nowhere.invalid cannot be found"),
        ("socks5h://127.0.0.1:1", "proxy socks5h://127.0.0.1:1"),
        ("http://127.0.0.1:1", "nothing is listening at the proxy http://127.0.0.1:1"),
    ] {
        for ended in [run(&home, &[("all_proxy", address)]), doctor(&home, &[("all_proxy", address)])] {
            let text = told(&ended);
            assert!(text.contains(wanted) && text.contains("all_proxy"), "{address}: {text}");
            assert_ne!(ended.code, Some(0), "{address}");
        }
    }
}
