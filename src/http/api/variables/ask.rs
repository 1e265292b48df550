//! The table of what can be asked of a variable.

/// What can be asked of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Describe,
    Reduce,
    Select,
}

impl Ask {
    pub(super) const ALL: [Self; 3] = [Self::Describe, Self::Reduce, Self::Select];

    /// Its route.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Describe => "/variables/v1/describe",
            Self::Reduce => "/variables/v1/reduce",
            Self::Select => "/variables/v1/select",
        }
    }

    /// What it is, in a few words.
    pub(super) const fn summary(self) -> &'static str {
        match self {
            Self::Describe => "What an object holds, and where the chunks of a variable lie",
            Self::Reduce => "Statistics of a part of a variable",
            Self::Select => "The elements of a part of a variable",
        }
    }
}
