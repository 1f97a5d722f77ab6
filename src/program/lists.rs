use std::ops::Range;

/// Lists of numbers one after the other in a single buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    ends: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    pub fn push(&mut self, items: impl IntoIterator<Item = u32>) {
        self.items.extend(items);
        self.ends.push(self.items.len() as u32);
    }

    #[inline]
    pub fn get(&self, list: usize) -> &[u32] {
        let start = if list == 0 { 0 } else { self.ends[list - 1] as usize };
        &self.items[start..self.ends[list] as usize]
    }

    #[inline]
    pub fn range(&self, lists: Range<usize>) -> impl Iterator<Item = &[u32]> {
        lists.map(|list| self.get(list))
    }
}
