//! Secrets: values that print as `••••` wherever they might be printed.

use std::fmt;

/// A text that must never be seen. It prints as `••••`; only [`Secret::expose`] gives it out, to the one
/// place that puts it into a request header.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

/// Shorter secrets are words that a log may well hold, and are no secrets.
const VEILED: usize = 6;

/// Hides secrets in what a server says: some tell what they were sent, in their log or when they refuse it.
#[derive(Clone, Debug, Default)]
pub struct Veil(Vec<Secret>);

impl Veil {
    pub fn new(credentials: &Credentials) -> Self {
        let secrets = credentials.client_id.iter().chain(&credentials.client_secret);
        let mut secrets: Vec<_> = secrets.filter(|secret| secret.0.len() >= VEILED).cloned().collect();
        // One that holds the other goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
        Self(secrets)
    }

    /// Puts `••••` in the place of each secret.
    pub fn hide(&self, text: &mut String) {
        for secret in &self.0 {
            if memchr::memmem::find(text.as_bytes(), secret.0.as_bytes()).is_some() {
                *text = text.replace(&secret.0, "••••");
            }
        }
    }
}

/// Who asks: sent as the headers `client_id` and `client_secret`. Very old deployments want neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// `client_id`.
    pub client_id: Option<Secret>,
    /// `client_secret`.
    pub client_secret: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veil_hides_what_is_secret_and_nothing_else() {
        let secret = |text: &str| Some(Secret::new(text));
        let credentials = Credentials { client_id: secret("abcdef"), client_secret: secret("abcdef-123") };
        let veil = Veil::new(&credentials);
        let mut text = "got abcdef-123 of abcdef, not abcde\n".to_owned();
        veil.hide(&mut text);
        assert_eq!(text, "got •••• of ••••, not abcde\n");
        let demo = Veil::new(&Credentials { client_id: secret("demo"), client_secret: None });
        let mut text = "a demo".to_owned();
        demo.hide(&mut text);
        assert_eq!(text, "a demo");
        assert!(!format!("{veil:?}").contains("abcdef"));
    }
}
