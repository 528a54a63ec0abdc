//! A bucket of an object store (S3, Azure, GCS) as the place of backups.
//!
//! The client is asynchronous and lives behind this module: what is outside calls functions that return when it is done.
//! A store of objects knows neither folders nor locks nor new names for old things. So a name is *claimed* by an object that only
//! one can create, the manifest goes up last, and a name without a manifest is no backup.

mod claim;
mod connect;
mod error;
mod log;
mod receive;
mod send;
mod shelf;

use std::fmt;
use std::io;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode, PutPayload};
use tokio::runtime::Runtime;

pub(crate) use claim::{Claim, ClaimState};
pub(crate) use error::BucketError;
pub use error::BucketFault;

use connect::{Address, Clients};

/// The file beside what is on its way that says what of it has gone up already.
pub(crate) const UPLOADED: &str = "upload.log";

/// The beginnings of the addresses of buckets.
pub const SCHEMES: [&str; 3] = ["s3://", "az://", "gs://"];

/// What is between the address of an object store and the use of it: names and values as the clouds' own tools have them in
/// their environment (`AWS_ACCESS_KEY_ID`). It is never shown.
#[derive(Clone, Default)]
pub struct BucketOptions(pub Vec<(String, String)>);

impl fmt::Debug for BucketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BucketOptions(***)")
    }
}

impl BucketOptions {
    /// Whether stores of that scheme (`s3`) know an option of that name.
    pub fn knows(scheme: &str, name: &str) -> bool {
        connect::is_known(scheme, name)
    }

    /// The values that are secret, or could be.
    fn secrets(&self) -> Vec<String> {
        const SHORTEST: usize = 6;
        let secret = |name: &str| {
            let name = name.to_ascii_lowercase();
            ["secret", "key", "token", "password", "sas", "account"]
                .iter()
                .any(|word| name.contains(word))
        };
        let values = self.0.iter().filter(|(name, _)| secret(name));
        values
            .map(|(_, value)| value.clone())
            .filter(|value| value.len() >= SHORTEST)
            .collect()
    }
}

/// A bucket, and the prefix of the place's objects in it.
#[derive(Clone)]
pub(crate) struct Bucket {
    inner: Arc<Inner>,
}

struct Inner {
    clients: Clients,
    prefix: Path,
    address: String,
    secrets: Vec<String>,
    runtime: Runtime,
}

/// An object as a listing has it.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Its path from the place.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) e_tag: Option<String>,
    pub(crate) changed: Timestamp,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.inner.address)
    }
}

impl Bucket {
    /// The bucket at an address, such as `s3://BUCKET/PREFIX`. Nothing is asked of it yet.
    pub(crate) fn open(address: &str, options: &BucketOptions) -> io::Result<Self> {
        let parsed = Address::parse(address).map_err(BucketError::io)?;
        // A variable that is set to nothing is not set.
        let mut options = options.clone();
        options.0.retain(|(_, value)| !value.is_empty());
        connect::sound(&options.0).map_err(BucketError::io)?;
        let secrets = options.secrets();
        let clients = connect::connect(&parsed, &options.0).map_err(|error| {
            let error = BucketError::of(&error, &secrets);
            BucketError::new(BucketFault::Settings, error.to_string()).io()
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            inner: Arc::new(Inner {
                clients,
                prefix: parsed.prefix,
                address: address.trim_end_matches('/').to_owned(),
                secrets,
                runtime,
            }),
        })
    }

    /// The address of an object, for people to read.
    pub(crate) fn address(&self, path: &str) -> String {
        match path {
            "" => self.inner.address.clone(),
            path => format!("{}/{path}", self.inner.address),
        }
    }

    fn path(&self, path: &str) -> io::Result<Path> {
        let below = Path::parse(path)
            .map_err(|error| BucketError::new(BucketFault::Settings, error.to_string()).io())?;
        Ok(self.inner.prefix.parts().chain(below.parts()).collect())
    }

    fn wait<T>(&self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        self.inner.runtime.block_on(work)
    }

    fn failed(&self, error: &object_store::Error) -> io::Error {
        BucketError::of(error, &self.inner.secrets).io()
    }

    /// A small object, whole; none if it is not there.
    pub(crate) fn get(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let at = self.path(path)?;
        self.wait(async {
            let got = match self.inner.clients.objects.get(&at).await {
                Ok(got) => got.bytes().await,
                Err(error) => Err(error),
            };
            match got {
                Ok(bytes) => Ok(Some(bytes.to_vec())),
                Err(error) => self.none_if_missing(&error),
            }
        })
    }

    /// That an object is not there is an answer; that the bucket is not there is an error.
    fn none_if_missing<T>(&self, error: &object_store::Error) -> io::Result<Option<T>> {
        let known = BucketError::of(error, &self.inner.secrets);
        match error {
            object_store::Error::NotFound { .. } if known.fault != BucketFault::NoBucket => {
                Ok(None)
            }
            _ => Err(known.io()),
        }
    }

    /// Writes a small object, whatever was there.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let at = self.path(path)?;
        let payload = PutPayload::from(bytes.to_vec());
        self.wait(async {
            let put = self.inner.clients.objects.put(&at, payload).await;
            put.map(drop).map_err(|error| self.failed(&error))
        })
    }

    /// Writes a small object if there is none of that name; says whether it did. Where the store cannot do both in one, it is asked
    /// first: whoever relies on the name looks again later whether it is still his.
    pub(crate) fn create(&self, path: &str, bytes: &[u8]) -> io::Result<bool> {
        use object_store::Error;
        let at = self.path(path)?;
        let payload = PutPayload::from(bytes.to_vec());
        let objects = &self.inner.clients.objects;
        let created =
            self.wait(async { Ok(objects.put_opts(&at, payload, PutMode::Create.into()).await) })?;
        match created {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(error) if cannot_create(&error) => {
                let free = self.get(path)?.is_none();
                if free {
                    self.put(path, bytes)?;
                }
                Ok(free)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// All objects below a path, in no order.
    pub(crate) fn list(&self, below: &str) -> io::Result<Vec<Object>> {
        let at = self.path(below)?;
        let cut = self.inner.prefix.parts().count();
        self.wait(async {
            let found = self.inner.clients.objects.list(Some(&at));
            let object = found.map_ok(|meta| Object {
                path: meta
                    .location
                    .parts()
                    .skip(cut)
                    .collect::<Path>()
                    .to_string(),
                bytes: meta.size,
                e_tag: meta.e_tag,
                changed: Timestamp::from_second(meta.last_modified.timestamp())
                    .unwrap_or(Timestamp::MAX),
            });
            let all = object.try_collect().await;
            all.map_err(|error| self.failed(&error))
        })
    }

    /// Removes an object, if it is there.
    pub(crate) fn delete(&self, path: &str) -> io::Result<()> {
        let at = self.path(path)?;
        self.wait(async {
            match self.inner.clients.objects.delete(&at).await {
                Ok(()) => Ok(()),
                Err(error) => self.none_if_missing::<()>(&error).map(drop),
            }
        })
    }
}

/// Whether the store has no writing that depends on what is there.
fn cannot_create(error: &object_store::Error) -> bool {
    use object_store::Error;
    matches!(
        error,
        Error::NotImplemented { .. } | Error::NotSupported { .. }
    ) || error.to_string().contains("<Code>NotImplemented</Code>")
}
