//! Clients of HTTP/1.1 that have closed their side and wait for the answer.
//!
//! Who has gone looks the same: both send nothing more. Either is waited for a while.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a request goes on for a client that sends nothing more.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a request is being answered. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<AtomicBool>);

/// A request, until there is an answer or it is given up.
pub(super) struct Asked(UnderWay);

impl UnderWay {
    /// A request has come. On a connection of HTTP/1.1 there is one at a time.
    pub(super) fn begin(&self) -> Asked {
        self.0.store(true, Ordering::Relaxed);
        Asked(self.clone())
    }

    fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

/// A connection whose other side seems to be there when it has ended: for a while as long as a request is under way, and until
/// its answer has been sent.
pub(super) struct HalfClosed<S> {
    stream: S,
    under_way: UnderWay,
    /// Something has been written, and not everything has gone yet.
    is_sending: bool,
    /// From the end on.
    patience: Option<Pin<Box<Sleep>>>,
    /// Who does not know of the end yet.
    reader: Option<Waker>,
}

impl<S> HalfClosed<S> {
    pub(super) const fn new(stream: S, under_way: UnderWay) -> Self {
        Self { stream, under_way, is_sending: false, patience: None, reader: None }
    }

    /// Comes when the end may be told of.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        // An answer on its way ends by itself: nothing can be written any more to who has gone, and who takes nothing is
        // given up.
        if self.is_sending || self.under_way.is_so() && patience.as_mut().poll(context).is_pending() {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HalfClosed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.patience.is_none() {
            let (before, room) = (buffer.filled().len(), buffer.remaining());
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            if buffer.filled().len() > before || room == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_end(context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HalfClosed<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.is_sending = true;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_sending = true;
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Comes when everything has been written. Then nothing is left to wait for.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.is_sending = false;
        if !self.under_way.is_so()
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::Instant,
    };

    use super::*;

    /// A connection whose other side has asked something and closed its own.
    async fn half_closed(under_way: &UnderWay) -> (HalfClosed<DuplexStream>, DuplexStream) {
        let (ours, mut theirs) = duplex(1024);
        theirs.write_all(b"?").await.expect("there is room");
        theirs.shutdown().await.expect("it is open");
        (HalfClosed::new(ours, under_way.clone()), theirs)
    }

    async fn read_to_its_end(stream: &mut HalfClosed<DuplexStream>) -> Duration {
        let (start, mut text) = (Instant::now(), String::new());
        stream.read_to_string(&mut text).await.expect("it ends");
        assert_eq!(text, "?", "what comes before the end comes at once");
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_told_at_once_unless_a_request_is_under_way() {
        let under_way = UnderWay::default();
        let (mut stream, _theirs) = half_closed(&under_way).await;
        assert_eq!(read_to_its_end(&mut stream).await, Duration::ZERO);
        let _asked = under_way.begin();
        let (mut stream, _theirs) = half_closed(&under_way).await;
        assert_eq!(read_to_its_end(&mut stream).await, PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_told_as_soon_as_the_answer_is_written() {
        let under_way = UnderWay::default();
        let asked = under_way.begin();
        let (stream, mut theirs) = half_closed(&under_way).await;
        let (mut reading, mut writing) = tokio::io::split(stream);
        let start = Instant::now();
        let read = async { reading.read_to_string(&mut String::new()).await.expect("it ends") };
        let answer = async {
            sleep(PATIENCE / 2).await;
            drop(asked);
            writing.write_all(b"!").await.expect("it is open");
            writing.flush().await.expect("it is open");
        };
        tokio::join!(read, answer);
        assert_eq!(start.elapsed(), PATIENCE / 2);
        assert_eq!(theirs.read_u8().await.expect("the answer"), b'!');
    }
}
