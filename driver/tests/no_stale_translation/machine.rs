//! The modelled host: two instances under one nest parent, and the devices behind them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hwptop_driver::model::config::{Gpa, Iova, Pa};
use hwptop_driver::model::iommufd::{
    DeviceCaps, HwptAllocFlags, HwptData, Iommufd, ModelUnit, Prot,
};
use hwptop_driver::model::tables::{PageAllocator, Shifted};
use hwptop_driver::model::unit::{AmdViUnit, SmmuV3Unit, VtdUnit};
use hwptop_driver::{
    Command, DeviceId, HardwareQueue, InstanceArg, ObjectId, Pasid, SubmitError, Unit, Vendor,
};
use vm_memory::{GuestAddress, GuestMemoryMmap};

use super::layout::{
    CONTEXTS, CONTROL_BYTES, DATA, DATA_PAGES, DEVICES, FIXED, HOST_BYTES, HOST_TABLES, MOVABLE,
    PAGE, PASIDS, POOL, POOL_PAGES, TABLES, TABLES_SHIFT,
};
use super::rng::Rng;

/// What the host calls the devices; the last is behind the second instance.
pub(crate) const HOST_IDS: [DeviceId; DEVICES + 1] =
    [DeviceId(0x10), DeviceId(0x20), DeviceId(0x30)];
/// What the guest calls its devices.
pub(crate) const GUEST_IDS: [u32; DEVICES] = [0x11, 0x12];

/// Executes what is submitted on the spot, and counts submissions.
pub(crate) struct Inline {
    unit: ModelUnit,
    submissions: AtomicU64,
    /// Called before each command: devices do not stand still meanwhile.
    watch: OnceLock<Watch>,
}

pub(crate) type Watch = Arc<dyn Fn() + Send + Sync>;

impl Inline {
    pub(crate) fn be_watched(&self, watch: Watch) {
        assert!(self.watch.set(watch).is_ok());
    }

    pub(crate) fn submissions(&self) -> u64 {
        self.submissions.load(Ordering::Relaxed)
    }
}

impl HardwareQueue for Inline {
    /// Only a sync orders commands on VT-d (6.5.2.11) and SMMUv3 (4.7.3): every other
    /// submission is executed from its end. Linux's AMD-Vi driver counts on order.
    fn submit_sync(&self, _: ObjectId, commands: &[Command]) -> Result<(), SubmitError> {
        let submission = self.submissions.fetch_add(1, Ordering::Relaxed);
        let backwards = submission % 2 == 1 && self.unit.vendor() != Vendor::AmdVi;
        for at in 0..commands.len() {
            if let Some(watch) = self.watch.get() {
                watch();
            }
            let index = if backwards {
                commands.len() - 1 - at
            } else {
                at
            };
            let executed = match &self.unit {
                ModelUnit::Vtd(unit) => unit.execute(commands[index]),
                ModelUnit::SmmuV3(unit) => unit.execute(commands[index]),
                ModelUnit::AmdVi(unit) => unit.execute(commands[index]),
            };
            executed.map_err(|error| SubmitError::Rejected { index, error })?;
        }
        Ok(())
    }
}

pub(crate) type Queue = Arc<dyn HardwareQueue>;

/// The host.
pub(crate) struct Machine {
    pub(crate) memory: GuestMemoryMmap,
    pub(crate) fd: Arc<Iommufd<Queue>>,
    pub(crate) unit: ModelUnit,
    /// The second instance.
    other: ModelUnit,
    pub(crate) other_queue: Arc<Inline>,
    /// The VMM calls the kernel, of which nobody knows how far it is.
    pub(crate) replacing: Arc<AtomicBool>,
    ioas: ObjectId,
    pub(crate) parent: ObjectId,
    pub(crate) devices: [ObjectId; DEVICES],
    /// Which host page each page of data has.
    stage2: Vec<Option<u64>>,
    /// The next host page for what is moved.
    pool: usize,
}

fn unit(vendor: Vendor, memory: &GuestMemoryMmap) -> ModelUnit {
    let memory = memory.clone();
    match vendor {
        Vendor::Vtd => ModelUnit::Vtd(Arc::new(VtdUnit::new(memory))),
        Vendor::SmmuV3 => ModelUnit::SmmuV3(Arc::new(SmmuV3Unit::new(memory))),
        Vendor::AmdVi => ModelUnit::AmdVi(Arc::new(AmdViUnit::new(memory))),
    }
}

pub(crate) const fn instance(number: u16, vendor: Vendor) -> InstanceArg {
    InstanceArg::new(number, vendor, true)
}

