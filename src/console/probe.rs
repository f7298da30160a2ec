//! `sparkwise healthcheck`: asks a running bridge whether it lives.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// For connecting, and for each read and write.
const PATIENCE: Duration = Duration::from_secs(8);
/// Bytes of the response that are read.
const ANSWER: u64 = 4_096;

/// Why the health check failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its address is unknown.
    #[error("CONSOLE_ADDR is off or has port 0: no address to check")]
    Nowhere,
    /// It cannot be reached.
    #[error("{0} does not respond: {1}")]
    Unreachable(SocketAddr, io::Error),
    /// It reports that it is not alive.
    #[error("{0}")]
    Unwell(String),
}

/// Asks `/livez` at the console's address.
///
/// # Errors
///
/// It does not answer, or not that it lives.
pub fn ask(addr: Option<SocketAddr>) -> Result<(), Error> {
    let addr = addr.filter(|addr| addr.port() != 0).ok_or(Error::Nowhere)?;
    // Who listens everywhere listens here.
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let addr = SocketAddr::new(ip, addr.port());
    let answer = exchange(addr).map_err(|error| Error::Unreachable(addr, error))?;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    if answer.starts_with("HTTP/1.1 ") && status == "200" {
        return Ok(());
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Err(Error::Unwell(format!("{addr} answers {status}: {}", body.trim())))
}

fn exchange(addr: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
