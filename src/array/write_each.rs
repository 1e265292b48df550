//! Copies between arrays whose elements lie in different orders.

use ndarray::{ArrayViewD, ArrayViewMutD, Axis};

use crate::resources::{Cancellation, Cancelled};

/// Elements that are copied at one time: so few that what they lie in fits the caches, however far apart they are.
const PART: usize = 1 << 12;

/// Writes to each element of `target` what `write` makes of the one in its place in `source`, which has the same shape. Axes
/// are halved until a part is left, the one with the longest way in either array first: so that parts lie close together in
/// both.
///
/// # Errors
/// If the work is cancelled before it is done.
pub fn write_each<A, B>(
    mut target: ArrayViewMutD<'_, A>,
    source: &ArrayViewD<'_, B>,
    cancellation: &Cancellation,
    write: &impl Fn(&mut A, &B),
) -> Result<(), Cancelled> {
    let way = |axis: &Axis| {
        let step = target.stride_of(*axis).unsigned_abs().max(source.stride_of(*axis).unsigned_abs());
        step.saturating_mul(target.len_of(*axis))
    };
    let longest = (0..target.ndim()).map(Axis).filter(|axis| target.len_of(*axis) > 1).max_by_key(way);
    let Some(axis) = longest.filter(|_| target.len() > PART) else {
        cancellation.check()?;
        target.zip_mut_with(source, write);
        return Ok(());
    };
    let middle = target.len_of(axis) / 2;
    let (first, second) = target.split_at(axis, middle);
    let (first_source, second_source) = source.view().split_at(axis, middle);
    for (target, source) in [(first, first_source), (second, second_source)] {
        // Each axis takes its time, however short it is.
        if target.len_of(axis) == 1 {
            let (target, source) = (target.index_axis_move(axis, 0), source.index_axis_move(axis, 0));
            write_each(target, &source, cancellation, write)?;
        } else {
            write_each(target, &source, cancellation, write)?;
        }
    }
    Ok(())
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
