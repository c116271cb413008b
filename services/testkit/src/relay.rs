//! What one service says to another, overheard.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A port that leads to a service, which may start later. It keeps what passes.
pub struct Relay {
    port: u16,
    target: Arc<OnceLock<u16>>,
    heard: Heard,
}

type Heard = Arc<Mutex<Vec<u8>>>;

impl Relay {
    /// Opens the port. Connections are refused until it leads somewhere.
    ///
    /// # Errors
    /// When no port can be opened.
    pub(crate) async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let relay = Self {
            port: listener.local_addr()?.port(),
            target: Arc::default(),
            heard: Arc::default(),
        };
        let (target, heard) = (Arc::clone(&relay.target), Arc::clone(&relay.heard));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Some(port) = target.get() {
                    tokio::spawn(pass(client, *port, Arc::clone(&heard)));
                }
            }
        });
        Ok(relay)
    }

    /// From now on it leads to this port.
    pub(crate) fn lead_to(&self, port: u16) {
        let _ = self.target.set(port);
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All that has passed, in both directions.
    pub fn heard(&self) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).into_owned()
    }
}

async fn pass(client: TcpStream, port: u16, heard: Heard) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        pump(from_client, to_server, &heard),
        pump(from_server, to_client, &heard)
    );
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, heard: &Heard) {
    let mut buffer = vec![0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..length) else {
            break;
        };
        heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        if to.write_all(bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
