use std::collections::HashMap;

use crate::rules::Subset;

/// The classes of elements that lie in the same sets, non-empty ones only, in the order of their
/// first elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    class_of: Vec<u32>,
    classes: usize,
    sets: usize,
    /// Class by class, which sets hold it.
    members: Vec<bool>,
}

impl Partition {
    /// Partitions the elements 0 .. `elements` by these subsets of them: O(elements × sets).
    pub fn new(elements: usize, sets: &[Subset]) -> Self {
        let mut known: HashMap<Vec<bool>, u32> = HashMap::new();
        let mut members: Vec<bool> = Vec::new();
        let class = |element: usize| {
            let signature: Vec<bool> = sets.iter().map(|set| set.contains(element)).collect();
            let next = known.len() as u32;
            *known.entry(signature).or_insert_with_key(|signature| {
                members.extend(signature);
                next
            })
        };
        let class_of = (0..elements).map(class).collect();
        Self { class_of, classes: known.len(), sets: sets.len(), members }
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        self.classes
    }

    /// Whether there is no class, that is, no element.
    pub fn is_empty(&self) -> bool {
        self.classes == 0
    }

    /// The class of each element.
    pub fn class_of(&self) -> &[u32] {
        &self.class_of
    }

    /// Whether a set holds the elements of a class.
    pub fn contains(&self, set: usize, class: usize) -> bool {
        self.members[class * self.sets + set]
    }
}
