//! What devices may see: the present mapping, and what was there before until a sync
//! that covers the change has completed.

use super::layout::{AGENTS, DEVICES, PAGES, PASIDS, SPACES, has_atc, pasid_of, pfn};

/// A page of data, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) data: usize,
    pub(crate) writable: bool,
}

/// What a page of the window is mapped to.
pub(crate) type Value = Option<Target>;

/// What an invalidation that the guest queued is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cover {
    /// Spaces whose translations in the IOMMU it is about, a bit for each tag.
    pub(crate) spaces: u8,
    /// Agents whose configuration it is about, a bit each.
    pub(crate) configs: u8,
    /// Agents whose ATC it is about, a bit each.
    pub(crate) agents: u8,
    /// Number of the first and the last page of 4 KiB.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Tables may stay cached.
    pub(crate) leaf: bool,
    /// Only translations from pages of this size (SMMUv3, TTL).
    pub(crate) size_log2: Option<u8>,
}

/// How far a change is on its way to be invalidated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Changed,
    /// The invalidation is at this position of the queue.
    Queued(u64),
    /// And the sync with this number is behind it.
    Synced(u64, u64),
}

impl Stage {
    const fn position(self) -> Option<u64> {
        match self {
            Self::Queued(position) | Self::Synced(position, _) => Some(position),
            Self::Changed => None,
        }
    }

    const fn sync(self) -> Option<u64> {
        match self {
            Self::Synced(_, sync) => Some(sync),
            Self::Changed | Self::Queued(_) => None,
        }
    }
}

/// An older value of a page, which may be cached.
#[derive(Clone, Copy, Debug)]
struct Stale {
    id: u64,
    value: Value,
    /// Size of the page that it came from.
    size_log2: u8,
    /// It can be reached through a table that was unlinked.
    structural: bool,
    /// It can be reached through the root that the space had.
    rooted: bool,
    tag: usize,
    stage: Stage,
}

/// Table pages that were unlinked, and the pages that they stood for.
#[derive(Clone, Debug)]
struct Unlinked {
    tag: usize,
    rooted: bool,
    first: u64,
    last: u64,
    tables: Vec<u64>,
    stage: Stage,
}

/// Whether a sync must be between the invalidation of a translation in the IOMMU and the
/// one in an ATC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Atc {
    /// The invalidation of the IOMMU's is one of the ATC as well.
    Implicit,
    Behind,
    BehindSync,
}

/// How the IOMMU is told that a space has another root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Not at all: spaces keep their roots.
    Kept,
    /// By an invalidation of the configuration, and behind a sync of the translations.
    Configuration,
    /// By an invalidation of the configuration, which is enough.
    Entry,
    /// By an invalidation of everything of the space.
    WholeSpace,
}

#[derive(Debug)]
pub(crate) struct Reference {
    atc: Atc,
    roots: Roots,
    /// Under what a space's translations are cached: its number, or that and [`SPACES`]
    /// where the guest gave it the other of its two tags.
    tags: [usize; SPACES],
    /// For each device, how far the invalidation of the root that a space had is; none
    /// where there is nothing to invalidate.
    switches: [[Option<Stage>; DEVICES]; SPACES],
    present: [[(Value, u8); PAGES]; SPACES],
    /// What the IOMMU may have, by space and page.
    stale: Vec<Vec<Vec<Stale>>>,
    /// What an ATC may have beside that, by agent and page.
    atcs: Vec<Vec<Vec<Stale>>>,
    unlinked: Vec<Unlinked>,
    /// The space of each agent.
    attached: [Option<usize>; AGENTS],
    ids: u64,
    pub(crate) stale_len: usize,
}

impl Cover {
    pub(crate) const EVERY_PAGE: Self = Self {
        spaces: 0,
        configs: 0,
        agents: 0,
        first: 0,
        last: u64::MAX,
        leaf: false,
        size_log2: None,
    };

    fn covers(&self, page: usize, stale: &Stale) -> bool {
        let size = stale.value.and(self.size_log2);
        (self.first..=self.last).contains(&pfn(page))
            && !(self.leaf && stale.structural)
            && size.is_none_or(|size_log2| size_log2 == stale.size_log2)
    }
}

impl Reference {
    pub(crate) fn new(atc: Atc, roots: Roots) -> Self {
        Self {
            atc,
            roots,
            tags: std::array::from_fn(|space| space),
            switches: [[None; DEVICES]; SPACES],
            present: [[(None, 12); PAGES]; SPACES],
            stale: vec![vec![Vec::new(); PAGES]; SPACES],
            atcs: vec![vec![Vec::new(); PAGES]; AGENTS],
            unlinked: Vec::new(),
            attached: [None; AGENTS],
            ids: 0,
            stale_len: 0,
        }
    }

    pub(crate) const fn attached(&self, agent: usize) -> Option<usize> {
        self.attached[agent]
    }

