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

    #[inline(always)]
    pub fn get(&self, list: usize) -> &[u32] {
        let start = if list == 0 { 0 } else { self.ends[list - 1] as usize };
        &self.items[start..self.ends[list] as usize]
    }

    /// Some consecutive lists.
    #[inline]
    pub fn range(&self, lists: Range<usize>) -> ListsRange<'_> {
        ListsRange { lists: self, range: lists }
    }
}

/// Some consecutive lists, one by one.
#[derive(Clone)]
pub(crate) struct ListsRange<'a> {
    lists: &'a Lists,
    range: Range<usize>,
}

impl<'a> Iterator for ListsRange<'a> {
    type Item = &'a [u32];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a [u32]> {
        self.range.next().map(|list| self.lists.get(list))
    }
}
