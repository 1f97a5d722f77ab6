//! Sixteen channels side by side, the unit all kernels compute with.

/// Channels in one [`Lanes`].
pub(super) const LANES: usize = 16;

/// Sixteen neighbouring channels of one pixel, or sixteen neighbouring outputs of one weight.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Lanes(pub(super) [f32; LANES]);

/// What the kernels need to know of the instructions they are compiled for.
pub(super) trait Machine {
    /// Whether `mul_add` is one instruction; without it, it is a call.
    const FUSED: bool;
    /// Whether 24 accumulators of type [`Lanes`] fit the registers, rather than 6.
    const WIDE: bool;
}

/// AVX-512: 32 registers of one [`Lanes`] each.
pub(super) struct Wide;
/// AVX2 or NEON.
pub(super) struct Narrow;
/// Anything else.
pub(super) struct Plain;

impl Machine for Wide {
    const FUSED: bool = true;
    const WIDE: bool = true;
}

impl Machine for Narrow {
    const FUSED: bool = true;
    const WIDE: bool = false;
}

impl Machine for Plain {
    const FUSED: bool = false;
    const WIDE: bool = false;
}

#[inline(always)]
pub(super) fn multiply_add<M: Machine>(a: f32, b: f32, c: f32) -> f32 {
    if M::FUSED { a.mul_add(b, c) } else { a * b + c }
}

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; LANES]);

    /// `self + scalar * other`.
    #[inline(always)]
    pub(super) fn plus_scaled<M: Machine>(mut self, scalar: f32, other: &Self) -> Self {
        for lane in 0..LANES {
            self.0[lane] = multiply_add::<M>(scalar, other.0[lane], self.0[lane]);
        }
        self
    }

    /// `self + a * b`.
    #[inline(always)]
    pub(super) fn plus_product<M: Machine>(mut self, a: &Self, b: &Self) -> Self {
        for lane in 0..LANES {
            self.0[lane] = multiply_add::<M>(a.0[lane], b.0[lane], self.0[lane]);
        }
        self
    }

    #[inline(always)]
    pub(super) fn plus(mut self, other: &Self) -> Self {
        for lane in 0..LANES {
            self.0[lane] += other.0[lane];
        }
        self
    }

    #[inline(always)]
    pub(super) fn minus(mut self, other: &Self) -> Self {
        for lane in 0..LANES {
            self.0[lane] -= other.0[lane];
        }
        self
    }

    #[inline(always)]
    pub(super) fn times(mut self, factor: f32) -> Self {
        for own in &mut self.0 {
            *own *= factor;
        }
        self
    }

    /// No lane below `floor`; unlike `f32::max`, keeps NaN.
    #[inline(always)]
    pub(super) fn at_least(mut self, floor: f32) -> Self {
        for own in &mut self.0 {
            *own = if *own < floor { floor } else { *own };
        }
        self
    }

    /// `self` where `gate` is positive, else 0.
    #[inline(always)]
    pub(super) fn where_positive(mut self, gate: &Self) -> Self {
        for (own, &gate) in self.0.iter_mut().zip(&gate.0) {
            *own = if gate > 0.0 { *own } else { 0.0 };
        }
        self
    }
}

/// The numbers in groups of sixteen, the last filled up with zeros.
pub(super) fn to_lanes(numbers: impl ExactSizeIterator<Item = f32>) -> Vec<Lanes> {
    let mut lanes = vec![Lanes::ZERO; numbers.len().div_ceil(LANES)];
    for (i, number) in numbers.enumerate() {
        lanes[i / LANES].0[i % LANES] = number;
    }
    lanes
}

/// Keeps the rounds of a loop over [`Lanes`] apart. Each is a few vector instructions; without
/// this the compiler makes vectors of the same lane in many rounds, gathering them one by one.
#[inline(always)]
pub(super) fn apart() {
    std::hint::black_box(());
}

/// `body` for every `i` below `n`, at most 14, written out. A loop over the accumulators of a
/// tile the compiler may leave a loop, which keeps them in memory.
macro_rules! unrolled {
    ($i:ident < $n:ident, $body:expr) => {
        unrolled!(@ $i, $n, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $i:ident, $n:ident, $body:expr, $($k:literal)*) => {
        {
            $(if $k < $n {
                let $i = $k;
                $body
            })*
        }
    };
}
pub(super) use unrolled;
