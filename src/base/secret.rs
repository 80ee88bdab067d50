//! A value that is never shown: overwritten when it is given up, and without any way into a text, a log or a record.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroize;

/// Holds a secret. It can be exposed on purpose and in one place; it has no `Display`, no `Serialize` and no `Clone`.
pub struct Secret<T: Zeroize>(T);

/// A secret as steps are given it: any bytes but NUL.
pub type SecretValue = Secret<Vec<u8>>;

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for what is sent to a host, and for the redactor.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The same, to change it.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The secrets that one attempt is given, each with the shell variable by which its script asks for it.
#[derive(Debug, Clone, Default)]
pub struct Secrets(Vec<(String, Arc<SecretValue>)>);

impl Secrets {
    /// Adds one. The variable is an identifier.
    pub fn give(&mut self, variable: impl Into<String>, value: Arc<SecretValue>) {
        self.0.push((variable.into(), value));
    }

    /// Each variable with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(variable, value)| (variable.as_str(), value.expose().as_slice()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_cannot_be_printed() {
        let mut secrets = Secrets::default();
        secrets.give("rb_secret_db", Arc::new(Secret::new(b"hunter2!".to_vec())));
        assert_eq!(format!("{secrets:?}"), "Secrets([(\"rb_secret_db\", [secret])])");
        assert_eq!(format!("{:?}", Secret::new("hunter2!".to_owned())), "[secret]");
    }
}
