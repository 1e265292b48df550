//! Bytes that several hold at a time, such as a request and a cache.

use std::{ops::Deref, sync::Arc};

use super::buffer::{Budget, Buffer, BufferError};

/// The bytes of a buffer, to be read by all who hold them. The buffer keeps its memory permit until the last of them lets go.
#[derive(Clone, Debug)]
pub struct SharedBytes(Arc<Buffer>);

impl SharedBytes {
    /// The bytes, to be written: the buffer itself, if nobody else holds it, and otherwise a copy in memory of the budget.
    ///
    /// # Errors
    /// If there is no memory for a copy.
    pub fn into_buffer(self, budget: &mut Budget) -> Result<Buffer, BufferError> {
        Arc::try_unwrap(self.0).or_else(|shared| {
            let mut copy = budget.allocate(shared.bytes().len())?;
            copy.bytes_mut().copy_from_slice(shared.bytes());
            Ok(copy)
        })
    }
}

impl From<Buffer> for SharedBytes {
    fn from(buffer: Buffer) -> Self {
        Self(Arc::new(buffer))
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{pool::Pool, turns::Shares};

    #[test]
    fn who_holds_the_bytes_alone_gets_the_buffer_itself_and_others_a_copy() {
        let shares = Shares::new(2, 0);
        let mut budget = Budget::new(shares.try_acquire(2).expect("all are free"), Arc::new(Pool::new(1 << 16, 0)));
        let mut buffer = budget.allocate(3).expect("admitted");
        buffer.bytes_mut().copy_from_slice(b"abc");
        let address = buffer.bytes().as_ptr();

        let bytes = SharedBytes::from(buffer);
        let kept = bytes.clone();
        let mut copy = bytes.into_buffer(&mut budget).expect("there is memory for one more");
        copy.bytes_mut().fill(b'x');
        assert_eq!(&*kept, b"abc");
        assert!(kept.clone().into_buffer(&mut budget).is_err(), "and not for a third");

        drop((copy, budget));
        assert_eq!(shares.free(), 1, "who keeps the bytes keeps their permit");
        let mut none = Budget::unshared(0, Arc::new(Pool::new(1 << 16, 0)));
        let buffer = kept.into_buffer(&mut none).expect("it is the buffer itself");
        assert_eq!((buffer.bytes().as_ptr(), buffer.bytes()), (address, &b"abc"[..]));
        drop(buffer);
        assert_eq!(shares.free(), 2);
    }
}
