//! The table of statistics: a row each, and a file that says how it comes from what is known of its elements.

use super::{count, extreme, rule::Rule, sum};
use crate::array::DType;

/// Makes everything that follows from the table: a statistic is one row of it, and one file.
macro_rules! statistics {
    ($($variant:ident $name:literal $rule:path;)*) => {
        /// What is computed of elements, named as its route is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Statistic {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Statistic {
            /// Every statistic, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire, such as `sum`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            pub(super) const fn rule(self) -> &'static Rule {
                match self { $(Self::$variant => &$rule,)* }
            }
        }
    };
}

statistics! {
    Count "count" count::RULE;
    Max "max" extreme::MAX;
    Min "min" extreme::MIN;
    Sum "sum" sum::RULE;
}

impl Statistic {
    /// What it is, in a few words.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        self.rule().summary
    }

    /// Whether a request may name the dtype of its results.
    #[must_use]
    pub const fn takes_result_dtype(self) -> bool {
        self.rule().takes_result_dtype
    }

    /// Whether packed values and those that they stand for have different results.
    #[must_use]
    pub const fn unpacks(self) -> bool {
        self.rule().unpacks
    }

    /// The dtype of its results for elements of this one, where a request names none.
    #[must_use]
    pub fn default_dtype(self, elements: DType) -> DType {
        (self.rule().default_dtype)(elements)
    }
}
