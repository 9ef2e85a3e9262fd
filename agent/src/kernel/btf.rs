//! The running kernel's types, from its BTF: where a member lies in a structure, and
//! what a function takes.
//!
//! The crates there are either have another licence (btf-rs) or keep members to
//! themselves (aya-obj).

use std::{fs, io, path::Path, path::PathBuf};

mod blob;

use blob::{Blob, Record, kind};

/// How far types may refer to types. Kernels stay below 10; it ends what refers to itself.
const DEPTH_MAX: usize = 32;

/// How many members are looked at for one name, those of unnamed structures included.
/// The largest structures of a kernel have some hundreds.
const MEMBERS_MAX: u32 = 100_000;

/// Why the kernel's types do not answer.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file cannot be read.
    #[error("{path}: {source}; the kernel needs CONFIG_DEBUG_INFO_BTF=y")]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It is not BTF, or damaged.
    #[error("the kernel's BTF cannot be read: {0}")]
    Malformed(&'static str),
    /// No structure or union has this name.
    #[error("this kernel's BTF has no struct {0}")]
    NoStruct(String),
    /// The structure has no such member.
    #[error("this kernel's struct {structure} has no member {path}")]
    NoMember {
        /// The structure.
        structure: String,
        /// The path up to the member that is not there.
        path: String,
    },
    /// The member has no address of its own.
    #[error("{path} of this kernel's struct {structure} is a bitfield")]
    Bitfield {
        /// The structure.
        structure: String,
        /// The path up to the bitfield.
        path: String,
    },
}

/// What a function takes and gives, in C's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The module that has it; `None` is the kernel itself.
    pub module: Option<String>,
    /// Its parameters, first to last.
    pub parameters: Vec<Parameter>,
    /// The type that it returns, e.g. `int`.
    pub returns: String,
}

/// One parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; some kernels keep none.
    pub name: String,
    /// Its type without qualifiers, e.g. `struct iommufd_ucmd *`.
    pub type_name: String,
}

/// The types of the running kernel and of some of its modules.
pub struct KernelTypes {
    kernel: Blob,
    modules: Vec<(String, Blob)>,
}

impl KernelTypes {
    /// Reads `vmlinux` and those of `modules` that are there from `folder`, which is
    /// `/sys/kernel/btf`. A module that is built in or not loaded has no file.
    ///
    /// # Errors
    /// [`BtfError::Read`] and [`BtfError::Malformed`].
    pub fn read(folder: &Path, modules: &[&str]) -> Result<Self, BtfError> {
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read(&path).map_err(|source| BtfError::Read { path, source })
        };
        let mut types = Self::parse(read("vmlinux")?)?;
        for module in modules {
            match read(module) {
                Ok(bytes) => types.add_module(module, bytes)?,
                Err(BtfError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(types)
    }

    /// Takes what `/sys/kernel/btf/vmlinux` holds.
    ///
    /// # Errors
    /// [`BtfError::Malformed`].
    pub fn parse(vmlinux: Vec<u8>) -> Result<Self, BtfError> {
        let kernel = Blob::parse(vmlinux)?;
        Ok(Self {
            kernel,
            modules: Vec::new(),
        })
    }

    /// Adds what `/sys/kernel/btf/MODULE` holds: types that refer to the kernel's.
    ///
    /// # Errors
    /// [`BtfError::Malformed`].
    pub fn add_module(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), BtfError> {
        self.modules.push((name.to_owned(), Blob::parse(bytes)?));
        Ok(())
    }

    /// The modules whose types are known.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.iter().map(|(name, _)| name.as_str())
    }

    /// Where a member lies in a structure, in bytes from its start. A path such as
    /// `iommu.dev` goes through structures that lie in one another; members of unnamed
    /// structures and unions are found without naming those.
    ///
    /// # Errors
    /// [`BtfError::NoStruct`], [`BtfError::NoMember`] (also where the path goes through a
    /// pointer) and [`BtfError::Bitfield`].
    pub fn member_offset(&self, structure: &str, path: &str) -> Result<u32, BtfError> {
        let (space, _, start) = self
            .named(structure, |one| matches!(one, kind::STRUCT | kind::UNION))
            .ok_or_else(|| BtfError::NoStruct(structure.to_owned()))?;
        let mut here = start;
        let mut bits = 0_u32;
        let mut done = 0;
        for name in path.split('.') {
            let mut left = MEMBERS_MAX;
            done += name.len();
            let walked = || path.get(..done).unwrap_or(path).to_owned();
            let found = space.member(here, name.as_bytes(), DEPTH_MAX, &mut left);
            let member = found.ok_or_else(|| BtfError::NoMember {
                structure: structure.to_owned(),
                path: walked(),
            })?;
            bits = bits.saturating_add(member.bits);
            if member.bitfield || !bits.is_multiple_of(8) {
                return Err(BtfError::Bitfield {
                    structure: structure.to_owned(),
                    path: walked(),
                });
            }
            // A pointer or number stays `None` and has no members: the next name fails.
            here = space
                .peeled(member.type_id)
                .unwrap_or(Record { kind: 0, ..start });
            done += 1;
        }
        Ok(bits / 8)
    }

    /// How many bytes a structure takes.
    #[must_use]
    pub fn size_of(&self, structure: &str) -> Option<u32> {
        let (_, _, record) =
            self.named(structure, |one| matches!(one, kind::STRUCT | kind::UNION))?;
        Some(record.size_or_type)
    }

    /// What the function takes, if the kernel or one of the modules has it.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<Signature> {
        let (space, _, function) = self.named(name, |one| one == kind::FUNC)?;
        let prototype = space.record(function.size_or_type)?;
        if prototype.kind != kind::FUNC_PROTO {
            return None;
        }
        let parameters = prototype.elements().map(|[name, id]| Parameter {
            name: space.text(name),
            type_name: space.type_name(id, DEPTH_MAX),
        });
        Some(Signature {
            module: space.module.map(|(name, _)| name.clone()),
            parameters: parameters.collect(),
            returns: space.type_name(prototype.size_or_type, DEPTH_MAX),
        })
    }

