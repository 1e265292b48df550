//! Elements in order, where no state that merges tells what is asked: all of them are kept, or how many there are of each digit of
//! their ranks is counted, pass after pass, until those that are left can be kept.

mod collected;
mod digits;
mod gathered;
mod narrowed;
mod visit;

pub use collected::Collected;
pub use digits::{DigitCounts, Digits};
pub use gathered::Gathered;
pub use narrowed::{Narrowed, OtherElements};
