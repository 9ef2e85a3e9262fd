//! The columns of the instance table and which of them a width has room for.
//! The dashboard and the text form share them.

use std::{borrow::Cow, time::Duration};

use hwptop_agent::{
    InstanceKind,
    snapshot::{Activity, InstanceSnapshot, ObjectSnapshot, StageActivity},
};

use crate::{figure, object};

mod layout;
mod names;

pub(crate) use layout::{Layout, Slot};
pub(crate) use names::NameWidths;

/// One column right of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Requests,
    Entries,
    EntriesPerRequest,
    CommandsPerSubmission,
    Request(Mark),
    Submission(Mark),
    Errors,
    /// p99 of the request stage per interval, newest right.
    Sparkline,
}

/// A point of a latency distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    P50,
    P90,
    P99,
    P999,
    Max,
}

impl Mark {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p99.9",
            Self::Max => "max",
        }
    }

    /// The latency in nanoseconds, `None` where nothing was recorded.
    pub(crate) fn of(self, stage: &StageActivity) -> Option<u64> {
        match self {
            Self::P50 => stage.latency_ns(0.5),
            Self::P90 => stage.latency_ns(0.9),
            Self::P99 => stage.latency_ns(0.99),
            Self::P999 => stage.latency_ns(0.999),
            Self::Max => stage.latency_ns_max(),
        }
    }
}

/// Columns that belong together, under a heading of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    PerSecond,
    BatchFactor,
    Request,
    Submission,
    Errors,
    Sparkline,
}

impl Group {
    /// The headings, widest first: the first that fits is shown.
    const fn headings(self) -> &'static [&'static str] {
        match self {
            Self::PerSecond => &["per second", "per s"],
            Self::BatchFactor => &["batch factor", "batch"],
            Self::Request => &["request latency", "request"],
            Self::Submission => &["submission latency", "submission"],
            Self::Errors => &["total"],
            Self::Sparkline => &["request p99", "p99"],
        }
    }

    /// Columns narrower than the shortest heading are set wider.
    pub(crate) fn least_width(self) -> u16 {
        self.headings()
            .last()
            .map_or(0, |heading| width_of(heading))
    }

    /// The heading for columns that are `width` wide together.
    pub(crate) fn heading(self, width: u16) -> &'static str {
        let fits = |heading: &&&str| width_of(heading) <= width;
        self.headings()
            .iter()
            .find(fits)
            .copied()
            .unwrap_or_default()
    }
}

impl Column {
    /// In the order they are shown in.
    pub(crate) const ALL: [Self; 14] = [
        Self::Requests,
        Self::Entries,
        Self::EntriesPerRequest,
        Self::CommandsPerSubmission,
        Self::Request(Mark::P50),
        Self::Request(Mark::P99),
        Self::Request(Mark::P999),
        Self::Request(Mark::Max),
        Self::Submission(Mark::P50),
        Self::Submission(Mark::P99),
        Self::Submission(Mark::P999),
        Self::Submission(Mark::Max),
        Self::Errors,
        Self::Sparkline,
    ];

    /// In the order they are given room in: where they do not all fit, the
    /// last ones are left out.
    pub(crate) const BY_PRIORITY: [Self; 14] = [
        Self::Request(Mark::P99),
        Self::Requests,
        Self::Errors,
        Self::Request(Mark::P50),
        Self::Entries,
        Self::Request(Mark::Max),
        Self::EntriesPerRequest,
        Self::Submission(Mark::P99),
        Self::Request(Mark::P999),
        Self::Submission(Mark::P50),
        Self::Submission(Mark::Max),
        Self::CommandsPerSubmission,
        Self::Sparkline,
        Self::Submission(Mark::P999),
    ];

    pub(crate) const fn group(self) -> Group {
        match self {
            Self::Requests | Self::Entries => Group::PerSecond,
            Self::EntriesPerRequest | Self::CommandsPerSubmission => Group::BatchFactor,
            Self::Request(_) => Group::Request,
            Self::Submission(_) => Group::Submission,
            Self::Errors => Group::Errors,
            Self::Sparkline => Group::Sparkline,
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Entries => "entries",
            Self::EntriesPerRequest => "ent/req",
            Self::CommandsPerSubmission => "cmd/sub",
            Self::Request(mark) | Self::Submission(mark) => mark.name(),
            Self::Errors => "errors",
            Self::Sparkline => "trend",
        }
    }

    /// Whether it shows earlier intervals too.
    pub(crate) const fn is_history(self) -> bool {
        matches!(self, Self::Sparkline)
    }

    /// Whether its figure is marked where it leaves its own history.
    pub(crate) const fn can_be_unusual(self) -> bool {
        matches!(self, Self::Request(Mark::P99) | Self::Submission(Mark::P99))
    }

