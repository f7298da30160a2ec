//! Asks the bridge that runs with the same environment: whether it lives, and what its console
//! says.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// For connecting, and for each read and write.
const TIMEOUT: Duration = Duration::from_secs(8);
/// Bytes of an answer that are read at most.
const MAX_RESPONSE: u64 = 4 << 20;

/// Why the health check failed.
#[derive(Debug, thiserror::Error)]
pub enum HealthcheckError {
    /// Its address is unknown.
    #[error("CONSOLE_ADDR is off or has port 0: no address to check")]
    NoAddress,
    /// It cannot be reached.
    #[error("{0} does not respond: {1}")]
    Unreachable(SocketAddr, io::Error),
    /// It reports that it is not alive.
    #[error("{0}")]
    Unhealthy(String),
}

/// What the console answers: the status, and the body.
pub type ProbeResponse = (u16, String);

/// Asks `/livez` at the console's address.
///
/// # Errors
///
/// It does not answer, or not that it lives.
pub fn ask(addr: Option<SocketAddr>) -> Result<(), HealthcheckError> {
    match get(addr, "/livez", None)? {
        (200, _) => Ok(()),
        (status, body) => Err(HealthcheckError::Unhealthy(format!(
            "the console answers with HTTP status {status}: {}",
            body.trim()
        ))),
    }
}

/// Asks the console at an address for a path, with the token that it wants.
///
/// # Errors
///
/// It cannot be reached, or does not answer in HTTP.
pub fn get(
    addr: Option<SocketAddr>,
    path: &str,
    token: Option<&str>,
) -> Result<ProbeResponse, HealthcheckError> {
    let addr = addr.filter(|addr| addr.port() != 0).ok_or(HealthcheckError::NoAddress)?;
    // An unspecified address (0.0.0.0, ::) is reachable over loopback.
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let addr = SocketAddr::new(ip, addr.port());
    let text =
        exchange(addr, path, token).map_err(|error| HealthcheckError::Unreachable(addr, error))?;
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let (Some(status), Some((_, body))) = (status, text.split_once("\r\n\r\n")) else {
        return Err(HealthcheckError::Unhealthy(format!(
            "{addr} does not answer with HTTP: is CONSOLE_ADDR the console's address?"
        )));
    };
    Ok((status, body.to_owned()))
}

fn exchange(addr: SocketAddr, path: &str, token: Option<&str>) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let token =
        token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{token}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_RESPONSE).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