    pub(crate) const fn present(&self, space: usize, page: usize) -> Value {
        self.present[space][page].0
    }

    /// The guest wrote its tables. Where no table was unlinked, what was not present was
    /// not cached.
    pub(crate) fn change(
        &mut self,
        space: usize,
        page: usize,
        (new, new_size): (Value, u8),
        structural: bool,
    ) {
        let (old, size_log2) = self.present[space][page];
        self.present[space][page] = (new, new_size);
        if !structural && (old.is_none() || (old, size_log2) == (new, new_size)) {
            return;
        }
        self.keep(space, page, (old, size_log2), (structural, false));
    }

    fn keep(
        &mut self,
        space: usize,
        page: usize,
        (value, size_log2): (Value, u8),
        (structural, rooted): (bool, bool),
    ) {
        self.ids += 1;
        let stale = Stale {
            id: self.ids,
            value,
            size_log2,
            structural,
            rooted,
            tag: self.tags[space],
            stage: Stage::Changed,
        };
        self.stale[space][page].push(stale);
        self.stale_len += 1;
        for agent in (0..AGENTS).filter(|&agent| has_atc(agent)) {
            if self.attached[agent] == Some(space) {
                self.keep_in_atc(agent, page, stale);
            }
        }
    }

    /// A fault is not kept in an ATC, but what is found through a stale table is.
    fn keep_in_atc(&mut self, agent: usize, page: usize, stale: Stale) {
        if self.atc != Atc::Implicit && stale.value.is_some() {
            self.atcs[agent][page].push(Stale {
                structural: false,
                rooted: false,
                stage: Stage::Changed,
                ..stale
            });
        }
    }

    /// The guest gave a space another root with pages of 4 KiB, and perhaps its other
    /// tag. `root` is the one that it had.
    pub(crate) fn switch(&mut self, space: usize, new: &[Value; PAGES], tag: usize, root: u64) {
        for (page, &new) in new.iter().enumerate() {
            let old = std::mem::replace(&mut self.present[space][page], (new, 12));
            self.keep(space, page, old, (true, true));
        }
        self.unlinked.push(Unlinked {
            tag: self.tags[space],
            rooted: true,
            first: 0,
            last: u64::MAX,
            tables: vec![root],
            stage: Stage::Changed,
        });
        self.tags[space] = tag;
        if self.roots == Roots::Configuration {
            self.switches[space] = [Some(Stage::Changed); DEVICES];
        }
    }

    /// Whether nobody may use the root any more that a space had before this one.
    pub(crate) fn is_settled(&self, space: usize) -> bool {
        let mut stale = self.stale[space].iter().flatten();
        let mut unlinked = self.unlinked.iter();
        !stale.any(|stale| stale.rooted)
            && !unlinked.any(|unlinked| unlinked.rooted && unlinked.tag % SPACES == space)
    }

    pub(crate) const fn tag(&self, space: usize) -> usize {
        self.tags[space]
    }

    /// Whether anything may be cached under a tag.
    pub(crate) fn is_used(&self, tag: usize) -> bool {
        let space = tag % SPACES;
        let mut stale = self.stale[space].iter().flatten();
        self.tags[space] == tag
            || stale.any(|stale| stale.tag == tag)
            || self.unlinked.iter().any(|unlinked| unlinked.tag == tag)
    }

    /// Whether the configuration of a space changed and is not invalidated yet.
    pub(crate) fn is_reconfigured(&self, space: usize) -> bool {
        self.switches[space].contains(&Some(Stage::Changed))
            || self.roots == Roots::Entry && self.is_rerooted(space)
    }

    /// Whether the root under a tag changed and the translations are not invalidated yet.
    pub(crate) fn is_rerooted(&self, tag: usize) -> bool {
        let mut unlinked = self.unlinked.iter();
        unlinked.any(|old| old.rooted && old.tag == tag && old.stage == Stage::Changed)
    }

    /// Whether an invalidation of a space's translations is one of those under the root
    /// that it had.
    fn covers_root(&self, space: usize, cover: &Cover) -> bool {
        match self.roots {
            Roots::WholeSpace => (cover.first, cover.last, cover.leaf) == (0, u64::MAX, false),
            Roots::Entry => false,
            Roots::Kept | Roots::Configuration => self.switches[space]
                .iter()
                .flatten()
                .all(|stage| stage.sync().is_some()),
        }
    }