impl Machine {
    /// A host whose first instance has the queue that `queue` makes.
    pub(crate) fn new(vendor: Vendor, queue: impl FnOnce(&ModelUnit) -> Queue) -> Self {
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), HOST_BYTES)]).unwrap();
        let fd = Iommufd::new(memory.clone(), PageAllocator::new(HOST_TABLES));
        let [unit, other] = [(); 2].map(|()| unit(vendor, &memory));
        let other_queue = inline(&other);
        let queues = [queue(&unit), Arc::clone(&other_queue) as Queue];
        for (number, (unit, queue)) in (0..).zip([&unit, &other].into_iter().zip(queues)) {
            fd.add_instance(instance(number, vendor), unit.clone(), queue)
                .unwrap();
        }
        let bind = |number, device, ats| {
            let caps = DeviceCaps {
                ats,
                pasid_bits: 20,
            };
            fd.add_device(instance(number, vendor), HOST_IDS[device], caps)
                .unwrap()
        };
        let devices = [bind(0, 0, true), bind(0, 1, false)];
        let third = bind(1, 2, true);
        let ioas = fd.ioas_alloc().unwrap();
        let flags = HwptAllocFlags::NEST_PARENT;
        let parent = fd.hwpt_alloc(third, ioas, flags, HwptData::None).unwrap();
        fd.attach(third, parent, None).unwrap();
        let mut machine = Self {
            memory,
            fd: Arc::new(fd),
            unit,
            other,
            other_queue,
            replacing: Arc::default(),
            ioas,
            parent,
            devices,
            stage2: vec![None; DATA_PAGES],
            pool: 0,
        };
        machine.map_guest();
        machine
    }

    fn map_guest(&mut self) {
        self.map(0, 0, CONTROL_BYTES);
        let tables = TABLES.end - CONTEXTS;
        self.map(CONTEXTS, CONTEXTS + TABLES_SHIFT, tables);
        for (first, pages, to) in FIXED {
            self.map(data_address(first), to, bytes(pages));
            for (at, page) in self.stage2[first..first + pages].iter_mut().enumerate() {
                *page = Some(to + bytes(at));
            }
        }
        for data in movable() {
            self.bring(data);
        }
    }

    fn map(&self, from: u64, to: u64, length: u64) {
        let rw = Prot::READ_WRITE;
        self.fd
            .ioas_map(self.ioas, Gpa(from), Pa(to), length, rw)
            .unwrap();
    }

    /// The guest's memory as its tables have it.
    pub(crate) fn tables(&self) -> Shifted<&GuestMemoryMmap> {
        Shifted {
            host: &self.memory,
            base: TABLES_SHIFT,
            len: TABLES.end,
        }
    }

    /// Takes a movable page of data from the guest, and mostly gives it another host page
    /// at once.
    pub(crate) fn move_page(&mut self, rng: &mut Rng) {
        let pages: Vec<usize> = movable().collect();
        let data = rng.pick(&pages);
        if self.stage2[data].take().is_some() {
            let gpa = Gpa(data_address(data));
            assert_eq!(self.fd.ioas_unmap(self.ioas, gpa, PAGE), Ok(PAGE));
        }
        if !rng.one_in(4) {
            self.bring(data);
        }
    }

    fn bring(&mut self, data: usize) {
        loop {
            let host = POOL + bytes(self.pool);
            self.pool = (self.pool + 1) % POOL_PAGES;
            if !self.stage2.contains(&Some(host)) {
                self.stage2[data] = Some(host);
                return self.map(data_address(data), host, PAGE);
            }
        }
    }

    /// Host-physical address of a page of data.
    pub(crate) fn resolve(&self, data: usize) -> Option<u64> {
        self.stage2[data]
    }

    /// What a device of the guest's gets for an address, and whether it may write there.
    pub(crate) fn look(&self, agent: usize, iova: u64) -> Option<(u64, bool)> {
        let pasid = Pasid(u32::try_from(agent % PASIDS).unwrap());
        look(&self.unit, HOST_IDS[agent / PASIDS], pasid, iova)
    }

    /// The device behind the second instance has the present stage 2, always.
    pub(crate) fn check_other(&self) {
        for (data, &host) in self.stage2.iter().enumerate().step_by(7) {
            let seen = look(
                &self.other,
                HOST_IDS[DEVICES],
                Pasid::RID,
                data_address(data),
            );
            assert_eq!(
                seen,
                host.map(|host| (host, true)),
                "data page {data}, stage 2 only"
            );
        }
    }
}

pub(crate) fn inline(unit: &ModelUnit) -> Arc<Inline> {
    Arc::new(Inline {
        unit: unit.clone(),
        submissions: AtomicU64::new(0),
        watch: OnceLock::new(),
    })
}

fn look(unit: &ModelUnit, device: DeviceId, pasid: Pasid, iova: u64) -> Option<(u64, bool)> {
    let access = |write| {
        let iova = Iova(iova);
        match unit {
            ModelUnit::Vtd(unit) => unit.translate(device, pasid, iova, write),
            ModelUnit::SmmuV3(unit) => unit.translate(device, pasid, iova, write),
            ModelUnit::AmdVi(unit) => unit.translate(device, pasid, iova, write),
        }
    };
    let found = |write| access(write).ok().map(|pa| (pa.0, write));
    found(true).or_else(|| found(false))
}

fn movable() -> impl Iterator<Item = usize> {
    MOVABLE
        .into_iter()
        .flat_map(|(first, pages)| first..first + pages)
}

pub(crate) fn data_address(data: usize) -> u64 {
    DATA + bytes(data)
}

fn bytes(pages: usize) -> u64 {
    u64::try_from(pages).unwrap() * PAGE
}
