//! What looks like a name, an address or a number, and is nobody's.

use super::MaskKey;
use super::hash::{LEAST_UNIQUE, letters, number};

/// What is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FakeKind {
    /// A first and a last name.
    Name,
    /// A first name.
    FirstName,
    /// A last name.
    LastName,
    /// An address at a domain that is reserved for examples (RFC 2606).
    Email,
    /// A telephone number that is reserved for fiction.
    Phone,
    /// A street and a number.
    Address,
    /// A town that does not exist.
    City,
    /// A company that does not exist.
    Company,
}

const KINDS: [(FakeKind, &str); 8] = [
    (FakeKind::Name, "name"),
    (FakeKind::FirstName, "first-name"),
    (FakeKind::LastName, "last-name"),
    (FakeKind::Email, "email"),
    (FakeKind::Phone, "phone"),
    (FakeKind::Address, "address"),
    (FakeKind::City, "city"),
    (FakeKind::Company, "company"),
];

const FIRST: [&str; 48] = [
    "Ada", "Alma", "Anton", "Aron", "Bela", "Bruno", "Carla", "Clara", "Cyrus", "Dana", "David",
    "Dora", "Edgar", "Elena", "Emil", "Enzo", "Fanny", "Felix", "Flora", "Frida", "Greta", "Hanna",
    "Hugo", "Ida", "Igor", "Ines", "Jana", "Jonas", "Karim", "Kira", "Lena", "Leon", "Lotte",
    "Marek", "Mila", "Nadia", "Nils", "Olga", "Oskar", "Paula", "Rafael", "Rosa", "Samir", "Selma",
    "Tilda", "Viktor", "Wanda", "Yusuf",
];

const LAST: [&str; 48] = [
    "Abel", "Ahorn", "Almquist", "Bachmann", "Barlow", "Bellini", "Birke", "Castell", "Cole",
    "Corso", "Dahl", "Drexler", "Eiche", "Engberg", "Falk", "Farkas", "Fenn", "Garland", "Grau",
    "Hale", "Haydar", "Hedin", "Imhof", "Jaros", "Kern", "Kovar", "Lark", "Linden", "Lundt",
    "Marlow", "Moreau", "Nagel", "Nordin", "Okoro", "Orban", "Pell", "Quist", "Radek", "Rowan",
    "Saar", "Sommer", "Tarn", "Ulmer", "Vance", "Vega", "Weller", "Yilmaz", "Zander",
];

const PLACES: [&str; 24] = [
    "Ashford",
    "Birkenau",
    "Claywell",
    "Dornbach",
    "Elmstead",
    "Fairmoor",
    "Grauheim",
    "Holmdale",
    "Inselried",
    "Jadeport",
    "Kleefeld",
    "Larkhill",
    "Mossbach",
    "Nordhaven",
    "Oakridge",
    "Pinewood",
    "Quellental",
    "Rosenau",
    "Stonebury",
    "Talheim",
    "Ulmenhof",
    "Varnsted",
    "Westmoor",
    "Zellfurt",
];

const STREETS: [&str; 16] = [
    "Acorn Street",
    "Bridge Road",
    "Canal Street",
    "Dove Lane",
    "Elm Street",
    "Foundry Road",
    "Garden Row",
    "Hill Street",
    "Ivy Lane",
    "Juniper Way",
    "Kiln Road",
    "Lime Avenue",
    "Mill Lane",
    "North Quay",
    "Orchard Way",
    "Park Row",
];

const DOMAINS: [&str; 3] = ["example.com", "example.net", "example.org"];

impl FakeKind {
    /// Reads `email`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let found = KINDS.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind)
    }

    /// Its name, as it is written in the configuration.
    pub fn name(self) -> &'static str {
        let found = KINDS.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, name)| name)
    }

    /// All of them, as they are written.
    pub(super) fn all_in_words() -> String {
        let all: Vec<String> = KINDS
            .iter()
            .map(|(_, name)| format!("`fake {name}`"))
            .collect();
        all.join(", ")
    }

    /// How many characters it takes at the least.
    pub(super) fn least(self, unique: bool) -> usize {
        match (self, unique) {
            (Self::Email, true) => LEAST_UNIQUE + "@example.com".len(),
            (Self::Email, false) => 4 + "@example.com".len(),
            _ => 0,
        }
    }

    /// What stands for a value, cut to so many characters.
    pub(super) fn of(self, key: &MaskKey, value: &str, most: Option<usize>) -> String {
        let pick = |what: &str, from: &[&'static str]| -> &'static str {
            from[(number(key, what, value) % from.len() as u64) as usize]
        };
        let first = pick("first name", &FIRST);
        let last = pick("last name", &LAST);
        let made = match self {
            Self::Name => format!("{first} {last}"),
            Self::FirstName => first.to_owned(),
            Self::LastName => last.to_owned(),
            Self::Email => return email(key, value, most, (first, last), pick("domain", &DOMAINS)),
            // +1 555 0100 to 0199 are reserved for fiction in every area.
            Self::Phone => {
                let number = number(key, "phone", value);
                format!(
                    "+1-{:03}-555-01{:02}",
                    200 + number % 800,
                    number / 800 % 100
                )
            }
            Self::Address => format!(
                "{} {}",
                1 + number(key, "house", value) % 199,
                pick("street", &STREETS)
            ),
            Self::City => pick("city", &PLACES).to_owned(),
            Self::Company => format!("{last} {} Ltd", pick("city", &PLACES)),
        };
        made.chars().take(most.unwrap_or(usize::MAX)).collect()
    }
}

/// An address that no other value gets: the letters after the name tell them apart.
fn email(
    key: &MaskKey,
    value: &str,
    most: Option<usize>,
    (first, last): (&str, &str),
    domain: &str,
) -> String {
    let most = most.unwrap_or(usize::MAX);
    let apart = letters(key, "email", value, LEAST_UNIQUE);
    let (first, last) = (first.to_lowercase(), last.to_lowercase());
    let long = format!("{first}.{last}.{apart}@{domain}");
    if long.len() <= most {
        return long;
    }
    let room = most.saturating_sub(domain.len() + 1);
    format!("{}@{domain}", &apart[..apart.len().min(room)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_looks_like_it_and_is_always_the_same() {
        let key = MaskKey::from_secret("x");
        for (kind, _) in KINDS {
            let made = kind.of(&key, "anna@shop.com", None);
            assert_eq!(made, kind.of(&key, "anna@shop.com", None));
            assert!(!made.contains("anna"), "{made}");
            assert!(kind.of(&key, "x", Some(30)).len() <= 30);
            assert_eq!(FakeKind::parse(kind.name()), Some(kind));
        }
        let email = FakeKind::Email.of(&key, "anna@shop.com", None);
        assert!(email.contains("@example."), "{email}");
        let narrow = FakeKind::Email.of(&key, "anna@shop.com", Some(25));
        assert!(
            narrow.len() <= 25 && narrow.contains("@example."),
            "{narrow}"
        );
        assert!(FakeKind::Phone.of(&key, "1", None).contains("-555-01"));
    }

    #[test]
    fn addresses_of_different_people_differ() {
        let key = MaskKey::from_secret("x");
        let made = (0..5000).map(|number| FakeKind::Email.of(&key, &number.to_string(), None));
        let different: std::collections::BTreeSet<String> = made.collect();
        assert_eq!(different.len(), 5000);
    }
}
