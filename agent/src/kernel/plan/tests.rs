use std::{collections::BTreeMap, fs, path::Path};

use super::*;
use crate::kernel::{
    btf::fixture::Builder,
    host::Host,
    site::{ANY_FUNCTION, NUMBER, POINTER},
};

/// Every function of every architecture, as `/proc/kallsyms` lists them.
fn kallsyms() -> String {
    let line = |site: &Site| format!("ffffffff81000000 t {}\n", site.function);
    SITES.iter().map(line).collect()
}

/// A folder with the files of a machine on which everything works.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn sound() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let btf = types();
        for (name, text) in [
            ("proc/sys/kernel/osrelease", "7.3.4\n"),
            ("proc/sys/kernel/ftrace_enabled", "1\n"),
            ("proc/self/status", "CapEff:\t000000c000000000\n"),
            ("proc/kallsyms", &kallsyms()),
            ("boot/config-7.3.4", CONFIG),
            (
                "sys/kernel/security/lockdown",
                "none [integrity] confidentiality\n",
            ),
            ("sys/kernel/tracing/events/syscalls/sys_enter_ioctl/id", "1"),
            ("sys/kernel/tracing/events/syscalls/sys_exit_ioctl/id", "2"),
            ("sys/bus/event_source/devices/kprobe/type", "8"),
            ("sys/bus/event_source/devices/uprobe/type", "9"),
            ("dev/iommu", ""),
            ("sys/class/iommu/dmar0/intel-iommu/ecap", "0\n"),
            ("sys/class/iommu/ivhd0/amd-iommu/features", "0:0\n"),
            ("sys/class/iommu/smmu3.0x0000000009050000/dev", ""),
        ] {
            machine.write(name, text.as_bytes());
        }
        machine.write("sys/kernel/btf/vmlinux", &btf.bytes());
        machine
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(file, bytes).unwrap();
    }

    fn without(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    fn facts(&self) -> Facts {
        Facts::read(&Host::at(self.folder.path()))
    }

    fn plan_of(&self, function: &str) -> StagePlan {
        of_function(&self.facts(), function)
    }
}

/// BTF with every function and every member that the programs read.
fn types() -> Builder {
    let mut btf = Builder::new();
    let int = btf.int("unsigned int", 4);
    let void = btf.pointer(0);
    let mut known = BTreeMap::new();
    for (structure, members) in [
        ("task_struct", &[("tgid", int)][..]),
        ("iommufd_ucmd", &[("ictx", void), ("cmd", void)]),
        ("iommu_user_data_array", &[("entry_num", int)]),
        ("iommufd_object", &[("id", int)]),
        ("intel_iommu", &[("iommu", int)]),
        ("arm_smmu_device", &[("iommu", int)]),
        ("amd_iommu", &[("iommu", int)]),
        ("iommu_domain", &[]),
        ("file", &[("private_data", void)]),
    ] {
        let members: Vec<_> = members.iter().map(|(name, id)| (*name, *id, 64)).collect();
        known.insert(structure, btf.structure(structure, false, &members));
    }
    let viommu = [
        ("obj", known["iommufd_object"], 0),
        ("iommu_dev", void, 128),
    ];
    known.insert(
        "iommufd_viommu",
        btf.structure("iommufd_viommu", false, &viommu),
    );
    for site in &SITES {
        let parameters: Vec<u32> = site
            .parameters
            .iter()
            .map(|name| match *name {
                POINTER => void,
                NUMBER => int,
                name => {
                    let name = name.trim_start_matches("struct ").trim_end_matches(" *");
                    btf.pointer(known[name])
                }
            })
            .collect();
        btf.function_of(site.function, &parameters);
    }
    btf.function(ANY_FUNCTION);
    btf
}

const CONFIG: &str = "CONFIG_IOMMUFD=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\n\
    CONFIG_BPF_EVENTS=y\nCONFIG_KPROBES=y\nCONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y\n\
    # CONFIG_ARM_SMMU_V3 is not set\nCONFIG_LSM=\"y\"\n";

/// Also of functions that another architecture has.
fn of_function(facts: &Facts, function: &str) -> StagePlan {
    let site = SITES.iter().find(|site| site.function == function);
    of_site(facts, site.unwrap())
}

const REQUEST: &str = "iommufd_hwpt_invalidate";
const WAIT: &str = "iommu_completion_wait";

fn names(plan: &StagePlan) -> Vec<(&'static str, &'static str)> {
    let rejected = plan.rejected.iter();
    rejected
        .map(|(method, reason)| (method.name(), reason.name()))
        .collect()
}

