//! What this machine is like, as far as it decides what can be attached.

use std::{
    collections::{BTreeMap, BTreeSet},
    env::consts::ARCH,
    fs::OpenOptions,
};

use hwptop_abi::KernelLayout;

use super::{
    attempt::{self, Program},
    btf::KernelTypes,
    config::KernelConfig,
    host::Host,
    instances::{self, KernelInstance},
    layout, site,
    symbols::Symbols,
};

/// `kernel.*` settings that decide what may be attached, below `/proc/sys/kernel`.
pub const SYSCTLS: [&str; 4] = [
    "ftrace_enabled",
    "kptr_restrict",
    "perf_event_paranoid",
    "unprivileged_bpf_disabled",
];

/// How far the kernel is closed to its own root, `/sys/kernel/security/lockdown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockdown {
    /// Not at all.
    None,
    /// It may not be changed.
    Integrity,
    /// It may not be read either.
    Confidentiality,
    /// securityfs is not mounted, or there is no lockdown in this kernel; if it may not be
    /// read, the kernel says so when it is asked.
    Unknown,
}

impl Lockdown {
    /// The kernel's word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Integrity => "integrity",
            Self::Confidentiality => "confidentiality",
            Self::Unknown => "unknown",
        }
    }
}

/// A device file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceFile {
    /// It is not there.
    Absent,
    /// It can be opened for reading and writing.
    Openable,
    /// It cannot be opened; the system's reason.
    Refused(String),
}

/// What ftrace offers.
#[derive(Clone, Debug)]
pub struct Tracing {
    /// tracefs is mounted and can be read.
    pub tracefs: bool,
    /// `syscalls:sys_enter_ioctl` and `sys_exit_ioctl` are there.
    pub ioctl_tracepoints: bool,
    /// The kinds of perf events: `kprobe` and `uprobe` are among them where perf can make
    /// those.
    pub perf_events: Vec<String>,
    /// Those of hwptop's functions that ftrace can stop at, by kallsyms name, or why
    /// `available_filter_functions` cannot be read.
    pub traceable: Result<BTreeSet<String>, String>,
}

impl Tracing {
    /// Whether perf can make events of a kind, e.g. `kprobe`.
    #[must_use]
    pub fn has_perf_event(&self, kind: &str) -> bool {
        self.perf_events.iter().any(|name| name == kind)
    }
}

/// What the kernel's BTF says of hwptop's functions.
#[derive(Clone, Debug)]
pub struct KnownFunctions {
    /// The module a function is in, `None` for the kernel itself.
    pub modules: BTreeMap<&'static str, Option<String>>,
    /// The modules whose types are known beside the kernel's own.
    pub of_modules: Vec<String>,
    ids: BTreeMap<&'static str, u32>,
    /// The types of their parameters.
    pub(super) parameters: BTreeMap<&'static str, Vec<String>>,
    /// Where the members lie that the programs read.
    pub(super) layout: KernelLayout,
}

/// What the kernel answered to a program: loaded, or its errno.
pub type Answer = Result<(), i32>;

/// What the kernel answered when programs that do nothing were loaded, but not attached.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// To fentry programs, by function.
    pub fentry: BTreeMap<&'static str, Answer>,
    /// To a program for kprobes and uprobes.
    pub kprobe: Option<Answer>,
    /// To a program for tracepoints.
    pub tracepoint: Option<Answer>,
}

/// What this machine is like.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The kernel's release, e.g. `7.3.4`.
    pub release: String,
    /// The processor's architecture, as Rust names it.
    pub architecture: &'static str,
    /// What the kernel was booted with.
    pub command_line: String,
    /// Set where this machine is virtual: what it calls itself.
    pub virtual_machine: Option<String>,
    /// The kernel's options.
    pub config: KernelConfig,
    /// How far the kernel is closed.
    pub lockdown: Lockdown,
    /// The process' effective capabilities, a bit each.
    pub capabilities: Option<u64>,
    /// [`SYSCTLS`] that are there, with their values.
    pub sysctls: BTreeMap<&'static str, i64>,
    /// What ftrace offers.
    pub tracing: Tracing,
    /// hwptop's functions in `/proc/kallsyms`.
    pub symbols: Symbols,
    /// hwptop's functions in the kernel's BTF, or why it cannot be read.
    pub btf: Result<KnownFunctions, String>,
    /// `/dev/iommu`.
    pub iommu_device: DeviceFile,
    /// The names in `/dev/vfio/devices`.
    pub vfio_devices: Vec<String>,
    /// The IOMMUs.
    pub instances: Vec<KernelInstance>,
    /// What the kernel answered when it was asked.
    pub answers: Answers,
}

