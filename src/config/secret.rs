//! Secrets: values that always print as `••••`.

use std::fmt;

use base64::Engine as _;

use crate::domain::run::Form;

/// A text that must not be shown. It prints as `••••`; only [`Secret::expose`] returns it, for
/// use in a request header.
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

/// Prefix of custom headers' names: the table that they are in.
pub(super) const OWN: &str = "headers.";

/// A secret with the request header that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its key in the profile.
    pub name: String,
    pub header: String,
    pub form: Form,
    pub secret: Secret,
}

impl Credential {
    pub fn value(&self) -> Secret {
        let secret = self.secret.expose();
        match self.form {
            Form::Plain => self.secret.clone(),
            Form::Bearer => Secret::new(format!("Bearer {secret}")),
            Form::Basic => {
                Secret::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(secret)))
            }
        }
    }

    /// Whether it is a custom header, unknown to the protocol.
    pub fn is_own(&self) -> bool {
        self.name.starts_with(OWN)
    }

    /// All texts that would reveal it.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let secret = self.secret.expose();
        let mut secrets = vec![self.secret.clone()];
        if self.form == Form::Basic {
            let value = self.value();
            secrets.extend(value.expose().strip_prefix("Basic ").map(Secret::new));
            secrets.extend(secret.split_once(':').map(|(_, password)| Secret::new(password)));
        }
        secrets
    }
}

/// The headers with secrets, sent to the profile's own server and nowhere else. Very old deployments need none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials(Vec<Credential>);

impl Credentials {
    /// The secret with this key.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.iter().find(|credential| credential.name == name).map(|credential| &credential.secret)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Credential> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Credential> for Credentials {
    fn from_iter<I: IntoIterator<Item = Credential>>(credentials: I) -> Self {
        Self(credentials.into_iter().collect())
    }
}

/// Secrets shorter than this are not hidden: they could be ordinary words of a log.
const VEILED: usize = 6;

/// Replaces secrets in a server's texts: some servers repeat them in their log or error messages.
#[derive(Clone, Debug, Default)]
pub struct Veil(Vec<Secret>);

impl Veil {
    pub fn new(credentials: &Credentials) -> Self {
        let secrets = credentials.iter().flat_map(Credential::secrets);
        let mut secrets: Vec<_> = secrets.filter(|secret| secret.0.len() >= VEILED).collect();
        // Longest first, since one may contain another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
        Self(secrets)
    }

    /// Replaces each secret by `••••`.
    pub fn hide(&self, text: &mut String) {
        for secret in &self.0 {
            if memchr::memmem::find(text.as_bytes(), secret.0.as_bytes()).is_some() {
                *text = text.replace(&secret.0, "••••");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewcomfy(id: &str, secret: &str) -> Credentials {
        let credential = |(name, secret): (&str, &str)| Credential {
            name: name.to_owned(),
            header: name.to_owned(),
            form: Form::Plain,
            secret: Secret::new(secret),
        };
        [("client_id", id), ("client_secret", secret)].map(credential).into_iter().collect()
    }

    #[test]
    fn a_veil_hides_what_is_secret_and_nothing_else() {
        let veil = Veil::new(&viewcomfy("abcdef", "abcdef-123"));
        let mut text = "got abcdef-123 of abcdef, not abcde\n".to_owned();
        veil.hide(&mut text);
        assert_eq!(text, "got •••• of ••••, not abcde\n");
        let demo = Veil::new(&viewcomfy("demo", ""));
        let mut text = "a demo".to_owned();
        demo.hide(&mut text);
        assert_eq!(text, "a demo");
        assert!(!format!("{veil:?}").contains("abcdef"));
    }

    #[test]
    fn each_form_of_a_secret_is_hidden() {
        let credential = |form, secret: &str| Credential {
            name: "x".to_owned(),
            header: "authorization".to_owned(),
            form,
            secret: Secret::new(secret),
        };
        let table = [
            (Form::Plain, "hush-hush", "hush-hush"),
            (Form::Bearer, "hush-hush", "Bearer hush-hush"),
            (Form::Basic, "ann:hush-hush", "Basic YW5uOmh1c2gtaHVzaA=="),
        ];
        for (form, secret, value) in table {
            let credentials: Credentials = [credential(form, secret)].into_iter().collect();
            assert_eq!(credentials.iter().next().map(|c| c.value()), Some(Secret::new(value)));
            let mut reply = format!("you sent {value}, which is hush-hush");
            Veil::new(&credentials).hide(&mut reply);
            assert!(!reply.contains("hush") && !reply.contains("YW5u"), "{reply}");
            let printed = format!("{credentials:?} {}", Secret::new(secret));
            assert!(!printed.contains("hush") && !printed.contains("YW5u"), "{printed}");
        }
    }
}