#[test]
fn where_everything_is_there_every_function_is_watched_by_fentry() {
    let plans = plan(&Machine::sound().facts());
    let (static_probes, kernel) = plans.split_last().unwrap();
    for plan in kernel {
        assert_eq!(plan.chosen, Some(Method::Fentry), "{plan:?}");
        assert!(plan.rejected.is_empty());
    }
    assert_eq!(static_probes.watch, Watch::StaticProbes);
    assert_eq!(can_watch_kernel(&plans), Ok(()));
}

#[test]
fn a_plan_names_the_functions_of_its_own_architecture_only() {
    let mut facts = Machine::sound().facts();
    for (architecture, there, absent) in [
        ("x86_64", "qi_submit_sync", "__arm_smmu_cmdq_issue_cmdlist"),
        ("aarch64", "arm_vsmmu_cache_invalidate", WAIT),
    ] {
        facts.architecture = architecture;
        let functions: Vec<_> = plan(&facts)
            .iter()
            .filter_map(|plan| Some(plan.site?.function))
            .collect();
        assert!(functions.contains(&there) && !functions.contains(&absent));
    }
}

#[test]
fn functions_of_a_vendor_that_has_no_iommu_here_are_left_alone() {
    let machine = Machine::sound();
    let iommus = machine.folder.path().join("sys/class/iommu");
    fs::remove_dir_all(iommus.join("ivhd0")).unwrap();
    let facts = machine.facts();
    let amd = of_function(&facts, WAIT);
    assert_eq!(amd.chosen, None);
    assert_eq!(
        names(&amd),
        [("fentry", "no-such-iommu"), ("kprobe", "no-such-iommu")]
    );
    assert_eq!(amd.reason().unwrap().to_string(), "no such IOMMU here");
    for function in ["qi_submit_sync", "mock_viommu_cache_invalidate", REQUEST] {
        assert_eq!(of_function(&facts, function).chosen, Some(Method::Fentry));
    }
    // A kernel that could not drive one says that.
    machine.write("proc/kallsyms", b"ffffffff81000000 T vfs_read\n");
    assert_eq!(names(&machine.plan_of(WAIT))[0].1, "kernel-option");
}

#[test]
fn a_kernel_without_iommufd_says_so_for_every_method() {
    let machine = Machine::sound();
    machine.without("dev/iommu");
    machine.write("boot/config-7.3.4", b"CONFIG_BPF_SYSCALL=y\n");
    machine.write("proc/kallsyms", b"ffffffff81000000 T qi_submit_sync\n");
    let plans = plan(&machine.facts());
    assert_eq!(plans[0].chosen, None);
    assert!(
        names(&plans[0])
            .iter()
            .all(|(_, name)| *name == "no-iommufd")
    );
    let error = can_watch_kernel(&plans).unwrap_err().to_string();
    assert!(
        error.contains("CONFIG_IOMMUFD=n") && error.contains("a kernel with CONFIG_IOMMUFD=y"),
        "{error}"
    );
    let error = can_drive_iommufd(&machine.facts()).unwrap_err().to_string();
    assert!(
        error.starts_with("/dev/iommu: this kernel has no iommufd"),
        "{error}"
    );
    assert_eq!(can_drive_iommufd(&Machine::sound().facts()), Ok(()));
}

#[test]
fn a_module_that_is_not_loaded_is_the_remedy() {
    let machine = Machine::sound();
    machine.without("dev/iommu");
    machine.write("boot/config-7.3.4", b"CONFIG_IOMMUFD=m\n");
    machine.write("proc/kallsyms", b"ffffffff81000000 T vfs_read\n");
    let remedy = || machine.plan_of(REQUEST).reason()?.remedy();
    assert_eq!(remedy().as_deref(), Some("modprobe iommufd"));
    // Nobody knows whether this kernel has one.
    machine.without("boot/config-7.3.4");
    let remedy = remedy().unwrap();
    assert!(remedy.starts_with("modprobe iommufd, or a "), "{remedy}");
}

#[test]
fn a_function_in_a_module_is_watched_by_kprobe() {
    let machine = Machine::sound();
    let line = format!("ffffffffc0000000 t {REQUEST}\t[iommufd]\n");
    machine.write("proc/kallsyms", line.as_bytes());
    let plan = machine.plan_of(REQUEST);
    assert_eq!(plan.chosen, Some(Method::Kprobe));
    assert_eq!(names(&plan), [("fentry", "in-module")]);
    assert_eq!(plan.symbol.unwrap().module.as_deref(), Some("iommufd"));
}

