//! What an object says of its variables: read from the object, or known from an earlier request and asked for again.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::{
    cache::{Known, KnownPart},
    error::VariableError,
    reading::Reading,
};
use crate::{
    engine::Engine,
    error::ActiveStorageError,
    index::{Blocks, ChunkTable, Description, IndexError, Step, Variable, hdf5},
    resources::{Budget, Effort, memory_units},
    source::Range,
};

/// Memory that an index is read in at first, in bytes, where a quarter of all is as much; what it takes beyond has to be to spare.
const FIRST_LEN: usize = 4 << 20;

/// An index that is gone through so fast that nobody notices, in bytes.
const SHORT_INDEX: u64 = 256 << 10;

/// A variable, where its chunks lie, and how long its object is.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) variable: Arc<Variable>,
    pub(super) table: Arc<ChunkTable>,
    pub(super) object_len: u64,
}

/// Most indexes that are read at one time for one request.
const INDEXES_AT_ONCE: usize = 4;

impl Engine {
    /// How many indexes one request may read at one time: what they begin with is a small part of all memory.
    pub(super) fn indexes_at_once(&self) -> usize {
        (self.resources.all_memory() / 16 / memory_units(FIRST_LEN)).clamp(1, INDEXES_AT_ONCE)
    }

    /// The variable at this path of the object, with or without a slash at its beginning.
    ///
    /// # Errors
    /// If there is none, or the object cannot be read.
    pub(super) async fn open_variable(&self, reading: &Reading<'_>, path: &str) -> Result<Opened, ActiveStorageError> {
        // A variable has one name here, however many slashes a client writes.
        let key = Some(path.split('/').filter(|name| !name.is_empty() && *name != ".").collect::<Vec<_>>().join("/"));
        if let Some(Known { object_len, what: KnownPart::Variable(variable, table), .. }) =
            self.still_known(reading, key.clone()).await?
        {
            return Ok(Opened { variable, table, object_len });
        }
        let mut index = Index::new(self, reading).await?;
        let wanted = path.to_owned();
        let opened = Arc::new(index.find(move |blocks| hdf5::open(blocks, &wanted)).await?);
        let of = Arc::clone(&opened);
        let table = Arc::new(index.find(move |blocks| of.chunks(blocks, None)).await?);
        let variable = Arc::new(opened.variable().clone());
        let object_len = index.blocks.object_len().unwrap_or(0);
        self.keep(reading, key, object_len, KnownPart::Variable(Arc::clone(&variable), Arc::clone(&table)));
        Ok(Opened { variable, table, object_len })
    }

    /// All that the object says but where chunks lie, and how long it is.
    ///
    /// # Errors
    /// If the object cannot be read.
    pub(super) async fn describe_object(
        &self,
        reading: &Reading<'_>,
    ) -> Result<(Arc<Description>, u64), ActiveStorageError> {
        if let Some(Known { object_len, what: KnownPart::Description(description), .. }) =
            self.still_known(reading, None).await?
        {
            return Ok((description, object_len));
        }
        let mut index = Index::new(self, reading).await?;
        let description = Arc::new(index.find(hdf5::describe).await?);
        let object_len = index.blocks.object_len().unwrap_or(0);
        self.keep(reading, None, object_len, KnownPart::Description(Arc::clone(&description)));
        Ok((description, object_len))
    }

    /// What is known from an earlier request, if the store says that it still holds, to the caller with their credentials.
    async fn still_known(
        &self,
        reading: &Reading<'_>,
        what: Option<String>,
    ) -> Result<Option<Known>, ActiveStorageError> {
        let Some(known) = self.variables.known.known(&(reading.home().clone(), what)) else { return Ok(None) };
        let named = reading.version(reading.home());
        if named.is_some_and(|named| named != known.version) {
            return Ok(None);
        }
        let mut budget = self.resources.memory(reading.caller().client, 1).await?;
        let version = reading.ask(self, &mut budget).await?;
        Ok((version.as_ref() == Some(&known.version)).then_some(known))
    }