    fn reconfigure(&mut self, position: u64, agents: u8) {
        let is_named =
            |space| (0..DEVICES).all(|at| agents >> (at * PASIDS + pasid_of(space)) & 1 == 1);
        for space in (0..SPACES).filter(|&space| self.roots == Roots::Entry && is_named(space)) {
            let stale = self.stale[space].iter_mut().flatten();
            let stale = stale
                .filter(|stale| stale.rooted)
                .map(|stale| &mut stale.stage);
            let old = self.unlinked.iter_mut();
            let old = old.filter(|old| old.rooted && old.tag == space);
            for stage in stale.chain(old.map(|old| &mut old.stage)) {
                if *stage == Stage::Changed {
                    *stage = Stage::Queued(position);
                }
            }
        }
        for (space, switch) in self.switches.iter_mut().enumerate() {
            for (device, stage) in switch.iter_mut().enumerate() {
                let agent = device * PASIDS + pasid_of(space);
                if agents >> agent & 1 == 1 && *stage == Some(Stage::Changed) {
                    *stage = Some(Stage::Queued(position));
                }
            }
        }
    }

    pub(crate) fn unlinked(&mut self, space: usize, (first, last): (u64, u64), tables: Vec<u64>) {
        self.unlinked.push(Unlinked {
            tag: self.tags[space],
            rooted: false,
            first,
            last,
            tables,
            stage: Stage::Changed,
        });
    }

    /// The host gave the agent another space, or none. Its ATC is empty, but the IOMMU
    /// may have what others use, or have used.
    pub(crate) fn attach(&mut self, agent: usize, space: Option<usize>) {
        if self.attached[agent] == space {
            return;
        }
        self.attached[agent] = space;
        self.atcs[agent].iter_mut().for_each(Vec::clear);
        let Some(space) = space.filter(|_| has_atc(agent)) else {
            return;
        };
        for page in 0..PAGES {
            for at in 0..self.stale[space][page].len() {
                self.keep_in_atc(agent, page, self.stale[space][page][at]);
            }
        }
    }

    /// The guest queued an invalidation.
    pub(crate) fn invalidate(&mut self, position: u64, cover: &Cover) {
        self.reconfigure(position, cover.configs);
        for tag in bits(cover.spaces) {
            let root = self.covers_root(tag % SPACES, cover);
            for (page, list) in self.stale[tag % SPACES].iter_mut().enumerate() {
                for stale in list.iter_mut().filter(|stale| stale.tag == tag) {
                    if stale.stage == Stage::Changed
                        && (root || !stale.rooted)
                        && cover.covers(page, stale)
                    {
                        stale.stage = Stage::Queued(position);
                    }
                }
            }
            for unlinked in &mut self.unlinked {
                let covered = cover.first <= unlinked.first && unlinked.last <= cover.last;
                if unlinked.tag == tag
                    && (root || !unlinked.rooted)
                    && unlinked.stage == Stage::Changed
                    && covered
                    && !cover.leaf
                {
                    unlinked.stage = Stage::Queued(position);
                }
            }
        }
        for agent in bits(cover.agents) {
            for page in 0..PAGES {
                for at in 0..self.atcs[agent][page].len() {
                    let stale = self.atcs[agent][page][at];
                    if stale.stage == Stage::Changed
                        && cover.covers(page, &stale)
                        && self.is_out_of_iommu(agent, page, &stale)
                    {
                        self.atcs[agent][page][at].stage = Stage::Queued(position);
                    }
                }
            }
        }
    }

    /// Whether the ATC cannot be filled from the IOMMU again when a command that is
    /// queued now is executed.
    fn is_out_of_iommu(&self, agent: usize, page: usize, stale: &Stale) -> bool {
        let Some(space) = self.attached[agent] else {
            return true;
        };
        let mut known = self.stale[space][page].iter();
        match known.find(|known| known.id == stale.id) {
            None => true,
            Some(known) => match known.stage {
                Stage::Changed => false,
                Stage::Queued(_) => self.atc == Atc::Behind,
                Stage::Synced(..) => true,
            },
        }
    }

    fn stages(&mut self) -> impl Iterator<Item = &mut Stage> {
        let lists = self.stale.iter_mut().chain(&mut self.atcs).flatten();
        let stale = lists.flatten().map(|stale| &mut stale.stage);
        stale
            .chain(self.unlinked.iter_mut().map(|unlinked| &mut unlinked.stage))
            .chain(self.switches.iter_mut().flatten().flatten())
    }

    /// The guest queued a sync.
    pub(crate) fn sync(&mut self, sync: u64) {
        for stage in self.stages() {
            if let Stage::Queued(position) = *stage {
                *stage = Stage::Synced(position, sync);
            }
        }
    }

    /// A sync completed. Returns the table pages that the guest may use again.
    pub(crate) fn complete(&mut self, sync: u64) -> Vec<u64> {
        let is_done = |stage: Stage| stage.sync() == Some(sync);
        for list in self.stale.iter_mut().chain(&mut self.atcs).flatten() {
            list.retain(|stale| !is_done(stale.stage));
        }
        self.stale_len = self.stale.iter().flatten().map(Vec::len).sum();
        for switch in self.switches.iter_mut().flatten() {
            *switch = switch.filter(|&stage| !is_done(stage));
        }
        let unlinked = self
            .unlinked
            .extract_if(.., |unlinked| is_done(unlinked.stage));
        unlinked.flat_map(|unlinked| unlinked.tables).collect()
    }

