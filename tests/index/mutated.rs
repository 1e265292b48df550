//! Files changed by chance, in such a way that checksums do not keep a parser from going further.

use rust_hdf5::format::checksum::checksum_metadata;

/// What structures with checksums begin with.
const SIGNATURES: [&[u8]; 14] = [
    b"\x89HDF", b"OHDR", b"OCHK", b"BTHD", b"BTLF", b"BTIN", b"FRHP", b"FHIB", b"FAHD", b"FADB", b"EAHD", b"EAIB",
    b"EADB", b"EASB",
];

/// The longest structure that is looked for, in bytes.
const LONGEST: usize = 2048;

/// Where structures are that end with a checksum: (start, start of the checksum).
pub(crate) fn sealed(file: &[u8]) -> Vec<(usize, usize)> {
    let starts = (0..file.len()).filter(|&at| SIGNATURES.contains(&&file[at..file.len().min(at + 4)]));
    let sealed = |start: usize| {
        let ends = start + 4..file.len().saturating_sub(3).min(start + LONGEST);
        let is_sum = |&end: &usize| checksum_metadata(&file[start..end]).to_le_bytes() == file[end..end + 4];
        ends.filter(is_sum).map(move |end| (start, end)).next()
    };
    starts.filter_map(sealed).collect()
}

/// The file, changed in this many ways.
pub(crate) struct Mutations<'a> {
    file: &'a [u8],
    seals: &'a [(usize, usize)],
    left: usize,
    state: u64,
}

impl<'a> Mutations<'a> {
    pub(crate) fn of(file: &'a [u8], seals: &'a [(usize, usize)], count: usize) -> Self {
        Self { file, seals, left: count, state: file.len() as u64 | 1 }
    }

    fn random(&mut self, below: usize) -> usize {
        // Xorshift of 64 bits.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below.max(1) as u64) as usize
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        let mut mutant = self.file.to_vec();
        for _ in 0..=self.random(3) {
            // Half of them within a structure that has a checksum, where there are such.
            let at = match self.seals.len() {
                count if count > 0 && self.random(2) == 0 => {
                    let (start, end) = self.seals[self.random(count)];
                    start + 4 + self.random(end - start - 4)
                }
                _ => self.random(mutant.len()),
            };
            match self.random(5) {
                0 => mutant[at] = 0xff,
                1 => mutant[at] = 0,
                2 => mutant[at] ^= 1 << self.random(8),
                3 => mutant[at] = self.random(256) as u8,
                // An address in place of another one: circles, and structures that are others.
                _ => {
                    let len = 8.min(mutant.len() - at);
                    let from = self.random(mutant.len() - len + 1);
                    mutant.copy_within(from..from + len, at);
                }
            }
        }
        if self.random(20) == 0 {
            let len = self.random(mutant.len());
            mutant.truncate(len);
        }
        let len = mutant.len();
        for &(start, end) in self.seals.iter().filter(|(_, end)| end + 4 <= len) {
            let checksum = checksum_metadata(&mutant[start..end]).to_le_bytes();
            mutant[end..end + 4].copy_from_slice(&checksum);
        }
        Some(mutant)
    }
}
