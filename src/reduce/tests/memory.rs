//! What is said of memory beforehand.

use super::*;

/// Everything that can be asked of elements of this dtype, of packed values or not.
fn questions(elements: DType) -> Vec<Question> {
    let asked = |statistics: &[Statistic]| statistics.iter().copied().map(Asked::from).collect();
    let packing = crate::array::Packing { scale_factor: -1.0, add_offset: 0.0 };
    let mut questions = Vec::new();
    for is_weighted in [false, true] {
        questions.push(Question { statistics: asked(Statistic::ALL), is_weighted, ..Question::default() });
        for statistic in Statistic::ALL {
            for packing in [None, Some(packing)] {
                questions.push(Question {
                    statistics: asked(&[*statistic]),
                    packing,
                    is_weighted,
                    ..Question::default()
                });
            }
        }
    }
    let edges = |len: i32| (0..=len).map(|edge| f64::from(edge) / 7.0).collect::<Vec<_>>();
    let between = [1, 50, 300].map(|len| Bins::between(&edges(len), elements, None));
    for bins in between.into_iter().chain([Bins::between(&[0.0, 1.0, 7.0], elements, None)]) {
        let histogram = Asked { statistic: Statistic::Histogram, parameters: Parameters::Bins(bins) };
        questions.extend([false, true].map(|is_weighted| Question {
            statistics: vec![histogram.clone()],
            is_weighted,
            ..Question::default()
        }));
    }
    questions
}

#[test]
fn a_partial_result_takes_what_it_says() {
    let pool = Arc::new(Pool::new(1 << 16, 0));
    for &dtype in DType::ALL {
        for question in questions(dtype) {
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
    assert_eq!(Partial::units(&questions(DType::Int8)[0], DType::Int8, usize::MAX), usize::MAX / 1024 * 7 + 7);
}

/// Bytes that a fold of so many rows of this length holds at its end.
fn folded<T: Summed>(question: &Question, shape: [usize; 2], reduced: [bool; 2]) -> usize {
    let bytes = buffer(&vec![T::zeroed(); shape.iter().product()]);
    let results = shape.iter().zip(reduced).filter(|(_, reduced)| !reduced).map(|(len, _)| len).product();
    let mut sink = Partial::new(question, T::DTYPE, vec![results], &mut budget()).unwrap();
    let mut fold = Fold::<T::Word>::new::<T>(question.accumulators(), results, &mut sink);
    let missing = Missing { values: vec![T::HIGHEST], ..Missing::default() };
    let (screen, never) = (screen::screen(missing), Cancellation::never());
    let storage = Storage { shuffled: true, ..Storage::NATIVE };
    let mut pieces = Pieces::new(bytes.elements(), storage, screen.as_deref(), &never);
    let positions = Positions::new(&shape, Order::C).unwrap();
    let values = vec![1.0; shape.iter().product()];
    let factors = [Factor { values: &values, steps: &[shape[1], 1] }];
    let factors = if question.is_weighted { &factors[..] } else { &[] };
    fold.run(&mut pieces, &positions, factors, &reduced).unwrap();
    let held = fold.operations.iter().map(|operation| operation.held_len());
    let most = held.clone().max().unwrap_or(0);
    // Bins come on top, as many as a question has.
    let of_bins: usize = question.statistics.iter().map(|asked| asked.parameters.bins().scratch_len(T::DTYPE)).sum();
    let accumulators = question.accumulators();
    let of_states: usize = accumulators.iter().map(|accumulator| accumulator.form(T::DTYPE).size()).sum();
    let of_bins = of_bins + of_states * operation::columns(&accumulators, T::DTYPE);
    assert!(most <= scratch::OF_AN_ACCUMULATOR + of_bins, "{question:?} {:?}: {most}", T::DTYPE);
    held.sum::<usize>() + pieces.held_len() + fold.counts.len() * size_of::<u64>()
}

#[test]
fn a_fold_takes_no_more_than_it_says() {
    for &dtype in DType::ALL {
        for question in questions(dtype) {
            let most = scratch_units(&question, dtype) * crate::resources::MEMORY_UNIT;
            for (shape, reduced) in [([70, 600], [true, false]), ([600, 70], [false, true]), ([40, 2000], [true, true])]
            {
                let held = crate::array::dtype::with_dtype!(dtype, T => folded::<T>(&question, shape, reduced));
                assert!(held <= most, "{question:?} {dtype:?} {shape:?}: {held}");
            }
        }
    }
}
