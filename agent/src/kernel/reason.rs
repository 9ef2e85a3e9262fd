//! Why something cannot be attached, and what would help.

use super::{config::Setting, facts::Lockdown, site::Site};
use crate::Missing;

/// Why a method cannot be used at a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The kernel has no iommufd.
    #[error("this kernel has no iommufd ({option}={setting})", option = "CONFIG_IOMMUFD", setting = .0.name())]
    NoIommufd(Setting),
    /// The kernel has no such function.
    #[error("this kernel has no function {function} ({option}={setting})", function = .site.function, option = .site.option, setting = .setting.name())]
    NoFunction {
        /// What was looked for.
        site: &'static Site,
        /// How the option that builds it is set.
        setting: Setting,
    },
    /// No IOMMU of the machine is one that the function is for.
    #[error("no such IOMMU here")]
    NoInstance,
    /// Nobody can tell what functions there are.
    #[error("/proc/kallsyms cannot be read")]
    NoSymbols,
    /// The process may not load programs.
    #[error("no right to load eBPF: CAP_BPF and CAP_PERFMON are not in effect")]
    Capability,
    /// The kernel is closed to its own root.
    #[error("the kernel is locked down ({level}): programs may not read it", level = .0.name())]
    Lockdown(Lockdown),
    /// The kernel was built without something.
    #[error("this kernel is built without {0}")]
    Option(&'static str),
    /// The kernel does not tell its types.
    #[error("no BTF: {0}")]
    NoBtf(String),
    /// The module that has the function does not tell its types.
    #[error("module {0} has no BTF")]
    NoModuleBtf(String),
    /// The kernel's types do not have the function.
    #[error("this kernel's BTF does not know {0}")]
    NotInBtf(&'static str),
    /// A structure has no such member.
    #[error("this kernel has no {0}")]
    NoMember(&'static str),
    /// The function is not the one that the programs are made for.
    #[error("it takes ({found}) here, this version knows ({known})", known = .site.parameters.join(", "))]
    OtherParameters {
        /// The function.
        site: &'static Site,
        /// The types that it takes.
        found: String,
    },
    /// The compiler gave the function another name and other arguments.
    #[error("the compiler made {0} of it, which BTF does not know")]
    Renamed(String),
    /// The function is in a module.
    #[error("it is in module {0}; fentry programs are put on the kernel's own functions only")]
    InModule(String),
    /// Several functions have the name.
    #[error("{copies} functions of this kernel are called {name}")]
    Ambiguous {
        /// The name.
        name: String,
        /// How many.
        copies: u32,
    },
    /// Ftrace cannot stop there.
    #[error("{0} is not among ftrace's available_filter_functions")]
    NotTraceable(String),
    /// Ftrace is switched off.
    #[error("kernel.ftrace_enabled = 0")]
    FtraceOff,
    /// The kernel has no kprobes as perf events.
    #[error("this kernel has no kprobes for perf (CONFIG_KPROBE_EVENTS={})", .0.name())]
    NoKprobes(Setting),
    /// Tracepoints cannot be reached.
    #[error("tracefs is not mounted, or may not be read")]
    NoTracefs,
    /// The system call's tracepoints are not there.
    #[error("this kernel has no tracepoint syscalls:sys_enter_ioctl")]
    NoTracepoint,
    /// The kernel was asked and said no.
    #[error("the kernel refuses the program: {error}", error = refusal(*.0))]
    Refused(i32),
    /// The kernel was given the programs and did not take them.
    #[error("the kernel did not attach it: {0}")]
    NotAttached(String),
    /// A lesser method was asked for.
    #[error("not asked for")]
    NotAskedFor,
    /// What static probes lack.
    #[error(transparent)]
    StaticProbes(Missing),
}

impl Reason {
    /// The short name used in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoIommufd(_) => "no-iommufd",
            Self::NoFunction { .. } => "no-function",
            Self::NoInstance => "no-such-iommu",
            Self::NoSymbols => "no-kallsyms",
            Self::Capability => "capability",
            Self::Lockdown(_) => "lockdown",
            Self::Option(_) => "kernel-option",
            Self::NoBtf(_) => "no-btf",
            Self::NoModuleBtf(_) => "no-module-btf",
            Self::NotInBtf(_) => "not-in-btf",
            Self::NoMember(_) => "no-member",
            Self::OtherParameters { .. } => "other-parameters",
            Self::Renamed(_) => "renamed",
            Self::InModule(_) => "in-module",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NotTraceable(_) => "not-traceable",
            Self::FtraceOff => "ftrace-off",
            Self::NoKprobes(_) => "no-kprobes",
            Self::NoTracefs => "no-tracefs",
            Self::NoTracepoint => "no-tracepoint",
            Self::Refused(_) => "refused",
            Self::NotAttached(_) => "not-attached",
            Self::NotAskedFor => "not-asked-for",
            Self::StaticProbes(_) => "static-probes",
        }
    }

    /// What to do about it, where something can be done.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::NoIommufd(Setting::Module) => "modprobe iommufd".to_owned(),
            Self::NoIommufd(Setting::Unknown) => {
                "modprobe iommufd, or a kernel with CONFIG_IOMMUFD=y or =m".to_owned()
            }
            Self::NoIommufd(_) => "a kernel with CONFIG_IOMMUFD=y or =m".to_owned(),
            Self::NoFunction { site, setting } => match setting {
                Setting::Module => format!("modprobe {}", site.module),
                // Built in, and yet not there: no setting brings it back.
                Setting::Yes => return None,
                Setting::No | Setting::Unknown => {
                    format!("a kernel with {}, its module loaded", site.option)
                }
            },
            Self::NoSymbols => "mount /proc; a kernel with CONFIG_KALLSYMS=y".to_owned(),
            Self::Capability => "run as root, or setcap cap_bpf,cap_perfmon+ep hwptop".to_owned(),
            Self::Lockdown(_) => "boot with lockdown=integrity or without Secure Boot".to_owned(),
            Self::Option(option) => format!("a kernel with {option}=y"),
            Self::NoBtf(_) => "a kernel with CONFIG_DEBUG_INFO_BTF=y".to_owned(),
            Self::NoModuleBtf(_) => {
                "a kernel with CONFIG_DEBUG_INFO_BTF_MODULES=y, and the module of its very build: see dmesg"
                    .to_owned()
            }
            Self::InModule(_) => "a kernel with it built in (=y)".to_owned(),
            Self::FtraceOff => "sysctl kernel.ftrace_enabled=1".to_owned(),
            Self::NoKprobes(_) => "a kernel with CONFIG_KPROBES=y, CONFIG_KPROBE_EVENTS=y".to_owned(),
            Self::NoTracefs => "mount -t tracefs none /sys/kernel/tracing; run as root".to_owned(),
            Self::NoTracepoint => "a kernel with CONFIG_FTRACE_SYSCALLS=y".to_owned(),
            Self::Refused(_) | Self::NotAttached(_) => {
                "a security module or this kernel's own policy says so: see dmesg"
                    .to_owned()
            }
            Self::NoInstance
            | Self::NotInBtf(_)
            | Self::NoMember(_)
            | Self::OtherParameters { .. }
            | Self::NotAskedFor
            | Self::Renamed(_)
            | Self::Ambiguous { .. }
            | Self::NotTraceable(_)
            // Its message has the remedy.
            | Self::StaticProbes(_) => return None,
        })
    }
}

impl Reason {
    /// The reason, and what to do about it, in one line.
    #[must_use]
    pub fn with_remedy(&self) -> String {
        match self.remedy() {
            Some(remedy) => format!("{self}; remedy: {remedy}"),
            None => self.to_string(),
        }
    }
}

fn refusal(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}
