//! What would be attached where: the best method of each place that this machine allows.
//!
//! The loader attaches what the plan says, and `hwptop doctor` prints it: the two
//! cannot disagree.

use std::fmt;

use hwptop_abi::Stage;

use super::{
    config::Setting,
    facts::{Answer, DeviceFile, Facts, KnownFunctions, Lockdown},
    layout::missing_for,
    reason::Reason,
    site::{SITES, Site, Watch},
    symbols::Symbol,
};
use crate::{
    Missing,
    readiness::{may_load, uprobes_missing},
};

/// A way to put programs on a place, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// fentry and fexit: the cheapest.
    Fentry,
    /// kprobe and kretprobe.
    Kprobe,
    /// Entry and exit tracepoints of the ioctl system call, filtered to the command.
    Tracepoint,
    /// Uprobes on static probes.
    Uprobe,
}

impl Method {
    /// The name used in every view.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Tracepoint => "tracepoint",
            Self::Uprobe => "uprobe",
        }
    }
}

/// What becomes of one place.
#[derive(Clone, Debug)]
pub struct StagePlan {
    /// What is watched there.
    pub watch: Watch,
    /// The kernel's function; `None` for the static probes of a process.
    pub site: Option<&'static Site>,
    /// The function as this kernel names it, if it has it.
    pub symbol: Option<Symbol>,
    /// What is attached; `None`: nothing can be.
    pub chosen: Option<Method>,
    /// Better methods than the chosen one, best first, and why they cannot be used.
    pub rejected: Vec<(Method, Reason)>,
}

/// The plan for every place that this machine's architecture has, outermost stage first,
/// the static probes last.
#[must_use]
pub fn plan(facts: &Facts) -> Vec<StagePlan> {
    let here = |site: &&Site| {
        site.architecture
            .is_none_or(|only| only == facts.architecture)
    };
    let sites = SITES.iter().filter(here).map(|site| of_site(facts, site));
    sites.chain([of_static_probes(facts)]).collect()
}

/// Whether the kernel's requests can be watched here: what the targets `kernel`,
/// `selftest` and `vfio` need.
///
/// # Errors
/// [`Missing::Kernel`]: what keeps the best method from being used.
pub fn can_watch_kernel(plans: &[StagePlan]) -> Result<(), Missing> {
    let request = |plan: &&StagePlan| plan.watch == Watch::Stage(Stage::Request);
    match plans.iter().find(request) {
        Some(plan) if plan.chosen.is_none() => {
            let reason = plan.reason().cloned();
            reason.map_or(Ok(()), |reason| Err(Missing::Kernel(Box::new(reason))))
        }
        _ => Ok(()),
    }
}

/// Whether `/dev/iommu` can be driven from this process: what the targets `selftest` and
/// `vfio` need beside.
///
/// # Errors
/// [`Missing::IommuDevice`].
pub fn can_drive_iommufd(facts: &Facts) -> Result<(), Missing> {
    let why = match &facts.iommu_device {
        DeviceFile::Openable => return Ok(()),
        DeviceFile::Absent => {
            Reason::NoIommufd(facts.config.setting("CONFIG_IOMMUFD")).with_remedy()
        }
        DeviceFile::Refused(why) => format!("{why}: run as root, or give this user the device"),
    };
    Err(Missing::IommuDevice(why))
}

impl StagePlan {
    /// Why nothing is attached, or not the best: the reason against the best method.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        self.rejected.first().map(|(_, reason)| reason)
    }

    /// Takes the chosen method back for a reason, and chooses the next best.
    pub(super) fn reject(&mut self, facts: &Facts, reason: Reason) {
        if let Some(method) = self.chosen.take() {
            self.rejected.push((method, reason));
            self.choose(facts);
        }
    }

    fn choose(&mut self, facts: &Facts) {
        let next = self.rejected.len();
        for method in methods(self.watch).iter().skip(next) {
            match check(facts, self.site, *method) {
                Ok(()) => {
                    self.chosen = Some(*method);
                    break;
                }
                Err(reason) => self.rejected.push((*method, reason)),
            }
        }
    }
}

