//! Names that somebody may have meant.

/// The most names that are suggested.
const MOST: usize = 3;

/// How much alike two names must be: 0 for nothing in common, 1 for the same.
const ALIKE: f64 = 0.6;

/// Those of the names that are spelt most like this one, the nearest first.
pub(super) fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lower = name.to_lowercase();
    let mut alike: Vec<_> = names
        .map(|other| (strsim::jaro_winkler(&lower, &other.to_lowercase()), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    alike.sort_by(|(one, name), (other, next)| other.total_cmp(one).then_with(|| name.cmp(next)));
    alike.into_iter().take(MOST).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_suggested() {
        let names = ["tas", "tasmax", "TAS_2", "pr", "orog"];
        assert_eq!(near("tass", names.into_iter()), ["tas", "TAS_2", "tasmax"]);
        assert_eq!(near("zzz", names.into_iter()), [""; 0]);
    }
}
