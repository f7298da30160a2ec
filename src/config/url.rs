//! Where an MQTT server is.

use std::fmt;
use std::str::FromStr;

/// The transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// MQTT over TCP.
    Mqtt,
    /// MQTT over TLS.
    Mqtts,
    /// MQTT over WebSocket.
    Ws,
    /// MQTT over WebSocket over TLS.
    Wss,
}

/// An MQTT server's address.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// How.
    pub scheme: Scheme,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query of a WebSocket, from the slash on; `/mqtt` where the URL has none.
    pub path: String,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Mqtt, Self::Mqtts, Self::Ws, Self::Wss];

    /// As written in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Whether the connection is encrypted.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    /// Whether MQTT travels in a WebSocket.
    pub const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// The port where a URL has none.
    const fn port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

impl ServerUrl {
    /// The port, where it is not the one that its scheme has anyway.
    pub fn unusual_port(&self) -> Option<u16> {
        Some(self.port).filter(|port| *port != self.scheme.port())
    }
}

/// The error says what is wrong, never what was written: it might be a credential.
impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("needs a scheme: write mqtt://host or mqtts://host:8883")?;
        let scheme = Scheme::ALL
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
            .ok_or("has an unknown scheme: use mqtt, mqtts, ws or wss")?;

        let (authority, path) = match rest.find(['/', '?']) {
            Some(end) => rest.split_at_checked(end).unwrap_or((rest, "")),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(
                "must not carry credentials: set MQTT_USERNAME and MQTT_PASSWORD".to_owned()
            );
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err("has no valid host: write mqtt://host:1883 or mqtts://host:8883".to_owned());
        }
        let path = match path {
            "" | "/" => "/mqtt".to_owned(),
            _ if !scheme.is_websocket() => {
                return Err("has a path, which only ws and wss can use: remove it, or write ws:// or wss://".to_owned());
            }
            path if path.starts_with('?') => format!("/mqtt{path}"),
            path => path.to_owned(),
        };
        Ok(Self { scheme, host: host.to_owned(), port: port.unwrap_or(scheme.port()), path })
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Without path and query, which may be a token: for logs.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.as_str();
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or("has an address with an open bracket: write mqtt://[::1]:1883")?;
        (host, rest.strip_prefix(':'))
    } else {
        match authority.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err(
                    "has an IPv6 address without brackets: write mqtt://[::1]:1883".to_owned()
                );
            }
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = port
        .map(|port| port.parse::<u16>().ok().filter(|port| *port != 0))
        .map(|port| port.ok_or("has a port that is not a number from 1 to 65535"))
        .transpose()?;
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, shown, path) in [
            ("mqtt://localhost", "mqtt://localhost:1883", "/mqtt"),
            ("MQTTS://broker.example/", "mqtts://broker.example:8883", "/mqtt"),
            ("mqtt://10.0.0.7:1884", "mqtt://10.0.0.7:1884", "/mqtt"),
            ("mqtt://[::1]:1884", "mqtt://[::1]:1884", "/mqtt"),
            ("ws://broker.example/sparkplug", "ws://broker.example:80", "/sparkplug"),
            ("wss://broker.example?token=x", "wss://broker.example:443", "/mqtt?token=x"),
        ] {
            let url = ServerUrl::from_str(text).unwrap();
            assert_eq!((url.to_string().as_str(), url.path.as_str()), (shown, path), "{text}");
        }
        for text in [
            "localhost:1883",
            "http://localhost",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://host:0",
            "mqtt://host:x",
            "mqtt://::1",
            "mqtt://[::1",
            "mqtt://host/path",
            "mqtt://ho st",
            "mqtt://user:hunter2@host",
        ] {
            let error = ServerUrl::from_str(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }
}
