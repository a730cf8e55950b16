//! A client that does nothing but read: a connection that is kept, and a buffer that is used
//! again.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// What is read at once, in bytes.
const BUFFER: usize = 256 * 1024;

/// Asks one server for one thing.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    request: String,
    line: String,
}

/// What came.
pub(crate) struct Response {
    /// From the request to the last byte.
    pub(crate) took: Duration,
    /// How long the body was.
    pub(crate) bytes: usize,
}

impl Client {
    pub(crate) fn new(server: SocketAddr, gzip: bool) -> Result<Self> {
        let stream = TcpStream::connect(server).with_context(|| format!("{server}"))?;
        stream.set_nodelay(true)?;
        let coding = if gzip { "gzip" } else { "identity" };
        Ok(Self {
            stream: BufReader::with_capacity(BUFFER, stream),
            request: format!(
                "GET /metrics HTTP/1.1\r\nHost: {server}\r\nAccept-Encoding: {coding}\r\n\r\n"
            ),
            line: String::new(),
        })
    }

    /// Sends a request, and discards the body.
    pub(crate) fn request(&mut self) -> Result<Response> {
        self.send(|_| {})
    }

    /// Requests a text.
    pub(crate) fn text(&mut self) -> Result<String> {
        let mut text = Vec::new();
        self.send(|bytes| text.extend_from_slice(bytes))?;
        Ok(String::from_utf8(text)?)
    }

    fn send(&mut self, mut take: impl FnMut(&[u8])) -> Result<Response> {
        let begin = Instant::now();
        self.stream.get_mut().write_all(self.request.as_bytes())?;
        let status = self.line()?;
        ensure!(status.contains(" 200 "), "{status}");
        let mut length = None;
        loop {
            let header = self.line()?.to_ascii_lowercase();
            match header.split_once(": ") {
                Some(("content-length", value)) => length = Some(value.parse()?),
                Some(_) => {}
                None => break,
            }
        }
        let mut bytes = 0;
        if let Some(length) = length {
            self.body(length, &mut take)?;
            bytes = length;
        } else {
            loop {
                let length = usize::from_str_radix(self.line()?, 16)?;
                self.body(length, &mut take)?;
                bytes += length;
                self.line()?;
                if length == 0 {
                    break;
                }
            }
        }
        let took = begin.elapsed();
        Ok(Response { took, bytes })
    }

    fn line(&mut self) -> Result<&str> {
        self.line.clear();
        self.stream.read_line(&mut self.line)?;
        ensure!(self.line.ends_with('\n'), "the connection ended");
        Ok(self.line.trim_end())
    }

    fn body(&mut self, mut length: usize, take: &mut impl FnMut(&[u8])) -> Result<()> {
        while length > 0 {
            let there = self.stream.fill_buf()?;
            ensure!(!there.is_empty(), "the connection ended");
            let some = there.get(..length).unwrap_or(there);
            take(some);
            let some = some.len();
            self.stream.consume(some);
            length -= some;
        }
        Ok(())
    }
}
