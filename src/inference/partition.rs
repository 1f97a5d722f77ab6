use std::collections::HashMap;

use crate::rules::Subset;

/// The classes of elements that lie in the same sets, non-empty ones only, in the order of their
/// first elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    class_of: Vec<u32>,
    /// For each class, which sets hold it.
    members: Vec<Vec<bool>>,
}

impl Partition {
    /// Partitions the elements 0 .. `elements` by these subsets of them: O(elements × sets).
    pub fn new(elements: usize, sets: &[Subset]) -> Self {
        let mut known: HashMap<Vec<bool>, u32> = HashMap::new();
        let mut members: Vec<Vec<bool>> = Vec::new();
        let class = |element: usize| {
            let signature: Vec<bool> = sets.iter().map(|set| set.contains(element)).collect();
            *known.entry(signature).or_insert_with_key(|signature| {
                members.push(signature.clone());
                (members.len() - 1) as u32
            })
        };
        let class_of = (0..elements).map(class).collect();
        Self { class_of, members }
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no class, that is, no element.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The class of each element.
    pub fn class_of(&self) -> &[u32] {
        &self.class_of
    }

    /// Whether a set holds the elements of a class.
    pub fn contains(&self, set: usize, class: usize) -> bool {
        self.members[class][set]
    }
}
