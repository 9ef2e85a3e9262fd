//! Return addresses of the kernel as `function+0x12`.

use super::{host::Host, symbols};

/// No function is that long: what lies further behind the last one before it is none of its
/// code, but eBPF, or a module that came later.
const LONGEST: u64 = 64 * 1024;

/// Why stacks cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum NoFunctions {
    /// There are no names.
    #[error("stacks of the kernel (--slow-stacks): /proc/kallsyms cannot be read")]
    Unreadable,
    /// There are no addresses.
    #[error(
        "stacks of the kernel (--slow-stacks): /proc/kallsyms hides the addresses of functions: \
         set kernel.kptr_restrict to 1 or 0, and have CAP_SYSLOG (root has)"
    )]
    Hidden,
}

/// The kernel's functions by address, as they were when they were read.
#[derive(Debug)]
pub(super) struct Functions {
    /// By address; the names are in `names`, one after the other.
    starts: Vec<(u64, u32, u16)>,
    names: String,
}

impl Functions {
    /// Reads them, which takes CAP_SYSLOG: before rights are dropped.
    pub(super) fn read(host: &Host) -> Result<Self, NoFunctions> {
        let bytes = host
            .bytes("proc/kallsyms")
            .map_err(|_| NoFunctions::Unreadable)?;
        let mut functions = Self {
            starts: Vec::new(),
            names: String::new(),
        };
        for line in bytes.split(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(line).ok();
            if let Some((address, name, _)) = line.and_then(symbols::function) {
                functions.add(u64::from_str_radix(address, 16).unwrap_or(0), name);
            }
        }
        if functions.starts.is_empty() {
            return Err(NoFunctions::Unreadable);
        }
        if functions.starts.iter().all(|(address, ..)| *address == 0) {
            return Err(NoFunctions::Hidden);
        }
        functions.starts.sort_unstable();
        Ok(functions)
    }

    fn add(&mut self, address: u64, name: &str) {
        let at = u32::try_from(self.names.len());
        if let (Ok(at), Ok(length)) = (at, u16::try_from(name.len())) {
            self.names.push_str(name);
            self.starts.push((address, at, length));
        }
    }

    /// A stack by names, innermost first, without the programs that looked. No address is told:
    /// what has no name is `?`.
    pub(super) fn stack(&self, frames: &[u64]) -> Vec<String> {
        let named = frames.iter().map(|frame| self.name(*frame));
        let of_program =
            |name: &Option<String>| name.as_ref().is_none_or(|name| name.starts_with("bpf_"));
        named
            .skip_while(of_program)
            .map(|name| name.unwrap_or_else(|| "?".to_owned()))
            .collect()
    }

    fn name(&self, address: u64) -> Option<String> {
        let behind = self.starts.partition_point(|(start, ..)| *start <= address);
        let (start, at, length) = self.starts[..behind].last()?;
        let offset = address - start;
        let (at, length) = (*at as usize, usize::from(*length));
        let name = self.names.get(at..at + length)?;
        (offset < LONGEST).then(|| format!("{name}+{offset:#x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(kallsyms: &str) -> Result<Functions, NoFunctions> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("proc")).unwrap();
        fs::write(folder.path().join("proc/kallsyms"), kallsyms).unwrap();
        Functions::read(&Host::at(folder.path()))
    }

    #[test]
    fn a_stack_is_told_by_function_and_offset_without_the_programs_above() {
        let functions = read(
            "ffffffff81000200 T outer\nffffffff81000100 t inner.isra.0\n\
             ffffffff81000180 D data\nffffffffc0001000 t bpf_prog_1_end\t[bpf]\nbroken\n",
        )
        .unwrap();
        let frames = [
            0xffff_ffff_c000_1010,
            0xffff_ffff_d000_0000,
            0xffff_ffff_8100_01ff,
        ];
        let rest = [0xffff_ffff_d000_0000, 0xffff_ffff_8100_0212, 7];
        let stack = functions.stack(&[frames, rest].concat());
        assert_eq!(stack, ["inner.isra.0+0xff", "?", "outer+0x12", "?"]);
        assert_eq!(functions.stack(&[]), [""; 0]);
    }

    #[test]
    fn hidden_addresses_are_told_with_what_would_show_them() {
        let error = read("0000000000000000 T outer\n0000000000000000 t inner\n").unwrap_err();
        assert!(error.to_string().contains("kptr_restrict"), "{error}");
        assert!(matches!(read(""), Err(NoFunctions::Unreadable)));
    }
}
