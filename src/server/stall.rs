//! A connection whose other side takes nothing of what is written to it ends after a while, and gives its place back.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream that fails when nothing could be written for this long.
pub(super) struct Stalling<S> {
    /// There until the end.
    stream: Option<S>,
    /// What becomes of the stream then.
    at_last: Option<AtLast<S>>,
    most: Duration,
    /// Runs while something waits to be written.
    until: Option<Pin<Box<Sleep>>>,
}

/// What is done with a stream at its end.
type AtLast<S> = Box<dyn FnOnce(S) + Send + Sync>;

impl<S> Drop for Stalling<S> {
    fn drop(&mut self) {
        if let Some((at_last, stream)) = self.at_last.take().zip(self.stream.take()) {
            at_last(stream);
        }
    }
}

impl<S: AsyncWrite + Unpin> Stalling<S> {
    pub fn new(stream: S, most: Duration) -> Self {
        Stalling { stream: Some(stream), at_last: None, most, until: None }
    }

    pub fn and_at_last(mut self, at_last: impl FnOnce(S) + Send + Sync + 'static) -> Self {
        self.at_last = Some(Box::new(at_last));
        self
    }

    /// What comes of an attempt to write, as long as it is not the last of too many.
    fn attempt<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        if let Poll::Ready(outcome) = write(Pin::new(stream), context) {
            self.until = None;
            return Poll::Ready(outcome);
        }
        let most = self.most;
        ready!(self.until.get_or_insert_with(|| Box::pin(sleep(most))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().attempt(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().attempt(context, |stream, context| stream.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().attempt(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().attempt(context, |stream, context| stream.poll_shutdown(context))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_read(context, buffer),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const MOST: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn what_nobody_reads_ends() {
        let (ours, _theirs) = duplex(64);
        let mut stream = Stalling::new(ours, MOST);
        assert!(stream.write_all(&[0; 64]).await.is_ok());
        let error = stream.write_all(&[0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn what_is_read_slowly_goes_on() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Stalling::new(ours, MOST);
        let writing = tokio::spawn(async move { stream.write_all(&[0; 64 * 6]).await });
        let mut buffer = [0; 64];
        for _ in 0..6 {
            // All of it takes longer than what ends a connection.
            tokio::time::sleep(MOST / 4).await;
            theirs.read_exact(&mut buffer).await.unwrap();
        }
        assert!(writing.await.unwrap().is_ok());
    }
}
