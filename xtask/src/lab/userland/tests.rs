use super::*;

const MESSAGES: &str = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"iommufd"},"executable":null,"fresh":true}
{"reason":"build-script-executed","package_id":"p","linked_libs":[],"out_dir":"/o"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"iommufd"},"executable":"/t/iommufd","fresh":true}
not a message
{"reason":"compiler-artifact","target":{"kind":["test"],"name":"uapi"},"executable":"/t/uapi-1","fresh":true}
{"reason":"compiler-artifact","target":{"kind":["test"],"name":"iommufd"},"executable":"/t/iommufd-2","fresh":false}
{"reason":"build-finished","success":true}
"#;

#[test]
fn the_program_is_that_of_the_test_and_of_nothing_else_with_its_name() {
    assert_eq!(executable(MESSAGES, "iommufd"), Some("/t/iommufd-2".into()));
    assert_eq!(executable(MESSAGES, "uapi"), Some("/t/uapi-1".into()));
}

#[test]
fn a_build_that_tells_of_no_program_has_none() {
    assert_eq!(executable(MESSAGES, "rings"), None);
    assert_eq!(executable("", "iommufd"), None);
    let only_checked = r#"{"target":{"kind":["test"],"name":"iommufd"},"executable":null}"#;
    assert_eq!(executable(only_checked, "iommufd"), None);
}
