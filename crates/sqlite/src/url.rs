use std::path::{Path, PathBuf};

use tightrope_engine::{DatabaseUrl, EngineError, ErrorKind, Server};
use tightrope_model::EngineKind;

/// A database file's place and the settings that its URL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileUrl {
    /// The file, absolute, so that a later change of the working folder plays no part.
    pub(crate) path: PathBuf,
    /// Whether foreign keys are enforced; off unless asked for, which is SQLite's own default and what rebuilding a table
    /// in twelve steps needs.
    pub(crate) foreign_keys: bool,
}

impl FileUrl {
    /// Reads `sqlite://path`, `sqlite:path` or a bare path, each with `?foreign_keys=on|off` behind it if wanted.
    pub(crate) fn parse(url: &DatabaseUrl) -> Result<Self, EngineError> {
        let text = url.secret();
        let (rest, is_url) = match strip_scheme(text) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, query),
            None => (rest, ""),
        };
        let path = if is_url {
            decode_percent(path)?
        } else {
            path.to_owned()
        };
        let mut foreign_keys = false;
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("foreign_keys", value)) => foreign_keys = on_or_off(value)?,
                _ => {
                    let name = parameter
                        .split_once('=')
                        .map_or(parameter, |(name, _)| name);
                    return Err(bad(format!("unknown parameter {name:?} in the URL"))
                        .hint("SQLite URLs know `foreign_keys=on` and `foreign_keys=off`"));
                }
            }
        }
        refuse_what_is_no_file(&path)?;
        let path = std::path::absolute(Path::new(&path))
            .map_err(|error| bad(format!("the path {path:?} cannot be resolved: {error}")))?;
        Ok(Self { path, foreign_keys })
    }

    /// The file's name alone, for people.
    pub(crate) fn file_name(&self) -> String {
        self.path.file_name().map_or_else(
            || self.path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    /// The folder that the file lies in.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// The library and the file, as what would be a server and its database.
    pub(crate) fn server(&self) -> Server {
        let version = rusqlite::version().to_owned();
        Server {
            engine: EngineKind::Sqlite,
            major: version.split('.').next().unwrap_or_default().to_owned(),
            version,
            database: self.file_name(),
            host: self.folder().display().to_string(),
            user: None,
        }
    }

    /// The same settings for another file, as a URL.
    pub(crate) fn url_of(&self, path: &Path) -> DatabaseUrl {
        let mut text = String::from("sqlite://");
        for character in path.to_string_lossy().chars() {
            match character {
                '%' => text.push_str("%25"),
                '?' => text.push_str("%3F"),
                other => text.push(other),
            }
        }
        if self.foreign_keys {
            text.push_str("?foreign_keys=on");
        }
        DatabaseUrl::new(text)
    }
}

fn strip_scheme(text: &str) -> Option<&str> {
    let head = text.get(..7)?;
    if !head.eq_ignore_ascii_case("sqlite:") {
        return None;
    }
    let rest = &text[7..];
    Some(rest.strip_prefix("//").unwrap_or(rest))
}

fn refuse_what_is_no_file(path: &str) -> Result<(), EngineError> {
    if path.is_empty() {
        return Err(bad("the URL names no database file").hint("write `sqlite://path/to/file.db`"));
    }
    if path.contains(":memory:") {
        return Err(EngineError::new(
            ErrorKind::Unsupported,
            "a database in memory cannot be migrated: nothing of it would survive",
        )
        .hint("name a file: `sqlite://path/to/file.db`"));
    }
    if path.starts_with("file:") {
        return Err(bad("`file:` names are not understood")
            .hint("write `sqlite://path/to/file.db` instead"));
    }
    if path.contains('\0') {
        return Err(bad("the path holds a NUL character"));
    }
    Ok(())
}

fn on_or_off(value: &str) -> Result<bool, EngineError> {
    match value {
        "on" | "1" | "true" | "yes" => Ok(true),
        "off" | "0" | "false" | "no" => Ok(false),
        other => Err(bad(format!("foreign_keys is `on` or `off`, not {other:?}"))),
    }
}

fn decode_percent(text: &str) -> Result<String, EngineError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = match first {
            b'%' => tail
                .get(..2)
                .and_then(|digits| std::str::from_utf8(digits).ok()),
            _ => None,
        };
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| bad("the path in the URL is not UTF-8"))
}

fn bad(message: impl Into<String>) -> EngineError {
    EngineError::new(ErrorKind::BadUrl, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<FileUrl, EngineError> {
        FileUrl::parse(&DatabaseUrl::new(url))
    }

    fn check(url: &str, path: &str, foreign_keys: bool) {
        let expect = FileUrl {
            path: std::path::absolute(path).unwrap(),
            foreign_keys,
        };
        assert_eq!(parse(url).unwrap(), expect);
    }

    #[test]
    fn every_form_is_read() {
        check("sqlite://a/shop.db", "a/shop.db", false);
        check("sqlite:///srv/shop.db", "/srv/shop.db", false);
        check("sqlite:shop.db", "shop.db", false);
        check("SQLite://shop.db?foreign_keys=on", "shop.db", true);
        check("shop.db", "shop.db", false);
        check("./a b%20.db?foreign_keys=off", "./a b%20.db", false);
        check("sqlite://a%20b%3F.db", "a b?.db", false);
    }

    fn check_refused(url: &str, kind: ErrorKind) {
        assert_eq!(parse(url).unwrap_err().kind, kind, "{url}");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        check_refused("", ErrorKind::BadUrl);
        check_refused("sqlite://", ErrorKind::BadUrl);
        check_refused("sqlite://x.db?busy=1", ErrorKind::BadUrl);
        check_refused("sqlite://x.db?foreign_keys=maybe", ErrorKind::BadUrl);
        check_refused("file:x.db", ErrorKind::BadUrl);
        check_refused(":memory:", ErrorKind::Unsupported);
        check_refused("sqlite::memory:", ErrorKind::Unsupported);
        check_refused(
            "sqlite://a/:memory:?foreign_keys=on",
            ErrorKind::Unsupported,
        );
    }

    #[test]
    fn a_path_survives_being_made_a_url() {
        let base = parse("sqlite://x.db?foreign_keys=on").unwrap();
        let odd = Path::new("/srv/a %41?b.db");
        let again = FileUrl::parse(&base.url_of(odd)).unwrap();
        assert_eq!((again.path.as_path(), again.foreign_keys), (odd, true));
    }
}
