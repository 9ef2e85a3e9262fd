//! Slow requests, one by one.

use hwptop_agent::snapshot::{SlowEvent, Snapshot, Stage};
use ratatui::{
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    Canvas, View,
    outlier::{self, ago, instance, latency, or_absent},
    page, rows, wrapped_to,
};
use crate::{
    column::width_of,
    figure::{self, ABSENT, shortened},
    object,
    outliers::{By, Order, Outlier},
    pages,
    screen::Extent,
    theme::{badge, quiet, strong},
};

/// From this height on, the selected one is shown whole below, ...
const BELOW_FROM: u16 = 22;
/// ... in half of it, but not in more lines than these: Enter gives it the whole screen.
const BELOW_MOST: u16 = 19;
/// On a lower screen it is at the right, from this width on, ...
const BESIDE_FROM: u16 = 170;
/// ... in so many columns.
const BESIDE: u16 = 60;
/// The most characters of a name.
const NAME: usize = 24;
const GAP: u16 = 2;
/// Before each row: which one is selected.
const MARKER: u16 = 2;

struct Column {
    title: &'static str,
    /// Those with the highest are left out first.
    priority: u8,
    is_right: bool,
    /// What a click on the title sorts by.
    sorts: Option<By>,
    text: fn(&Outlier, &Snapshot) -> String,
}

const fn left(
    title: &'static str,
    priority: u8,
    text: fn(&Outlier, &Snapshot) -> String,
) -> Column {
    Column {
        title,
        priority,
        is_right: false,
        sorts: None,
        text,
    }
}

const fn right(
    title: &'static str,
    priority: u8,
    text: fn(&Outlier, &Snapshot) -> String,
) -> Column {
    Column {
        is_right: true,
        ..left(title, priority, text)
    }
}

impl Column {
    const fn sorts(self, by: By) -> Self {
        Self {
            sorts: Some(by),
            ..self
        }
    }

    /// Writes `text` where the column, `width` wide, has its own.
    fn put(&self, text: &str, (x, y, width): (u16, u16, u16), style: Style, canvas: &mut Canvas) {
        if self.is_right {
            canvas.put_right(x + width, y, text, style);
        } else {
            canvas.put(x, y, text, style);
        }
    }
}

const COLUMNS: [Column; 14] = [
    left("UTC", 1, |one, _| {
        let time = figure::time_of_day(one.at);
        time.map_or_else(|| ABSENT.to_owned(), |time| time.chars().take(12).collect())
    })
    .sorts(By::Time),
    right("ago", 7, ago),
    left("stage", 2, |one, _| one.event.stage.name().to_owned()),
    right("latency", 0, |one, _| latency(one.event.latency)).sorts(By::Latency),
    left("errno", 3, |one, _| match one.event.errno {
        0 => ABSENT.to_owned(),
        errno => object::errno_of(errno),
    }),
    left("instance", 4, |one, snapshot| {
        shortened(&instance(&one.event, snapshot), NAME)
    }),
    right("HWPT", 6, |one, _| {
        or_absent((one.event.hwpt != 0).then_some(one.event.hwpt))
    }),
    left("process(pid)/thread", 5, |one, _| {
        let process = object::process(one.event.process.as_ref());
        format!("{}/{}", shortened(&process, NAME), or_absent(one.event.tid))
    }),
    right("CPU", 8, |one, _| or_absent(one.event.cpu)),
    right("entries", 6, |one, _| entries(&one.event)),
    right("driver op", 9, |one, _| {
        one.event
            .driver_op
            .map_or_else(|| ABSENT.to_owned(), latency)
    }),
    right("submissions", 10, |one, _| {
        let time = one.event.submissions.map(|made| latency(made.time));
        time.unwrap_or_else(|| ABSENT.to_owned())
    }),
    right("count/commands", 12, |one, _| {
        let made = one.event.submissions;
        let counts = made.map(|made| format!("{}/{}", made.count, made.commands));
        counts.unwrap_or_else(|| ABSENT.to_owned())
    }),
    right("unattributed", 11, |one, _| {
        outlier::unattributed(&one.event).map_or_else(|| ABSENT.to_owned(), latency)
    }),
];

/// Handled, of those that were asked for where that is known; of a submission its commands.
fn entries(event: &SlowEvent) -> String {
    match (event.stage, event.asked) {
        (Stage::Submission | Stage::HostSubmission, _) => format!("{} cmd", event.items),
        (_, Some(asked)) => format!("{}/{asked}", event.items),
        (_, None) => event.items.to_string(),
    }
}

pub(super) fn draw(view: &View, canvas: &mut Canvas) {
    let shown = pages::shown(view.app, view.place);
    let mut y = 0;
    for line in wrapped_to(&summary(view, shown.len()), canvas.width(), 3) {
        canvas.put(0, y, &line, quiet());
        y += 1;
    }
    let Some(selected) = pages::index(view.place, &shown) else {
        for line in wrapped_to(&none(view.snapshot), canvas.width(), 4) {
            y += 1;
            canvas.put(0, y, &line, Style::new());
        }
        return;
    };
    let (mut width, mut height) = (canvas.width(), canvas.height().saturating_sub(y));
    let theme = canvas.theme;
    let whole = |width| outlier::lines(shown[selected], view.snapshot, width, theme);
    let whole = if height >= BELOW_FROM {
        let lines = (height / 2).min(BELOW_MOST);
        height -= lines;
        let rect = Rect::new(0, y + height + 1, width, lines - 1);
        Some((rect, whole(width)))
    } else if width >= BESIDE_FROM {
        width -= BESIDE + GAP;
        Some((Rect::new(width + GAP, y, BESIDE, height), whole(BESIDE)))
    } else {
        None
    };
    let table = Rect::new(0, y, width, height);
    let beside = canvas.width() - width;
    draw_table(view, &shown, selected, beside, &mut canvas.part(table));
    if let Some((rect, lines)) = whole {
        let mut part = canvas.part(rect);
        for (y, line) in (0..).zip(lines.iter().take(usize::from(rect.height))) {
            part.put_line(y, line);
        }
    }
}