    /// The number that `BPF_PROG_LOAD` knows a function by, and the module that counts it
    /// (`None`: the kernel itself).
    #[must_use]
    pub fn function_id(&self, name: &str) -> Option<(u32, Option<&str>)> {
        let (space, id, _) = self.named(name, |one| one == kind::FUNC)?;
        Some((id, space.module.map(|(module, _)| module.as_str())))
    }

    /// The first type of these kinds that has the name, with its id, the kernel's before a
    /// module's.
    fn named(
        &self,
        name: &str,
        wanted: impl Fn(u8) -> bool,
    ) -> Option<(Space<'_>, u32, Record<'_>)> {
        let modules = self.modules.iter().map(Some);
        std::iter::once(None).chain(modules).find_map(|module| {
            let space = Space {
                kernel: &self.kernel,
                module,
            };
            let (own, first) = match module {
                None => (&self.kernel, 1),
                Some((_, blob)) => (blob, self.kernel.len() + 1),
            };
            (0..own.len()).find_map(|index| {
                let record = own.record(index)?;
                let found =
                    wanted(record.kind) && space.string(record.name) == Some(name.as_bytes());
                found.then_some((space, first + index, record))
            })
        })
    }
}

/// Types and strings as one file numbers them: the kernel's first, then a module's own.
#[derive(Clone, Copy)]
struct Space<'a> {
    kernel: &'a Blob,
    module: Option<&'a (String, Blob)>,
}

/// A member that was found.
struct Member {
    /// From the start of the structure that was searched.
    bits: u32,
    bitfield: bool,
    type_id: u32,
}

impl<'a> Space<'a> {
    /// The type of this id; `void`, id 0, has no record.
    fn record(&self, id: u32) -> Option<Record<'a>> {
        let index = id.checked_sub(1)?;
        match index.checked_sub(self.kernel.len()) {
            None => self.kernel.record(index),
            Some(beyond) => self.module?.1.record(beyond),
        }
    }

    fn string(&self, offset: u32) -> Option<&'a [u8]> {
        match offset.checked_sub(self.kernel.string_bytes()) {
            None => self.kernel.string(offset),
            Some(beyond) => self.module?.1.string(beyond),
        }
    }

    fn text(&self, offset: u32) -> String {
        String::from_utf8_lossy(self.string(offset).unwrap_or_default()).into_owned()
    }

    /// The type behind typedefs and qualifiers.
    fn peeled(&self, mut id: u32) -> Option<Record<'a>> {
        for _ in 0..DEPTH_MAX {
            let record = self.record(id)?;
            match record.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = record.size_or_type;
                }
                _ => return Some(record),
            }
        }
        None
    }

    /// The member of this name, also one of an unnamed structure or union in it.
    fn member(&self, of: Record<'_>, name: &[u8], depth: usize, left: &mut u32) -> Option<Member> {
        if !matches!(of.kind, kind::STRUCT | kind::UNION) || depth == 0 {
            return None;
        }
        of.elements().find_map(|[member_name, type_id, offset]| {
            *left = left.checked_sub(1)?;
            let (bits, width) = if of.flag {
                (offset & 0xff_ffff, offset >> 24)
            } else {
                (offset, 0)
            };
            let own_name = self.string(member_name)?;
            if !own_name.is_empty() {
                return (own_name == name).then_some(Member {
                    bits,
                    bitfield: width > 0,
                    type_id,
                });
            }
            let inner = self.member(self.peeled(type_id)?, name, depth - 1, left)?;
            Some(Member {
                bits: bits.saturating_add(inner.bits),
                ..inner
            })
        })
    }

    /// The type in C's words, without qualifiers and without an array's lengths.
    fn type_name(&self, id: u32, depth: usize) -> String {
        if id == 0 {
            return "void".to_owned();
        }
        let Some(record) = self.record(id).filter(|_| depth > 0) else {
            return "?".to_owned();
        };
        let named = |prefix: &str| format!("{prefix}{}", self.text(record.name));
        let referred = || self.type_name(record.size_or_type, depth - 1);
        match record.kind {
            kind::INT | kind::FLOAT | kind::TYPEDEF | kind::FUNC | kind::VAR | kind::DATASEC => {
                named("")
            }
            kind::UNION => named("union "),
            kind::FWD if record.flag => named("union "),
            kind::STRUCT | kind::FWD => named("struct "),
            kind::ENUM | kind::ENUM64 => named("enum "),
            kind::PTR => match referred() {
                target if target.ends_with('*') => format!("{target}*"),
                target => format!("{target} *"),
            },
            kind::CONST | kind::VOLATILE | kind::RESTRICT | kind::TYPE_TAG | kind::DECL_TAG => {
                referred()
            }
            kind::ARRAY => {
                let element = record
                    .elements()
                    .next()
                    .map_or(0, |[element, _, _]| element);
                format!("{}[]", self.type_name(element, depth - 1))
            }
            kind::FUNC_PROTO => "function".to_owned(),
            _ => "?".to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
