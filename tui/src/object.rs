//! What names the objects that requests come from, and the requests that failed.

use hwptop_agent::snapshot::{FailedRequest, ObjectScope, ObjectSnapshot, Process, errno_name};

use crate::figure::ABSENT;

/// `qemu(123): 4` for its HWPT or vIOMMU 4; `qemu(123)/1: 4` in the process's second
/// iommufd context; `- ` before it where no instance was reached, or nothing
/// tells which.
pub(crate) fn name(object: &ObjectSnapshot) -> String {
    let unreached = if object.instance.is_none() { "- " } else { "" };
    let Some(owner) = &object.owner else {
        return format!("{unreached}other");
    };
    let context = match owner.context {
        None | Some(0) => String::new(),
        Some(context) => format!("/{context}"),
    };
    let process = process(Some(&owner.process));
    format!("{unreached}{process}{context}: {}", owner.hwpt)
}

/// `HWPT 4`, and `HWPT 4 (context 1)` in the process's second iommufd context.
pub(crate) fn hwpt(scope: &ObjectScope) -> String {
    match scope.context {
        None | Some(0) => format!("HWPT {}", scope.hwpt),
        Some(context) => format!("HWPT {} (context {context})", scope.hwpt),
    }
}

/// `HWPT 4 of qemu(123): entry 3 of 64, EIO, handled 3`; without the entry where all were
/// handled.
pub(crate) fn failure(failed: &FailedRequest) -> String {
    let FailedRequest {
        hwpt,
        asked,
        handled,
        errno,
        ..
    } = failed;
    let process = process(failed.process.as_ref());
    let entry = match asked {
        Some(asked) if handled < asked => format!("entry {handled} of {asked}, "),
        _ => String::new(),
    };
    let errno = errno_of(*errno);
    format!("HWPT {hwpt} of {process}: {entry}{errno}, handled {handled}")
}

/// `EIO`, or `errno 131` where that has no name here.
pub(crate) fn errno_of(errno: u32) -> String {
    errno_name(errno).map_or_else(|| format!("errno {errno}"), ToOwned::to_owned)
}

/// `qemu(123)`; `-(123)` where its name is not known.
pub(crate) fn process(process: Option<&Process>) -> String {
    process.map_or_else(
        || ABSENT.to_owned(),
        |process| {
            let name = process.name.as_deref().unwrap_or(ABSENT);
            format!("{name}({})", process.id)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::kernel;

    #[test]
    fn an_object_is_named_by_its_process_context_and_id() {
        let names: Vec<String> = kernel::host().objects.iter().map(name).collect();
        let expected = [
            "qemu-system-x86(4711): 4",
            "-(4712)/1: 9",
            "other",
            "- probe(4713): 7",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_failure_names_its_entry_only_where_one_failed() {
        let mut failed = kernel::emulated_smmu().failures.remove(0);
        assert_eq!(
            failure(&failed),
            "HWPT 4 of qemu(123): entry 3 of 64, EIO, handled 3"
        );
        failed.process = None;
        failed.errno = 131;
        failed.handled = 64;
        assert_eq!(failure(&failed), "HWPT 4 of -: errno 131, handled 64");
    }
}
