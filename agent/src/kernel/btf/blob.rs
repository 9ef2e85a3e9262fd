//! One BTF file, checked once and then read in place.

use super::BtfError;

/// `BTF_MAGIC`; hwptop's processors are little-endian.
const MAGIC: u16 = 0xeb9f;
/// `struct btf_header` up to the string section, as every kernel has it.
const HEADER_BYTES: usize = 24;
/// With `layout_off` and `layout_len`, as newer kernels have it.
const HEADER_WITH_LAYOUT_BYTES: usize = 32;
/// `struct btf_type`.
const TYPE_BYTES: usize = 12;
/// `BTF_MAX_TYPE`: the kernel itself refuses more.
const TYPES_MAX: usize = 0xf_ffff;

/// `BTF_KIND_*`, those that are looked at.
pub(super) mod kind {
    pub(in crate::kernel::btf) const INT: u8 = 1;
    pub(in crate::kernel::btf) const PTR: u8 = 2;
    pub(in crate::kernel::btf) const ARRAY: u8 = 3;
    pub(in crate::kernel::btf) const STRUCT: u8 = 4;
    pub(in crate::kernel::btf) const UNION: u8 = 5;
    pub(in crate::kernel::btf) const ENUM: u8 = 6;
    pub(in crate::kernel::btf) const FWD: u8 = 7;
    pub(in crate::kernel::btf) const TYPEDEF: u8 = 8;
    pub(in crate::kernel::btf) const VOLATILE: u8 = 9;
    pub(in crate::kernel::btf) const CONST: u8 = 10;
    pub(in crate::kernel::btf) const RESTRICT: u8 = 11;
    pub(in crate::kernel::btf) const FUNC: u8 = 12;
    pub(in crate::kernel::btf) const FUNC_PROTO: u8 = 13;
    pub(in crate::kernel::btf) const VAR: u8 = 14;
    pub(in crate::kernel::btf) const DATASEC: u8 = 15;
    pub(in crate::kernel::btf) const FLOAT: u8 = 16;
    pub(in crate::kernel::btf) const DECL_TAG: u8 = 17;
    pub(in crate::kernel::btf) const TYPE_TAG: u8 = 18;
    pub(in crate::kernel::btf) const ENUM64: u8 = 19;
}

/// What follows a `struct btf_type` of each kind: fixed bytes, and bytes for each of
/// its `vlen` elements.
const LAYOUT: [(u8, u8); 20] = [
    (0, 0), // unknown
    (4, 0),
    (0, 0),
    (12, 0),
    (0, 12),
    (0, 12),
    (0, 8),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 8),
    (4, 0),
    (0, 12),
    (0, 0),
    (4, 0),
    (0, 0),
    (0, 12),
];

/// One type as it lies in the file.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) name: u32,
    /// `BTF_KIND_*`.
    pub(super) kind: u8,
    /// In a struct or union: members may be bitfields. In a forward declaration: a union.
    pub(super) flag: bool,
    /// Bytes of a sized type, id of the type that others refer to.
    pub(super) size_or_type: u32,
    /// What follows it: members, parameters, the array's description.
    pub(super) extra: &'a [u8],
}

impl Record<'_> {
    /// The words of its elements, `N` words each.
    pub(super) fn elements<const N: usize>(&self) -> impl Iterator<Item = [u32; N]> {
        self.extra
            .chunks_exact(4 * N)
            .map(|chunk| std::array::from_fn(|index| word(chunk, 4 * index).unwrap_or_default()))
    }
}

/// A BTF file whose every type lies inside it.
pub(super) struct Blob {
    bytes: Vec<u8>,
    /// Where each type begins, without the implied type 0, `void`.
    types: Vec<u32>,
    /// Sizes of kinds that [`LAYOUT`] does not know, as the file tells them.
    more_kinds: Vec<(u8, u8)>,
    strings: (usize, usize),
}

