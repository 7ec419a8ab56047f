//! What a client sees over HTTP/1 whose upload is refused before it was read, on real sockets.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use axum::{Router, routing::post};
use tower_keep::bulkhead::BulkheadLayer;

use crate::support::serve;

/// What a client gets that writes all of its request before it reads.
fn upload(address: SocketAddr, bytes: usize) -> Result<String, std::io::Error> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {bytes}\r\n\r\n"
    )?;
    stream.write_all(&vec![b'x'; bytes])?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fits_the_buffers_of_the_sockets_is_answered() {
    let app = Router::new()
        .route("/", post(async || ()))
        .layer(BulkheadLayer::new(0));
    let address = serve(app).await;
    // Of 8 MiB nobody sees the answer: the server closes with bytes unread, and the kernel resets.
    for bytes in [1 << 10, 64 << 10] {
        for _ in 0..10 {
            let answer = tokio::task::spawn_blocking(move || upload(address, bytes));
            assert_eq!(answer.await.unwrap().unwrap(), "HTTP/1.1 503");
        }
    }
}
