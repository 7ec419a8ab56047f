//! The least that can call itself an HTTP client, so that the server is what is measured.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// A connection that asks for one thing only, whose answers are all of one length.
#[derive(Debug)]
pub(super) struct Connection<T> {
    stream: T,
    buffer: Vec<u8>,
    /// The length of an answer, once one has been read.
    length: Option<usize>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    pub(super) fn new(stream: T) -> Self {
        Self {
            stream,
            buffer: vec![0; 4096],
            length: None,
        }
    }

    /// Asks, reads the answer to its end, and says whether it is the right one. After one that is not,
    /// nothing more can be asked.
    pub(super) async fn request(&mut self) -> io::Result<bool> {
        self.stream
            .write_all(b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n")
            .await?;
        let mut read = 0;
        loop {
            let more = self.stream.read(&mut self.buffer[read..]).await?;
            if more == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            read += more;
            let answer = &self.buffer[..read];
            if !answer.starts_with(b"HTTP/1.1 200 ") {
                return Ok(false);
            }
            self.length = self.length.or_else(|| length(answer));
            match self.length {
                Some(length) if read < length => {}
                Some(length) => return Ok(read == length && answer.ends_with(b"hello")),
                None => {}
            }
        }
    }
}

/// The length of an answer with its body, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).ok()?;
    let (_, length) = text.split_once("content-length: ")?;
    let (length, _) = length.split_once('\r')?;
    Some(head + length.parse::<usize>().ok()?)
}

/// What a load has brought.
#[derive(Clone, Debug)]
pub struct Load {
    /// Requests in a second.
    pub per_second: f64,
    /// Answers.
    pub requests: usize,
    /// Answers that were not the right one; each has ended its connection.
    pub bad: usize,
    /// Half of the answers were there by then.
    pub p50: Duration,
    /// All but one in a hundred were there by then.
    pub p99: Duration,
}

/// Keeps so many connections busy for so long.
///
/// # Errors
///
/// If a connection breaks.
///
/// # Panics
///
/// If nothing was answered.
pub async fn load(port: u16, connections: usize, lasting: Duration) -> io::Result<Load> {
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let begin = Instant::now();
    let end = begin + lasting;
    let mut running = JoinSet::new();
    for stream in streams {
        running.spawn(async move {
            let mut connection = Connection::new(stream);
            let mut took = Vec::with_capacity(1 << 14);
            let mut bad = 0;
            let mut now = Instant::now();
            while now < end {
                if !connection.request().await? {
                    bad += 1;
                    break;
                }
                let then = std::mem::replace(&mut now, Instant::now());
                took.push(now - then);
            }
            Ok::<_, io::Error>((took, bad))
        });
    }
    let mut all = Vec::new();
    let mut bad = 0;
    while let Some(one) = running.join_next().await {
        let (took, one) = one.map_err(io::Error::other)??;
        all.extend(took);
        bad += one;
    }
    let elapsed = begin.elapsed();
    all.sort_unstable();
    Ok(Load {
        per_second: all.len() as f64 / elapsed.as_secs_f64(),
        requests: all.len(),
        bad,
        p50: all[all.len() / 2],
        p99: all[all.len() * 99 / 100],
    })
}