impl Blob {
    /// Checks the header and finds every type.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, BtfError> {
        let field = |at| word(&bytes, at).ok_or(BtfError::Malformed("the header is cut off"));
        if field(0)? & 0xffff != u32::from(MAGIC) {
            return Err(BtfError::Malformed("it does not begin as BTF"));
        }
        let header = usize_of(field(4)?);
        if header < HEADER_BYTES {
            return Err(BtfError::Malformed("the header is too short"));
        }
        let section = |at: usize| {
            let start = header.checked_add(usize_of(field(at)?));
            let end = start.and_then(|start| start.checked_add(usize_of(field(at + 4).ok()?)));
            match (start, end) {
                (Some(start), Some(end)) if end <= bytes.len() => Ok((start, end)),
                _ => Err(BtfError::Malformed("a section lies outside the file")),
            }
        };
        let types = section(8)?;
        let strings = section(16)?;
        let more_kinds = if header >= HEADER_WITH_LAYOUT_BYTES {
            let (start, end) = section(24)?;
            let known = LAYOUT.len();
            let layouts = bytes[start..end].chunks_exact(4);
            layouts.skip(known).map(|one| (one[0], one[1])).collect()
        } else {
            Vec::new()
        };
        let mut blob = Self {
            bytes,
            types: Vec::new(),
            more_kinds,
            strings,
        };
        blob.find_types(types)?;
        Ok(blob)
    }

    fn find_types(&mut self, (mut at, end): (usize, usize)) -> Result<(), BtfError> {
        const CUT_OFF: BtfError = BtfError::Malformed("a type is cut off");
        while at < end {
            let info = word(&self.bytes, at + 4).ok_or(CUT_OFF)?;
            let extra = self.extra_bytes(info).ok_or(BtfError::Malformed(
                "it has a kind of type that is not known",
            ))?;
            let next = at + TYPE_BYTES + extra;
            if next > end {
                return Err(CUT_OFF);
            }
            if self.types.len() == TYPES_MAX {
                return Err(BtfError::Malformed("it has more types than a kernel takes"));
            }
            let start = u32::try_from(at);
            self.types
                .push(start.map_err(|_| BtfError::Malformed("it is larger than 4 GiB"))?);
            at = next;
        }
        Ok(())
    }

    /// How many bytes follow a type with this `info` word.
    fn extra_bytes(&self, info: u32) -> Option<usize> {
        let kind = usize_of(info >> 24 & 0x7f);
        let (fixed, each) = match kind.checked_sub(LAYOUT.len()) {
            None => *LAYOUT.get(kind)?,
            Some(beyond) => *self.more_kinds.get(beyond)?,
        };
        (kind > 0).then(|| usize::from(fixed) + usize::from(each) * usize_of(info & 0xff_ffff))
    }

    /// How many types it has, without `void`.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.types.len()).unwrap_or(u32::MAX)
    }

    /// Bytes of its strings.
    pub(super) fn string_bytes(&self) -> u32 {
        u32::try_from(self.strings.1 - self.strings.0).unwrap_or(u32::MAX)
    }

    /// The type at this place, from 0.
    pub(super) fn record(&self, index: u32) -> Option<Record<'_>> {
        let at = usize_of(*self.types.get(usize_of(index))?);
        let info = word(&self.bytes, at + 4)?;
        let extra = at + TYPE_BYTES;
        Some(Record {
            name: word(&self.bytes, at)?,
            kind: u8::try_from(info >> 24 & 0x7f).ok()?,
            flag: info >> 31 == 1,
            size_or_type: word(&self.bytes, at + 8)?,
            extra: self.bytes.get(extra..extra + self.extra_bytes(info)?)?,
        })
    }

    /// The string at this offset of its strings; without the end mark it goes to their end.
    pub(super) fn string(&self, offset: u32) -> Option<&[u8]> {
        let all = self.bytes.get(self.strings.0..self.strings.1)?;
        all.get(usize_of(offset)..)?.split(|byte| *byte == 0).next()
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// A `u32` as an index; hwptop's processors have 64 bits.
fn usize_of(number: u32) -> usize {
    number as usize
}
