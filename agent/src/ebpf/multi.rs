//! One link for all places of a program (`BPF_TRACE_UPROBE_MULTI`). aya 0.14 has a link for each
//! place, a perf event, and the kernel takes about 0.1 s to let go of each, one after the other.
#![expect(
    unsafe_code,
    reason = "aya has no such links: two commands of bpf(2) are given here"
)]

use std::{
    collections::HashMap,
    ffi::CString,
    fs, io, mem,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    thread,
};

use aya::{
    maps::{Map, MapFd},
    util::KernelVersion,
};
use aya_obj::{
    Object, ProgramSection,
    generated::{bpf_attach_type, bpf_cmd, bpf_insn, bpf_prog_type},
};

use super::OBJECT;
use crate::{
    bpf::{ProgLoad, bpf},
    process::TargetProcess,
    snapshot::ProgramTime,
};

/// Linux 6.6 has such links, but before 6.10 those for a process were for one thread of it.
const SINCE: KernelVersion = KernelVersion::new(6, 10, 0);

const KIND: u32 = bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32;

/// The links of programs on static probes. They end together.
pub(super) struct Links {
    /// The programs that can be linked so, by name.
    programs: HashMap<String, Program>,
    loaded: Vec<(String, OwnedFd)>,
    open: Vec<OwnedFd>,
}

impl Links {
    /// No link yet, and programs that use the maps of `loaded`: these stay open until all
    /// programs are attached.
    pub(super) fn new(loaded: &aya::Ebpf) -> Self {
        let known = KernelVersion::current().is_ok_and(|version| version >= SINCE);
        let programs = known.then(|| programs(loaded)).flatten();
        Self {
            programs: programs.unwrap_or_default(),
            loaded: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Puts `program` on the `offsets` of the file that holds the probes of `process`. `false`
    /// where that cannot be: aya can attach it all the same, or say why not.
    pub(super) fn attach(
        &mut self,
        program: &str,
        process: &TargetProcess,
        offsets: &[u64],
    ) -> bool {
        let found = self.programs.get(program);
        let attached = found.map(|found| found.attach(program, process, offsets));
        let Some(Ok((loaded, link))) = attached else {
            return false;
        };
        self.loaded.push((program.to_owned(), loaded));
        self.open.push(link);
        true
    }

    /// What the programs took while programs were timed.
    pub(super) fn program_times(&self) -> impl Iterator<Item = ProgramTime> {
        self.loaded.iter().filter_map(|(name, program)| {
            let path = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
            let text = fs::read_to_string(path).ok()?;
            let figure = |wanted| {
                let mut lines = text.lines().filter_map(|line| line.split_once(':'));
                let (_, figure) = lines.find(|(name, _)| *name == wanted)?;
                figure.trim().parse().ok()
            };
            Some(ProgramTime {
                name: name.clone(),
                runs: figure("run_cnt")?,
                ns: figure("run_time_ns")?,
            })
        })
    }
}

impl Drop for Links {
    /// At the end of a link the kernel waits until its program runs nowhere any more. Waits that
    /// begin together share the kernel's grace periods.
    fn drop(&mut self) {
        thread::scope(|scope| {
            for link in self.open.drain(..) {
                // Where no thread can be had, the link ends here.
                let _started = thread::Builder::new().spawn_scoped(scope, || drop(link));
            }
        });
    }
}

/// The object's programs for uprobes, using the maps of `loaded`; `None` where they are not as
/// expected.
fn programs(loaded: &aya::Ebpf) -> Option<HashMap<String, Program>> {
    let mut object = Object::parse(OBJECT).ok()?;
    let uprobe = |section: &ProgramSection| matches!(section, ProgramSection::UProbe { .. });
    object.programs.retain(|_, found| uprobe(&found.section));
    let definitions = mem::take(&mut object.maps);
    let mut maps = Vec::new();
    for (name, definition) in &definitions {
        let fd = descriptor(loaded.map(name)?)?.as_fd().as_raw_fd();
        maps.push((name.as_str(), fd, definition));
    }
    let sections = object.functions.keys().map(|(section, _)| *section);
    let sections = sections.collect();
    object.relocate_maps(maps.into_iter(), &sections).ok()?;
    object.relocate_calls(&sections).ok()?;
    let programs = object.programs.into_iter().map(|(name, found)| {
        let function = object.functions.get(&found.function_key())?;
        let program = Program {
            license: found.license,
            instructions: function.instructions.clone(),
        };
        Some((name, program))
    });
    programs.collect()
}

/// The kinds of maps that the object has.
fn descriptor(map: &Map) -> Option<&MapFd> {
    match map {
        Map::Array(map)
        | Map::HashMap(map)
        | Map::PerCpuArray(map)
        | Map::Queue(map)
        | Map::RingBuf(map) => Some(map.fd()),
        _ => None,
    }
}

/// A program as the kernel takes it.
struct Program {
    license: CString,
    instructions: Vec<bpf_insn>,
}

impl Program {
    /// The program and its link.
    fn attach(
        &self,
        name: &str,
        process: &TargetProcess,
        offsets: &[u64],
    ) -> io::Result<(OwnedFd, OwnedFd)> {
        let program = self.load(name)?;
        let path = CString::new(process.program.as_os_str().as_bytes())?;
        let attributes = LinkCreate {
            prog_fd: program.as_raw_fd().cast_unsigned(),
            attach_type: KIND,
            path: path.as_ptr() as u64,
            offsets: offsets.as_ptr() as u64,
            cnt: u32::try_from(offsets.len()).map_err(io::Error::other)?,
            pid: process.pid.get(),
            ..LinkCreate::default()
        };
        // SAFETY: `LinkCreate` is what this command reads. `path` ends with a 0, `offsets` has
        // `cnt` words; both outlive the call, and the addresses that are 0 are not followed.
        let link = unsafe { bpf(bpf_cmd::BPF_LINK_CREATE, &attributes) }?;
        Ok((program, link))
    }

    fn load(&self, name: &str) -> io::Result<OwnedFd> {
        let mut prog_name = [0; 16];
        // The last byte stays 0.
        for (to, from) in prog_name[..15].iter_mut().zip(name.bytes()) {
            *to = from;
        }
        let attributes = ProgLoad {
            prog_type: bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32,
            insn_cnt: u32::try_from(self.instructions.len()).map_err(io::Error::other)?,
            insns: self.instructions.as_ptr() as u64,
            license: self.license.as_ptr() as u64,
            prog_name,
            expected_attach_type: KIND,
            ..ProgLoad::default()
        };
        // SAFETY: `ProgLoad` is what this command reads. `insns` has `insn_cnt` instructions,
        // `license` ends with a 0; both outlive the call, and there is no log to write to.
        unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &attributes) }
    }
}

