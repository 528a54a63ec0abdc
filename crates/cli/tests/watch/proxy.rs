//! A line to the server that breaks at the worst instant: the server has committed, and nobody hears of it.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// It breaks once it is armed: after these words were sent on a connection, the answer to that connection's next commit is lost.
#[derive(Clone)]
pub(crate) struct Proxy {
    port: u16,
    words: Arc<Mutex<Option<String>>>,
    broken: Arc<AtomicUsize>,
}

impl Proxy {
    /// A line to what listens on that port.
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            words: Arc::default(),
            broken: Arc::default(),
        };
        let theirs = proxy.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                    theirs.carry(client, server);
                }
            }
        });
        proxy
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn arm(&self, words: &str) {
        *self.words.lock().unwrap() = Some(words.to_owned());
    }

    /// How often it has broken.
    pub(crate) fn broken(&self) -> usize {
        self.broken.load(Ordering::SeqCst)
    }

    fn carry(&self, client: TcpStream, server: TcpStream) {
        let loses = Arc::new(AtomicBool::new(false));
        let (answers, asker) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let (proxy, losing) = (self.clone(), Arc::clone(&loses));
        std::thread::spawn(move || proxy.bring_back(answers, asker, &losing));
        let proxy = self.clone();
        std::thread::spawn(move || proxy.send_on(client, server, &loses));
    }

    fn send_on(&self, mut client: TcpStream, mut server: TcpStream, loses: &AtomicBool) {
        let (mut bytes, mut heard) = ([0; 65536], false);
        while let Ok(read @ 1..) = client.read(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..read]).to_lowercase();
            let words = self.words.lock().unwrap().clone();
            heard |= words.is_some_and(|words| text.contains(&words));
            if heard && text.contains("commit") && self.words.lock().unwrap().take().is_some() {
                loses.store(true, Ordering::SeqCst);
            }
            if server.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    }

    fn bring_back(&self, mut server: TcpStream, mut client: TcpStream, loses: &AtomicBool) {
        let mut bytes = [0; 65536];
        while let Ok(read @ 1..) = server.read(&mut bytes) {
            // What is read now is the answer to the commit: it has happened.
            if loses.load(Ordering::SeqCst) {
                self.broken.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if client.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }
}
