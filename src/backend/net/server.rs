//! What is common to every server that a profile names: its credentials, its addresses, its errors.

use reqwest::Url;

use super::{http, redirect};
use crate::backend::Server;
use crate::config::{Credentials, Veil};
use crate::domain::run::RunError;

/// Checks that every credential can be sent as a header.
///
/// # Errors
/// Which one cannot, and what to do.
pub(in crate::backend) fn check_credentials(credentials: &Credentials) -> Result<(), RunError> {
    match http::unsendable(credentials) {
        None => Ok(()),
        Some(name) => Err(RunError {
            what: format!("{name} contains a character that is not allowed in an HTTP header"),
            remedy: "Copy it again, without a line end or other control character.".to_owned(),
            ..RunError::default()
        }),
    }
}

/// The address that all others of a server lie below; `example` is one for people.
///
/// # Errors
/// When address or credentials cannot be used.
pub(in crate::backend) fn base(server: &Server, example: &str) -> Result<Url, RunError> {
    check_credentials(&server.credentials)?;
    let fault = |what: String| RunError {
        what,
        remedy: format!("Put the server's address into the profile's url, such as {example}."),
        ..RunError::default()
    };
    let mut base =
        Url::parse(&server.url).map_err(|why| fault(format!("the address in url cannot be read: {why}")))?;
    if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
        return Err(fault(format!("`{}` is not the address of a server", redirect::shown(&base))));
    }
    base.set_query(None);
    base.set_fragment(None);
    Ok(base)
}

/// An address below `base`; each segment is percent-encoded.
pub(in crate::backend) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// An error without our own secrets, which some servers repeat.
pub(in crate::backend) fn veiled(mut error: RunError, credentials: &Credentials) -> RunError {
    let veil = Veil::new(credentials);
    [&mut error.what, &mut error.remedy, &mut error.details].into_iter().for_each(|text| veil.hide(text));
    error
}
