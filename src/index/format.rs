//! The formats of objects that are read.

/// A format that tells where the chunks of its variables lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// HDF5, and netCDF-4, which is made of it.
    Hdf5,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[Self::Hdf5];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hdf5 => "hdf5",
        }
    }

    /// The format of this name.
    ///
    /// # Errors
    /// If there is none; the message lists those that there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|format| format.name() == name);
        let names = || Self::ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ");
        found.copied().ok_or_else(|| format!("{name:?} is not read here; the formats are {}", names()))
    }
}
