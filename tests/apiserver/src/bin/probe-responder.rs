//! Answers for every pod of the tests, over plain HTTP.
//!
//! `probe-responder serve DIRECTORY` answers on port 8080 of every address with the version that stands in the file of this
//! name in DIRECTORY. While there is no file it lets the asker wait. It ends with its standard input.
//! `probe-responder get ADDRESS PATH` prints an answer: the operator's metrics, from inside the cluster's network.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The client port of every service in these tests.
const PORT: u16 = 8080;
/// How often a missing file is looked for; it ends when the asker has gone.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["serve", directory] => serve(PathBuf::from(directory)),
        ["get", address, path] => get(address, path),
        _ => Err(std::io::Error::other(
            "usage: probe-responder serve DIRECTORY | probe-responder get ADDRESS PATH",
        )),
    }
}

fn serve(directory: PathBuf) -> std::io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT))?;
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let directory = directory.clone();
            // An asker that went away is no reason to end.
            std::thread::spawn(move || answer(connection, &directory).ok());
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

fn answer(mut connection: TcpStream, directory: &Path) -> std::io::Result<()> {
    let mut request = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    while request.read_line(&mut line)? > 2 {
        line.clear();
    }
    let file = directory.join(connection.local_addr()?.ip().to_string());
    connection.set_read_timeout(Some(LOOK))?;
    let version = loop {
        if let Ok(version) = std::fs::read_to_string(&file) {
            break version;
        }
        // Nothing more is to come: the end of the stream means that the asker gave up.
        if request.read(&mut [0]).is_ok_and(|read| read == 0) {
            return Ok(());
        }
    };
    let body = format!("{{\"version\":\"{version}\"}}");
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn get(address: &str, path: &str) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(address)?;
    write!(connection, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    std::io::stdout().write_all(body.as_bytes())
}