#[test]
fn what_a_module_has_is_read_from_the_modules_own_types() {
    let machine = Machine::sound();
    let line = format!("ffffffffc0000000 t {REQUEST}\t[iommufd]\n");
    machine.write("proc/kallsyms", line.as_bytes());
    // The kernel's own types know nothing of iommufd.
    let mut kernel = Builder::new();
    let int = kernel.int("unsigned int", 4);
    kernel.structure("task_struct", false, &[("tgid", int, 32)]);
    machine.write("sys/kernel/btf/vmlinux", &kernel.bytes());
    let plan = machine.plan_of(REQUEST);
    assert_eq!(plan.chosen, Some(Method::Tracepoint));
    assert_eq!(
        names(&plan),
        [("fentry", "in-module"), ("kprobe", "no-module-btf")]
    );
    // Its module does.
    let strings = u32::try_from(kernel.strings.len()).unwrap();
    let mut module = Builder::split(kernel.next, strings);
    let void = module.pointer(0);
    let members = [("ictx", void, 64), ("cmd", void, 192)];
    let ucmd = module.structure("iommufd_ucmd", false, &members);
    let pointer = module.pointer(ucmd);
    module.function_of(REQUEST, &[pointer]);
    machine.write("sys/kernel/btf/iommufd", &module.bytes());
    let facts = machine.facts();
    assert_eq!(of_function(&facts, REQUEST).chosen, Some(Method::Kprobe));
    let layout = facts.btf.unwrap().layout;
    assert_eq!(
        (layout.task_tgid, layout.ucmd_ictx, layout.ucmd_cmd),
        (4, 8, 24)
    );
}

#[test]
fn a_function_that_takes_something_else_is_left_alone() {
    let machine = Machine::sound();
    let mut btf = Builder::new();
    let int = btf.int("unsigned int", 4);
    btf.structure("intel_iommu", false, &[("iommu", int, 64)]);
    btf.function_of("qi_submit_sync", &[int]);
    machine.write("sys/kernel/btf/vmlinux", &btf.bytes());
    let plan = machine.plan_of("qi_submit_sync");
    assert_eq!(plan.chosen, None);
    assert_eq!(
        names(&plan),
        [
            ("fentry", "other-parameters"),
            ("kprobe", "other-parameters")
        ]
    );
    let reason = plan.reason().unwrap().to_string();
    assert!(
        reason.starts_with("it takes (unsigned int) here"),
        "{reason}"
    );
}

#[test]
fn a_method_that_is_refused_gives_way_to_the_next_with_the_kernels_answer() {
    let facts = Machine::sound().facts();
    let mut plan = of_function(&facts, REQUEST);
    let refused = Reason::NotAttached("EINVAL".to_owned());
    plan.reject(&facts, refused.clone());
    assert_eq!(plan.chosen, Some(Method::Kprobe));
    plan.reject(&facts, Reason::NotAskedFor);
    assert_eq!(plan.chosen, Some(Method::Tracepoint));
    plan.reject(&facts, Reason::NotAskedFor);
    assert_eq!((plan.chosen, plan.rejected.len()), (None, 3));
    assert_eq!(plan.reason(), Some(&refused));
    let error = can_watch_kernel(&[plan]).unwrap_err().to_string();
    assert!(error.contains("did not attach it: EINVAL"), "{error}");
}

#[test]
fn a_function_that_the_compiler_renamed_is_watched_by_kprobe_under_its_new_name() {
    let machine = Machine::sound();
    let lines = format!("0 t {WAIT}.cold\n0 t {WAIT}.part.0\n0 t {WAIT}.isra.0\n");
    machine.write("proc/kallsyms", lines.as_bytes());
    let plan = machine.plan_of(WAIT);
    assert_eq!(plan.chosen, Some(Method::Kprobe));
    assert_eq!(names(&plan), [("fentry", "renamed")]);
    assert_eq!(plan.to_string(), format!("{WAIT}.isra.0"));
}

#[test]
fn hidden_addresses_do_not_matter() {
    let machine = Machine::sound();
    let hidden = kallsyms().replace("ffffffff81000000", "0000000000000000");
    machine.write("proc/kallsyms", hidden.as_bytes());
    assert!(machine.facts().symbols.addresses_hidden());
    assert_eq!(machine.plan_of(REQUEST).chosen, Some(Method::Fentry));
}

#[test]
fn two_functions_of_one_name_are_not_guessed_between() {
    let machine = Machine::sound();
    machine.write(
        "proc/kallsyms",
        format!("0 t {WAIT}\n0 t {WAIT}\n").as_bytes(),
    );
    let plan = machine.plan_of(WAIT);
    assert_eq!(plan.chosen, None);
    assert_eq!(
        names(&plan),
        [("fentry", "ambiguous"), ("kprobe", "ambiguous")]
    );
}

