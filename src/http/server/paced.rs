//! Replies that are taken, if slowly.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// What a client has to take, in bytes, each time that its time-out has passed while a reply waits to be sent. Half a
/// megabit a second is slow for who has a reply that does not fit the buffers of sockets.
const LEAST: usize = 512 << 10;

/// The longest that a client may take for a reply of `len` bytes.
pub(super) fn longest(len: u64, timeout: Duration) -> Duration {
    let times = u32::try_from(len / LEAST as u64).unwrap_or(u32::MAX).saturating_add(1);
    timeout.saturating_mul(times)
}

/// A connection that breaks when the other side does not take what is sent.
pub(super) struct Paced<S> {
    stream: S,
    timeout: Duration,
    /// From the first write that had to wait, until everything is written: how much was taken since the timer was set.
    taken: Option<usize>,
    timer: Pin<Box<Sleep>>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self { stream, timeout, taken: None, timer: Box::pin(sleep(timeout)) }
    }

    /// Notes what a write came to.
    fn note(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match (&written, &mut self.taken) {
            (Poll::Pending, _) => return self.check(context),
            (Poll::Ready(Ok(len)), Some(taken)) => *taken = taken.saturating_add(*len),
            _ => {}
        }
        written
    }

    /// Waits for the other side to take something, if it has taken enough so far.
    fn check(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.taken.is_none() {
            self.start();
        }
        ready!(self.timer.as_mut().poll(context));
        if self.taken.is_some_and(|taken| taken < LEAST) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take the reply")));
        }
        self.start();
        // So that it wakes this task.
        self.timer.as_mut().poll(context).map(|()| Ok(0))
    }

    fn start(&mut self) {
        self.taken = Some(0);
        self.timer.as_mut().reset(Instant::now() + self.timeout);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.note(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Comes when everything has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.taken = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// Sends three times the least to who takes `len` bytes every ten seconds.
    async fn sent_to_who_takes(len: usize) -> io::Result<()> {
        let (ours, mut theirs) = duplex(1024);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; len];
            while theirs.read_exact(&mut buffer).await.is_ok() {
                sleep(Duration::from_secs(10)).await;
            }
        });
        let mut paced = Paced::new(ours, TIMEOUT);
        let sent = paced.write_all(&vec![0; 3 * LEAST]).await;
        reader.abort();
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_reply_slowly_gets_it_and_who_takes_none_is_given_up() {
        assert!(sent_to_who_takes(LEAST / 2).await.is_ok());
        let start = Instant::now();
        assert_eq!(sent_to_who_takes(LEAST / 8).await.expect_err("too slow").kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn time_counts_only_while_a_write_waits() {
        let (ours, mut theirs) = duplex(1024);
        let mut paced = Paced::new(ours, TIMEOUT);
        for _ in 0..3 {
            sleep(2 * TIMEOUT).await;
            let (written, read) = tokio::join!(
                async {
                    paced.write_all(&[0; 2000]).await?;
                    paced.flush().await
                },
                async { theirs.read_exact(&mut [0; 2000]).await }
            );
            written.expect("it is taken at once");
            read.expect("it is sent");
        }
    }
}
