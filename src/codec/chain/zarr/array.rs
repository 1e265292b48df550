//! An array on its way through the codecs of a chain, up to the one that makes bytes of it.

use serde::Deserialize;

use super::{
    change::{Cast, Change},
    document::ZarrCodec,
};
use crate::{
    array::{ByteOrder, DType, Kind},
    codec::{
        chain::filters::MAX_FILTERS,
        elements::{AsType, NumpyType},
        spec::{Applied, element_types, stages},
        stage::Stage,
    },
};

/// Shards within shards.
const MAX_DEPTH: usize = 4;

/// An array, as the next codec finds it.
pub(super) struct Array {
    /// Type of its elements.
    pub(super) numbers: NumpyType,
    shape: Option<Vec<usize>>,
    /// What the codecs before made of it.
    changes: Vec<Change>,
    /// Changes up to the last one for which the order of the axes matters.
    settled: usize,
    /// Codecs seen so far.
    codecs: usize,
}

#[derive(Deserialize)]
struct TransposeConfiguration {
    order: Vec<usize>,
}

#[derive(Deserialize)]
struct ShardingConfiguration {
    chunk_shape: Vec<u64>,
    codecs: Vec<ZarrCodec>,
}

impl Array {
    pub(super) fn new(dtype: DType, shape: Option<&[usize]>) -> Self {
        let numbers = NumpyType::new(dtype, ByteOrder::NATIVE);
        Self { numbers, shape: shape.map(<[_]>::to_vec), changes: Vec::new(), settled: 0, codecs: 0 }
    }

    /// Takes the array through the codecs up to the one that makes bytes, into the inner chunk of a shard if there is one,
    /// which needs to be located in the shard. Returns the byte order that elements are written in, where they have one, and
    /// the codecs of bytes that come behind.
    pub(super) fn write(
        &mut self,
        codecs: &[ZarrCodec],
        is_located: bool,
    ) -> Result<(Option<ByteOrder>, Vec<ZarrCodec>), String> {
        let mut codecs = codecs.to_vec();
        for _ in 0..=MAX_DEPTH {
            self.codecs = self.codecs.saturating_add(codecs.len());
            if self.codecs > MAX_FILTERS {
                return Err(format!("{} codecs are more than the {MAX_FILTERS} that are possible", self.codecs));
            }
            let mut rest = codecs.into_iter();
            let shard = loop {
                let codec = rest.next().ok_or("bytes is missing: how the array became bytes")?;
                match codec.name.as_str() {
                    "bytes" | "endian" => return Ok((codec.endian(self.numbers)?, rest.collect())),
                    "sharding_indexed" => break codec,
                    _ => self.change(&codec)?,
                }
            };
            if rest.next().is_some() {
                return Err("sharding_indexed is out of place: codecs behind it hide where its chunks are".to_owned());
            }
            codecs = self.inner_codecs(&shard, is_located)?;
        }
        Err("shards in shards in shards go deeper than anybody needs".to_owned())
    }

    /// The codecs of the inner chunks of a shard, of which this array is one.
    fn inner_codecs(&self, shard: &ZarrCodec, is_located: bool) -> Result<Vec<ZarrCodec>, String> {
        let ShardingConfiguration { chunk_shape, codecs } = shard.configured()?;
        if self.settled > 0 {
            return Err("delta and packbits before a shard are undone for all of it, not for a chunk inside".to_owned());
        }
        let is_innermost = !codecs.iter().any(|inner| inner.name == "sharding_indexed");
        let is_shape = |shape: &Vec<usize>| shape.iter().map(|&len| len as u64).eq(chunk_shape.iter().copied());
        if is_innermost && !self.shape.as_ref().is_some_and(is_shape) {
            return Err(format!(
                "shape must be that of an inner chunk of the shard, {chunk_shape:?} as it was written"
            ));
        }
        if !is_located {
            return Err("an inner chunk of a shard needs offset and size, which the shard's index has".to_owned());
        }
        Ok(codecs)
    }

