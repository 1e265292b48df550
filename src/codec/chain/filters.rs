//! Filters and compression as HDF5 and Zarr v2 list them.

use crate::{
    array::DType,
    codec::{
        elements::NumpyType,
        pipeline::FilterPipeline,
        spec::{Applied, CodecSpec, element_types, stages},
        stage::Stage,
    },
};

/// Most filters that a chunk has: HDF5's own limit (`H5Z_MAX_NFILTERS`).
pub const MAX_FILTERS: usize = 32;

/// What the chunks of a dataset go through before they are stored, and which of it was skipped for one of them.
#[derive(Clone, Copy, Debug)]
pub struct FilterList<'a> {
    /// The filters, in the order of writing.
    pub filters: &'a [CodecSpec],
    /// What comes behind them.
    pub compression: Option<&'a CodecSpec>,
    /// The steps that were skipped for this chunk: bit 0 for the first filter and so on, the compression last. Bits beyond
    /// mean nothing.
    pub mask: u32,
}

/// One entry of a [`FilterList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One of the filters.
    Filter,
    /// The compression.
    Compression,
}

impl FilterList<'_> {
    /// The way back to elements of this dtype. What skipped steps would have done does not matter, not even whether they
    /// could be undone.
    ///
    /// # Errors
    /// What is wrong with each step that cannot be undone, in the order of writing.
    pub fn pipeline(&self, dtype: DType) -> Result<FilterPipeline, Vec<(Step, String)>> {
        let (mut pipeline, mut problems) = (Vec::<Stage>::new(), Vec::new());
        for (step, spec) in self.applied() {
            match stages(spec, Applied { dtype, is_first: pipeline.is_empty() }) {
                Ok(stages) => pipeline.extend(stages),
                Err(problem) => problems.push((step, problem)),
            }
        }
        if problems.is_empty() { Ok(FilterPipeline::new(pipeline)) } else { Err(problems) }
    }

    /// What the filters decode to, where one of them says so.
    #[must_use]
    pub fn decoded(&self) -> Option<NumpyType> {
        let mut filters = self.applied().filter(|(step, _)| *step == Step::Filter);
        filters.find_map(|(_, spec)| element_types(spec)).map(|types| types.decoded)
    }

    fn applied(&self) -> impl Iterator<Item = (Step, &CodecSpec)> {
        let filters = self.filters.iter().map(|spec| (Step::Filter, spec));
        let steps = filters.chain(self.compression.map(|spec| (Step::Compression, spec)));
        steps.enumerate().filter(|&(number, _)| !self.is_skipped(number)).map(|(_, step)| step)
    }

    fn is_skipped(&self, step: usize) -> bool {
        u32::try_from(step).is_ok_and(|step| self.mask.checked_shr(step).unwrap_or(0) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::ByteOrder;

    fn specs(json: &str) -> Vec<CodecSpec> {
        serde_json::from_str(json).expect("codecs")
    }

    #[test]
    fn steps_are_counted_with_the_compression_last_and_skipped_ones_may_be_anything() {
        let (filters, compression) = (specs(r#"[{"id": "fletcher32"}, {"id": "lzma"}]"#), specs(r#"[{"id": "zlib"}]"#));
        let list = |mask| FilterList { filters: &filters, compression: compression.first(), mask };
        let stages = |mask| list(mask).pipeline(DType::Int32).map(|pipeline| pipeline.stages().len());
        assert_eq!(stages(0b010).ok(), Some(2));
        assert_eq!(stages(0b110).ok(), Some(1));
        assert_eq!(stages(0b1111).ok(), Some(0));
        assert!(stages(0).is_err());
    }

    #[test]
    fn every_step_that_cannot_be_undone_is_told() {
        let (filters, compression) =
            (specs(r#"[{"id": "shuffle"}, {"id": "gzip"}, {"id": 99}]"#), specs(r#"[{"id": 4}]"#));
        let list = FilterList { filters: &filters, compression: compression.first(), mask: 0 };
        let wrong: Vec<_> = list.pipeline(DType::Int32).unwrap_err().into_iter().map(|(step, _)| step).collect();
        assert_eq!(wrong, [Step::Filter, Step::Filter, Step::Compression]);
    }

    #[test]
    fn the_first_filter_of_numbers_that_was_not_skipped_says_what_is_decoded() {
        let filters = specs(
            r#"[{"id": "delta", "dtype": "<i4"}, {"id": "astype", "decode_dtype": ">f8", "encode_dtype": "<f4"}]"#,
        );
        let decoded = |mask| FilterList { filters: &filters, compression: None, mask }.decoded();
        assert_eq!(decoded(0), Some(NumpyType::new(DType::Int32, ByteOrder::Little)));
        assert_eq!(decoded(1), Some(NumpyType::new(DType::Float64, ByteOrder::Big)));
        assert_eq!(decoded(3), None);
    }
}
