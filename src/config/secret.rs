//! Secrets: values that print as `••••` wherever they might be printed.

use std::fmt;

use base64::Engine as _;

use crate::domain::run::Form;

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

/// What stands before a header of a person's own in its name: the table that it stands in.
pub(super) const OWN: &str = "headers.";

/// One secret and the request header that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What a person calls it: its key in the profile.
    pub name: String,
    /// The header's name.
    pub header: String,
    pub form: Form,
    pub secret: Secret,
}

impl Credential {
    /// What the header holds.
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

    /// Whether it is a header of a person's own, which the protocol does not ask for.
    pub fn is_own(&self) -> bool {
        self.name.starts_with(OWN)
    }

    /// All that gives it away.
    fn secrets(&self) -> Vec<Secret> {
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

/// Who asks: headers with secrets, which go to the profile's own server and nowhere else. Very
/// old deployments want none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials(Vec<Credential>);

impl Credentials {
    /// The secret of a name.
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

/// Shorter secrets are words that a log may well hold, and are no secrets.
const VEILED: usize = 6;

/// Hides secrets in what a server says: some tell what they were sent, in their log or when they refuse it.
#[derive(Clone, Debug, Default)]
pub struct Veil(Vec<Secret>);

impl Veil {
    pub fn new(credentials: &Credentials) -> Self {
        let secrets = credentials.iter().flat_map(Credential::secrets);
        let mut secrets: Vec<_> = secrets.filter(|secret| secret.0.len() >= VEILED).collect();
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
            let mut told = format!("you sent {value}, which is hush-hush");
            Veil::new(&credentials).hide(&mut told);
            assert!(!told.contains("hush") && !told.contains("YW5u"), "{told}");
            let printed = format!("{credentials:?} {}", Secret::new(secret));
            assert!(!printed.contains("hush") && !printed.contains("YW5u"), "{printed}");
        }
    }
}