impl Facts {
    /// Reads this machine's files and asks its kernel to load programs that do nothing.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let mut facts = Self::read(&Host::running());
        facts.ask();
        facts
    }

    /// Reads a machine's files. Nothing is loaded.
    #[must_use]
    pub fn read(host: &Host) -> Self {
        let release = host.text("proc/sys/kernel/osrelease").unwrap_or_default();
        let functions: Vec<_> = site::SITES.iter().map(|site| site.function).collect();
        let status = host.text("proc/self/status").unwrap_or_default();
        let symbols = Symbols::read(host, &functions);
        let mut facts = Self {
            config: KernelConfig::read(host, &release),
            release,
            architecture: ARCH,
            command_line: host.text("proc/cmdline").unwrap_or_default(),
            virtual_machine: virtual_machine(host),
            lockdown: lockdown(
                &host
                    .text("sys/kernel/security/lockdown")
                    .unwrap_or_default(),
            ),
            capabilities: crate::readiness::effective_capabilities(&status),
            sysctls: sysctls(host),
            tracing: tracing(host, &symbols),
            btf: known_functions(host, &functions),
            symbols,
            iommu_device: device(host, "dev/iommu"),
            vfio_devices: host.names("dev/vfio/devices"),
            instances: Vec::new(),
            answers: Answers::default(),
        };
        facts.instances = instances::read(host, &facts);
        facts
    }

    /// Loads programs that do nothing, to hear what the kernel says to each. They are
    /// attached to nothing and gone at once.
    fn ask(&mut self) {
        self.answers.kprobe = Some(attempt::load(Program::Kprobe));
        self.answers.tracepoint = Some(attempt::load(Program::Tracepoint));
        // Nothing but lockdown takes the helper from a program that may be loaded.
        let is_read = attempt::load(Program::Reader).is_ok();
        if self.lockdown == Lockdown::Unknown && self.answers.kprobe == Some(Ok(())) && !is_read {
            self.lockdown = Lockdown::Confidentiality;
        }
        if let Ok(known) = &self.btf {
            let own = known.ids.iter().filter(|(function, _)| {
                // Only the kernel's own ids mean something without naming the module.
                known.modules.get(*function) == Some(&None)
            });
            self.answers.fentry = own
                .map(|(function, id)| (*function, attempt::load(Program::Fentry(*id))))
                .collect();
        }
    }

    /// Whether a capability is in effect.
    #[must_use]
    pub fn has_capability(&self, capability: u32) -> bool {
        self.capabilities
            .is_some_and(|all| all >> capability & 1 == 1)
    }
}

fn sysctls(host: &Host) -> BTreeMap<&'static str, i64> {
    let value = |name: &str| {
        let text = host.text(&format!("proc/sys/kernel/{name}"))?;
        text.parse().ok()
    };
    SYSCTLS
        .into_iter()
        .filter_map(|name| Some((name, value(name)?)))
        .collect()
}

/// The kernel puts brackets around the level in force: `none [integrity] confidentiality`.
fn lockdown(text: &str) -> Lockdown {
    let level = text
        .split_ascii_whitespace()
        .find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    match level {
        Some("none") => Lockdown::None,
        Some("integrity") => Lockdown::Integrity,
        Some("confidentiality") => Lockdown::Confidentiality,
        _ => Lockdown::Unknown,
    }
}

