//! From an address and options to a client.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::error::{BucketError, BucketFault};

/// How often a request is tried again, and for how long at most: a lost connection is common, a lost night is not.
const RETRIES: usize = 8;
const RETRY_FOR: Duration = Duration::from_secs(120);
/// One part has to pass in that time, also over a slow line.
const REQUEST: Duration = Duration::from_secs(180);
const CONNECT: Duration = Duration::from_secs(10);

/// Where a bucket is, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) scheme: String,
    pub(super) bucket: String,
    pub(super) prefix: Path,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, BucketError> {
        let wrong = |why: &str| BucketError::new(BucketFault::Settings, why);
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("it is no address of a bucket"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(is_plain) || prefix.contains(['?', '#']) {
            return Err(wrong(
                "an address has a bucket and a prefix and nothing else: `s3://BUCKET/PREFIX`",
            ));
        }
        let prefix = Path::parse(prefix.trim_matches('/'))
            .map_err(|_| wrong("the prefix holds what no name of an object may hold"))?;
        Ok(Self {
            scheme: scheme.to_owned(),
            bucket: bucket.to_owned(),
            prefix,
        })
    }
}

/// The two faces of one client.
pub(super) struct Clients {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) parts: Arc<dyn MultipartStore>,
}

impl Clients {
    fn of<T: ObjectStore + MultipartStore>(client: T) -> Self {
        let client = Arc::new(client);
        Self {
            objects: Arc::clone(&client) as Arc<dyn ObjectStore>,
            parts: client,
        }
    }
}

/// The options that are such a client's, of those that are given: names of another cloud's play no part.
fn known<'a, K: FromStr>(
    options: &'a [(String, String)],
) -> impl Iterator<Item = (K, &'a String)> + use<'a, K> {
    options
        .iter()
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase().parse().ok()?, value)))
}

/// Whether a client of that scheme knows an option of that name.
pub(super) fn is_known(scheme: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match scheme {
        "s3" => name.parse::<AmazonS3ConfigKey>().is_ok(),
        "az" => name.parse::<AzureConfigKey>().is_ok(),
        _ => name.parse::<GoogleConfigKey>().is_ok(),
    }
}

/// Refuses what the clients would panic about.
pub(super) fn sound(options: &[(String, String)]) -> Result<(), BucketError> {
    let wrong = |name: &str, what: &str| {
        Err(BucketError::new(
            BucketFault::Settings,
            format!("`{name}` {what}"),
        ))
    };
    for (name, value) in options {
        if value.chars().any(|c| c.is_control()) {
            return wrong(name, "holds what no line of text holds");
        }
        let host = value
            .strip_prefix("http://")
            .or_else(|| value.strip_prefix("https://"));
        let is_host = |c: char| {
            c.is_ascii_graphic()
                && !matches!(
                    c,
                    '@' | '?' | '#' | '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}'
                )
        };
        let is_address = host.is_some_and(|host| !host.is_empty() && host.chars().all(is_host));
        if name.to_ascii_lowercase().contains("endpoint") && !value.is_empty() && !is_address {
            return wrong(name, "is no address: it begins with https:// or http://");
        }
    }
    Ok(())
}

pub(super) fn connect(
    address: &Address,
    options: &[(String, String)],
) -> Result<Clients, object_store::Error> {
    let url = format!("{}://{}", address.scheme, address.bucket);
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: RETRIES,
        retry_timeout: RETRY_FOR,
    };
    // An endpoint without encryption is only ever one that somebody has written down so.
    let plain = options.iter().any(|(name, value)| {
        name.to_ascii_lowercase().contains("endpoint") && value.starts_with("http://")
    });
    let client = ClientOptions::new()
        .with_timeout(REQUEST)
        .with_connect_timeout(CONNECT)
        .with_allow_http(plain);
    /// The builders of the three clients are alike, and have no trait in common.
    macro_rules! client {
        ($builder:ty) => {
            known(options)
                .fold(
                    <$builder>::new().with_client_options(client),
                    |builder, (key, value)| builder.with_config(key, value),
                )
                .with_url(url)
                .with_retry(retry)
                .build()
                .map(Clients::of)
        };
    }
    match address.scheme.as_str() {
        "s3" => client!(AmazonS3Builder),
        "az" => client!(MicrosoftAzureBuilder),
        "gs" => client!(GoogleCloudStorageBuilder),
        other => Err(object_store::Error::Generic {
            store: "bucket",
            source: format!("no store of objects is reached by `{other}://`").into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_bucket_and_a_prefix() {
        let check = |text: &str, expect: Option<(&str, &str)>| {
            let found = Address::parse(text).ok();
            let found = found.map(|it| (it.bucket, it.prefix.to_string()));
            let expect = expect.map(|(bucket, prefix)| (bucket.to_owned(), prefix.to_owned()));
            assert_eq!(found, expect, "{text}");
        };
        check("s3://b", Some(("b", "")));
        check("s3://b/", Some(("b", "")));
        check("gs://b/x/y/", Some(("b", "x/y")));
        check("s3://key:secret@b/x", None);
        check("s3://b/x?secret=y", None);
        check("s3://", None);
        check("b", None);
    }

    #[test]
    fn an_endpoint_is_an_address_without_a_password() {
        let check = |value: &str, expect| {
            let options = [("AWS_ENDPOINT_URL".to_owned(), value.to_owned())];
            assert_eq!(sound(&options).is_ok(), expect, "{value}");
        };
        check("http://127.0.0.1:5056", true);
        check("https://s3.example.org/path", true);
        check("", true);
        check("127.0.0.1:5056", false);
        check("https://", false);
        check("https://me:geheim@host", false);
        check("https://a b", false);
        check("https://a\nb", false);
    }

    #[test]
    fn options_belong_to_one_cloud() {
        assert!(is_known("s3", "AWS_ACCESS_KEY_ID") && !is_known("az", "aws_access_key_id"));
        assert!(is_known("az", "azure_storage_account_key"));
        assert!(is_known("gs", "google_service_account"));
    }
}
