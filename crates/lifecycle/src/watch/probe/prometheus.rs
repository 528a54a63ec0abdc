//! A query to Prometheus: one number, as of now.

use serde_json::Value;
use tightrope_judge::{FailureKind, Observation};

use super::http::number;
use super::{Blindness, Eye};
use crate::watch::web::Web;

/// Where Prometheus takes instant queries (its HTTP API, version 1).
pub(super) const PATH: &str = "/api/v1/query";

pub(super) struct Prometheus {
    web: Web,
    query: String,
}

impl Prometheus {
    pub(super) fn new(web: Web, query: &str) -> Self {
        Self {
            web,
            query: query.to_owned(),
        }
    }
}

impl Eye for Prometheus {
    fn look(&mut self) -> Result<Observation, Blindness> {
        let answer = self.web.get(&[("query", &self.query)])?;
        let json: Value = serde_json::from_str(&answer.body).map_err(|_| {
            down(format!(
                "it answered with status {} and no JSON: is it Prometheus?",
                answer.status
            ))
        })?;
        if json["status"] != "success" {
            let why = json["error"].as_str().unwrap_or("it says no success");
            return Err(down(why.to_owned()));
        }
        let result = &json["data"]["result"];
        let value = match json["data"]["resultType"].as_str() {
            Some("scalar") => &result[1],
            Some("vector") => match result.as_array().map_or(0, Vec::len) {
                1 => &result[0]["value"][1],
                0 => return Err(down("the query gave no series".to_owned())),
                many => {
                    return Err(down(format!(
                        "the query gave {many} series: one is wanted, such as by `sum(…)`"
                    )));
                }
            },
            other => {
                let other = other.unwrap_or("nothing");
                return Err(down(format!(
                    "the query gave a {other}: one number is wanted"
                )));
            }
        };
        number(value.as_str().unwrap_or_default()).map(Observation::level)
    }
}

fn down(why: String) -> Blindness {
    Blindness::Words(FailureKind::Down, why)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::watch::web::tests::{server, variables};

    fn look(status: u16, body: &'static str) -> (Observation, String) {
        let (url, asked) = server(vec![(status, body)]);
        let web = Web::new(
            &format!("{url}{PATH}"),
            None,
            variables,
            Duration::from_secs(60),
        );
        let mut prometheus = Prometheus::new(web, "sum(rate(errors[1m]))");
        let seen = prometheus.look().unwrap_or_else(Blindness::seen);
        (seen, asked.recv().unwrap())
    }

    #[test]
    fn a_query_gives_one_number() {
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000.1,"2.5"]}]}}"#;
        let (seen, asked) = look(200, vector);
        assert_eq!(seen, Observation::Level { value: 2.5 });
        assert!(
            asked.starts_with("GET /api/v1/query?query=sum(rate(errors%5B1m%5D)) "),
            "{asked}"
        );
        let scalar =
            r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000.1,"7"]}}"#;
        assert_eq!(look(200, scalar).0, Observation::Level { value: 7.0 });
    }

    #[test]
    fn what_is_no_number_is_a_failure() {
        let check = |status, body: &'static str, expect: &str| match look(status, body).0 {
            Observation::Failed(failure) => {
                assert!(failure.to_string().contains(expect), "{failure}");
            }
            other => panic!("{body}: {other:?}"),
        };
        let nan = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}"#;
        check(200, nan, "gives no number");
        let none = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
        check(200, none, "no series");
        let two = r#"{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"1"]},{"value":[1,"2"]}]}}"#;
        check(200, two, "2 series");
        check(
            400,
            r#"{"status":"error","error":"parse error"}"#,
            "parse error",
        );
        check(502, "<html>", "status 502");
    }
}
