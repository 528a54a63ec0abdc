use std::error::Error;
use std::io;

/// What kind of trouble it is: what helps differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketFault {
    /// The address or an option cannot be understood.
    Settings,
    /// The credentials are wrong, or may not do this.
    Refused,
    /// There is no such bucket.
    NoBucket,
    /// The server cannot be reached, or the connection was lost, and trying again did not help.
    Lost,
    /// Something else.
    Other,
}

/// What a store of objects answered, without what it was asked with.
///
/// Answers of servers and errors of clients repeat requests, and with them parts of credentials: only the code and the
/// innermost reason are kept, and known secrets are struck out.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct BucketError {
    pub(crate) fault: BucketFault,
    why: String,
}

impl BucketError {
    pub(crate) fn new(fault: BucketFault, why: impl Into<String>) -> Self {
        Self {
            fault,
            why: why.into(),
        }
    }

    /// Takes the error of the client apart.
    pub(crate) fn of(error: &object_store::Error, secrets: &[String]) -> Self {
        let chain = chain(error);
        let all = chain.join(": ");
        let code = between(&all, "<Code>", "</Code>").map(str::to_owned);
        let status = between(&all, "status code: ", ":").map(str::to_owned);
        let fault = fault(error, code.as_deref(), status.as_deref());
        let why = match (status, code) {
            (Some(status), Some(code)) => format!("the server answered {status}, {code}"),
            (Some(status), None) => format!("the server answered {status}"),
            (None, Some(code)) => format!("the server answered {code}"),
            (None, None) => chain.last().cloned().unwrap_or_default(),
        };
        Self::new(fault, without(why, secrets))
    }

    /// The same as an error of reading or writing.
    pub(crate) fn io(self) -> io::Error {
        let kind = match self.fault {
            BucketFault::Settings => io::ErrorKind::InvalidInput,
            BucketFault::Refused => io::ErrorKind::PermissionDenied,
            BucketFault::NoBucket => io::ErrorKind::NotFound,
            BucketFault::Lost => io::ErrorKind::ConnectionAborted,
            BucketFault::Other => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }
}

fn fault(error: &object_store::Error, code: Option<&str>, status: Option<&str>) -> BucketFault {
    use object_store::Error;
    match (code, error) {
        (Some("NoSuchBucket" | "ContainerNotFound"), _) => BucketFault::NoBucket,
        (_, Error::Unauthenticated { .. } | Error::PermissionDenied { .. }) => BucketFault::Refused,
        _ if status.is_some_and(|status| status.starts_with("40")) => match status {
            Some(status) if status.starts_with("401") || status.starts_with("403") => {
                BucketFault::Refused
            }
            _ => BucketFault::Other,
        },
        (_, Error::Generic { .. }) => BucketFault::Lost,
        _ => BucketFault::Other,
    }
}

/// The texts of an error and of all that is behind it.
fn chain(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(behind) = next {
        texts.push(behind.to_string());
        next = behind.source();
    }
    texts
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let (inside, _) = rest.split_once(after)?;
    Some(inside)
}

fn without(mut text: String, secrets: &[String]) -> String {
    for secret in secrets {
        text = text.replace(secret.as_str(), "***");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_by_its_code_and_without_secrets() {
        let check = |source: &str, fault, why: &str| {
            let error = object_store::Error::Generic {
                store: "S3",
                source: source.into(),
            };
            let found = BucketError::of(&error, &["geheim/+".to_owned()]);
            assert_eq!((found.fault, found.to_string().as_str()), (fault, why));
        };
        check(
            "Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code><Key>geheim/+</Key></Error>",
            BucketFault::Refused,
            "the server answered 403 Forbidden, SignatureDoesNotMatch",
        );
        check(
            "Server returned non-2xx status code: 404 Not Found: <Code>NoSuchBucket</Code>",
            BucketFault::NoBucket,
            "the server answered 404 Not Found, NoSuchBucket",
        );
        check("reset with geheim/+", BucketFault::Lost, "reset with ***");
    }
}
