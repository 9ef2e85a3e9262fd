//! The picture that is held, and those before it that one can go back to.

use std::time::SystemTime;

use hwptop_agent::Past;

use crate::app::Picture;

/// What is shown while paused. New intervals go on in the live picture meanwhile.
#[derive(Debug)]
pub(crate) struct Held {
    /// The one that was shown when it was paused.
    newest: Picture,
    past: Past,
    /// Which of `past` is shown, from the oldest.
    at: usize,
    shown: Picture,
}

impl Held {
    pub(crate) fn new(newest: Picture, past: Past) -> Self {
        Self {
            shown: newest.clone(),
            newest,
            at: past.len().saturating_sub(1),
            past,
        }
    }

    pub(crate) fn picture(&self) -> &Picture {
        &self.shown
    }

    /// Which interval is shown, from 1, and of how many; `None` where there is none.
    pub(crate) fn position(&self) -> Option<(usize, usize)> {
        (!self.past.is_empty()).then(|| (self.at + 1, self.past.len()))
    }

    /// When the interval that is shown ended.
    pub(crate) fn taken_at(&self) -> Option<SystemTime> {
        Some(self.shown.snapshot.as_ref()?.taken_at)
    }

    /// Shows the interval that is `by` later, or as near to it as there is one.
    pub(crate) fn go(&mut self, by: isize) {
        let Some(last) = self.past.len().checked_sub(1) else {
            return;
        };
        let at = self.at.saturating_add_signed(by).min(last);
        if at == last {
            self.shown = self.newest.clone();
        } else if let Some(snapshot) = self.past.get(at) {
            self.shown = self.newest.back_at(snapshot, last - at);
        } else {
            return;
        }
        self.at = at;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hwptop_agent::snapshot::{FailedRequest, Scope, Stage};

    use super::*;
    use crate::{advice, fixture};

    /// A minute, a second an interval; the requests tell which one it was.
    fn held() -> Held {
        held_after(60)
    }

    fn held_after(seconds: u64) -> Held {
        let (mut picture, mut past) = (Picture::default(), Past::default());
        for second in 0..seconds {
            let mut snapshot = fixture::snapshot();
            snapshot.taken_at += Duration::from_secs(second);
            // Of what runs, advice says how often.
            snapshot.policy = Some("array".into());
            snapshot.instances[0].interval = fixture::activity(second + 1, 100 * (second + 1));
            snapshot.failures.push(FailedRequest {
                instance: Some("model-vtd0".to_owned()),
                hwpt: u32::try_from(second).unwrap(),
                process: None,
                tid: None,
                asked: None,
                handled: 0,
                errno: 5,
                latency: Duration::ZERO,
            });
            past.push(&snapshot);
            picture.push(snapshot);
        }
        Held::new(picture, past)
    }

    fn requests(held: &Held) -> u64 {
        let snapshot = held.picture().snapshot.as_ref().unwrap();
        snapshot.instances[0].interval.request.seen
    }

    #[test]
    fn one_goes_back_and_forth_and_not_beyond_the_ends() {
        let mut held = held();
        assert_eq!((held.position(), requests(&held)), (Some((60, 60)), 60));
        held.go(1);
        assert_eq!((held.position(), requests(&held)), (Some((60, 60)), 60));
        held.go(-1);
        assert_eq!((held.position(), requests(&held)), (Some((59, 60)), 59));
        held.go(-100);
        assert_eq!((held.position(), requests(&held)), (Some((1, 60)), 1));
        held.go(12);
        assert_eq!((held.position(), requests(&held)), (Some((13, 60)), 13));
        held.go(isize::MAX);
        assert_eq!((held.position(), requests(&held)), (Some((60, 60)), 60));
    }

    #[test]
    fn nothing_later_than_the_interval_is_in_its_history() {
        let mut held = held();
        let instance = Scope::Instance("model-vtd0".to_owned());
        let newest = |held: &Held| {
            let history = &held.picture().history;
            (
                history.newest("model-vtd0", 99).count(),
                history.failures_of(&instance).next().map(|one| one.hwpt),
                history.kept.columns(&instance, Stage::Request, 99).len(),
            )
        };
        assert_eq!(newest(&held), (60, Some(59), 60));
        held.go(-20);
        assert_eq!(newest(&held), (40, Some(39), 40));
        let tail = held.picture().history.newest("model-vtd0", 1).next();
        let shown = held.picture().snapshot.as_ref().unwrap();
        let p99 = shown.instances[0].interval.request.latency_ns(0.99);
        assert_eq!(tail.unwrap().request_ns, p99);
        held.go(20);
        assert_eq!(newest(&held), (60, Some(59), 60));
    }

    #[test]
    fn advice_is_what_it_was_then() {
        let instance = Scope::Instance("model-vtd0".to_owned());
        let said = |held: &Held| {
            let picture = held.picture();
            let snapshot = picture.snapshot.as_ref().unwrap();
            advice::lines(&picture.history, &instance, snapshot)
        };
        let mut held = held();
        let now = said(&held);
        held.go(-20);
        assert_eq!(said(&held), said(&held_after(40)));
        assert_ne!(said(&held), now);
    }

    #[test]
    fn before_the_first_interval_there_is_nowhere_to_go() {
        let mut held = Held::new(Picture::default(), Past::default());
        held.go(-1);
        assert_eq!((held.position(), held.taken_at()), (None, None));
    }
}
