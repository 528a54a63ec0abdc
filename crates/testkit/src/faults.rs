//! A connection that breaks when a test wants it to.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How often it is looked whether something is still held up.
const PAUSE: Duration = Duration::from_millis(5);

/// How long it is waited for it.
const LIMIT: Duration = Duration::from_secs(60);

/// Stands between a command and a server on this machine, and cuts connections. It ends with the process that made it.
#[derive(Debug)]
pub struct FaultProxy {
    /// Its port on 127.0.0.1.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Bytes that still pass towards the server before everything is cut; negative: no limit.
    left_up: AtomicI64,
    /// The same towards the command.
    left_down: AtomicI64,
    /// Whether nothing passes any more once a limit was reached, or the limit holds once.
    for_good: AtomicBool,
    dead: AtomicBool,
    /// Whether a limit holds up instead of cutting.
    stalls: AtomicBool,
    stalled: AtomicBool,
    up: AtomicU64,
    down: AtomicU64,
    cuts: AtomicU64,
}

impl FaultProxy {
    /// A proxy to a port on this machine, which lets everything pass for now.
    ///
    /// # Errors
    /// When no port is free.
    pub fn to(server: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("listening for the proxy")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            left_up: AtomicI64::new(-1),
            left_down: AtomicI64::new(-1),
            ..Shared::default()
        });
        let of_listener = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&of_listener);
                if shared.dead.load(Ordering::SeqCst) {
                    continue;
                }
                thread::spawn(move || serve(&client, server, &shared));
            }
        });
        Ok(Self { port, shared })
    }

    /// Cuts the connection once, after so many more bytes towards the server.
    pub fn cut_once_after_sending(&self, bytes: u64) {
        self.shared.for_good.store(false, Ordering::SeqCst);
        self.shared.left_up.store(limit(bytes), Ordering::SeqCst);
    }

    /// Lets nothing pass any more after so many more bytes towards the server.
    pub fn die_after_sending(&self, bytes: u64) {
        self.shared.for_good.store(true, Ordering::SeqCst);
        self.shared.left_up.store(limit(bytes), Ordering::SeqCst);
    }

    /// Holds up everything after so many more bytes towards the server.
    pub fn stall_after_sending(&self, bytes: u64) {
        self.shared.stalls.store(true, Ordering::SeqCst);
        self.die_after_sending(bytes);
    }

    /// Waits until everything is held up, for a minute at the most; says whether it is.
    pub fn wait_until_stalled(&self) -> bool {
        let began = Instant::now();
        while !self.shared.stalled.load(Ordering::SeqCst) && began.elapsed() < LIMIT {
            thread::sleep(PAUSE);
        }
        self.shared.stalled.load(Ordering::SeqCst)
    }

    /// Cuts the connection once, after so many more bytes towards the command.
    pub fn cut_once_after_receiving(&self, bytes: u64) {
        self.shared.for_good.store(false, Ordering::SeqCst);
        self.shared.left_down.store(limit(bytes), Ordering::SeqCst);
    }

    /// Lets nothing pass any more after so many more bytes towards the command.
    pub fn die_after_receiving(&self, bytes: u64) {
        self.shared.for_good.store(true, Ordering::SeqCst);
        self.shared.left_down.store(limit(bytes), Ordering::SeqCst);
    }

    /// Lets everything pass again.
    pub fn heal(&self) {
        self.shared.left_up.store(-1, Ordering::SeqCst);
        self.shared.left_down.store(-1, Ordering::SeqCst);
        self.shared.dead.store(false, Ordering::SeqCst);
        self.shared.stalls.store(false, Ordering::SeqCst);
        self.shared.stalled.store(false, Ordering::SeqCst);
    }

    /// How many bytes have passed towards the server so far.
    pub fn sent(&self) -> u64 {
        self.shared.up.load(Ordering::SeqCst)
    }

    /// How many bytes have passed towards the command so far.
    pub fn received(&self) -> u64 {
        self.shared.down.load(Ordering::SeqCst)
    }

    /// How often a connection was cut.
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::SeqCst)
    }
}

fn limit(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn serve(client: &TcpStream, server: u16, shared: &Arc<Shared>) {
    let run = || -> io::Result<()> {
        let server = TcpStream::connect(("127.0.0.1", server))?;
        let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
        let of_sender = Arc::clone(shared);
        let sender = thread::spawn(move || {
            pass(
                from_client,
                to_server,
                &of_sender,
                &of_sender.left_up,
                &of_sender.up,
            );
        });
        pass(
            server,
            client.try_clone()?,
            shared,
            &shared.left_down,
            &shared.down,
        );
        let _ = sender.join();
        Ok(())
    };
    // A connection that cannot be made is one more that is cut.
    let _ = run();
    let _ = client.shutdown(Shutdown::Both);
}

/// Passes bytes on until either side ends, or the limit is reached: then both are cut.
fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    shared: &Shared,
    left: &AtomicI64,
    passed: &AtomicU64,
) {
    let mut chunk = vec![0; 16 << 10];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        if shared.dead.load(Ordering::SeqCst) {
            hold_up(shared);
            break;
        }
        let may = left.load(Ordering::SeqCst);
        if may >= 0 {
            let after = may - limit(count as u64);
            if after < 0 {
                shared.cuts.fetch_add(1, Ordering::SeqCst);
                shared
                    .dead
                    .store(shared.for_good.load(Ordering::SeqCst), Ordering::SeqCst);
                left.store(-1, Ordering::SeqCst);
                hold_up(shared);
                break;
            }
            left.store(after, Ordering::SeqCst);
        }
        // Counted first: whoever has received it finds it counted.
        passed.fetch_add(count as u64, Ordering::SeqCst);
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    // The other direction ends with this one.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Waits for as long as everything is to be held up.
fn hold_up(shared: &Shared) {
    while shared.stalls.load(Ordering::SeqCst) {
        shared.stalled.store(true, Ordering::SeqCst);
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets.
    fn echo() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut back = client.try_clone().unwrap();
                    let _ = io::copy(&mut &client, &mut back);
                });
            }
        });
        port
    }

    fn ask(port: u16, text: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(text.as_bytes())?;
        let mut back = vec![0; text.len()];
        stream.read_exact(&mut back)?;
        Ok(String::from_utf8(back).unwrap())
    }

    #[test]
    fn a_connection_is_cut_once_or_for_good_and_heals() {
        let proxy = FaultProxy::to(echo()).unwrap();
        assert_eq!(ask(proxy.port, "hello").unwrap(), "hello");
        assert_eq!((proxy.sent(), proxy.received(), proxy.cuts()), (5, 5, 0));
        proxy.cut_once_after_sending(3);
        assert!(ask(proxy.port, "hello").is_err());
        assert_eq!(ask(proxy.port, "hello").unwrap(), "hello");
        proxy.die_after_receiving(7);
        assert_eq!(ask(proxy.port, "hello").unwrap(), "hello");
        assert!(ask(proxy.port, "hello").is_err());
        assert!(ask(proxy.port, "hello").is_err());
        assert_eq!(proxy.cuts(), 2);
        proxy.heal();
        assert_eq!(ask(proxy.port, "hello").unwrap(), "hello");
    }
}
