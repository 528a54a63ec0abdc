use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path as FilePath;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::multipart::PartId;
use object_store::{ObjectStoreExt as _, PutPayload};

use super::log::{InParts, Line, UploadLog};
use super::{Bucket, Object};
use crate::{FileDigest, Progress};

/// Up to this size a file goes up in one piece, and a larger one in parts of it.
const PART: u64 = 5 << 20;
/// Stores take 10,000 parts of a file.
const MOST_PARTS: u64 = 9_000;
/// Pieces that are on their way at once.
const AT_ONCE: usize = 3;

/// How large the parts of a file are.
fn part_bytes(bytes: u64) -> u64 {
    PART.max(bytes.div_ceil(MOST_PARTS).next_multiple_of(1 << 20))
}

/// An upload on its way.
struct Sending<'a> {
    bucket: &'a Bucket,
    /// The folder that the files are in.
    home: &'a FilePath,
    /// The backup's name.
    name: &'a str,
    log: UploadLog,
    done: Cell<u64>,
    all: u64,
    progress: Progress<'a>,
}

impl Bucket {
    /// Sends the files of a backup that are not there yet: all that the log beside them, or the bucket, does not have.
    pub(crate) fn send(
        &self,
        home: &FilePath,
        name: &str,
        files: &[FileDigest],
        log: &FilePath,
        progress: Progress<'_>,
    ) -> io::Result<()> {
        let there: BTreeMap<String, Object> = self
            .list(name)?
            .into_iter()
            .map(|object| (object.path.clone(), object))
            .collect();
        let sending = Sending {
            bucket: self,
            home,
            name,
            log: UploadLog::open(log)?,
            done: Cell::new(0),
            all: files.iter().map(|file| file.bytes).sum(),
            progress,
        };
        let (there, missing): (Vec<&FileDigest>, Vec<&FileDigest>) = files
            .iter()
            .partition(|file| sending.is_there(file, &there));
        sending.went(there.iter().map(|file| file.bytes).sum());
        let (large, small): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|file| file.bytes > PART);
        self.wait(async {
            stream::iter(small.into_iter().map(|file| sending.whole(file)))
                .buffer_unordered(AT_ONCE)
                .try_collect::<()>()
                .await?;
            for file in large {
                sending.in_parts(file).await?;
            }
            Ok(())
        })
    }
}

impl Sending<'_> {
    /// Whether what is there under the file's name is what this maker has put there.
    fn is_there(&self, file: &FileDigest, there: &BTreeMap<String, Object>) -> bool {
        let path = format!("{}/{}", self.name, file.path);
        match (self.log.done.get(&file.path), there.get(&path)) {
            (Some(tag), Some(object)) => {
                tag.is_some() && *tag == object.e_tag && object.bytes == file.bytes
            }
            _ => false,
        }
    }

    fn went(&self, bytes: u64) {
        self.done.set(self.done.get() + bytes);
        (self.progress)(self.done.get(), self.all);
    }

    fn path(&self, file: &FileDigest) -> io::Result<object_store::path::Path> {
        self.bucket.path(&format!("{}/{}", self.name, file.path))
    }

    async fn whole(&self, file: &FileDigest) -> io::Result<()> {
        let at = self.path(file)?;
        let bytes = read_range(&self.home.join(&file.path), 0, file.bytes)?;
        let put = self.bucket.inner.clients.objects.put(&at, bytes).await;
        let put = put.map_err(|error| self.bucket.failed(&error))?;
        self.log.write(&Line::Done {
            file: file.path.clone(),
            e_tag: put.e_tag,
        })?;
        self.went(file.bytes);
        Ok(())
    }

    async fn in_parts(&self, file: &FileDigest) -> io::Result<()> {
        let begun = self.log.begun.get(&file.path);
        if let Some(begun) = begun {
            match self.go_on(file, begun.clone()).await {
                // The store has given up what was begun, or put it together already: from the beginning, then.
                Err(error) if error.kind() == io::ErrorKind::Other => {}
                done_or_lost => return done_or_lost,
            }
        }
        let at = self.path(file)?;
        let id = self.bucket.inner.clients.parts.create_multipart(&at).await;
        let id = id.map_err(|error| self.bucket.failed(&error))?;
        let begun = InParts {
            id,
            part_bytes: part_bytes(file.bytes),
            parts: BTreeMap::new(),
        };
        self.log.write(&Line::Begun {
            file: file.path.clone(),
            id: begun.id.clone(),
            part_bytes: begun.part_bytes,
        })?;
        self.go_on(file, begun).await
    }

    /// Sends the parts that are missing, and puts all together.
    async fn go_on(&self, file: &FileDigest, begun: InParts) -> io::Result<()> {
        let at = self.path(file)?;
        let count =
            usize::try_from(file.bytes.div_ceil(begun.part_bytes)).map_err(io::Error::other)?;
        let before = self.done.get();
        let sent = stream::iter((0..count).map(|number| self.part(file, &begun, number, &at)))
            .buffered(AT_ONCE)
            .try_collect::<Vec<PartId>>()
            .await;
        let parts = sent.inspect_err(|_| self.done.set(before))?;
        let clients = &self.bucket.inner.clients;
        let put = clients
            .parts
            .complete_multipart(&at, &begun.id, parts)
            .await;
        let put = put.map_err(|error| {
            self.done.set(before);
            self.bucket.failed(&error)
        })?;
        self.log.write(&Line::Done {
            file: file.path.clone(),
            e_tag: put.e_tag,
        })
    }

    async fn part(
        &self,
        file: &FileDigest,
        begun: &InParts,
        number: usize,
        at: &object_store::path::Path,
    ) -> io::Result<PartId> {
        let from = number as u64 * begun.part_bytes;
        let bytes = begun.part_bytes.min(file.bytes - from);
        let content_id = match begun.parts.get(&number) {
            Some(content) => content.clone(),
            None => {
                let payload = read_range(&self.home.join(&file.path), from, bytes)?;
                let parts = &self.bucket.inner.clients.parts;
                let put = parts.put_part(at, &begun.id, number, payload).await;
                let content = put.map_err(|error| self.bucket.failed(&error))?.content_id;
                self.log.write(&Line::Part {
                    id: begun.id.clone(),
                    number,
                    content: content.clone(),
                })?;
                content
            }
        };
        self.went(bytes);
        Ok(PartId { content_id })
    }
}

fn read_range(path: &FilePath, from: u64, bytes: u64) -> io::Result<PutPayload> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut buffer = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
    file.read_exact(&mut buffer)?;
    Ok(buffer.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_more_parts_than_stores_take() {
        assert_eq!(part_bytes(PART + 1), PART);
        let huge = 2_u64 << 40;
        assert!(huge.div_ceil(part_bytes(huge)) <= 10_000);
        assert_eq!(part_bytes(huge) % (1 << 20), 0);
    }
}
