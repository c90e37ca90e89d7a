//! Copying to the clipboard of the user's own machine, through the terminal (OSC 52).

use base64::Engine as _;

use crate::tui::terminal::through_tmux;

/// Longest text, in bytes: terminals that take any, take 100,000 characters of base64.
const MAX_TEXT: usize = 74_994;

/// An environment variable that is set and not empty.
pub(super) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The bytes that put a text on the clipboard. Inside tmux twice: tmux handles one itself if `set-clipboard` is on,
/// and passes the other one through if `allow-passthrough` is on.
///
/// # Errors
/// If the terminal is known not to support it, or the text is too long.
pub(super) fn sequence(text: &str, env: impl Fn(&str) -> Option<String>) -> Result<Vec<u8>, String> {
    if text.len() > MAX_TEXT {
        return Err("Too long for the terminal's clipboard".to_owned());
    }
    let tmux = env("TMUX").is_some();
    let term = env("TERM").unwrap_or_default();
    let program = env("TERM_PROGRAM").unwrap_or_default();
    let deaf = match (program.as_str(), term.as_str()) {
        _ if tmux => None,
        ("Apple_Terminal", _) => Some("Terminal.app"),
        (_, "linux") => Some("the Linux console"),
        (_, term) if term.starts_with("screen") => Some("GNU screen"),
        _ => None,
    };
    if let Some(deaf) = deaf {
        return Err(format!("{deaf} does not let programs use its clipboard. Select the text yourself"));
    }
    let encoded = base64::prelude::BASE64_STANDARD.encode(text);
    let plain = format!("\x1b]52;c;{encoded}\x07");
    let mut bytes = plain.into_bytes();
    if tmux {
        bytes.extend(through_tmux(&bytes.clone()));
    }
    Ok(bytes)
}

/// The `scp` command that downloads a file of this machine, for the shell of the user's own machine.
///
/// # Errors
/// If the path has control characters, or this machine's name is unknown.
pub(super) fn scp_line(
    path: &str,
    host: Option<String>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    if path.contains(char::is_control) {
        return Err("Its path has control characters, so it can't be copied as a command".to_owned());
    }
    // Client address and port, server address and port.
    let connection = env("SSH_CONNECTION").unwrap_or_default();
    let mut server = connection.split_whitespace().skip(2);
    let (address, port) = (server.next(), server.next());
    let user = env("USER").or_else(|| env("LOGNAME"));
    let (place, port) = match (host, address) {
        (Some(host), _) if host.starts_with('-') => {
            return Err(format!("`{host}` in [ui] scp_host is not a host name"));
        }
        // A name from the user's ssh config, which has user and port, too.
        (Some(host), _) => (host, None),
        (None, Some(address)) => {
            let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
            let place = user.map_or_else(|| address.clone(), |user| format!("{user}@{address}"));
            (place, port.filter(|port| *port != "22"))
        }
        (None, None) => {
            return Err("This is not an SSH session: the file is on this machine already".to_owned());
        }
    };
    let option = port.map_or_else(String::new, |port| format!("-P {} ", local(port)));
    Ok(format!("scp {option}{} .", local(&format!("{place}:{}", remote(path)))))
}

/// A path escaped for the remote side: old scp passes it to a shell, new scp (SFTP) expands patterns; both take a
/// character behind a backslash literally.
fn remote(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() || "/_.,+@%=:-".contains(c);
    path.chars().flat_map(|c| (!is_plain(c)).then_some('\\').into_iter().chain([c])).collect()
}

/// A word quoted for the local shell.
fn local(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_.,+@%=:-".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> {
        move |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_text_goes_out_once_and_in_tmux_both_ways() {
        let plain = b"\x1b]52;c;L2EvYi5wbmc=\x07".to_vec();
        assert_eq!(sequence("/a/b.png", env(&[("TERM", "xterm-256color")])), Ok(plain.clone()));
        let tmux = env(&[("TERM", "screen-256color"), ("TMUX", "/tmp/tmux"), ("TERM_PROGRAM", "tmux")]);
        let wrapped = b"\x1bPtmux;\x1b\x1b]52;c;L2EvYi5wbmc=\x07\x1b\\".to_vec();
        assert_eq!(sequence("/a/b.png", tmux), Ok([plain, wrapped].concat()));
    }

    #[test]
    fn a_terminal_that_is_known_to_be_deaf_is_named() {
        let table = [
            (vec![("TERM_PROGRAM", "Apple_Terminal"), ("TERM", "xterm-256color")], "Terminal.app"),
            (vec![("TERM", "linux")], "the Linux console"),
            (vec![("TERM", "screen.xterm-256color")], "GNU screen"),
        ];
        for (set, name) in table {
            let why = sequence("x", env(&set)).expect_err(name);
            assert!(why.contains(name), "{why}");
        }
        assert!(sequence(&"x".repeat(MAX_TEXT), env(&[])).is_ok_and(|bytes| bytes.len() < 100_010));
        assert!(sequence(&"x".repeat(MAX_TEXT + 1), env(&[])).is_err());
    }

    #[test]
    fn the_scp_command_is_quoted_for_both_sides() {
        let ssh = [("SSH_CONNECTION", "10.0.0.9 51234 10.0.0.1 22"), ("USER", "ada")];
        let six = [("SSH_CONNECTION", "fe80::9 51234 fe80::1 2222"), ("LOGNAME", "ada")];
        let nobody = [("SSH_CONNECTION", "10.0.0.9 51234 10.0.0.1 22")];
        let table = [
            ("/out/a.png", None, &ssh[..], "scp ada@10.0.0.1:/out/a.png ."),
            ("/out/a.png", None, &six[..], "scp -P 2222 'ada@[fe80::1]:/out/a.png' ."),
            ("/out/a.png", None, &nobody[..], "scp 10.0.0.1:/out/a.png ."),
            ("/out/a.png", Some("gpu"), &ssh[..], "scp gpu:/out/a.png ."),
            ("/out/a.png", Some("gpu"), &six[..], "scp gpu:/out/a.png ."),
            (
                "/my out/it's $(x)*.png",
                None,
                &ssh[..],
                r"scp 'ada@10.0.0.1:/my\ out/it\'\''s\ \$\(x\)\*.png' .",
            ),
            ("/猫/a.png", None, &ssh[..], "scp 'ada@10.0.0.1:/猫/a.png' ."),
        ];
        for (path, host, set, line) in table {
            assert_eq!(scp_line(path, host.map(str::to_owned), env(set)).as_deref(), Ok(line), "{path}");
        }
        assert!(scp_line("/a\nb", None, env(&ssh)).is_err());
        assert!(scp_line("/a", None, env(&[])).is_err());
    }
}
