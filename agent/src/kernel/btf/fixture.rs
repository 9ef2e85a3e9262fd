//! BTF for tests.

use super::blob::kind;

/// BTF in the making, for tests: types get ids from `first` on.
pub(crate) struct Builder {
    pub(crate) types: Vec<u8>,
    pub(crate) strings: Vec<u8>,
    pub(crate) next: u32,
    first_string: u32,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::split(1, 0)
    }

    pub(crate) fn split(first: u32, first_string: u32) -> Self {
        // The kernel's own strings begin with the empty one.
        let strings = if first_string == 0 {
            vec![0]
        } else {
            Vec::new()
        };
        Self {
            types: Vec::new(),
            strings,
            next: first,
            first_string,
        }
    }

    pub(crate) fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.first_string + u32::try_from(self.strings.len()).unwrap();
        self.strings.extend(name.bytes().chain([0]));
        at
    }

    pub(crate) fn add(
        &mut self,
        kind: u8,
        flag: bool,
        name: &str,
        value: u32,
        extra: &[[u32; 3]],
    ) -> u32 {
        let words = if kind == kind::FUNC_PROTO { 2 } else { 3 };
        let count = u32::try_from(extra.len()).unwrap();
        let vlen = if kind == kind::ARRAY { 0 } else { count };
        let name = self.name(name);
        let info = u32::from(flag) << 31 | u32::from(kind) << 24 | vlen;
        for word in [name, info, value] {
            self.types.extend(word.to_le_bytes());
        }
        for element in extra {
            let bytes = element[..words].iter().flat_map(|word| word.to_le_bytes());
            self.types.extend(bytes);
        }
        self.next += 1;
        self.next - 1
    }

    pub(crate) fn int(&mut self, name: &str, bytes: u32) -> u32 {
        let id = self.add(kind::INT, false, name, bytes, &[]);
        self.types.extend((bytes * 8).to_le_bytes());
        id
    }

    /// Members: name, type, bit offset.
    pub(crate) fn structure(
        &mut self,
        name: &str,
        flag: bool,
        members: &[(&str, u32, u32)],
    ) -> u32 {
        let members: Vec<[u32; 3]> = members
            .iter()
            .map(|(name, id, bits)| [self.name(name), *id, *bits])
            .collect();
        self.add(kind::STRUCT, flag, name, 64, &members)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = |part: &[u8]| u32::try_from(part.len()).unwrap();
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        let types = length(&self.types);
        for word in [24, 0, types, types, length(&self.strings)] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }

    pub(crate) fn pointer(&mut self, to: u32) -> u32 {
        self.add(kind::PTR, false, "", to, &[])
    }

    /// A function without parameters.
    pub(crate) fn function(&mut self, name: &str) -> u32 {
        self.function_of(name, &[])
    }

    /// A function with parameters of these types.
    pub(crate) fn function_of(&mut self, name: &str, types: &[u32]) -> u32 {
        let parameters: Vec<[u32; 3]> = types.iter().map(|id| [0, *id, 0]).collect();
        let prototype = self.add(kind::FUNC_PROTO, false, "", 0, &parameters);
        self.add(kind::FUNC, false, name, prototype, &[])
    }
}
