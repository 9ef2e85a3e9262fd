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

    /// A stack by names, innermost first, without eBPF: the programs that looked, and the
    /// trampolines to them, each of which shows the function it is on a second time. No address
    /// is told: what has no name is `?`.
    pub(super) fn stack(&self, frames: &[u64]) -> Vec<String> {
        let mut stack: Vec<String> = Vec::new();
        let mut last = None;
        let mut is_behind_trampoline = false;
        for frame in frames {
            let found = self.function(*frame);
            let is_ebpf = found.is_some_and(|(name, _)| name.starts_with("bpf_"));
            if is_ebpf || found.is_none() && stack.is_empty() {
                is_behind_trampoline = true;
                continue;
            }
            let name = found.map(|(name, _)| name);
            if !(is_behind_trampoline && name.is_some() && name == last) {
                stack.push(match found {
                    Some((name, offset)) => format!("{name}+{offset:#x}"),
                    None => "?".to_owned(),
                });
            }
            last = name;
            is_behind_trampoline = false;
        }
        stack
    }

    /// The function that an address is in, and how far from its begin.
    fn function(&self, address: u64) -> Option<(&str, u64)> {
        let behind = self.starts.partition_point(|(start, ..)| *start <= address);
        let (start, at, length) = self.starts[..behind].last()?;
        let offset = address - start;
        let (at, length) = (*at as usize, usize::from(*length));
        let name = self.names.get(at..at + length)?;
        (offset < LONGEST).then_some((name, offset))
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
    fn trampolines_are_left_out_and_a_function_that_calls_itself_is_not() {
        let functions = read(
            "1000 T outer\n1100 t inner\n9000 t bpf_trampoline_1\t[bpf]\n9100 t bpf_prog_1\t[bpf]\n",
        )
        .unwrap();
        let frames = [
            0x9110, 0x9010, 0x1108, 0x1020, 0x1010, 0x9010, 0x1008, 0x1010,
        ];
        assert_eq!(
            functions.stack(&frames),
            ["inner+0x8", "outer+0x20", "outer+0x10", "outer+0x10"]
        );
    }

    #[test]
    fn hidden_addresses_are_told_with_what_would_show_them() {
        let error = read("0000000000000000 T outer\n0000000000000000 t inner\n").unwrap_err();
        assert!(error.to_string().contains("kptr_restrict"), "{error}");
        assert!(matches!(read(""), Err(NoFunctions::Unreadable)));
    }
}
