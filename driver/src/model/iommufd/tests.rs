use std::sync::Arc;

use vm_memory::{GuestAddress, GuestMemoryMmap};

use super::super::config::{Gpa, Pa};
use super::super::unit::{AmdViUnit, SmmuV3Unit, VtdUnit};
use super::*;
use crate::double::RecordingQueue;
use crate::{AmdGuest, ArmSmmuV3, Command, HardwareError, Pasid, SubmitError, Unit, VtdS1};

mod attach;
mod concurrency;
mod end_to_end;
mod hwpt;
mod invalidate;
mod objects;
mod one_instance;
mod unmap;
mod viommu;

const HOST_BYTES: usize = 16 << 20;
/// Host-physical address of the guest's address 0.
const GUEST: u64 = 8 << 20;
const GUEST_BYTES: u64 = 4 << 20;
const TABLES: std::ops::Range<u64> = 0x1000..(4 << 20);

const ATS: DeviceCaps = DeviceCaps {
    ats: true,
    pasid_bits: 20,
};
const PLAIN: DeviceCaps = DeviceCaps {
    ats: false,
    pasid_bits: 20,
};

fn unit(vendor: Vendor, memory: GuestMemoryMmap) -> ModelUnit {
    match vendor {
        Vendor::Vtd => ModelUnit::Vtd(Arc::new(VtdUnit::new(memory))),
        Vendor::SmmuV3 => ModelUnit::SmmuV3(Arc::new(SmmuV3Unit::new(memory))),
        Vendor::AmdVi => ModelUnit::AmdVi(Arc::new(AmdViUnit::new(memory))),
    }
}

const fn arg(number: u16, vendor: Vendor) -> InstanceArg {
    InstanceArg::new(number, vendor, true)
}

/// Executes what is submitted on the spot.
struct Inline {
    unit: ModelUnit,
}

impl HardwareQueue for Inline {
    fn submit_sync(&self, _: ObjectId, commands: &[Command]) -> Result<(), SubmitError> {
        for (index, &command) in commands.iter().enumerate() {
            let executed = self.unit.execute(command);
            executed.map_err(|error| SubmitError::Rejected { index, error })?;
        }
        Ok(())
    }
}

/// An iommufd over instances with queues that record.
struct Rig {
    fd: Iommufd<Arc<RecordingQueue>>,
    vendor: Vendor,
    queues: Vec<Arc<RecordingQueue>>,
}

impl Rig {
    fn new(vendor: Vendor) -> Self {
        Self::with_instances(vendor, 1)
    }

    fn with_instances(vendor: Vendor, instances: u16) -> Self {
        let memory = memory();
        let fd = Iommufd::new(memory.clone(), PageAllocator::new(TABLES));
        let add = |number| {
            let queue = Arc::new(RecordingQueue::new());
            let unit = unit(vendor, memory.clone());
            fd.add_instance(arg(number, vendor), unit, Arc::clone(&queue))
                .unwrap();
            queue
        };
        let queues = (0..instances).map(add).collect();
        Self { fd, vendor, queues }
    }

    fn device(&self, instance: u16, host_id: u32, caps: DeviceCaps) -> ObjectId {
        let instance = arg(instance, self.vendor);
        self.fd
            .add_device(instance, DeviceId(host_id), caps)
            .unwrap()
    }

    /// An IOAS with the guest's memory at 0.
    fn ioas(&self) -> ObjectId {
        ioas(&self.fd)
    }

    fn nest_parent(&self, device: ObjectId, ioas: ObjectId) -> ObjectId {
        self.fd
            .hwpt_alloc(device, ioas, HwptAllocFlags::NEST_PARENT, HwptData::None)
            .unwrap()
    }

    /// A nested HWPT that translates, with what it needs: for SMMUv3 and AMD-Vi a
    /// vIOMMU, in which the device is 0x99. Returns the HWPT and what it is allocated on.
    fn nested(&self, device: ObjectId, parent: ObjectId) -> (ObjectId, ObjectId) {
        let pt_id = match self.vendor {
            Vendor::Vtd => parent,
            Vendor::SmmuV3 | Vendor::AmdVi => {
                let viommu = self.viommu(device, parent);
                self.fd.vdevice_alloc(viommu, device, 0x99).unwrap();
                viommu
            }
        };
        let data = translating(self.vendor);
        let nested = self
            .fd
            .hwpt_alloc(device, pt_id, HwptAllocFlags::NONE, data);
        (nested.unwrap(), pt_id)
    }

    fn viommu(&self, device: ObjectId, parent: ObjectId) -> ObjectId {
        self.fd
            .viommu_alloc(device, parent, viommu_type(self.vendor))
            .unwrap()
    }

    /// The words of what came to the first instance, a list for each submission.
    fn words(&self) -> Vec<Vec<[u64; 2]>> {
        words(&self.queues[0])
    }
}

fn words(queue: &RecordingQueue) -> Vec<Vec<[u64; 2]>> {
    let submissions = queue.take().into_iter();
    submissions
        .map(|(_, commands)| commands.into_iter().map(Command::words).collect())
        .collect()
}

fn memory() -> GuestMemoryMmap {
    GuestMemoryMmap::from_ranges(&[(GuestAddress(0), HOST_BYTES)]).unwrap()
}

fn ioas<Q: HardwareQueue>(fd: &Iommufd<Q>) -> ObjectId {
    let ioas = fd.ioas_alloc().unwrap();
    fd.ioas_map(ioas, Gpa(0), Pa(GUEST), GUEST_BYTES, Prot::READ_WRITE)
        .unwrap();
    ioas
}

const fn viommu_type(vendor: Vendor) -> ViommuType {
    match vendor {
        Vendor::Vtd | Vendor::SmmuV3 => ViommuType::ARM_SMMUV3,
        Vendor::AmdVi => ViommuType::AMD,
    }
}

/// Stage 1 that translates: tables at 0x4000 for VT-d, CDs or the GCR3 table there for
/// the others. EATS is set; the guest's domain id is 7.
const fn translating(vendor: Vendor) -> HwptData {
    match vendor {
        Vendor::Vtd => vtd_s1(0),
        Vendor::SmmuV3 => ste([5 << 1 | 1 | 0x4000 | 2 << 59, 1 << 28]),
        Vendor::AmdVi => HwptData::AmdGuest(AmdGuest {
            dte: [1 << 55 | 1 | 4 << 58, 7, 0, 0],
        }),
    }
}

const fn vtd_s1(flags: u64) -> HwptData {
    HwptData::VtdS1(VtdS1 {
        flags,
        pgtbl_addr: 0x4000,
        addr_width: 48,
        reserved: 0,
    })
}

const fn ste(ste: [u64; 2]) -> HwptData {
    HwptData::ArmSmmuV3(ArmSmmuV3 { ste })
}

/// The error number, or 0.
fn errno_of<T>(result: Result<T, UapiError>) -> i32 {
    result.err().map_or(0, |error| error.errno)
}

const VENDORS: [Vendor; 3] = [Vendor::Vtd, Vendor::SmmuV3, Vendor::AmdVi];
