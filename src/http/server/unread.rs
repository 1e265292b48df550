//! Bodies that nobody has read to their end: a client that is still sending may never look at its answer.
//!
//! Who refuses a request does not wait for its body. If the connection, or the stream of HTTP/2, were reset at once, many
//! clients would tell their user of the reset and not of the refusal.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Bytes, HttpBody},
    http::{HeaderValue, Request, Version, header},
    response::Response,
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::{sync::oneshot, time::timeout};

/// What is read of a body, and thrown away.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    bytes: u64,
    time: Duration,
}

/// Before the answer is given: then the connection can go on. No longer than most servers let bodies be.
const BEFORE: Bounds = Bounds { bytes: 1 << 20, time: Duration::from_secs(1) };

/// After that, while the client takes the answer.
const BEHIND: Bounds = Bounds { bytes: 16 << 20, time: Duration::from_secs(2) };

/// A body that comes back when who has it lets it go before its end.
pub(super) struct Lent<B> {
    body: Option<B>,
    back: Option<oneshot::Sender<B>>,
}

/// What comes back of the body of a request.
pub(super) struct Rest<B> {
    body: Option<oneshot::Receiver<B>>,
    version: Version,
    /// The client waits to be told that its body is wanted.
    is_announced: bool,
}

/// The request with a body that comes back.
pub(super) fn lent<B: HttpBody>(request: Request<B>) -> (Request<Lent<B>>, Rest<B>) {
    let (version, is_announced) = (request.version(), request.headers().contains_key(header::EXPECT));
    let (back, body) = if request.body().is_end_stream() { (None, None) } else { Some(oneshot::channel()).unzip() };
    (request.map(|body| Lent { body: Some(body), back }), Rest { body, version, is_announced })
}

impl<B> Rest<B>
where
    B: HttpBody<Data = Bytes, Error: Send> + Send + Unpin + 'static,
{
    /// Sees to it that the client takes the answer, which says so if the connection does not go on.
    pub(super) async fn settle(self, mut response: Response) -> Response {
        let Some(mut body) = self.body.and_then(|mut body| body.try_recv().ok()) else { return response };
        let is_short = body.size_hint().lower() <= BEFORE.bytes;
        if is_short && !self.is_announced && discard(&mut body, BEFORE).await {
            return response;
        }
        // In HTTP/2 only the stream ends.
        if self.version < Version::HTTP_2 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        tokio::spawn(async move { discard(&mut body, BEHIND).await });
        response
    }
}

/// Whether the body came to its end within these bounds.
async fn discard<B: HttpBody<Data = Bytes> + Unpin>(body: &mut B, Bounds { mut bytes, time }: Bounds) -> bool {
    let to_its_end = async {
        while let Some(Ok(frame)) = body.frame().await {
            let len = frame.data_ref().map_or(0, |data| data.len() as u64);
            let Some(left) = bytes.checked_sub(len) else { return false };
            bytes = left;
        }
        true
    };
    timeout(time, to_its_end).await.unwrap_or(false)
}

impl<B: HttpBody + Unpin> HttpBody for Lent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.back = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl<B> Drop for Lent<B> {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            drop(back.send(body));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use tokio::{sync::mpsc, time::Instant};

    use super::*;

    type Piece = Result<Frame<Bytes>, Infallible>;

    /// A body of what is sent.
    fn body() -> (mpsc::UnboundedSender<Piece>, impl HttpBody<Data = Bytes, Error = Infallible> + Send + Unpin) {
        struct Pieces(mpsc::UnboundedReceiver<Piece>);

        impl HttpBody for Pieces {
            type Data = Bytes;
            type Error = Infallible;

            fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Piece>> {
                self.0.poll_recv(context)
            }
        }

        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Pieces(receiver))
    }

    fn send(sender: &mpsc::UnboundedSender<Piece>, len: usize) {
        sender.send(Ok(Frame::data(vec![0; len].into()))).expect("it is wanted");
    }

    /// Whether the answer to a request whose body nobody reads says that the connection will be closed.
    async fn is_closed<B>(request: Request<B>) -> bool
    where
        B: HttpBody<Data = Bytes, Error: Send> + Send + Unpin + 'static,
    {
        let (request, rest) = lent(request);
        drop(request);
        rest.settle(Response::new(Body::empty())).await.headers().contains_key(header::CONNECTION)
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_body_that_nobody_reads_is_read_before_its_answer() {
        let (sender, body) = body();
        send(&sender, 1000);
        let ends = tokio::spawn(async move {
            tokio::time::sleep(BEFORE.time / 2).await;
            drop(sender);
        });
        let start = Instant::now();
        assert!(!is_closed(Request::new(body)).await, "the connection goes on");
        assert_eq!(start.elapsed(), BEFORE.time / 2);
        ends.await.expect("no panic");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_holds_its_answer_up_for_a_bounded_time_and_length() {
        let (sender, slow) = body();
        let start = Instant::now();
        assert!(is_closed(Request::new(slow)).await);
        assert_eq!(start.elapsed(), BEFORE.time);
        sender.closed().await;
        assert_eq!(start.elapsed(), BEFORE.time + BEHIND.time, "it is listened to while the answer is taken");

        let (sender, endless) = body();
        for _ in 0..20 {
            send(&sender, 1 << 20);
        }
        let start = Instant::now();
        assert!(is_closed(Request::new(endless)).await);
        sender.closed().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_body_that_says_it_is_long_or_waits_to_be_wanted() {
        let start = Instant::now();
        assert!(is_closed(Request::new(Body::from(vec![0; (1 << 20) + 1]))).await);
        let announced = Request::builder().header(header::EXPECT, "100-continue");
        let (_sender, waiting) = body();
        assert!(is_closed(announced.body(waiting).expect("a request")).await);
        assert_eq!(start.elapsed(), Duration::ZERO);
        let (_sender, of_http_2) = body();
        let request = Request::builder().version(Version::HTTP_2).body(of_http_2).expect("a request");
        assert!(!is_closed(request).await, "streams end on their own");
    }

    #[tokio::test]
    async fn a_body_that_is_read_does_not_come_back() {
        let (sender, pieces) = body();
        send(&sender, 2);
        drop(sender);
        for body in [Body::empty(), Body::from("text"), Body::new(pieces)] {
            let (request, rest) = lent(Request::new(body));
            request.into_body().collect().await.expect("whole");
            assert!(rest.body.is_none_or(|mut body| body.try_recv().is_err()));
        }
    }
}
