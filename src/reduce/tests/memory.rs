//! What is said of memory beforehand.

use super::*;

/// Everything that can be asked, of packed values or not.
fn questions() -> Vec<Question> {
    let asked = |statistics: &[Statistic]| statistics.iter().copied().map(Asked::from).collect();
    let packing = crate::array::Packing { scale_factor: -1.0, add_offset: 0.0 };
    let mut questions = vec![Question { statistics: asked(Statistic::ALL), ..Question::default() }];
    for statistic in Statistic::ALL {
        for packing in [None, Some(packing)] {
            questions.push(Question { statistics: asked(&[*statistic]), packing, ..Question::default() });
        }
    }
    questions
}

#[test]
fn a_partial_result_takes_what_it_says() {
    let pool = Arc::new(Pool::new(1 << 16, 0));
    for question in questions() {
        for &dtype in DType::ALL {
            for results in [0, 1, 64, 65, 1000] {
                let units = Partial::units(&question, dtype, results);
                let new = |units| {
                    Partial::new(&question, dtype, vec![results], &mut Budget::unshared(units, Arc::clone(&pool)))
                };
                assert!(new(units).is_ok(), "{question:?} {dtype:?} {results}");
                assert!(units == 0 || new(units - 1).is_err(), "{question:?} {dtype:?} {results}");
            }
        }
    }
    assert_eq!(Partial::units(&questions()[0], DType::Int8, usize::MAX), usize::MAX / 1024 * 5 + 5);
}

/// Bytes that a fold of so many rows of this length holds at its end.
fn folded<T: Summed>(question: &Question, shape: [usize; 2], reduced: [bool; 2]) -> usize {
    let bytes = buffer(&vec![T::zeroed(); shape.iter().product()]);
    let results = shape.iter().zip(reduced).filter(|(_, reduced)| !reduced).map(|(len, _)| len).product();
    let mut sink = Partial::new(question, T::DTYPE, vec![results], &mut budget()).unwrap();
    let operations = question.accumulators().into_iter().map(|one| one.operation::<T>(results)).collect();
    let mut fold = Fold::<T::Word>::new(operations, results, &mut sink);
    let missing = Missing { values: vec![T::HIGHEST], ..Missing::default() };
    let (screen, never) = (screen::screen(missing), Cancellation::never());
    let storage = Storage { shuffled: true, ..Storage::NATIVE };
    let mut pieces = Pieces::new(bytes.elements(), storage, screen.as_deref(), &never);
    let positions = Positions::new(&shape, Order::C).unwrap();
    fold.run(&mut pieces, &positions, &reduced).unwrap();
    let held = fold.operations.iter().map(|operation| operation.held_len());
    let most = held.clone().max().unwrap_or(0);
    assert!(most <= scratch::OF_AN_ACCUMULATOR, "{question:?} {:?}: {most}", T::DTYPE);
    held.sum::<usize>() + pieces.held_len() + fold.counts.len() * size_of::<u64>()
}

#[test]
fn a_fold_takes_no_more_than_it_says() {
    for question in questions() {
        for &dtype in DType::ALL {
            let most = scratch_units(&question, dtype) * crate::resources::MEMORY_UNIT;
            for (shape, reduced) in [([70, 600], [true, false]), ([600, 70], [false, true]), ([5, 5000], [true, true])]
            {
                let held = crate::array::dtype::with_dtype!(dtype, T => folded::<T>(&question, shape, reduced));
                assert!(held <= most, "{question:?} {dtype:?} {shape:?}: {held}");
            }
        }
    }
}
