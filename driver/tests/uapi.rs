//! The layouts and constants of `uapi` against the kernel's own header, by a C program that includes it.
//!
//! `cargo xtask test` gets a header that is new enough; where the folder it is in is known:
//! `HWPTOP_UAPI_INCLUDE=/usr/include cargo test -p hwptop-driver --test uapi -- --ignored`.

use std::fmt::Write as _;
use std::mem::offset_of;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use hwptop_driver::iommufd::{InvalidateEntry, NestedData};
use hwptop_driver::model::iommufd::{HwQueueType, HwptAllocFlags, Vevent, VeventqType, ViommuType};
use hwptop_driver::{AmdGuest, ArmSmmuV3, ArmSmmuV3Invalidate, VtdS1, VtdS1Invalidate};

/// The folder that `linux/iommufd.h` is in.
const VARIABLE: &str = "HWPTOP_UAPI_INCLUDE";

/// What C must say: an expression and its value.
#[derive(Clone)]
struct Row {
    expression: String,
    value: u64,
}

fn row(expression: impl Into<String>, value: impl TryInto<u64>) -> Row {
    Row {
        expression: expression.into(),
        value: value.try_into().unwrap_or_else(|_| panic!("64 bits")),
    }
}

fn field_size<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Size and alignment of a struct, offset and size of each of its fields; the fields fill it.
macro_rules! layout {
    ($rust:ty = $c:literal { $($field:ident = $c_field:literal),+ $(,)? }) => {{
        let fields = [$(field_size(|it: &$rust| &it.$field)),+];
        assert_eq!(fields.iter().sum::<usize>(), size_of::<$rust>(), "{}: a field is not listed", $c);
        vec![
            row(concat!("sizeof(struct ", $c, ")"), size_of::<$rust>()),
            row(concat!("_Alignof(struct ", $c, ")"), align_of::<$rust>()),
            $(
                row(
                    concat!("offsetof(struct ", $c, ", ", $c_field, ")"),
                    offset_of!($rust, $field),
                ),
                row(
                    concat!("sizeof(((struct ", $c, " *)0)->", $c_field, ")"),
                    field_size(|it: &$rust| &it.$field),
                ),
            )+
        ]
    }};
}

fn layouts() -> Vec<Row> {
    [
        layout!(VtdS1Invalidate = "iommu_hwpt_vtd_s1_invalidate" {
            addr = "addr",
            npages = "npages",
            flags = "flags",
            reserved = "__reserved",
        }),
        layout!(ArmSmmuV3Invalidate = "iommu_viommu_arm_smmuv3_invalidate" {
            cmd = "cmd",
        }),
        layout!(VtdS1 = "iommu_hwpt_vtd_s1" {
            flags = "flags",
            pgtbl_addr = "pgtbl_addr",
            addr_width = "addr_width",
            reserved = "__reserved",
        }),
        layout!(ArmSmmuV3 = "iommu_hwpt_arm_smmuv3" { ste = "ste" }),
        layout!(AmdGuest = "iommu_hwpt_amd_guest" { dte = "dte" }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn constants() -> Vec<Row> {
    vec![
        row("IOMMU_HWPT_DATA_VTD_S1", VtdS1::DATA_TYPE),
        row("IOMMU_HWPT_DATA_ARM_SMMUV3", ArmSmmuV3::DATA_TYPE),
        row("IOMMU_HWPT_DATA_AMD_GUEST", AmdGuest::DATA_TYPE),
        row(
            "IOMMU_HWPT_INVALIDATE_DATA_VTD_S1",
            VtdS1Invalidate::DATA_TYPE,
        ),
        row(
            "IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3",
            ArmSmmuV3Invalidate::DATA_TYPE,
        ),
        row("IOMMU_VTD_INV_FLAGS_LEAF", VtdS1Invalidate::LEAF),
        row("IOMMU_VTD_S1_SRE", VtdS1::SRE),
        row("IOMMU_VTD_S1_EAFE", VtdS1::EAFE),
        row("IOMMU_VTD_S1_WPE", VtdS1::WPE),
        row(
            "IOMMU_HWPT_ALLOC_NEST_PARENT",
            HwptAllocFlags::NEST_PARENT.0,
        ),
        row(
            "IOMMU_HWPT_ALLOC_DIRTY_TRACKING",
            HwptAllocFlags::DIRTY_TRACKING.0,
        ),
        row(
            "IOMMU_HWPT_FAULT_ID_VALID",
            HwptAllocFlags::FAULT_ID_VALID.0,
        ),
        row("IOMMU_HWPT_ALLOC_PASID", HwptAllocFlags::PASID.0),
        row("IOMMU_VIOMMU_TYPE_DEFAULT", ViommuType::DEFAULT.0),
        row("IOMMU_VIOMMU_TYPE_ARM_SMMUV3", ViommuType::ARM_SMMUV3.0),
        row(
            "IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV",
            ViommuType::TEGRA241_CMDQV.0,
        ),
        row("IOMMU_VEVENTQ_TYPE_DEFAULT", VeventqType::DEFAULT.0),
        row("IOMMU_VEVENTQ_TYPE_ARM_SMMUV3", VeventqType::ARM_SMMUV3.0),
        row(
            "IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV",
            VeventqType::TEGRA241_CMDQV.0,
        ),
        row("IOMMU_VEVENTQ_FLAG_LOST_EVENTS", Vevent::LOST_EVENTS),
        row("IOMMU_HW_QUEUE_TYPE_DEFAULT", HwQueueType::DEFAULT.0),
        row(
            "IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV",
            HwQueueType::TEGRA241_CMDQV.0,
        ),
    ]
}

/// What C says to each row, in order.
fn ask_c(include: &Path, rows: &[Row]) -> Vec<u64> {
    let mut source =
        String::from("#include <stddef.h>\n#include <stdio.h>\n#include <linux/iommufd.h>\n");
    source.push_str("int main(void) {\n");
    for Row { expression, .. } in rows {
        writeln!(
            source,
            r#"    printf("%llu\n", (unsigned long long)({expression}));"#
        )
        .unwrap();
    }
    source.push_str("    return 0;\n}\n");

    let folder = tempfile::tempdir().unwrap();
    let (file, program) = (folder.path().join("uapi.c"), folder.path().join("uapi"));
    fs::write(&file, source).unwrap();
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(compiler)
        .args(["-std=gnu11", "-Wall", "-Werror", "-I"])
        .args([include, Path::new("-o"), &program, &file])
        .status()
        .unwrap();
    assert!(status.success(), "the C program does not compile");
    let output = Command::new(program).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
#[ignore = "needs the uAPI header: compiles C against linux/iommufd.h"]
fn layouts_and_constants_are_those_of_the_kernels_header() {
    let include = env::var_os(VARIABLE).unwrap_or_else(|| panic!("{VARIABLE} is not set"));
    let rows = [layouts(), constants()].concat();
    let answers = ask_c(Path::new(&include), &rows);
    assert_eq!(answers.len(), rows.len());
    let wrong: Vec<String> = rows
        .iter()
        .zip(answers)
        .filter(|(row, answer)| row.value != *answer)
        .map(|(row, answer)| format!("{}: {} here, {answer} there", row.expression, row.value))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
