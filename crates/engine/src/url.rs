use std::fmt;

/// Where a database is and how to get in: may hold a password, so it is shown only redacted.
///
/// `Display` and `Debug` give the redacted form; [`DatabaseUrl::secret`] the whole.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Wraps a URL as the user gave it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The URL to the letter; for the engine that connects, for nobody else.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The part before `://`; none for a bare path.
    pub fn scheme(&self) -> Option<&str> {
        self.0.split_once("://").map(|(scheme, _)| scheme)
    }

    /// The URL without password: `postgres://me:***@host/shop`; a parameter whose name speaks of a password, a key or a
    /// token is cut too.
    pub fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return self.0.clone();
        };
        let (before_query, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        // The last @ before the path ends the user's part: passwords may hold an unescaped one.
        let redacted = match before_query.rsplit_once('@') {
            Some((user, place)) => match user.split_once(':') {
                Some((name, _)) => format!("{name}:***@{place}"),
                None => before_query.to_owned(),
            },
            None => before_query.to_owned(),
        };
        let query = query.map(|query| {
            let parameters: Vec<String> = query.split('&').map(redact_parameter).collect();
            format!("?{}", parameters.join("&"))
        });
        format!("{scheme}://{redacted}{}", query.unwrap_or_default())
    }
}

fn redact_parameter(parameter: &str) -> String {
    let Some((name, _)) = parameter.split_once('=') else {
        return parameter.to_owned();
    };
    let lower = name.to_lowercase();
    if ["password", "passwd", "secret", "token", "key"]
        .iter()
        .any(|word| lower.contains(word))
    {
        return format!("{name}=***");
    }
    parameter.to_owned()
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expect: &str) {
        assert_eq!(DatabaseUrl::new(url).to_string(), expect);
    }

    #[test]
    fn passwords_are_never_shown() {
        check(
            "postgres://me:secret@host:5432/shop",
            "postgres://me:***@host:5432/shop",
        );
        check(
            "postgres://me:se@cr:et/x@host/shop?a=b",
            "postgres://me:***@host/shop?a=b",
        );
        check("postgres://me@host/shop", "postgres://me@host/shop");
        check(
            "postgres://host/shop?user=me&password=secret",
            "postgres://host/shop?user=me&password=***",
        );
        check("sqlite://shop.db", "sqlite://shop.db");
        check("shop.db", "shop.db");
    }
}