/// What the place is called: the function, or the static probes.
impl fmt::Display for StagePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.symbol, self.site) {
            (Some(symbol), _) => f.write_str(&symbol.name),
            (None, Some(site)) => f.write_str(site.function),
            (None, None) => f.write_str("of a process (pid:N)"),
        }
    }
}

fn of_site(facts: &Facts, site: &'static Site) -> StagePlan {
    let mut plan = StagePlan {
        watch: site.watch,
        site: Some(site),
        symbol: facts.symbols.find(site.function).cloned(),
        chosen: None,
        rejected: Vec::new(),
    };
    plan.choose(facts);
    plan
}

fn of_static_probes(facts: &Facts) -> StagePlan {
    let mut plan = StagePlan {
        watch: Watch::StaticProbes,
        site: None,
        symbol: None,
        chosen: None,
        rejected: Vec::new(),
    };
    plan.choose(facts);
    plan
}

/// What can be tried at a place, the best first.
pub(super) const fn methods(watch: Watch) -> &'static [Method] {
    match watch {
        Watch::Stage(Stage::Request) => &[Method::Fentry, Method::Kprobe, Method::Tracepoint],
        Watch::StaticProbes => &[Method::Uprobe],
        _ => &[Method::Fentry, Method::Kprobe],
    }
}

fn check(facts: &Facts, site: Option<&'static Site>, method: Method) -> Result<(), Reason> {
    match (site, method) {
        (Some(site), Method::Fentry) => fentry(facts, site),
        (Some(site), Method::Kprobe) => kprobe(facts, site),
        (Some(_), _) => tracepoint(facts),
        (None, _) => static_probes(facts),
    }
}

fn static_probes(facts: &Facts) -> Result<(), Reason> {
    let uprobes = facts.tracing.has_perf_event("uprobe");
    if let Some(missing) = uprobes_missing(facts.capabilities, uprobes) {
        return Err(Reason::StaticProbes(missing));
    }
    answered(facts.answers.kprobe)
}

/// The function as kallsyms has it, if one function and only one is called so, and an IOMMU
/// that it is for is here.
fn symbol<'a>(facts: &'a Facts, site: &'static Site) -> Result<&'a Symbol, Reason> {
    if !facts.symbols.is_readable() {
        return Err(Reason::NoSymbols);
    }
    let Some(symbol) = facts.symbols.find(site.function) else {
        let setting = facts.config.setting(site.option);
        has_iommufd(facts, site)?;
        built_with(facts, site.option)?;
        return Err(Reason::NoFunction { site, setting });
    };
    if symbol.copies > 1 {
        return Err(Reason::Ambiguous {
            name: symbol.name.clone(),
            copies: symbol.copies,
        });
    }
    let is_here = |vendor| facts.instances.iter().any(|one| one.vendor == Some(vendor));
    if !site.vendor().is_none_or(is_here) {
        return Err(Reason::NoInstance);
    }
    Ok(symbol)
}

/// Refuses what only a kernel with iommufd can have.
fn has_iommufd(facts: &Facts, site: &Site) -> Result<(), Reason> {
    let setting = facts.config.setting("CONFIG_IOMMUFD");
    let absent = facts.iommu_device == DeviceFile::Absent && setting != Setting::Yes;
    let of_requests = !matches!(site.watch, Watch::Stage(Stage::Submission));
    if absent && of_requests {
        return Err(Reason::NoIommufd(setting));
    }
    Ok(())
}