/// `union bpf_attr` for `BPF_LINK_CREATE` of this kind.
#[derive(Default)]
#[repr(C)]
struct LinkCreate {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    path: u64,
    offsets: u64,
    ref_ctr_offsets: u64,
    cookies: u64,
    cnt: u32,
    multi_flags: u32,
    pid: u32,
    padding: u32,
}

const _: () = assert!(size_of::<LinkCreate>() == 64);

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use aya_obj::generated::{
        bpf_attr, bpf_attr__bindgen_ty_4 as prog_load, bpf_attr__bindgen_ty_14 as link_create,
        bpf_attr__bindgen_ty_14__bindgen_ty_3__bindgen_ty_7 as uprobe_multi,
    };

    use super::*;

    #[test]
    fn the_attributes_lie_where_the_kernels_header_has_them() {
        macro_rules! same {
            ($ours:ty, $theirs:ty, $at:expr, $($field:ident $name:ident),+) => {
                $(assert_eq!(
                    offset_of!($ours, $field),
                    $at + offset_of!($theirs, $name),
                    stringify!($field)
                );)+
            };
        }
        let all = [
            offset_of!(bpf_attr, __bindgen_anon_3),
            offset_of!(bpf_attr, link_create),
        ];
        assert_eq!(all, [0, 0]);
        same!(
            ProgLoad, prog_load, 0, prog_type prog_type, insn_cnt insn_cnt, insns insns,
            license license, log_level log_level, log_size log_size, log_buf log_buf,
            kern_version kern_version, prog_flags prog_flags, prog_name prog_name,
            prog_ifindex prog_ifindex, expected_attach_type expected_attach_type
        );
        same!(
            LinkCreate, link_create, 0, prog_fd __bindgen_anon_1, target_fd __bindgen_anon_2,
            attach_type attach_type, flags flags
        );
        let kind = offset_of!(link_create, __bindgen_anon_3);
        same!(
            LinkCreate, uprobe_multi, kind, path path, offsets offsets,
            ref_ctr_offsets ref_ctr_offsets, cookies cookies, cnt cnt, multi_flags flags, pid pid
        );
    }
}
