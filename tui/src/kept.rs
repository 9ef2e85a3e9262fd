//! The distributions of what was measured, as long as they are kept, and what is gone meanwhile.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc, time::SystemTime};

use hwptop_agent::{
    HeatColumns, Series,
    snapshot::{ObjectSnapshot, Process, Scope, Snapshot, Stage},
};

/// Columns that are remembered between two snapshots: more than a screen shows.
const ASKED: usize = 16;
/// What is gone is known of the last ones only.
const GONE: usize = 1024;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    series: Series,
    /// A frame asks for the same columns as the one before it, and so does the next interval's.
    asked: RefCell<Vec<Arc<HeatColumns>>>,
    here: Scopes,
    here_at: Option<SystemTime>,
    gone: BTreeMap<Scope, Gone>,
}

/// What can be looked at, one by one, and whose it is.
type Scopes = BTreeMap<Scope, Option<Process>>;

/// What is in no snapshot any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    /// When it was seen last.
    pub(crate) at: SystemTime,
    /// Whose it was.
    pub(crate) process: Option<Process>,
}

impl Kept {
    /// Takes in the interval of `snapshot`.
    pub(crate) fn push(&mut self, snapshot: &Snapshot) {
        self.series.push(snapshot);
        let here = scopes(snapshot);
        self.gone.retain(|scope, _| !here.contains_key(scope));
        let before = std::mem::take(&mut self.here);
        if let Some(at) = self.here_at {
            let left = before
                .into_iter()
                .filter(|(scope, _)| !here.contains_key(scope));
            let gone = left.map(|(scope, process)| (scope, Gone { at, process }));
            self.gone.extend(gone);
        }
        while self.gone.len() > GONE
            && let Some(first) = self.gone.iter().min_by_key(|(_, one)| one.at)
        {
            let first = first.0.clone();
            self.gone.remove(&first);
        }
        self.here = here;
        self.here_at = Some(snapshot.taken_at);
    }

    /// As it was when `end` was, but for what was gone then.
    pub(crate) fn until(&self, end: SystemTime) -> Self {
        Self {
            series: self.series.until(end),
            asked: RefCell::default(),
            here: self.here.clone(),
            here_at: self.here_at,
            gone: self.gone.clone(),
        }
    }

    /// The memory that the distributions take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.series.bytes()
    }

    /// As [`Series::columns`].
    pub(crate) fn columns(&self, scope: &Scope, stage: Stage, at_most: usize) -> Arc<HeatColumns> {
        let mut asked = self.asked.borrow_mut();
        if let Some(known) = asked
            .iter_mut()
            .find(|one| one.is_of(scope, stage, at_most))
        {
            if !self.series.is_now(known) {
                self.series.refresh(Arc::make_mut(known));
            }
            return Arc::clone(known);
        }
        let columns = Arc::new(self.series.columns(scope, stage, at_most));
        if asked.len() == ASKED {
            asked.clear();
        }
        asked.push(Arc::clone(&columns));
        columns
    }

    /// `scope`, where it is in no snapshot any more and was in one.
    pub(crate) fn gone(&self, scope: &Scope) -> Option<&Gone> {
        self.gone.get(scope)
    }
}

fn scopes(snapshot: &Snapshot) -> Scopes {
    let instances = snapshot.instances.iter();
    let instances = instances.map(|one| (Scope::Instance(one.name.clone()), None));
    let objects = snapshot.objects.iter();
    let objects = objects.flat_map(|one: &ObjectSnapshot| {
        let process = one.owner.as_ref().map(|owner| &owner.process);
        let itself = process.map(|process| Scope::Process(process.id));
        let both = itself.into_iter().chain(Scope::of_object(snapshot, one));
        both.map(move |scope| (scope, process.cloned()))
    });
    instances.chain(objects).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixture;

    #[test]
    fn columns_are_those_of_the_series_before_and_after_a_snapshot() {
        let mut kept = Kept::default();
        let mut series = Series::default();
        let scope = Scope::Instance("model-vtd0".to_owned());
        for _ in 0..3 {
            kept.push(&fixture::snapshot());
            series.push(&fixture::snapshot());
            for at_most in (0..2 * ASKED).chain([1, 2, 3]) {
                for stage in [Stage::Request, Stage::Submission] {
                    let expected = series.columns(&scope, stage, at_most);
                    assert_eq!(**kept.columns(&scope, stage, at_most), *expected);
                }
            }
        }
        assert!(kept.asked.borrow().len() <= ASKED);
    }

    #[test]
    fn what_is_gone_is_known_with_the_time_until_it_is_back() {
        let mut kept = Kept::default();
        let first = fixture::snapshot();
        let mut later = first.clone();
        later.instances.remove(0);
        later.taken_at += Duration::from_secs(1);
        let gone = Scope::Instance("model-vtd0".to_owned());
        kept.push(&first);
        assert_eq!(kept.gone(&gone), None);
        for _ in 0..2 {
            kept.push(&later);
            let last = kept.gone(&gone).map(|one| one.at);
            assert_eq!(last, Some(first.taken_at));
        }
        kept.push(&first);
        assert_eq!(kept.gone(&gone), None);
    }

    #[test]
    fn what_comes_and_goes_is_bounded() {
        let mut kept = Kept::default();
        let mut snapshot = fixture::snapshot();
        snapshot.instances.truncate(1);
        for number in 0..GONE + 50 {
            snapshot.instances[0].name = format!("instance {number}");
            snapshot.taken_at += Duration::from_secs(1);
            kept.push(&snapshot);
        }
        assert_eq!(kept.gone.len(), GONE);
        let seen = |number: usize| kept.gone(&Scope::Instance(format!("instance {number}")));
        assert_eq!(seen(0), None);
        assert!(seen(GONE).is_some());
    }
}
