use std::io;

use futures_util::StreamExt as _;
use object_store::{GetOptions, GetRange, ObjectStoreExt as _};

use super::{Bucket, BucketFault};
use crate::bucket::BucketError;

/// How often a broken stream is taken up again without a byte in between.
const TRIES: u32 = 4;

impl Bucket {
    /// Gives the bytes of an object from an offset on, piece by piece. A stream that breaks off is taken up where it broke.
    ///
    /// # Errors
    /// `NotFound` if the object is not there; what the sink says.
    pub(crate) fn receive(
        &self,
        path: &str,
        from: u64,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let at = self.path(path)?;
        let objects = &self.inner.clients.objects;
        self.wait(async {
            let size = objects
                .head(&at)
                .await
                .map_err(|error| self.missing(&error))?
                .size;
            let (mut done, mut tries) = (from, 0);
            while done < size {
                let options = GetOptions {
                    range: Some(GetRange::Bounded(done..size)),
                    ..GetOptions::default()
                };
                let got = objects.get_opts(&at, options).await;
                let mut stream = got.map_err(|error| self.missing(&error))?.into_stream();
                let before = done;
                let broken = loop {
                    match stream.next().await {
                        Some(Ok(chunk)) => {
                            sink(&chunk)?;
                            done += chunk.len() as u64;
                        }
                        Some(Err(error)) => break Some(error),
                        None => break None,
                    }
                };
                tries = if done > before { 0 } else { tries + 1 };
                if tries >= TRIES {
                    return Err(match broken {
                        Some(error) => self.failed(&error),
                        None => BucketError::new(BucketFault::Lost, "the object ends early").io(),
                    });
                }
            }
            Ok(())
        })
    }

    fn missing(&self, error: &object_store::Error) -> io::Error {
        match self.none_if_missing::<()>(error) {
            Ok(_) => io::Error::new(io::ErrorKind::NotFound, "the object is not there"),
            Err(error) => error,
        }
    }
}
