//! Copies between arrays whose elements lie in different orders.

use ndarray::{ArrayViewD, ArrayViewMutD, Axis};

use super::cancellation::{Cancellation, Cancelled};

/// Elements that are copied at one time: some milliseconds at most, however far apart they lie.
const PART: usize = 1 << 16;

/// Writes to each element of `target` what `write` makes of the one in its place in `source`, which has the same shape.
///
/// # Errors
/// If the work is cancelled before it is done.
pub fn write_each<A, B>(
    mut target: ArrayViewMutD<'_, A>,
    source: &ArrayViewD<'_, B>,
    cancellation: &Cancellation,
    write: &impl Fn(&mut A, &B),
) -> Result<(), Cancelled> {
    let longest = (0..target.ndim()).find(|&axis| target.len_of(Axis(axis)) > 1).map(Axis);
    let Some(axis) = longest.filter(|_| target.len() > PART) else {
        cancellation.check()?;
        target.zip_mut_with(source, write);
        return Ok(());
    };
    let middle = target.len_of(axis) / 2;
    let (first, second) = target.split_at(axis, middle);
    let (first_source, second_source) = source.view().split_at(axis, middle);
    write_each(first, &first_source, cancellation, write)?;
    write_each(second, &second_source, cancellation, write)
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;

    #[test]
    fn parts_make_the_whole() {
        let shape = vec![2, 1, 3, 50, 7, 2, 80];
        let source = ArrayD::from_shape_vec(shape.clone(), (0..3 * 50 * 7 * 2 * 80 * 2).collect::<Vec<u32>>()).unwrap();
        let source = source.reversed_axes();
        let mut target = ArrayD::zeros(source.shape());
        write_each(target.view_mut(), &source.view(), &Cancellation::never(), &|to, &from| *to = from + 1).unwrap();
        assert_eq!(target, source + 1);
    }
}
