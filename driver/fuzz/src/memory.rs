use std::sync::atomic::Ordering;

use vm_memory::{
    AtomicAccess, Bytes, GuestAddress, GuestMemoryError, GuestMemoryMmap, ReadVolatile,
    WriteVolatile,
};

use crate::journal::{Event, Journal, Store};

/// What is guest memory: two ranges with holes before, between and behind them.
const RANGES: [(GuestAddress, usize); 2] = [
    (GuestAddress(0x1000), 0x4000),
    (GuestAddress(0x6000), 0x3000),
];

/// A guest's memory that tells every access of a front end to the [`Journal`].
#[derive(Clone, Debug)]
pub struct WatchedMemory {
    memory: GuestMemoryMmap,
    journal: Journal,
}

type Result<T> = std::result::Result<T, GuestMemoryError>;

impl WatchedMemory {
    /// Memory of zeros.
    ///
    /// # Panics
    /// Where the system has no memory left.
    #[must_use]
    pub fn new(journal: Journal) -> Self {
        let memory = GuestMemoryMmap::from_ranges(&RANGES).expect("a few pages of memory");
        Self { memory, journal }
    }

    /// Writes as the guest does: untold, and as far as there is memory.
    pub fn fill(&self, addr: u64, bytes: &[u8]) {
        // What does not fit is lost: a guest can write only where it has memory.
        let _ = self.memory.write(bytes, GuestAddress(addr));
    }

    /// All of it, range by range.
    ///
    /// # Panics
    /// Never: what is read is there.
    #[must_use]
    pub fn image(&self) -> Image {
        Image(RANGES.map(|(start, len)| {
            let mut bytes = vec![0; len];
            self.memory
                .read_slice(&mut bytes, start)
                .expect("a range of the memory");
            (start.0, bytes)
        }))
    }

    fn stored(&self, bytes: &[u8], addr: GuestAddress) {
        assert!(
            bytes.len() <= 16,
            "a front end writes {} bytes",
            bytes.len()
        );
        let mut value = [0; 16];
        value[..bytes.len()].copy_from_slice(bytes);
        self.journal.push(Event::Stored(Store {
            addr: addr.0,
            value: u128::from_le_bytes(value),
            len: bytes.len(),
        }));
    }

    fn looks(&self, addr: GuestAddress, len: usize) {
        self.journal.push(Event::Read { addr: addr.0, len });
    }
}

/// A copy of a guest's memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Image([(u64, Vec<u8>); RANGES.len()]);

impl Image {
    /// The `len` bytes at `addr`, where all of them are memory.
    #[must_use]
    pub fn read(&self, addr: u64, len: usize) -> Option<Vec<u8>> {
        (0..len as u64)
            .map(|at| self.byte(addr.checked_add(at)?))
            .collect()
    }

    /// Does what the front end did.
    pub fn apply(&mut self, store: Store) {
        for (addr, byte) in (store.addr..).zip(&store.value.to_le_bytes()[..store.len]) {
            for (start, bytes) in &mut self.0 {
                let at = addr.checked_sub(*start).map(usize::try_from);
                if let Some(Ok(at)) = at
                    && let Some(place) = bytes.get_mut(at)
                {
                    *place = *byte;
                }
            }
        }
    }

    fn byte(&self, addr: u64) -> Option<u8> {
        self.0.iter().find_map(|(start, bytes)| {
            let at = usize::try_from(addr.checked_sub(*start)?).ok()?;
            bytes.get(at).copied()
        })
    }
}

impl Bytes<GuestAddress> for WatchedMemory {
    type E = GuestMemoryError;

    fn write(&self, buf: &[u8], addr: GuestAddress) -> Result<usize> {
        let len = self.memory.write(buf, addr)?;
        self.stored(&buf[..len], addr);
        Ok(len)
    }

    fn read(&self, buf: &mut [u8], addr: GuestAddress) -> Result<usize> {
        self.looks(addr, buf.len());
        self.memory.read(buf, addr)
    }

    fn write_slice(&self, buf: &[u8], addr: GuestAddress) -> Result<()> {
        self.memory.write_slice(buf, addr)?;
        self.stored(buf, addr);
        Ok(())
    }

    fn read_slice(&self, buf: &mut [u8], addr: GuestAddress) -> Result<()> {
        self.looks(addr, buf.len());
        self.memory.read_slice(buf, addr)
    }

    fn read_volatile_from<F: ReadVolatile>(
        &self,
        addr: GuestAddress,
        _: &mut F,
        _: usize,
    ) -> Result<usize> {
        Err(GuestMemoryError::InvalidGuestAddress(addr))
    }

    fn read_exact_volatile_from<F: ReadVolatile>(
        &self,
        addr: GuestAddress,
        _: &mut F,
        _: usize,
    ) -> Result<()> {
        Err(GuestMemoryError::InvalidGuestAddress(addr))
    }

    fn write_volatile_to<F: WriteVolatile>(
        &self,
        addr: GuestAddress,
        _: &mut F,
        _: usize,
    ) -> Result<usize> {
        Err(GuestMemoryError::InvalidGuestAddress(addr))
    }

    fn write_all_volatile_to<F: WriteVolatile>(
        &self,
        addr: GuestAddress,
        _: &mut F,
        _: usize,
    ) -> Result<()> {
        Err(GuestMemoryError::InvalidGuestAddress(addr))
    }

    fn store<T: AtomicAccess>(&self, val: T, addr: GuestAddress, order: Ordering) -> Result<()> {
        self.memory.store(val, addr, order)?;
        self.stored(val.as_slice(), addr);
        Ok(())
    }

    fn load<T: AtomicAccess>(&self, addr: GuestAddress, order: Ordering) -> Result<T> {
        self.looks(addr, size_of::<T>());
        self.memory.load(addr, order)
    }
}
