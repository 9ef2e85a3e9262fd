use super::*;

const SMALL: &str = r#"
summary = "s"
architecture = "aarch64"
config = ["a", "b"]
append = "quiet"
iort = "canwbs"

[qemu]
machine = "virt"
cpu = "max"
processors = 2
memory = "1G"
arguments = ["-device", "x"]
"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab")
}

#[test]
fn every_profile_of_the_checkout_parses_and_has_its_configuration() {
    let names = names(&folder()).unwrap();
    for expected in ["arm64-smmuv3", "x86-amd", "x86-intel"] {
        assert!(names.iter().any(|name| name == expected), "{names:?}");
    }
    for name in names {
        let profile = Profile::read(&folder(), &name).unwrap();
        assert!(!profile.summary.is_empty());
        let config = profile.config(&folder()).unwrap();
        assert!(config.contains("CONFIG_IOMMUFD=y"), "{name}");
    }
}

#[test]
fn no_configuration_asks_for_the_same_option_twice() {
    for name in names(&folder()).unwrap() {
        let config = Profile::read(&folder(), &name)
            .unwrap()
            .config(&folder())
            .unwrap();
        let mut options: Vec<&str> = config
            .lines()
            .filter(|line| line.starts_with("CONFIG_"))
            .filter_map(|line| line.split('=').next())
            .collect();
        let all = options.len();
        options.sort_unstable();
        options.dedup();
        assert_eq!(options.len(), all, "{name}");
    }
}

#[test]
fn a_profile_says_what_its_file_says() {
    let profile = Profile::parse("small", SMALL).unwrap();
    assert_eq!(profile.name, "small");
    assert_eq!(profile.architecture, Architecture::Aarch64);
    assert_eq!(profile.iort, Some(Iort::Canwbs));
    assert_eq!(profile.vfio, None);
    assert_eq!(profile.qemu.arguments, ["-device", "x"]);
}

#[test]
fn a_misspelt_key_or_function_is_refused() {
    let key = SMALL.replace("append", "apend");
    assert!(Profile::parse("small", &key).is_err());
    for function in [
        "00:02.0",
        "0000:00:02",
        "0000:00:02.0;x",
        "0000:0g:02.0",
        "",
    ] {
        let text = format!("vfio = \"{function}\"\n{SMALL}");
        let error = Profile::parse("small", &text).unwrap_err().to_string();
        assert!(error.contains("no PCI function"), "{function}: {error}");
    }
    assert!(Profile::parse("small", &format!("vfio = \"0000:0a:1f.7\"\n{SMALL}")).is_ok());
}

#[test]
fn an_unknown_profile_is_answered_with_those_that_there_are() {
    let error = Profile::read(&folder(), "../x86-intel")
        .unwrap_err()
        .to_string();
    assert!(error.contains("x86-amd"), "{error}");
}
