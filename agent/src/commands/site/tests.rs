use std::fs;

use super::*;
use crate::kernel::{btf::fixture::Builder, facts::Facts, host::Host};

/// `BTF_KIND_STRUCT`.
const STRUCT: u8 = 4;

/// A kernel with these lines in its kallsyms; its BTF has the structures, and of the
/// functions `known`, each with pointers to its unit and to a command.
fn find(kallsyms: &str, known: &[&str]) -> Result<Site, CommandError> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("proc")).unwrap();
    fs::write(folder.path().join("proc/kallsyms"), kallsyms).unwrap();
    let host = Host::at(folder.path());
    let symbols = Symbols::read(&host, functions(Vendor::AmdVi));
    let config = Facts::read(&host).config;

    let mut btf = Builder::new();
    let int = btf.int("int", 4);
    let name = btf.pointer(int);
    let kobject = btf.structure("kobject", false, &[("name", name, 0)]);
    let device = btf.structure("device", false, &[("kobj", kobject, 64)]);
    let device = btf.pointer(device);
    let iommu = btf.structure("iommu_device", false, &[("dev", device, 128)]);
    let unit = btf.structure("amd_iommu", false, &[("iommu", iommu, 320)]);
    let command = btf.add(STRUCT, false, "iommu_cmd", 16, &[]);
    let parameters = [btf.pointer(unit), btf.pointer(command), int];
    for function in known {
        btf.function_of(function, &parameters);
    }
    let types = KernelTypes::parse(btf.bytes()).unwrap();
    Site::find(Vendor::AmdVi, (&symbols, &config), &types)
}

const FUNCTION: &str = "__iommu_queue_command_sync";

#[test]
fn a_function_that_the_compiler_renamed_is_found_by_the_name_it_has() {
    let renamed = "__iommu_queue_command_sync.isra.0";
    let site = find(&format!("0 t {renamed}\n"), &[]).unwrap();
    assert_eq!(site.symbol, renamed);
    assert_eq!(site.by_fentry, Err(Reason::Renamed(renamed.to_owned())));
    assert_eq!(
        (site.device_at, site.name_at, site.command_bytes),
        (56, 8, 16)
    );
}

#[test]
fn a_function_that_is_as_it_was_written_can_have_fentry() {
    let plain = find(&format!("0 t {FUNCTION}\n"), &[FUNCTION]).unwrap();
    assert_eq!(plain.by_fentry, Ok(FUNCTION));
    let module = find(&format!("0 t {FUNCTION}\t[amd_iommu]\n"), &[FUNCTION]).unwrap();
    let reason = Reason::InModule("amd_iommu".to_owned());
    assert_eq!(module.by_fentry, Err(reason));
}

#[test]
fn a_function_that_is_not_there_or_there_twice_is_refused_by_name() {
    let absent = find("0 t vfs_read\n", &[]).unwrap_err().to_string();
    assert!(absent.contains(FUNCTION), "{absent}");
    let twice = find(&format!("0 t {FUNCTION}\n").repeat(2), &[FUNCTION]).unwrap_err();
    assert!(twice.to_string().contains("2 functions"), "{twice}");
}
