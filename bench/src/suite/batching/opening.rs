//! Opening an instance, with the threads of measuring where they stay.

use hwptop_abi::InstanceArg;
use hwptop_agent::instance_name;

use super::subject::{Subject, SubjectError};
use super::{Driven, MOCK_NAME, model, selftest, vfio};
use crate::cpus::Apart;
use crate::run_file::Work;

type Opened = Result<(Box<dyn Subject>, Work), SubjectError>;

/// The instance at `number`: its name, and what performs batches on it. What stands for hardware
/// runs on the one CPU of `apart`, and the calling thread, from now on, on the other.
pub(super) fn open(driven: &Driven, number: usize, apart: Option<&Apart>) -> (String, Opened) {
    if let Some(apart) = apart {
        apart.start_hardware();
    }
    let opened = on_this_cpu(driven, number);
    if let Some(apart) = apart {
        apart.submit();
    }
    opened
}

fn on_this_cpu(driven: &Driven, number: usize) -> (String, Opened) {
    match driven {
        &Driven::Model { vendor, .. } => {
            // There are 64 at most.
            let number = u16::try_from(number).unwrap_or_default();
            let name = instance_name(InstanceArg::new(number, vendor, true));
            let subject = model::model(vendor, number);
            (name, subject.map(|subject| (subject, Work::Requests)))
        }
        &Driven::Selftest { vendor } => {
            let subject = selftest::selftest(vendor);
            let opened = subject.map(|subject| (subject, Work::Requests));
            (MOCK_NAME.to_owned(), opened)
        }
        Driven::Vfio { device, instance } => (instance.clone(), vfio::vfio(device)),
    }
}
