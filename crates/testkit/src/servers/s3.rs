use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};

use super::state::ServerState;
use super::{binaries, keeper};
use crate::alive::ProcessId;
use crate::lock::FileLock;
use crate::{port, run};

/// The bucket that is there. Every test has a prefix of its own in it.
const BUCKET: &str = "tightrope-tests";

/// How long the server may take to answer.
const START: Duration = Duration::from_secs(60);

/// A running server that speaks S3, checks signatures, and that all tests of the run share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Server {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The name of the key that gets in.
    pub access_key: String,
    /// The key itself.
    pub secret_key: String,
}

/// What a test keeps in the bucket.
#[derive(Clone, Debug)]
pub struct S3Prefix {
    /// The server.
    pub server: S3Server,
    prefix: String,
}

/// The run's S3 server; started now if nobody has asked for it before.
///
/// # Errors
/// When it is not installed, or does not start.
pub fn s3() -> anyhow::Result<S3Server> {
    static KNOWN: Mutex<Option<S3Server>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = &*known {
        return Ok(server.clone());
    }
    let server = find_or_start().context("starting the S3 server for the tests")?;
    Ok(known.insert(server).clone())
}

fn find_or_start() -> anyhow::Result<S3Server> {
    let runner = run::runner()?;
    let folder = run::folder(runner)?.join("s3");
    let _lock = FileLock::wait(&folder.with_extension("lock"))?;
    if let Some(server) = healthy(&folder) {
        return Ok(server);
    }
    keeper::sweep()?;
    keeper::end(&folder)?;
    keeper::start(runner, &folder)?;
    start(&folder)
}

fn keys(folder: &Path) -> PathBuf {
    folder.join("keys.json")
}

fn healthy(folder: &Path) -> Option<S3Server> {
    let state = ServerState::read(folder)?;
    let server: S3Server = serde_json::from_slice(&fs::read(keys(folder)).ok()?).ok()?;
    (state.server.is_alive() && TcpStream::connect(("127.0.0.1", state.port)).is_ok())
        .then_some(server)
}

/// Starts it in a folder that is made now: first without a look at signatures, to make bucket and key, then with.
fn start(folder: &Path) -> anyhow::Result<S3Server> {
    let packages = binaries::s3_packages()?;
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let port = port::free()?;
    let log = fs::File::create(folder.join("log"))?;
    let mut command = Command::new("python3");
    command
        .args(["-m", "moto.server", "-H", "127.0.0.1", "-p"])
        .arg(port.to_string())
        .env_clear()
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(&data)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().context("running python3")?;
    // The keeper knows a server by the file that PostgreSQL writes.
    fs::write(data.join("postmaster.pid"), format!("{}\n", child.id()))?;
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if child.try_wait()?.is_some() || began.elapsed() > START {
            bail!("{}", fs::read_to_string(folder.join("log"))?);
        }
        thread::sleep(Duration::from_millis(20));
    }
    let server = settle(port)?;
    fs::write(keys(folder), serde_json::to_string(&server)?)?;
    let process = ProcessId::of(child.id()).context("the server ended at once")?;
    ServerState {
        server: process,
        port,
    }
    .write(folder)?;
    Ok(server)
}

/// Makes the bucket and a key that may do everything with it, and has signatures checked from then on.
fn settle(port: u16) -> anyhow::Result<S3Server> {
    let ask = |service: &str, method: &str, path: &str, kind: &str, body: &str| {
        let credential =
            format!("AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {credential}, SignedHeaders=host, \
             Signature=x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(head.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if !answer.starts_with("HTTP/1.1 200") {
            bail!("{method} {path}: {answer}");
        }
        Ok(answer)
    };
    let form = "application/x-www-form-urlencoded";
    let iam = |action: &str| {
        ask(
            "iam",
            "POST",
            "/",
            form,
            &format!("Version=2010-05-08&{action}"),
        )
    };
    ask("s3", "PUT", &format!("/{BUCKET}"), "text/plain", "")?;
    iam("Action=CreateUser&UserName=tests")?;
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C\
                  %22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
    iam(&format!(
        "Action=PutUserPolicy&UserName=tests&PolicyName=all&PolicyDocument={policy}"
    ))?;
    let answer = iam("Action=CreateAccessKey&UserName=tests")?;
    let part = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    };
    let server = S3Server {
        port,
        access_key: part("AccessKeyId").context("no key in the answer")?,
        secret_key: part("SecretAccessKey").context("no secret in the answer")?,
    };
    ask("s3", "POST", "/moto-api/reset-auth", "text/plain", "0")?;
    Ok(server)
}

impl S3Server {
    /// A prefix that nobody else has.
    pub fn prefix(&self) -> S3Prefix {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        S3Prefix {
            server: self.clone(),
            prefix: format!("test-{}-{number}", id()),
        }
    }
}

impl S3Prefix {
    /// Its address: `s3://BUCKET/PREFIX`.
    pub fn address(&self) -> String {
        format!("s3://{BUCKET}/{}", self.prefix)
    }

    /// The environment in which a command reaches it, on that port.
    pub fn environment(&self, port: u16) -> [(&'static str, String); 4] {
        [
            ("AWS_ACCESS_KEY_ID", self.server.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.server.secret_key.clone()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ]
    }

    fn client(&self) -> anyhow::Result<AmazonS3> {
        Ok(AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_access_key_id(&self.server.access_key)
            .with_secret_access_key(&self.server.secret_key)
            .with_region("us-east-1")
            .with_endpoint(format!("http://127.0.0.1:{}", self.server.port))
            .with_allow_http(true)
            .build()?)
    }

    fn path(&self, path: &str) -> anyhow::Result<ObjectPath> {
        Ok(ObjectPath::parse(format!("{}/{path}", self.prefix))?)
    }

    fn wait<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(work)
    }

    /// The paths of all objects in it, sorted, with their sizes.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn objects(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let client = self.client()?;
        let prefix = ObjectPath::parse(&self.prefix)?;
        Self::wait(async {
            let found: Vec<_> = client.list(Some(&prefix)).try_collect().await?;
            let cut = self.prefix.len() + 1;
            let mut all: Vec<(String, u64)> = found
                .into_iter()
                .map(|meta| (meta.location.to_string()[cut..].to_owned(), meta.size))
                .collect();
            all.sort();
            Ok(all)
        })
    }

    /// The bytes of an object.
    ///
    /// # Errors
    /// When it is not there.
    pub fn read(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let (client, path) = (self.client()?, self.path(path)?);
        Self::wait(async { Ok(client.get(&path).await?.bytes().await?.to_vec()) })
    }

    /// Writes an object.
    ///
    /// # Errors
    /// When the server does not take it.
    pub fn write(&self, path: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        let (client, path) = (self.client()?, self.path(path)?);
        Self::wait(async {
            client.put(&path, PutPayload::from(bytes)).await?;
            Ok(())
        })
    }

    /// Removes an object.
    ///
    /// # Errors
    /// When the server does not do it.
    pub fn delete(&self, path: &str) -> anyhow::Result<()> {
        let (client, path) = (self.client()?, self.path(path)?);
        Self::wait(async { Ok(client.delete(&path).await?) })
    }
}