    fn change(&mut self, codec: &ZarrCodec) -> Result<(), String> {
        match codec.id() {
            "transpose" => self.transpose(codec.configured::<TransposeConfiguration>()?.order),
            "scale_offset" => {
                self.changes.push(Change::Scaled(codec.configured()?));
                Ok(())
            }
            "cast_value" => {
                let cast: Cast = codec.configured()?;
                let encoded = NumpyType::new(cast.data_type, ByteOrder::NATIVE);
                self.changes.push(Change::Cast { cast, decoded: std::mem::replace(&mut self.numbers, encoded) });
                Ok(())
            }
            _ => self.change_bytes(codec),
        }
    }

    /// Applies a codec of numcodecs, which sees the bytes of elements in dtypes of its own.
    fn change_bytes(&mut self, codec: &ZarrCodec) -> Result<(), String> {
        let spec = codec.of_array(self.numbers)?;
        let stages = stages(&spec, Applied { dtype: self.numbers.dtype(), is_first: self.changes.is_empty() })?;
        let Some(dtypes) = element_types(&spec) else { return Ok(()) };
        match codec.id() {
            "packbits" => {
                let len = self.shape.as_ref().map(|shape| shape.iter().copied().fold(1, usize::saturating_mul));
                self.shape = len.map(|len| vec![len.div_ceil(8).saturating_add(1)]);
                self.numbers = dtypes.encoded;
            }
            _ if spec.astype.is_some() => self.numbers = dtypes.encoded,
            _ => {}
        }
        self.changes.push(Change::Bytes { stages, dtypes });
        if ["delta", "packbits"].contains(&codec.id()) {
            self.settled = self.changes.len();
        }
        Ok(())
    }

    /// Turns the axes. Whatever is done to elements one by one can be done after that as well: so turns are brought together,
    /// and those that undo each other are gone.
    fn transpose(&mut self, order: Vec<usize>) -> Result<(), String> {
        let shape = self.shape.as_ref().ok_or("transpose needs shape")?;
        let mut axes = order.clone();
        axes.sort_unstable();
        if !axes.iter().copied().eq(0..shape.len()) {
            return Err(format!("transpose to {order:?} is no order of {} axes", shape.len()));
        }
        let written = order.iter().filter_map(|&axis| shape.get(axis).copied()).collect();
        let shape = self.shape.replace(written).unwrap_or_default();
        match self.changes.get_mut(self.settled) {
            Some(Change::Transpose { order: before, .. }) => {
                *before = order.iter().filter_map(|&axis| before.get(axis).copied()).collect();
            }
            _ => self.changes.insert(self.settled, Change::Transpose { shape, order }),
        }
        Ok(())
    }

    /// The stages of all changes to an array of this dtype, of which elements came to lie in the order `endian`; and the byte
    /// order of what they decode to.
    pub(super) fn stages(self, endian: Option<ByteOrder>, dtype: DType) -> Result<(Vec<Stage>, ByteOrder), String> {
        let mut stages = Vec::new();
        let endian = endian.filter(|_| self.numbers.size() > 1).unwrap_or(self.numbers.byte_order());
        let mut read = NumpyType::new(self.numbers.dtype(), endian);
        let sees_bytes = self.changes.iter().any(|change| matches!(change, Change::Bytes { .. }));
        if sees_bytes && endian != self.numbers.byte_order() {
            // Whoever sees bytes sees them in the order that the dtype of the array has.
            stages.push(AsType { encoded: read, decoded: self.numbers }.into());
            read = self.numbers;
        }
        for change in self.changes.into_iter().rev() {
            read = change.undo(read, &mut stages)?;
        }
        if read.size() != dtype.size() || (read.dtype().kind() == Kind::Float) != (dtype.kind() == Kind::Float) {
            return Err(format!("the codecs decode to {}, but dtype is {}", read.dtype().name(), dtype.name()));
        }
        stages.reverse();
        Ok((stages, read.byte_order()))
    }
}
