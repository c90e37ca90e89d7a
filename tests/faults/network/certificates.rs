use super::tls::{Front, Identity, Kind};
use super::{HOST, assert_whole, doctor, home, run};
use crate::shim;
use crate::support::{Ended, Home, Server};

fn port(server: &Server) -> u16 {
    server.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

struct Place {
    server: Server,
    front: Front,
    home: Home,
    identity: Identity,
}

fn place(kind: Kind, names: &[&str], protocol: &str, more: &str) -> Place {
    let server = Server::quick();
    let identity = Identity::new(kind, names);
    let front = Front::local(&identity, port(&server));
    let home = home(protocol, &format!("https://localhost:{}", front.port), more);
    identity.file(&home);
    Place { server, front, home, identity }
}

fn told(ended: &Ended) -> String {
    format!("{} {}", ended.out, ended.err)
}

const CA: &str = "ca = \"../server.pem\"\n";

#[test]
fn a_server_of_ones_own_is_trusted_by_the_profile() {
    for kind in [Kind::Signed, Kind::Own, Kind::OwnAuthority] {
        for protocol in ["comfyui", "stream"] {
            let mut place = place(kind, &["localhost"], protocol, CA);
            assert_whole(protocol, &run(&place.home, &[]), &mut place.server);
            let checked = doctor(&place.home, &[]);
            assert_eq!(checked.code, Some(0), "{checked:?}");
        }
    }
}

#[test]
fn the_systems_authorities_are_those_of_the_usual_variables() {
    let mut place = place(Kind::Signed, &["localhost"], "comfyui", "");
    let file = place.identity.file(&place.home);
    let file = file.to_str().expect("text");
    assert_whole("comfyui", &run(&place.home, &[("SSL_CERT_FILE", file)]), &mut place.server);
    let missing = run(&place.home, &[("SSL_CERT_FILE", "/nowhere/ca.pem")]);
    assert!(told(&missing).contains("SSL_CERT_FILE is /nowhere/ca.pem, which cannot be read"), "{missing:?}");
    assert!(place.server.requests().is_empty());
}

#[test]
fn a_folder_of_authorities_is_read_by_the_names_that_openssl_gives_them() {
    let mut place = place(Kind::Signed, &["localhost"], "comfyui", "");
    let folder = place.home.folder.path().join("authorities");
    std::fs::create_dir(&folder).expect("a folder");
    let file = place.identity.file(&place.home);
    std::fs::copy(file, folder.join("5ed36f99.0")).expect("copied");
    let folder = folder.to_str().expect("text");
    assert_whole("comfyui", &run(&place.home, &[("SSL_CERT_DIR", folder)]), &mut place.server);
}

#[test]
fn a_certificate_that_is_not_taken_is_told_of_in_words_and_nothing_is_sent() {
    let table: [(Kind, &[&str], &str, &str); 8] = [
        (Kind::Signed, &["localhost"], "", "signed by nobody that this machine trusts"),
        (Kind::Own, &["localhost"], "", "signed by nobody that this machine trusts"),
        (Kind::OwnAuthority, &["localhost"], "", "it signed its certificate itself"),
        (Kind::Signed, &["other.example", "10.0.0.9"], CA, "its certificate is for other.example, 10.0.0.9"),
        (Kind::OwnAuthority, &["other.example"], CA, "its certificate is for other.example"),
        (Kind::Expired, &["localhost"], CA, "its certificate expired on 2020-02-01"),
        (Kind::Own, &["localhost"], "ca = \"gone.pem\"\n", "gone.pem, cannot be used"),
        (Kind::Own, &["localhost"], "ca = \"config.toml\"\n", "there is none in it"),
    ];
    for (kind, names, more, wanted) in table {
        for protocol in ["comfyui", "stream", "cloud"] {
            let mut place = place(kind, names, protocol, more);
            let ended = run(&place.home, &[]);
            let (text, checked) = (told(&ended), doctor(&place.home, &[]));
            assert_ne!(ended.code, Some(0), "{protocol} {wanted}");
            assert!(text.contains(wanted), "{protocol} {wanted}: {text}");
            assert!(checked.out.contains(wanted), "{protocol} {wanted}: {}", checked.out);
            for rust in
                ["UnknownIssuer", "NotValidForName", "DnsName", "InvalidCertificate", "ExpiredContext"]
            {
                assert!(!text.contains(rust), "{protocol}: {text}");
            }
            assert!(place.server.requests().is_empty(), "{protocol} {wanted}");
        }
    }
}

#[test]
fn no_certificate_is_checked_when_the_profile_says_so() {
    for kind in [Kind::Own, Kind::Expired] {
        let mut place = place(kind, &["other.example"], "comfyui", "insecure = true\n");
        assert_whole("comfyui", &run(&place.home, &[]), &mut place.server);
        let checked = doctor(&place.home, &[]);
        assert!(checked.out.contains("no certificate is checked"), "{}", checked.out);
    }
}

#[test]
fn a_port_that_speaks_no_tls_is_told_of() {
    let place = place(Kind::Own, &["localhost"], "comfyui", CA);
    let plain = home("comfyui", &place.server.url.replace("http:", "https:"), "");
    let text = told(&run(&plain, &[]));
    assert!(text.contains("does not speak TLS"), "{text}");
    drop(place.front);
}

#[test]
fn plain_http_works_on_a_machine_without_certificates() {
    let mut server = Server::quick();
    let home = home("comfyui", &server.url.replace("127.0.0.1", HOST), "");
    let nothing = home.folder.path().join("nothing.pem");
    std::fs::write(&nothing, "").expect("written");
    let nothing = nothing.to_str().expect("text");
    let Some(faults) = shim::faults(&format!("hosts={HOST}=127.0.0.1")) else { return };
    let mut env = vec![("SSL_CERT_FILE", nothing)];
    env.extend(faults.iter().map(|(name, value)| (*name, value.as_str())));
    assert_whole("comfyui", &run(&home, &env), &mut server);
    let secure = self::home("comfyui", &format!("https://{HOST}:1"), "");
    let text = told(&run(&secure, &env));
    assert!(text.contains("no certificates of authorities") && text.contains("ca-certificates"), "{text}");
}
