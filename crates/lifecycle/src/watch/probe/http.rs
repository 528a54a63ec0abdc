//! An address: how long its answer takes, its status, or the number in its body.

use std::time::Instant;

use tightrope_judge::{FailureKind, HttpValue, Observation};

use super::{Blindness, Eye};
use crate::watch::web::{Answer, NoAnswer, Web};

pub(super) struct Http {
    web: Web,
    value: HttpValue,
    status: Option<u16>,
    contains: Option<String>,
}

impl Http {
    pub(super) fn new(
        web: Web,
        value: HttpValue,
        status: Option<u16>,
        contains: Option<&String>,
    ) -> Self {
        Self {
            web,
            value,
            status,
            contains: contains.cloned(),
        }
    }

    /// Why an answer is not the one that was wanted.
    fn is_wrong(&self, answer: &Answer) -> Option<String> {
        let is_good = match (self.status, self.value) {
            (Some(status), _) => answer.status == status,
            (None, HttpValue::Status) => true,
            (None, _) => (200..400).contains(&answer.status),
        };
        if !is_good {
            return Some(format!("it answered with status {}", answer.status));
        }
        let wanted = self.contains.as_ref()?;
        (!answer.body.contains(wanted)).then(|| format!("its answer does not contain {wanted:?}"))
    }
}

impl Eye for Http {
    fn look(&mut self) -> Result<Observation, Blindness> {
        let begun = Instant::now();
        let answer = self.web.get(&[])?;
        let took_ms = begun.elapsed().as_secs_f64() * 1000.0;
        if let Some(why) = self.is_wrong(&answer) {
            return Err(Blindness::Words(FailureKind::Down, why));
        }
        match self.value {
            HttpValue::Latency => Ok(Observation::Samples {
                values: vec![took_ms],
                cursor: None,
            }),
            HttpValue::Status => Ok(Observation::level(f64::from(answer.status))),
            HttpValue::Body => number(&answer.body).map(Observation::level),
        }
    }
}

/// The number that a text is.
pub(super) fn number(text: &str) -> Result<f64, Blindness> {
    let text = text.trim();
    text.parse().map_err(|_| {
        let start: String = text.chars().take(80).collect();
        Blindness::Words(FailureKind::NotANumber, format!("it gave {start:?}"))
    })
}

impl From<NoAnswer> for Blindness {
    fn from(answer: NoAnswer) -> Self {
        match answer {
            NoAnswer::Slow => Self::Words(FailureKind::Slow, "no answer in time".to_owned()),
            NoAnswer::Because(why) => Self::Words(FailureKind::Down, why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tightrope_judge::Failure;

    use super::*;
    use crate::watch::web::tests::{server, variables};

    fn look(
        answer: (u16, &'static str),
        value: HttpValue,
        status: Option<u16>,
        contains: Option<&str>,
    ) -> Observation {
        let (url, _asked) = server(vec![answer]);
        let web = Web::new(&url, None, variables, Duration::from_secs(60));
        let contains = contains.map(str::to_owned);
        let mut http = Http::new(web, value, status, contains.as_ref());
        http.look().unwrap_or_else(Blindness::seen)
    }

    #[test]
    fn an_address_gives_its_latency_its_status_or_its_number() {
        let level = |value| Observation::Level { value };
        assert_eq!(
            look((200, " 42.5\n"), HttpValue::Body, None, None),
            level(42.5)
        );
        assert_eq!(look((503, ""), HttpValue::Status, None, None), level(503.0));
        let Observation::Samples { values, .. } = look((200, ""), HttpValue::Latency, None, None)
        else {
            panic!("no latency");
        };
        assert!(values.len() == 1 && values[0] > 0.0);
    }

    #[test]
    fn what_is_not_the_wanted_answer_is_a_failure() {
        let check = |answer, value, status, contains, expect: FailureKind| match look(
            answer, value, status, contains,
        ) {
            Observation::Failed(Failure { kind, .. }) => assert_eq!(kind, expect),
            other => panic!("{answer:?}: {other:?}"),
        };
        let latency = HttpValue::Latency;
        check((503, "ok"), latency, None, None, FailureKind::Down);
        check((200, "ok"), latency, Some(204), None, FailureKind::Down);
        check(
            (200, "sorry"),
            latency,
            None,
            Some("welcome"),
            FailureKind::Down,
        );
        check(
            (200, "many"),
            HttpValue::Body,
            None,
            None,
            FailureKind::NotANumber,
        );
        check(
            (200, "NaN"),
            HttpValue::Body,
            None,
            None,
            FailureKind::NotANumber,
        );
        assert!(matches!(
            look((404, "welcome"), latency, Some(404), Some("welcome")),
            Observation::Samples { .. }
        ));
    }
}
