/// What one rule allows some values: α = max(s, λ) inside its conclusion, β = max(r, ρ) outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Level {
    /// The rule's position in its rule set.
    pub rule: usize,
    pub side: Side,
}

/// On which side of a rule's conclusion values lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// In Q: the parameter is s, the premise's degree λ, what is allowed α.
    Inside,
    /// Not in Q: the parameter is r, the degree of the premise's opposite ρ, what is allowed β.
    Outside,
}

impl Level {
    /// Its place in every flat list of levels: \[α_1, β_1, α_2, …\], \[λ_1, ρ_1, …\] and
    /// \[s_1, r_1, …\].
    pub fn index(self) -> usize {
        2 * self.rule + usize::from(self.side == Side::Outside)
    }

    /// The levels of so many rules, in the order of their places.
    pub fn all(rules: usize) -> impl Iterator<Item = Self> {
        (0..rules).flat_map(|rule| [Side::Inside, Side::Outside].map(|side| Self { rule, side }))
    }
}