    /// Columns on the screen; the least it can do with for a sparkline.
    pub(crate) const fn width(self) -> u16 {
        match self {
            Self::Requests => 8,
            Self::Entries | Self::EntriesPerRequest | Self::CommandsPerSubmission => 7,
            Self::Request(_) | Self::Submission(_) | Self::Errors | Self::Sparkline => {
                figure::LATENCY_WIDTH
            }
        }
    }

    /// What the column says about `row`.
    pub(crate) fn text(self, row: &Row) -> String {
        match self.value(row) {
            Some(value) => self.said(value),
            None if self.is_history() => String::new(),
            None => figure::ABSENT.to_owned(),
        }
    }

    /// The figure that the column shows of `row`, in its own unit; `None` where it is absent.
    pub(crate) fn value(self, row: &Row) -> Option<f64> {
        let activity = &row.activity;
        let per_second = |events: u64| {
            let seconds = row.over.as_secs_f64();
            (seconds > 0.0).then(|| events as f64 / seconds)
        };
        let latency = |ns: Option<u64>| ns.map(|ns| ns as f64);
        match self {
            Self::Requests => per_second(activity.request.seen),
            Self::Entries => per_second(activity.request.items),
            Self::EntriesPerRequest => activity.request.batch_factor(),
            Self::CommandsPerSubmission => activity.submission.batch_factor(),
            Self::Request(mark) => latency(mark.of(&activity.request)),
            Self::Submission(mark) => latency(mark.of(&activity.submission)),
            Self::Errors => Some(row.errors as f64),
            Self::Sparkline => None,
        }
    }

    fn said(self, value: f64) -> String {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "made from a whole number, and above 2^53 only three digits of it are said"
        )]
        let whole = value as u64;
        match self {
            Self::Requests | Self::Entries => figure::scaled(value),
            Self::EntriesPerRequest | Self::CommandsPerSubmission => figure::ratio(value),
            Self::Request(_) | Self::Submission(_) => figure::latency(whole),
            Self::Errors => figure::count(whole),
            Self::Sparkline => String::new(),
        }
    }

    /// What it is called where nothing above it says what it belongs to.
    pub(crate) fn full_name(self) -> String {
        match self {
            Self::Requests | Self::Entries => format!("{} per second", self.title()),
            Self::EntriesPerRequest => "entries per request".to_owned(),
            Self::CommandsPerSubmission => "commands per submission".to_owned(),
            Self::Request(mark) => format!("request {}", mark.name()),
            Self::Submission(mark) => format!("submission {}", mark.name()),
            Self::Errors | Self::Sparkline => self.title().to_owned(),
        }
    }
}

/// What a row of the table is made from.
pub(crate) struct Row<'a> {
    /// Of the instance or the object.
    pub(crate) name: Cow<'a, str>,
    /// What stands behind it; an object is not marked beside its instance.
    pub(crate) kind: InstanceKind,
    /// What it did.
    activity: Cow<'a, Activity>,
    /// In how long.
    over: Duration,
    /// Errors since the measurement began.
    pub(crate) errors: u64,
}

impl<'a> Row<'a> {
    /// The last interval, `over` long, of `instance`.
    pub(crate) fn interval(instance: &'a InstanceSnapshot, over: Duration) -> Self {
        Self {
            name: Cow::Borrowed(&instance.name),
            kind: instance.kind,
            activity: Cow::Borrowed(&instance.interval),
            over,
            errors: instance.total.errors(),
        }
    }

    /// Everything since the measurement began, `over` ago, of `instance`.
    pub(crate) fn total(instance: &'a InstanceSnapshot, over: Duration) -> Self {
        Self {
            activity: Cow::Borrowed(&instance.total),
            ..Self::interval(instance, over)
        }
    }

    /// What a part of what was measured did in the last interval, `over` long.
    pub(crate) fn part(
        name: impl Into<Cow<'a, str>>,
        kind: InstanceKind,
        activity: Cow<'a, Activity>,
        over: Duration,
        errors: u64,
    ) -> Self {
        Self {
            name: name.into(),
            kind,
            activity,
            over,
            errors,
        }
    }

    /// The last interval, `over` long, of `object`.
    pub(crate) fn object(object: &'a ObjectSnapshot, over: Duration) -> Self {
        Self {
            name: Cow::Owned(object::name(object)),
            kind: InstanceKind::Hardware,
            activity: Cow::Borrowed(&object.interval),
            over,
            errors: object.total.errors(),
        }
    }
}

/// Screen columns of a text whose characters are one column wide each.
pub(crate) fn width_of(text: &str) -> u16 {
    u16::try_from(text.chars().count()).unwrap_or(u16::MAX)
}