/// What this machine calls itself where it is virtual, and its IOMMUs with it: by the
/// hypervisor bit of CPUID, else by a firmware that names a known virtual machine (Arm has
/// no such bit).
#[must_use]
pub fn virtual_machine(host: &Host) -> Option<String> {
    const MAKERS: [&str; 9] = [
        "QEMU",
        "KVM",
        "VMware",
        "VirtualBox",
        "innotek",
        "Xen",
        "Amazon EC2",
        "Google",
        "Bochs",
    ];
    let dmi = |name: &str| host.text(&format!("sys/class/dmi/id/{name}"));
    let names: Vec<String> = ["sys_vendor", "product_name"]
        .into_iter()
        .filter_map(dmi)
        .filter(|name| !name.is_empty())
        .collect();
    let name = names.join(" ");
    let flagged = host.text("proc/cpuinfo").is_some_and(|text| {
        let mut lines = text.lines();
        let flags = lines.find_map(|line| line.strip_prefix("flags")?.split_once(':'));
        flags.is_some_and(|(_, flags)| flags.split(' ').any(|flag| flag == "hypervisor"))
    });
    // A bare-metal machine of a cloud carries the cloud's name, too.
    let metal = name.contains("metal");
    let known = !metal && MAKERS.iter().any(|maker| name.contains(maker));
    (flagged || known).then(|| {
        if name.is_empty() {
            "unnamed".to_owned()
        } else {
            name
        }
    })
}

fn tracing(host: &Host, symbols: &Symbols) -> Tracing {
    let folder = ["sys/kernel/tracing", "sys/kernel/debug/tracing"]
        .into_iter()
        .find(|folder| host.exists(&format!("{folder}/events")));
    let in_tracefs = |name: &str| folder.map(|folder| format!("{folder}/{name}"));
    // Under lockdown the files are there and cannot be opened.
    let there = |name: &str| {
        let file = in_tracefs(&format!("events/syscalls/{name}/id"));
        file.is_some_and(|file| host.text(&file).is_some())
    };
    Tracing {
        tracefs: folder.is_some(),
        ioctl_tracepoints: there("sys_enter_ioctl") && there("sys_exit_ioctl"),
        perf_events: host.names("sys/bus/event_source/devices"),
        traceable: match in_tracefs("available_filter_functions") {
            None => Err("no tracefs".to_owned()),
            Some(file) => traceable(host, &file, symbols),
        },
    }
}

fn traceable(host: &Host, file: &str, symbols: &Symbols) -> Result<BTreeSet<String>, String> {
    let listed = host.bytes(file).map_err(|error| error.to_string())?;
    let wanted: BTreeSet<&str> = site::SITES
        .iter()
        .filter_map(|site| Some(symbols.find(site.function)?.name.as_str()))
        .collect();
    let names = listed
        .split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok()?.split(' ').next());
    Ok(names
        .filter(|name| wanted.contains(name))
        .map(str::to_owned)
        .collect())
}

fn known_functions(host: &Host, wanted: &[&'static str]) -> Result<KnownFunctions, String> {
    let types = KernelTypes::read(&host.path("sys/kernel/btf"), &site::MODULES)
        .map_err(|error| error.to_string())?;
    let mut known = KnownFunctions {
        modules: BTreeMap::new(),
        of_modules: types.modules().map(str::to_owned).collect(),
        ids: BTreeMap::new(),
        parameters: BTreeMap::new(),
        layout: layout::of_kernel(&types),
    };
    for function in wanted.iter().chain([&site::ANY_FUNCTION]) {
        if let Some((id, module)) = types.function_id(function) {
            known.modules.insert(function, module.map(str::to_owned));
            known.ids.insert(function, id);
        }
        if let Some(signature) = types.function(function) {
            let parameters = signature.parameters.into_iter();
            let names = parameters.map(|parameter| parameter.type_name).collect();
            known.parameters.insert(function, names);
        }
    }
    Ok(known)
}

fn device(host: &Host, name: &str) -> DeviceFile {
    if !host.exists(name) {
        return DeviceFile::Absent;
    }
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .open(host.path(name));
    match opened {
        Ok(_) => DeviceFile::Openable,
        Err(error) => DeviceFile::Refused(error.to_string()),
    }
}
