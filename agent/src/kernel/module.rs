use std::os::unix::fs::MetadataExt as _;

use super::{
    host::Host,
    plan::{Method, StagePlan},
};
use crate::totals::SourceError;

/// A module that kprobes are on. They do not keep it from being unloaded, are gone with it
/// and do not come back with it.
#[derive(Debug)]
pub(super) struct ProbedModule {
    name: String,
    /// That of its folder in `/sys/module`, which no other has, nor the same module loaded
    /// anew.
    inode: Option<u64>,
}

impl ProbedModule {
    /// The modules of what is to be attached.
    pub(super) fn of_plans(host: &Host, plans: &[StagePlan]) -> Vec<Self> {
        let probed = plans
            .iter()
            .filter(|plan| plan.chosen == Some(Method::Kprobe));
        let mut names: Vec<&String> = probed
            .filter_map(|plan| plan.symbol.as_ref()?.module.as_ref())
            .collect();
        names.sort();
        names.dedup();
        let find = |name: &String| Self {
            name: name.clone(),
            inode: inode(host, name),
        };
        names.into_iter().map(find).collect()
    }

    /// Refuses a module that is not the one that was found.
    pub(super) fn is_there(&self, host: &Host) -> Result<(), SourceError> {
        let now = inode(host, &self.name);
        if now.is_some() && now == self.inode {
            Ok(())
        } else {
            Err(SourceError::Unloaded(self.name.clone()))
        }
    }
}

fn inode(host: &Host, module: &str) -> Option<u64> {
    let folder = host.path(&format!("sys/module/{module}"));
    Some(folder.metadata().ok()?.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_module_that_went_is_not_taken_for_the_one_that_came() {
        let root = tempfile::tempdir().unwrap();
        let host = Host::at(root.path());
        let folder = root.path().join("sys/module/iommufd");
        fs::create_dir_all(&folder).unwrap();
        let module = ProbedModule {
            name: "iommufd".to_owned(),
            inode: inode(&host, "iommufd"),
        };
        assert!(module.is_there(&host).is_ok());
        // The folder stays until the other one is there, so that their numbers differ.
        fs::rename(&folder, root.path().join("gone")).unwrap();
        let error = module.is_there(&host).unwrap_err().to_string();
        assert!(error.starts_with("module iommufd was unloaded"), "{error}");
        fs::create_dir(&folder).unwrap();
        assert!(module.is_there(&host).is_err());
    }
}
