use hwptop_driver::{Backend, DomainId, Guest, Pasid};

/// What the guest's sync writes, as Linux does (`QI_DONE`).
const DONE: u32 = 2;

/// The commands with which a guest unmaps pages and waits.
#[derive(Debug, Default)]
pub(super) struct Pages(Vec<[u64; 2]>);

impl Pages {
    /// The guest's domain and address space; any will do.
    pub(super) const TARGET: (DomainId, Pasid) = (DomainId(4), Pasid(0));

    /// For `batch` pages of `guest`: made when they are first asked for.
    pub(super) fn of<B: Backend>(&mut self, guest: &Guest<B>, batch: u32) -> &[[u64; 2]] {
        if self.0.len() != batch as usize + 1 {
            let stream = guest.stream();
            self.0 = (0..u64::from(batch))
                .map(|page| stream.unmap_page(page << 12))
                .collect();
            self.0.push(stream.sync(guest.status_address(), DONE));
        }
        &self.0
    }
}
