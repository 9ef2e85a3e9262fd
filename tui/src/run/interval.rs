//! The lengths of intervals that one can choose from.

use std::time::Duration;

/// From what a screen can follow to what fits into a pause.
const LADDER: [Duration; 10] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
];

/// The next one that is longer; `None` where there is none.
pub(super) fn longer(than: Duration) -> Option<Duration> {
    LADDER.into_iter().find(|one| *one > than)
}

/// The next one that is shorter; `None` where there is none.
pub(super) fn shorter(than: Duration) -> Option<Duration> {
    LADDER.into_iter().rev().find(|one| *one < than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_any_interval_one_gets_onto_the_ladder_and_not_beyond_it() {
        let ms = Duration::from_millis;
        assert_eq!(longer(ms(1000)), Some(ms(2000)));
        assert_eq!(shorter(ms(1000)), Some(ms(500)));
        assert_eq!(longer(ms(300)), Some(ms(500)));
        assert_eq!(shorter(ms(300)), Some(ms(200)));
        assert_eq!((longer(ms(60_000)), shorter(ms(50))), (None, None));
        assert_eq!(longer(ms(10)), Some(ms(50)));
        assert_eq!(shorter(Duration::from_hours(1)), Some(ms(60_000)));
    }
}