    /// Keeps what was found, where it is known of which version it is.
    fn keep(&self, reading: &Reading<'_>, what: Option<String>, object_len: u64, found: KnownPart) {
        if let Some(version) = reading.version(reading.home()) {
            let known = Known { version, object_len, what: found };
            self.variables.known.keep((reading.home().clone(), what), known);
        }
    }
}

/// An index while it is read.
struct Index<'a> {
    engine: &'a Engine,
    reading: &'a Reading<'a>,
    blocks: Blocks,
    /// What is left of the memory for blocks.
    budget: Budget,
    /// Memory of the blocks that are held.
    held: Vec<Budget>,
}

impl<'a> Index<'a> {
    async fn new(engine: &'a Engine, reading: &'a Reading<'a>) -> Result<Self, ActiveStorageError> {
        let units = memory_units(FIRST_LEN).min(engine.resources.all_memory() / 4);
        let budget = engine.resources.memory(reading.caller().client, units).await?;
        let blocks = Blocks::new(engine.variables.index_limits);
        Ok(Self { engine, reading, blocks, budget, held: Vec::new() })
    }

    /// Reads what a parser is missing until it has found what it looks for.
    async fn find<T: Send + 'static>(
        &mut self,
        parse: impl Fn(&mut Blocks) -> Result<Step<T>, IndexError> + Send + Sync + 'static,
    ) -> Result<T, ActiveStorageError> {
        let parse = Arc::new(parse);
        loop {
            let effort = if self.blocks.held_bytes() <= SHORT_INDEX { Effort::Short } else { Effort::Long };
            let (parse, limits) = (Arc::clone(&parse), self.blocks.limits());
            let mut blocks = std::mem::replace(&mut self.blocks, Blocks::new(limits));
            let step = move || {
                let step = parse(&mut blocks);
                (blocks, step)
            };
            let (blocks, step) = self.engine.cpu.run(self.reading.caller().client, effort, step).await?;
            self.blocks = blocks;
            match step? {
                Step::Done(found) => return Ok(found),
                Step::Missing(ranges) => self.read(ranges).await?,
            }
        }
    }

    /// Reads these ranges, all at once.
    async fn read(&mut self, ranges: Vec<std::ops::Range<u64>>) -> Result<(), ActiveStorageError> {
        let mut fetches = Vec::with_capacity(ranges.len());
        for range in ranges {
            let len = range.end.saturating_sub(range.start);
            // Once as it comes, and once as blocks.
            let units = memory_units(usize::try_from(len).unwrap_or(usize::MAX));
            let (coming, kept) = (self.memory(units)?, self.memory(units)?);
            self.held.push(kept);
            fetches.push(self.fetch(range.start, len, coming));
        }
        for (offset, bytes, object_len, budget) in try_join_all(fetches).await? {
            if self.blocks.object_len().is_some_and(|len| len != object_len) {
                return Err(ActiveStorageError::Changed { object: self.reading.home().to_string() });
            }
            self.blocks.insert(offset, &bytes, object_len)?;
            if let Ok(buffer) = bytes.into_buffer(&mut self.budget) {
                self.budget.reclaim(buffer);
            }
            self.budget.merge(budget);
        }
        Ok(())
    }

    /// Memory of what was admitted, or some that is to spare.
    fn memory(&mut self, units: usize) -> Result<Budget, ActiveStorageError> {
        let budget = self.budget.split(units).or_else(|| self.engine.resources.spare_memory(units));
        budget.ok_or_else(|| VariableError::NoMemoryForIndex.into())
    }

    fn fetch(
        &self,
        offset: u64,
        size: u64,
        mut budget: Budget,
    ) -> impl Future<Output = Result<(u64, crate::resources::SharedBytes, u64, Budget), ActiveStorageError>> + use<'a>
    {
        let (engine, reading) = (self.engine, self.reading);
        async move {
            let max_len = usize::try_from(size).unwrap_or(usize::MAX);
            let range = Range::UpTo { offset, size };
            let fetched = reading.fetch(engine, reading.home(), range, max_len, &mut budget).await?;
            let object_len = fetched.object_len.ok_or(VariableError::NoLength)?;
            Ok((offset, fetched.bytes, object_len, budget))
        }
    }
}