/// What is shown, and what is not.
fn summary(view: &View, shown: usize) -> String {
    let snapshot = view.snapshot;
    let events = &snapshot.events;
    let forgotten = match view.app.picture().history.outliers().forgotten() {
        0 => String::new(),
        count => format!(", {} faster and older ones let go", figure::count(count)),
    };
    let dropped = match events.slow_dropped {
        0 => String::new(),
        count => format!(
            ", {} not captured: beyond --slow-rate or full buffers",
            figure::count(count)
        ),
    };
    let part = if view.app.screens.part().is_some() {
        " of this part"
    } else {
        ""
    };
    format!(
        "slow requests and submissions{part}: {shown}, {}{forgotten}; slower than {}: {} since the start{dropped}",
        view.place.order.name(),
        figure::slow_threshold(snapshot),
        figure::count(events.slow_seen),
    )
}

/// That there is none, and how to see some.
fn none(snapshot: &Snapshot) -> String {
    let threshold = figure::slow_threshold(snapshot);
    format!(
        "nothing was slower than {threshold} here. A lower threshold keeps more: give the command that \
         measures --slow TIME (e.g. --slow 100us), or --slow p99.9 for one that follows the latencies"
    )
}

/// Draws the rows; `beside` them something else is so wide.
fn draw_table(view: &View, shown: &[&Outlier], selected: usize, beside: u16, canvas: &mut Canvas) {
    let height = usize::from(canvas.height());
    // The last line says what is not shown: rows, columns.
    let room = height.saturating_sub(1 + usize::from(height > 2));
    view.place.extent.set(Extent {
        lines: room,
        beyond: shown.len().saturating_sub(room),
    });
    let first = rows::top(view.place.top.get(), selected, room, shown.len());
    canvas.is_scrolled_to(first);
    let rows = &shown[first..(first + room).min(shown.len())];
    let cells: Vec<Vec<String>> = COLUMNS
        .iter()
        .map(|column| {
            rows.iter()
                .map(|row| (column.text)(row, view.snapshot))
                .collect()
        })
        .collect();
    let mut x = MARKER;
    let fit = fitting(&cells, canvas.width());
    for &(column, width) in &fit {
        let (column, cells) = (&COLUMNS[column], &cells[column]);
        draw_title(column, (x, width), view.place.order, canvas);
        for (y, (text, row)) in (1..).zip(cells.iter().zip(rows)) {
            let style = if row.event.errno != 0 && column.title == "errno" {
                canvas.theme.alarm()
            } else {
                Style::new()
            };
            column.put(text, (x, y, width), style, canvas);
        }
        x += width + GAP;
    }
    if room > 0 {
        let y = u16::try_from(selected - first + 1).unwrap_or(u16::MAX);
        canvas.put(0, y, ">", strong());
        canvas.restyle(
            Rect::new(0, y, canvas.width(), 1),
            Style::new().add_modifier(Modifier::REVERSED),
        );
    }
    for (y, row) in (1..).zip(rows) {
        canvas.is_outlier(Rect::new(0, y, canvas.width(), 1), row.number);
    }
    if height > 2 {
        let below = shown.len() - first - rows.len();
        if first + below > 0 {
            page::more(first, below, canvas);
        }
        let all = fitting(&cells, u16::MAX);
        let wide = all.iter().map(|(_, width)| width + GAP).sum::<u16>();
        let note = match all.len() - fit.len() {
            0 => return,
            1 => "1 more column".to_owned(),
            count => format!("{count} more columns"),
        };
        let note = format!("{note} at {} wide", MARKER + wide - GAP + beside);
        canvas.put_right(
            canvas.width(),
            canvas.height().saturating_sub(1),
            &note,
            quiet(),
        );
    }
}

/// The title of `column` at `x`, so wide: where it can be sorted by the mouse can, and an arrow
/// marks the one that rows are sorted by.
fn draw_title(column: &Column, (x, width): (u16, u16), order: Order, canvas: &mut Canvas) {
    column.put(column.title, (x, 0, width), strong(), canvas);
    let Some(by) = column.sorts else { return };
    canvas.is_order(Rect::new(x, 0, width, 1), by);
    if let Some(arrow) = order.arrow(by) {
        let text = if column.is_right {
            format!("{arrow}{}", column.title)
        } else {
            format!("{}{arrow}", column.title)
        };
        column.put(&text, (x, 0, width), badge(strong()), canvas);
    }
}

/// The columns that `width` has room for, and how wide each is.
fn fitting(cells: &[Vec<String>], width: u16) -> Vec<(usize, u16)> {
    let wide = |column: usize| {
        let cells = cells[column].iter().map(|cell| width_of(cell));
        cells
            .max()
            .unwrap_or(0)
            .max(width_of(COLUMNS[column].title))
    };
    let mut by_priority: Vec<usize> = (0..COLUMNS.len()).collect();
    by_priority.sort_by_key(|column| COLUMNS[*column].priority);
    let mut left = width.saturating_sub(MARKER);
    let mut fit = Vec::new();
    for column in by_priority {
        let wide = wide(column);
        if wide <= left {
            left = left.saturating_sub(wide + GAP);
            fit.push((column, wide));
        }
    }
    fit.sort_unstable();
    fit
}
