//! The client for what answers over HTTP: probes ask it, webhooks are told through it.
//!
//! A secret stands in no criteria: `${NAME}` in an address or in an authorization is an environment variable's value, put in when it is
//! used. No error carries it.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// So much of an answer is read.
const MOST_BYTES: u64 = 1024 * 1024;

/// Gives an environment variable's value.
pub(super) type Variables = fn(&str) -> Option<String>;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// Not in time.
    Slow,
    /// In words.
    Because(String),
}

/// A client for one address.
pub(super) struct Web {
    agent: Agent,
    url: String,
    authorization: Option<String>,
    variables: Variables,
}

impl Web {
    pub(super) fn new(
        url: &str,
        authorization: Option<&str>,
        variables: Variables,
        timeout: Duration,
    ) -> Self {
        let certificates = rustls_native_certs::load_native_certs().certs;
        let certificates = certificates
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::Specific(Arc::new(certificates)))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .user_agent("tightrope")
            .build()
            .new_agent();
        Self {
            agent,
            url: url.to_owned(),
            authorization: authorization.map(str::to_owned),
            variables,
        }
    }

    /// Asks; `query` are parameters to add to the address.
    pub(super) fn get(&self, query: &[(&str, &str)]) -> Result<Answer, NoAnswer> {
        let mut request = self.agent.get(self.filled(&self.url)?);
        for (name, value) in query {
            request = request.query(name, value);
        }
        if let Some(authorization) = self.authorization()? {
            request = request.header("authorization", authorization);
        }
        self.answer(request.call())
    }

    /// Tells JSON.
    pub(super) fn post(&self, json: &str) -> Result<Answer, NoAnswer> {
        let mut request = self.agent.post(self.filled(&self.url)?);
        // A redirect would make a GET of it, and lose what is told.
        request = request.config().max_redirects(0).build();
        request = request.header("content-type", "application/json");
        if let Some(authorization) = self.authorization()? {
            request = request.header("authorization", authorization);
        }
        self.answer(request.send(json))
    }

    fn answer(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, NoAnswer> {
        let mut answer = answer.map_err(|error| self.no_answer(&error))?;
        let reading = answer.body_mut().with_config().limit(MOST_BYTES);
        let body = reading
            .lossy_utf8(true)
            .read_to_string()
            .map_err(|error| self.no_answer(&error))?;
        Ok(Answer {
            status: answer.status().as_u16(),
            body: self.redacted(&body),
        })
    }

    fn authorization(&self) -> Result<Option<String>, NoAnswer> {
        let filled = self.authorization.as_ref().map(|text| self.filled(text));
        filled.transpose()
    }

    fn filled(&self, text: &str) -> Result<String, NoAnswer> {
        fill(text, self.variables).map_err(|name| NoAnswer::Because(unset(&name)))
    }

    fn no_answer(&self, error: &ureq::Error) -> NoAnswer {
        match error {
            ureq::Error::Timeout(_) => NoAnswer::Slow,
            error => NoAnswer::Because(self.redacted(&error.to_string())),
        }
    }

    /// A text in which the value of no variable stands.
    fn redacted(&self, text: &str) -> String {
        let templates = std::iter::once(&self.url).chain(&self.authorization);
        let mut values: Vec<String> = templates
            .flat_map(|template| names(template))
            .filter_map(|name| (self.variables)(name))
            .flat_map(|value| [encoded(&value), value])
            .filter(|value| !value.is_empty())
            .collect();
        // One may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values
            .into_iter()
            .fold(text.to_owned(), |text, value| text.replace(&value, "***"))
    }
}

/// A value as it stands in an address.
fn encoded(value: &str) -> String {
    let bytes = value.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}

pub(super) fn unset(name: &str) -> String {
    format!("the environment variable {name} is not set")
}

/// The variables that a text names.
pub(super) fn names(text: &str) -> Vec<&str> {
    let parts = text.split("${").skip(1);
    parts
        .filter_map(|part| part.split_once('}').map(|(name, _)| name))
        .collect()
}

/// A text with the variables' values; the name of the first that is not set otherwise.
fn fill(text: &str, variables: Variables) -> Result<String, String> {
    let mut filled = text.to_owned();
    for name in names(text) {
        let value = variables(name).ok_or_else(|| name.to_owned())?;
        filled = filled.replace(&format!("${{{name}}}"), &value);
    }
    Ok(filled)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    pub(in crate::watch) fn variables(name: &str) -> Option<String> {
        (name == "TOKEN").then(|| "geheim".to_owned())
    }

    /// A server that answers each request with the next of these, and says what it was asked.
    pub(in crate::watch) fn server(
        answers: Vec<(u16, &'static str)>,
    ) -> (String, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (ask, asked) = channel();
        std::thread::spawn(move || {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = ask.send(request(&mut stream));
                let answer = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        (url, asked)
    }

    fn request(stream: &mut std::net::TcpStream) -> String {
        let mut text = String::new();
        let mut bytes = [0; 4096];
        loop {
            let read = stream.read(&mut bytes).unwrap();
            text += &String::from_utf8_lossy(&bytes[..read]);
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
            let length = text
                .to_lowercase()
                .split_once("content-length: ")
                .and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok())
                .unwrap_or(0);
            if read == 0 || body.is_some_and(|body| body >= length) {
                return text;
            }
        }
    }

    fn web(url: &str, authorization: Option<&str>) -> Web {
        Web::new(url, authorization, variables, Duration::from_secs(60))
    }

    #[test]
    fn an_answer_comes_with_its_status_and_body() {
        let (url, asked) = server(vec![(503, "later")]);
        let answer = web(&url, Some("Bearer ${TOKEN}"))
            .get(&[("query", "sum(up) > 1")])
            .unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "later"));
        let asked = asked.recv().unwrap();
        assert!(
            asked.starts_with("GET /?query=sum(up)%20%3E%201 "),
            "{asked}"
        );
        assert!(asked.contains("authorization: Bearer geheim"), "{asked}");
    }

    #[test]
    fn json_is_posted() {
        let (url, asked) = server(vec![(204, "")]);
        web(&format!("{url}/${{TOKEN}}"), None)
            .post("{\"event\":\"failed\"}")
            .unwrap();
        let asked = asked.recv().unwrap();
        assert!(asked.starts_with("POST /geheim "), "{asked}");
        assert!(asked.ends_with("{\"event\":\"failed\"}"), "{asked}");
    }

    #[test]
    fn no_error_carries_a_secret() {
        let said = |url: &str| match web(url, None).get(&[]) {
            Err(NoAnswer::Because(why)) => why,
            other => panic!("{other:?}"),
        };
        for url in [
            "http://${TOKEN}.invalid/",
            "ht tp://${TOKEN}",
            "gopher://${TOKEN}/",
        ] {
            let why = said(url);
            assert!(!why.contains("geheim"), "{why}");
        }
        assert_eq!(
            said("http://127.0.0.1:1/${MISSING}"),
            "the environment variable MISSING is not set"
        );
    }

    #[test]
    fn no_answer_carries_a_secret() {
        let (url, _asked) = server(vec![(200, "Bearer geheim"), (301, "")]);
        let web = web(&url, Some("Bearer ${TOKEN}"));
        assert_eq!(web.get(&[]).unwrap().body, "Bearer ***");
        assert_eq!(web.post("{}").unwrap().status, 301);
    }

    #[test]
    fn a_server_that_does_not_answer_is_slow() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let web = Web::new(&url, None, variables, Duration::from_millis(50));
        assert_eq!(web.get(&[]).unwrap_err(), NoAnswer::Slow);
    }
}
