//! What somebody may have meant who wrote a word that is not known.

/// The known word that a word may have been meant to be, if one is near.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = |candidate: &&str| {
        candidate.starts_with(word) || distance(word, candidate) <= 1 + word.chars().count() / 3
    };
    known
        .iter()
        .copied()
        .filter(near)
        .min_by_key(|candidate| distance(word, candidate))
}

/// How many letters have to be added, left out or replaced.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_if_it_is_near() {
        let known = ["dir", "format", "targets", "policy"];
        let check = |word, expect: Option<&str>| assert_eq!(nearest(word, &known), expect);
        check("dri", Some("dir"));
        check("target", Some("targets"));
        check("polcy", Some("policy"));
        check("zebra", None);
    }

    #[test]
    fn distances_are_symmetric() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("sitting", "kitten"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