#[test]
fn without_btf_only_the_system_call_is_left() {
    let machine = Machine::sound();
    machine.without("sys/kernel/btf/vmlinux");
    let plan = machine.plan_of(REQUEST);
    assert_eq!(plan.chosen, Some(Method::Tracepoint));
    assert_eq!(names(&plan), [("fentry", "no-btf"), ("kprobe", "no-btf")]);
    assert_eq!(machine.plan_of("qi_submit_sync").chosen, None);
}

#[test]
fn damaged_btf_is_a_reason_and_no_panic() {
    let machine = Machine::sound();
    machine.write("sys/kernel/btf/vmlinux", &[0x9f, 0xeb, 1]);
    assert_eq!(names(&machine.plan_of(REQUEST))[0], ("fentry", "no-btf"));
}

#[test]
fn without_the_capabilities_nothing_is_attached() {
    let machine = Machine::sound();
    machine.write("proc/self/status", b"CapEff:\t0000000000000000\n");
    let plans = plan(&machine.facts());
    assert!(plans.iter().all(|plan| plan.chosen.is_none()));
    assert_eq!(
        names(&plans[0]),
        [
            ("fentry", "capability"),
            ("kprobe", "capability"),
            ("tracepoint", "capability")
        ]
    );
    let error = can_watch_kernel(&plans).unwrap_err().to_string();
    assert!(
        error.contains("CAP_BPF") && error.contains("run as root"),
        "{error}"
    );
}

#[test]
fn lockdown_confidentiality_leaves_nothing_of_the_kernel() {
    let machine = Machine::sound();
    machine.write(
        "sys/kernel/security/lockdown",
        b"none integrity [confidentiality]\n",
    );
    let plans = plan(&machine.facts());
    assert!(plans[0].chosen.is_none());
    assert!(names(&plans[0]).iter().all(|(_, name)| *name == "lockdown"));
    let error = can_watch_kernel(&plans).unwrap_err().to_string();
    assert!(error.contains("locked down (confidentiality)"), "{error}");
}

#[test]
fn what_the_kernel_answers_counts_more_than_what_its_files_say() {
    let mut facts = Machine::sound().facts();
    // EPERM 1.
    facts.answers.fentry.insert(REQUEST, Err(1));
    let plan = of_function(&facts, REQUEST);
    assert_eq!(plan.chosen, Some(Method::Kprobe));
    assert_eq!(plan.rejected, [(Method::Fentry, Reason::Refused(1))]);
    facts.answers.kprobe = Some(Err(1));
    facts.answers.tracepoint = Some(Err(1));
    let plan = of_function(&facts, REQUEST);
    assert_eq!((plan.chosen, plan.rejected.len()), (None, 3));
}

#[test]
fn each_missing_option_is_named() {
    for (option, name) in [
        ("CONFIG_BPF_JIT", "kernel-option"),
        ("CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS", "kernel-option"),
    ] {
        let machine = Machine::sound();
        let config = CONFIG.replace(&format!("{option}=y"), "");
        machine.write("boot/config-7.3.4", config.as_bytes());
        let plan = machine.plan_of(REQUEST);
        assert_eq!(plan.chosen, Some(Method::Kprobe));
        assert_eq!(names(&plan), [("fentry", name)]);
        assert!(plan.reason().unwrap().to_string().contains(option));
    }
}

#[test]
fn ftrace_that_is_off_or_blind_rules_out_fentry_only() {
    let machine = Machine::sound();
    machine.write("proc/sys/kernel/ftrace_enabled", b"0\n");
    assert_eq!(names(&machine.plan_of(REQUEST)), [("fentry", "ftrace-off")]);
    machine.write(
        "sys/kernel/tracing/available_filter_functions",
        b"vfs_read\n",
    );
    assert_eq!(
        names(&machine.plan_of(REQUEST)),
        [("fentry", "not-traceable")]
    );
}

#[test]
fn what_cannot_be_known_rules_nothing_out() {
    let machine = Machine::sound();
    machine.without("boot/config-7.3.4");
    machine.without("sys/kernel/security/lockdown");
    let facts = machine.facts();
    assert_eq!(facts.lockdown, Lockdown::Unknown);
    assert_eq!(facts.config.setting("CONFIG_IOMMUFD"), Setting::Unknown);
    assert_eq!(of_function(&facts, REQUEST).chosen, Some(Method::Fentry));
}

#[test]
fn a_machine_without_any_file_is_told_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let facts = Facts::read(&Host::at(folder.path()));
    let plans = plan(&facts);
    assert!(plans.iter().all(|plan| plan.chosen.is_none()));
    assert_eq!(names(&plans[0])[0], ("fentry", "no-kallsyms"));
}
