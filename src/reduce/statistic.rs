//! The table of statistics: a row each, and a file that says how it comes from what is known of its elements.

use super::{
    count, extreme, first, histogram, mean, quantile,
    rule::{NamedDType, Rule},
    sum, sum_of_squares, sum_of_weights, variance,
};
use crate::array::DType;

/// Makes everything that follows from the table: a statistic is one row of it, and one file.
macro_rules! statistics {
    ($($variant:ident $name:literal $rule:path;)*) => {
        /// What is computed of elements, under the name that requests have for it.
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
    All "all" histogram::ALL;
    Any "any" histogram::ANY;
    Argmax "argmax" first::ARGMAX;
    Argmin "argmin" first::ARGMIN;
    Count "count" count::RULE;
    Histogram "histogram" histogram::HISTOGRAM;
    Max "max" extreme::MAX;
    Mean "mean" mean::RULE;
    Median "median" quantile::MEDIAN;
    Min "min" extreme::MIN;
    Quantile "quantile" quantile::QUANTILE;
    Std "std" variance::STD;
    Sum "sum" sum::RULE;
    SumOfSquaredWeights "sum_of_squared_weights" sum_of_weights::OF_SQUARES;
    SumOfSquares "sum_of_squares" sum_of_squares::RULE;
    SumOfWeights "sum_of_weights" sum_of_weights::RULE;
    Var "var" variance::VAR;
}

impl Statistic {
    /// What it is, in a few words.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        self.rule().summary
    }

    /// Whether only questions about whole variables ask for it, and no chunk route does.
    #[must_use]
    pub const fn is_of_variables_only(self) -> bool {
        self.rule().is_of_variables_only
    }

    /// Whether it is known after one pass over the elements, and what is known of parts of them merges. Others need the elements in
    /// order.
    #[must_use]
    pub const fn is_of_one_pass(self) -> bool {
        !matches!(self, Self::Median | Self::Quantile)
    }

    /// Whether its results are true or false, as 1 or 0.
    #[must_use]
    pub const fn is_boolean(self) -> bool {
        self.rule().is_boolean
    }

    /// Whether a request may name the dtype of its results, unpacked or not.
    #[must_use]
    pub const fn takes_result_dtype(self) -> bool {
        matches!(self.rule().named_dtype, NamedDType::Always)
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
