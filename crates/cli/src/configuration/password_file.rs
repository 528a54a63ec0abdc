//! libpq's password file: `host:port:database:user:password` a line, `*` for anything, the first line that fits counts.

/// Who connects where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    host: String,
    port: String,
    database: String,
    user: String,
}

impl Login {
    /// What a URL says, with the operating system's user where it names none; none if it names several hosts.
    pub(super) fn of(url: &str, system_user: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameter = |name: &str| {
            let find = |pair: &str| {
                pair.split_once('=')
                    .filter(|(key, _)| *key == name)
                    .map(|(_, value)| value.to_owned())
            };
            query.split('&').find_map(find)
        };
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, address) = place.rsplit_once('@').unwrap_or(("", place));
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
            _ => (address, ""),
        };
        if address.contains(',') {
            return None;
        }
        let or = |text: &str, name: &str, default: &str| match text {
            "" => parameter(name).unwrap_or_else(|| default.to_owned()),
            text => text.to_owned(),
        };
        let user = or(user, "user", system_user);
        let host = or(host, "host", "localhost");
        Some(Self {
            // A socket's folder goes by the name of this host.
            host: if host.starts_with('/') || host.starts_with('%') {
                "localhost".to_owned()
            } else {
                host
            },
            port: or(port, "port", "5432"),
            database: or(path, "dbname", &user),
            user,
        })
    }
}

/// The password of the first line that fits.
pub(super) fn find(text: &str, login: &Login) -> Option<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(fields)
        .find_map(|fields| match fields.as_slice() {
            [host, port, database, user, password] => {
                let wanted = [
                    (host, &login.host),
                    (port, &login.port),
                    (database, &login.database),
                    (user, &login.user),
                ];
                let fits = wanted
                    .iter()
                    .all(|(field, value)| *field == "*" || field == value);
                fits.then(|| password.clone())
            }
            _ => None,
        })
}

/// The fields of a line; a backslash takes the next character as it is. The password may hold colons.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let last = fields.len() - 1;
        match character {
            '\\' => fields[last].extend(characters.next()),
            ':' if fields.len() < 5 => fields.push(String::new()),
            other => fields[last].push(other),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(url: &str) -> Login {
        Login::of(url, "me").unwrap()
    }

    #[test]
    fn a_url_says_who_connects_where() {
        let check = |url, expect: [&str; 4]| {
            let Login {
                host,
                port,
                database,
                user,
            } = login(url);
            assert_eq!(
                [host, port, database, user],
                expect.map(str::to_owned),
                "{url}"
            );
        };
        check("postgres://ana@db:6432/shop", ["db", "6432", "shop", "ana"]);
        check("postgres://db", ["db", "5432", "me", "me"]);
        check(
            "postgres:///shop?host=/run/pg&user=ana",
            ["localhost", "5432", "shop", "ana"],
        );
        assert_eq!(Login::of("postgres://a,b/shop", "me"), None);
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let file = "# all\ndb:5432:other:*:no\ndb:*:shop:ana:a\\:b:c\n*:*:*:*:last\n";
        let check = |url, expect: &str| {
            assert_eq!(find(file, &login(url)).as_deref(), Some(expect), "{url}")
        };
        check("postgres://ana@db/shop", "a:b:c");
        check("postgres://bob@db/shop", "last");
        assert_eq!(
            find("db:5432:x:y:z", &login("postgres://ana@db/shop")),
            None
        );
    }
}
