//! What the cluster's own tests run in pods, and against them: a static program
//! that serves, or asks, over plain TCP.
//!
//! `cluster-probe serve PORT` answers every connection with its host name;
//! `cluster-probe ask HOST:PORT` prints an answer, once there is one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["serve", port] => serve(port),
        ["ask", address] => ask(address),
        _ => Err(std::io::Error::other(
            "usage: cluster-probe serve PORT | cluster-probe ask HOST:PORT",
        )),
    }
}

fn serve(port: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    println!("serving as {}", name.trim());
    for connection in listener.incoming() {
        // A client that went away is no reason to end.
        let _ = connection.and_then(|mut client| client.write_all(name.as_bytes()));
    }
    Ok(())
}

/// Names and rules of a new Service take a moment to arrive.
fn ask(address: &str) -> std::io::Result<()> {
    let start = Instant::now();
    loop {
        let mut answer = String::new();
        match TcpStream::connect(address).and_then(|mut server| server.read_to_string(&mut answer))
        {
            Ok(_) => return std::io::stdout().write_all(answer.as_bytes()),
            Err(error) if start.elapsed() > Duration::from_secs(20) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