fn fentry(facts: &Facts, site: &'static Site) -> Result<(), Reason> {
    let symbol = symbol(facts, site)?;
    may_read_kernel(facts)?;
    for option in [
        "CONFIG_BPF_SYSCALL",
        "CONFIG_BPF_JIT",
        "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
    ] {
        built_with(facts, option)?;
    }
    let known = facts
        .btf
        .as_ref()
        .map_err(|why| Reason::NoBtf(why.clone()))?;
    if symbol.name != site.function {
        return Err(Reason::Renamed(symbol.name.clone()));
    }
    if let Some(module) = &symbol.module {
        return Err(Reason::InModule(module.clone()));
    }
    if !known.modules.contains_key(site.function) {
        return Err(Reason::NotInBtf(site.function));
    }
    is_known(known, site, symbol)?;
    let traceable = facts.tracing.traceable.as_ref();
    if traceable.is_ok_and(|all| !all.contains(&symbol.name)) {
        return Err(Reason::NotTraceable(symbol.name.clone()));
    }
    if facts.sysctls.get("ftrace_enabled") == Some(&0) {
        return Err(Reason::FtraceOff);
    }
    answered(facts.answers.fentry.get(site.function).copied())
}

fn kprobe(facts: &Facts, site: &'static Site) -> Result<(), Reason> {
    let symbol = symbol(facts, site)?;
    may_read_kernel(facts)?;
    for option in ["CONFIG_BPF_SYSCALL", "CONFIG_KPROBES", "CONFIG_BPF_EVENTS"] {
        built_with(facts, option)?;
    }
    if !facts.tracing.has_perf_event("kprobe") {
        let setting = facts.config.setting("CONFIG_KPROBE_EVENTS");
        return Err(Reason::NoKprobes(setting));
    }
    // What a function takes is read from its registers, the structures by BTF.
    let known = facts
        .btf
        .as_ref()
        .map_err(|why| Reason::NoBtf(why.clone()))?;
    is_known(known, site, symbol)?;
    answered(facts.answers.kprobe)
}

/// Refuses a function that is not, or whose structures are not, what the programs read.
fn is_known(known: &KnownFunctions, site: &'static Site, symbol: &Symbol) -> Result<(), Reason> {
    if let Some(member) = missing_for(&known.layout, site.function) {
        return Err(match &symbol.module {
            Some(module) if !known.of_modules.contains(module) => {
                Reason::NoModuleBtf(module.clone())
            }
            _ => Reason::NoMember(member),
        });
    }
    match known.parameters.get(site.function) {
        Some(found) if !site.takes(found) => Err(Reason::OtherParameters {
            site,
            found: found.join(", "),
        }),
        _ => Ok(()),
    }
}

/// The command's arguments are read from the caller's memory: no BTF is needed.
fn tracepoint(facts: &Facts) -> Result<(), Reason> {
    let setting = facts.config.setting("CONFIG_IOMMUFD");
    if facts.iommu_device == DeviceFile::Absent {
        return Err(Reason::NoIommufd(setting));
    }
    // Lockdown closes tracefs, too.
    may_read_kernel(facts)?;
    built_with(facts, "CONFIG_BPF_SYSCALL")?;
    built_with(facts, "CONFIG_BPF_EVENTS")?;
    if !facts.tracing.tracefs {
        return Err(Reason::NoTracefs);
    }
    if !facts.tracing.ioctl_tracepoints {
        return Err(Reason::NoTracepoint);
    }
    answered(facts.answers.tracepoint)
}

fn may_read_kernel(facts: &Facts) -> Result<(), Reason> {
    if !facts.capabilities.is_some_and(may_load) {
        return Err(Reason::Capability);
    }
    if facts.lockdown == Lockdown::Confidentiality {
        return Err(Reason::Lockdown(facts.lockdown));
    }
    Ok(())
}

fn built_with(facts: &Facts, option: &'static str) -> Result<(), Reason> {
    match facts.config.setting(option) {
        Setting::No => Err(Reason::Option(option)),
        _ => Ok(()),
    }
}

fn answered(answer: Option<Answer>) -> Result<(), Reason> {
    match answer {
        Some(Err(errno)) => Err(Reason::Refused(errno)),
        Some(Ok(())) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
