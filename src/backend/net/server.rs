//! What is common to every server that a profile names: its credentials, its addresses, its errors.

use reqwest::Url;

use super::http;
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
