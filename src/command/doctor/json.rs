//! The doctor's findings as one JSON document.

use hwptop_abi::Vendor;
use hwptop_agent::{
    InstanceKind,
    kernel::{
        facts::{DeviceFile, Facts},
        instances::KernelInstance,
        plan::{Method, StagePlan, can_watch_kernel},
    },
};
use serde_json::{Map, Value, json};

use super::check::{CAPABILITIES, OPTIONS};

/// Everything that was found, under the schema `hwptop.doctor/1`.
pub(super) fn document(facts: &Facts, plans: &[StagePlan]) -> Value {
    let missing = can_watch_kernel(plans).err();
    json!({
        "schema": "hwptop.doctor/1",
        "hwptop": env!("CARGO_PKG_VERSION"),
        "watches_kernel_requests": missing.is_none(),
        "missing": missing.map(|missing| missing.to_string()),
        "machine": machine(facts),
        "stages": plans.iter().map(stage).collect::<Vec<_>>(),
        "instances": facts.instances.iter().map(instance).collect::<Vec<_>>(),
    })
}

fn machine(facts: &Facts) -> Value {
    let capabilities: Map<String, Value> = CAPABILITIES
        .iter()
        .map(|(name, number)| ((*name).to_owned(), facts.has_capability(*number).into()))
        .collect();
    let options: Map<String, Value> = OPTIONS
        .iter()
        .map(|option| {
            let setting = facts.config.setting(option).name();
            ((*option).to_owned(), setting.into())
        })
        .collect();
    json!({
        "kernel": facts.release,
        "architecture": facts.architecture,
        "virtual_machine": facts.virtual_machine,
        "lockdown": facts.lockdown.name(),
        "btf": facts.btf.is_ok(),
        "capabilities": capabilities,
        "options": options,
        "sysctls": facts.sysctls,
        "tracefs": facts.tracing.tracefs,
        "ioctl_tracepoints": facts.tracing.ioctl_tracepoints,
        "kallsyms": facts.symbols.is_readable(),
        "iommu_device": match &facts.iommu_device {
            DeviceFile::Absent => "absent",
            DeviceFile::Openable => "openable",
            DeviceFile::Refused(why) => why,
        },
        "vfio_devices": facts.vfio_devices,
    })
}

fn stage(plan: &StagePlan) -> Value {
    let rejected: Vec<Value> = plan
        .rejected
        .iter()
        .map(|(method, reason)| {
            json!({
                "method": method.name(),
                "reason": reason.name(),
                "why": reason.to_string(),
                "remedy": reason.remedy(),
            })
        })
        .collect();
    json!({
        "stage": plan.watch.name(),
        "owner": plan.site.map(|site| site.owner),
        "function": plan.site.map(|site| site.function),
        "symbol": plan.symbol.as_ref().map(|symbol| &symbol.name),
        "module": plan.symbol.as_ref().and_then(|symbol| symbol.module.as_ref()),
        "attaches": plan.chosen.map(Method::name),
        "rejected": rejected,
    })
}

fn instance(one: &KernelInstance) -> Value {
    json!({
        "name": one.name,
        "vendor": one.vendor.map(Vendor::name),
        "kind": kind(one.kind),
        "devices": one.devices,
        "nesting": one.nesting.offered,
        "nesting_why": one.nesting.why,
    })
}

/// What stands behind an instance, in a word.
pub(super) const fn kind(kind: InstanceKind) -> &'static str {
    match kind {
        InstanceKind::Hardware => "hardware",
        InstanceKind::Modelled => "modelled",
        InstanceKind::Emulated => "emulated",
        InstanceKind::Mock => "mock",
    }
}
