//! Listening sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: TcpListener,
    /// The address, with the port that the system chose if the port was 0.
    pub address: SocketAddr,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The text is not an address.
    #[error(
        "`{0}` is not an address to listen on: write `:9847`, `127.0.0.1:9847` or `[::1]:9847`"
    )]
    InvalidAddress(String),
    /// The system refuses to listen on the address.
    #[error("can't listen on {address}: {error}{hint}")]
    Refused {
        /// The address.
        address: String,
        /// The reason.
        error: io::Error,
        /// What to do about it.
        hint: &'static str,
    },
}

/// Connections that wait to be accepted.
const MAX_PENDING_CONNECTIONS: i32 = 1024;

/// Listens on `text`: `:port` for every address of the host (IPv6 and IPv4; only IPv4 if there is
/// no IPv6), or `host:port`, which may be several addresses.
///
/// # Errors
/// If the text is not an address, or the system refuses to listen on it.
pub async fn bind(text: &str) -> Result<Vec<Listener>, BindError> {
    let invalid = || BindError::InvalidAddress(text.to_owned());
    let refused = |error: io::Error| BindError::Refused {
        address: text.to_owned(),
        hint: hint(&error),
        error,
    };
    let every_address = text.strip_prefix(':');
    let mut addresses: Vec<SocketAddr> = if let Some(port) = every_address {
        let port: u16 = port.parse().map_err(|_| invalid())?;
        let (ipv6, ipv4) = (Ipv6Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
        vec![(ipv6, port).into(), (ipv4, port).into()]
    } else if text.contains(':') {
        let found = lookup_host(text)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput => invalid(),
                _ => refused(error),
            })?;
        found.collect()
    } else {
        return Err(invalid());
    };
    addresses.dedup();
    let mut listeners: Vec<Listener> = Vec::new();
    let mut without_ipv6 = None;
    for mut address in addresses {
        // All addresses of a name get the same port, also if the system chooses it.
        if let Some(first) = listeners.first()
            && address.port() == 0
        {
            address.set_port(first.address.port());
        }
        match listen(address) {
            // The unspecified address of IPv6 accepts IPv4 connections as well.
            Ok(listener) if every_address.is_some() => return Ok(vec![listener]),
            Ok(listener) => listeners.push(listener),
            Err(error) if is_ipv6_unavailable(&error) => without_ipv6 = Some(error),
            Err(error) => return Err(refused(error)),
        }
    }
    if listeners.is_empty() {
        return Err(without_ipv6.map_or_else(invalid, refused));
    }
    Ok(listeners)
}

/// The address at which programs of this host reach a server that listens on `text`: the loopback
/// address if it listens on every address.
///
/// # Errors
/// If the text is not an address, or leaves the port to the system.
pub fn loopback_address(text: &str) -> Result<String, BindError> {
    let invalid = || BindError::InvalidAddress(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
    let port: u16 = port.parse().map_err(|_| invalid())?;
    if port == 0 || (host.contains(':') && !host.starts_with('[')) {
        return Err(invalid());
    }
    let host = match host {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        host => host,
    };
    Ok(format!("{host}:{port}"))
}

fn listen(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restart must not wait for connections of the previous process.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(MAX_PENDING_CONNECTIONS)?;
    let socket = TcpListener::from_std(socket.into())?;
    let address = socket.local_addr()?;
    Ok(Listener { socket, address })
}

fn is_ipv6_unavailable(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; a program listens there already: choose another address",
        io::ErrorKind::PermissionDenied => "; ports under 1024 are for root",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_form_of_an_address_is_accepted() {
        for text in [":0", "127.0.0.1:0", "localhost:0"] {
            let listeners = bind(text).await.unwrap();
            assert!(listeners.iter().all(|listener| listener.address.port() > 0));
            let port = listeners[0].address.port();
            assert!(
                listeners
                    .iter()
                    .all(|listener| listener.address.port() == port)
            );
            let reached = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            assert!(reached.is_ok(), "{text}");
        }
    }

    #[test]
    fn loopback_address_replaces_the_unspecified_one() {
        for (text, reached) in [
            (":9847", "127.0.0.1:9847"),
            ("0.0.0.0:9847", "127.0.0.1:9847"),
            ("[::]:9847", "[::1]:9847"),
            ("[fd00::1]:80", "[fd00::1]:80"),
            ("polyv.internal:9847", "polyv.internal:9847"),
        ] {
            assert_eq!(loopback_address(text).unwrap(), reached);
        }
        for text in ["", "9847", ":0", ":x", "host", "host:", "::1:9847"] {
            assert!(loopback_address(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn invalid_address_is_rejected_with_a_hint() {
        for text in [
            "",
            "9847",
            ":x",
            ":99999",
            "localhost",
            "127.0.0.1:",
            "1:2:3",
        ] {
            let error = bind(text).await.unwrap_err().to_string();
            assert!(
                error.contains("`:9847`") || error.contains(text),
                "{text}: {error}"
            );
        }
        let taken = bind("127.0.0.1:0").await.unwrap();
        let error = bind(&taken[0].address.to_string()).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("a program listens there already"),
            "{error}"
        );
    }
}