    /// A sync will never complete: nothing that it was to confirm is done.
    pub(crate) fn abort(&mut self, sync: u64) {
        self.undo(|stage| stage.sync() == Some(sync));
    }

    /// The guest replaced the command at this position.
    pub(crate) fn lose(&mut self, lost: u64) {
        self.undo(|stage| stage.position() == Some(lost));
    }

    /// What is undone was needed for what followed it, too.
    fn undo(&mut self, is_undone: impl Fn(Stage) -> bool) {
        for stage in self.stages().filter(|stage| is_undone(**stage)) {
            *stage = Stage::Changed;
        }
        for space in 0..SPACES {
            if !self.is_reconfigured(space) {
                continue;
            }
            let stale = self.stale[space].iter_mut().flatten();
            for stale in stale.filter(|stale| stale.rooted) {
                stale.stage = Stage::Changed;
            }
            for unlinked in &mut self.unlinked {
                if unlinked.rooted && unlinked.tag % SPACES == space {
                    unlinked.stage = Stage::Changed;
                }
            }
        }
        for agent in 0..AGENTS {
            for page in 0..PAGES {
                for at in 0..self.atcs[agent][page].len() {
                    let stale = self.atcs[agent][page][at];
                    if !self.is_out_of_iommu(agent, page, &stale) {
                        self.atcs[agent][page][at].stage = Stage::Changed;
                    }
                }
            }
        }
    }

    /// The guest learnt that something before `head` was not done, which no sync that is
    /// pending will tell.
    pub(crate) fn unsure(&mut self, head: u64) {
        self.undo(|stage| stage.position().is_some_and(|position| position < head));
    }

    /// The guest learnt that a device did not answer before the sync at `head`: its ATC
    /// has what it had.
    pub(crate) fn atc_failed(&mut self, head: u64) {
        for stale in self.atcs.iter_mut().flatten().flatten() {
            if stale.stage.position().is_some_and(|at| at < head) {
                stale.stage = Stage::Changed;
            }
        }
    }

    /// Whether an agent may see this, where `resolve` is what the host has for a page of
    /// data now.
    pub(crate) fn allows<T: PartialEq + Copy>(
        &self,
        agent: usize,
        page: usize,
        seen: Option<T>,
        resolve: impl Fn(Target) -> Option<T>,
    ) -> bool {
        let Some(space) = self.attached[agent] else {
            return seen.is_none();
        };
        let is = |value: Value| value.and_then(&resolve) == seen;
        is(self.present[space][page].0)
            || self.stale[space][page].iter().any(|stale| is(stale.value))
            || self.atcs[agent][page].iter().any(|stale| is(stale.value))
    }

    /// Pages that changed under a tag and are not invalidated yet.
    pub(crate) fn changed(&self, tag: usize) -> Vec<usize> {
        let is_changed = |&page: &usize| {
            let mut list = self.stale[tag % SPACES][page].iter();
            list.any(|stale| stale.tag == tag && stale.stage == Stage::Changed)
        };
        (0..PAGES).filter(is_changed).collect()
    }

    /// The pages of tables that were unlinked under a tag and are not invalidated yet.
    pub(crate) fn changed_tables(&self, tag: usize) -> Vec<(u64, u64)> {
        let of_tag = self
            .unlinked
            .iter()
            .filter(|unlinked| unlinked.tag == tag && !unlinked.rooted);
        let changed = of_tag.filter(|unlinked| unlinked.stage == Stage::Changed);
        changed
            .map(|unlinked| (unlinked.first, unlinked.last))
            .collect()
    }

    /// Pages that an ATC may have, and that can be invalidated there now.
    pub(crate) fn changed_in_atc(&self, agent: usize) -> Vec<usize> {
        let is_changed = |&page: &usize| {
            let mut list = self.atcs[agent][page].iter();
            list.any(|stale| {
                stale.stage == Stage::Changed && self.is_out_of_iommu(agent, page, stale)
            })
        };
        (0..PAGES).filter(is_changed).collect()
    }

    /// What is known of a page, to report it.
    pub(crate) fn describe(&self, agent: usize, page: usize) -> String {
        let Some(space) = self.attached[agent] else {
            return "nothing is attached".to_owned();
        };
        format!(
            "space {space}: present {:?}, older in the IOMMU {:?}, older in the ATC {:?}",
            self.present[space][page], self.stale[space][page], self.atcs[agent][page]
        )
    }
}

fn bits(mask: u8) -> impl Iterator<Item = usize> {
    (0..8).filter(move |bit| mask >> bit & 1 == 1)
}
