use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The most lines that a cache holds, to bound its memory: one more, and all are
/// forgotten. No test that looks for stale translations may reach it.
pub(super) const LINES_MAX: usize = 1 << 20;

/// Input addresses from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    first: u64,
    last: u64,
}

impl Span {
    pub(super) const ALL: Self = Self {
        first: 0,
        last: u64::MAX,
    };

    /// The naturally aligned 2^`log2` bytes around `addr`; all from 64 on.
    pub(super) const fn block(addr: u64, log2: u32) -> Self {
        let mask = low_mask(log2);
        Self {
            first: addr & !mask,
            last: addr | mask,
        }
    }

    /// `bytes`, at least one, from `addr` on; cut at the end of the space.
    pub(super) const fn run(addr: u64, bytes: u64) -> Self {
        Self {
            first: addr,
            last: addr.saturating_add(bytes - 1),
        }
    }

    /// The block whose size is in its address, as ATS has it (PCIe 10.2.3.2, VT-d
    /// 6.5.2.5, AMD-Vi 2.4.3): the lowest clear bit from bit 12 on is the highest
    /// that the size takes.
    pub(super) const fn encoded(addr: u64) -> Self {
        Self::block(addr, (addr | 0xfff).trailing_ones() + 1)
    }

    pub(super) fn is_all(self) -> bool {
        self == Self::ALL
    }
}

/// How large a line is, log2 of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    /// The page that the line came from: an invalidation of any of its addresses
    /// must remove the line.
    pub(super) extent_log2: u8,
    /// The addresses that the line answers: at most the extent.
    pub(super) size_log2: u8,
}

impl Shape {
    pub(super) const fn square(size_log2: u8) -> Self {
        Self {
            extent_log2: size_log2,
            size_log2,
        }
    }
}

/// Lines of a shape by their first address.
type Lines<V> = BTreeMap<Shape, BTreeMap<u64, V>>;

/// A cache by tag and address. A look-up costs one search per shape that the tag
/// has; an invalidation looks at no line outside its range.
#[derive(Debug)]
pub(super) struct Cache<T, V> {
    tags: BTreeMap<T, Lines<V>>,
    len: usize,
}

impl<T, V> Default for Cache<T, V> {
    fn default() -> Self {
        Self {
            tags: BTreeMap::new(),
            len: 0,
        }
    }
}

impl<T: Ord + Copy, V: Copy> Cache<T, V> {
    /// The smallest line that answers `addr`.
    pub(super) fn get(&self, tag: T, addr: u64) -> Option<V> {
        self.tags.get(&tag)?.iter().find_map(|(shape, lines)| {
            lines
                .get(&(addr & !low_mask(shape.size_log2.into())))
                .copied()
        })
    }

    pub(super) fn insert(&mut self, tag: T, shape: Shape, addr: u64, value: V) {
        if self.len == LINES_MAX {
            self.clear();
        }
        let first = addr & !low_mask(shape.size_log2.into());
        let lines = self.tags.entry(tag).or_default().entry(shape).or_default();
        if lines.insert(first, value).is_none() {
            self.len += 1;
        }
    }

    /// Removes the lines of `tags` that came from pages in `span` and have a
    /// `wanted` shape.
    pub(super) fn remove(
        &mut self,
        tags: RangeInclusive<T>,
        span: Span,
        wanted: impl Fn(Shape) -> bool,
    ) {
        let mut removed = 0;
        let emptied = self.tags.extract_if(tags, |_, shapes| {
            shapes.retain(|&shape, lines| {
                if wanted(shape) {
                    removed += remove_span(lines, shape, span);
                }
                !lines.is_empty()
            });
            shapes.is_empty()
        });
        emptied.for_each(drop);
        self.len -= removed;
    }

    pub(super) fn clear(&mut self) {
        self.tags.clear();
        self.len = 0;
    }

    /// All lines: tag, first address, shape and value.
    pub(super) fn iter(&self) -> impl Iterator<Item = (T, u64, Shape, V)> {
        self.tags.iter().flat_map(|(&tag, shapes)| {
            shapes.iter().flat_map(move |(&shape, lines)| {
                lines
                    .iter()
                    .map(move |(&first, &value)| (tag, first, shape, value))
            })
        })
    }
}

/// Removes the lines of `shape` whose extents meet `span`; returns how many.
fn remove_span<V>(lines: &mut BTreeMap<u64, V>, shape: Shape, span: Span) -> usize {
    if span.is_all() {
        let len = lines.len();
        lines.clear();
        return len;
    }
    let mask = low_mask(shape.extent_log2.into());
    let range = span.first & !mask..=span.last | mask;
    lines.extract_if(range, |_, _| true).count()
}

/// The low `log2` bits.
const fn low_mask(log2: u32) -> u64 {
    if log2 >= u64::BITS {
        u64::MAX
    } else {
        (1 << log2) - 1
    }
}

#[cfg(test)]
mod tests;
