use super::*;

const MOCK: &str = "needs a kernel with CONFIG_IOMMUFD_TEST, and root";
const MOCKLESS: &str = "needs a kernel without CONFIG_IOMMUFD_TEST, and root";
const IOMMUFD: &str = "needs /dev/iommu, and root";
const VFIO: &str = "needs a VFIO device, and root";
const NESTING: &str = "needs a VFIO device behind an SMMUv3 with nesting, and root";
const LOCKED: &str = "needs a VFIO device without isolated interrupts, and root";

fn test(name: &str, reason: &str) -> Ignored {
    Ignored {
        name: name.into(),
        reason: reason.into(),
    }
}

#[test]
fn a_test_runs_in_every_guest_that_has_what_it_needs() {
    let where_it_runs = |reason| -> Vec<String> {
        let boots = BOOTS.iter().filter(|boot| boot.offers(reason));
        boots.map(Boot::title).collect()
    };
    let everywhere = ["x86-intel", "x86-amd", "arm64-smmuv3"];
    assert_eq!(where_it_runs(MOCK), ["x86-intel"]);
    assert_eq!(where_it_runs(MOCKLESS), ["arm64-smmuv3"]);
    assert_eq!(where_it_runs(IOMMUFD), everywhere);
    assert_eq!(where_it_runs(VFIO), everywhere);
    assert_eq!(where_it_runs(NESTING), ["arm64-smmuv3"]);
    assert_eq!(
        where_it_runs(LOCKED),
        ["x86-intel with iommufd.allow_unsafe_interrupts=0"]
    );
}

#[test]
fn what_no_guest_has_is_not_taken() {
    assert!(take(VFIO));
    for reason in [
        "",
        "needs root: loads eBPF",
        "needs a VFIO device with wheels",
    ] {
        assert!(!take(reason), "{reason}");
    }
}

#[test]
fn a_boot_gets_its_tests_by_name() {
    let tests = [
        test("a::one", MOCK),
        test("b::two", VFIO),
        test("c", LOCKED),
    ];
    let tests: Vec<_> = tests.iter().collect();
    let names = BOOTS.each_ref().map(|boot| boot.names(&tests));
    assert_eq!(names[0], ["a::one", "b::two"]);
    assert_eq!(names[1], ["c"]);
    assert_eq!(names[2], ["b::two"]);
    assert_eq!(names[3], ["b::two"]);
}

#[test]
fn the_lab_is_given_the_program_the_command_line_and_the_names() {
    let paths = ["/x/xtask", "/t/iommufd-1", "/share"].map(Path::new);
    let words = |boot: &Boot| -> Vec<String> {
        let command = boot
            .command(paths[0], paths[1], paths[2], &["a::one", "b::two"])
            .unwrap();
        let words = command.get_args();
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    };
    let locked = words(&BOOTS[1]);
    assert_eq!(locked[..2], ["lab", "x86-intel"]);
    let append = ["--append", "iommufd.allow_unsafe_interrupts=0"];
    assert!(locked.windows(2).any(|pair| pair == append), "{locked:?}");
    assert!(
        locked
            .windows(2)
            .any(|pair| pair == ["--file", "/t/iommufd-1"]),
        "{locked:?}"
    );
    assert_eq!(
        locked[locked.len() - 6..],
        [
            "iommufd-1",
            "--ignored",
            "--exact",
            "--test-threads=1",
            "a::one",
            "b::two"
        ]
    );
    assert!(!words(&BOOTS[0]).contains(&"--append".to_owned()));
}
