use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hwptop_agent::snapshot::Snapshot;
use ratatui::style::Style;

use super::{Canvas, wrapped_to};
use crate::theme::{badge, quiet, strong};
use crate::{
    App, Recorded,
    app::Picture,
    column::width_of,
    figure::{mark, modelled, shortened, span, word},
    held::Held,
};

/// From this height on, the timing profile has a line of its own.
const PROFILE_FROM: u16 = 18;
/// From this height on, it has two: it is long, and on a lower screen a line
/// more is a chart less.
const LONG_PROFILE_FROM: u16 = 30;
const GAP: u16 = 2;

/// The most lines that a note takes.
const NOTE_LINES: usize = 2;

/// Draws the header and returns how many lines it takes.
pub(super) fn draw(app: &App, canvas: &mut Canvas) -> u16 {
    let mut y = draw_what(app, canvas);
    let note = app.note.as_deref().unwrap_or_default();
    for line in wrapped_to(note, canvas.width(), NOTE_LINES) {
        canvas.put(0, y, &line, canvas.theme.alarm());
        y += 1;
    }
    y
}

/// Which of the intervals is held, as much of it as there is room for.
fn paused(held: &Held, live: &Picture, room: u16) -> String {
    let Some((number, count)) = held.position() else {
        return " PAUSED ".to_owned();
    };
    let mut forms = vec![
        format!(" PAUSED {number} of {count} "),
        format!(" PAUSED {number}/{count} "),
        " PAUSED ".to_owned(),
    ];
    if let Some(taken_at) = held.taken_at() {
        let ago = live.snapshot.as_ref().map_or(Duration::ZERO, |live| {
            live.taken_at.duration_since(taken_at).unwrap_or_default()
        });
        let when = format!("{number} of {count}, {} UTC", time_of_day(taken_at));
        forms.insert(0, format!(" PAUSED {when} "));
        if ago >= Duration::from_secs(1) {
            let ago = whole_seconds(ago);
            forms.insert(0, format!(" PAUSED {when}, {ago} ago "));
        }
    }
    widest(forms, room)
}

/// Where it is recorded to, and how long it is, as much of it as there is room for.
fn recording(recorded: &Recorded, room: u16) -> String {
    let length = whole_seconds(recorded.length);
    let forms = vec![
        format!(" REC {} {length} ", recorded.file),
        format!(" REC {length} "),
        " REC ".to_owned(),
    ];
    widest(forms, room)
}

/// The first that fits, or the last.
fn widest(mut forms: Vec<String>, room: u16) -> String {
    let fits = forms.iter().position(|form| width_of(form) <= room);
    let last = forms.len().saturating_sub(1);
    forms.swap_remove(fits.unwrap_or(last))
}

fn whole_seconds(length: Duration) -> String {
    match length.as_secs() {
        0 => "0 s".to_owned(),
        seconds => span(Duration::from_secs(seconds)),
    }
}

/// The hour, minute and second of the day, in UTC: nothing here knows another zone.
fn time_of_day(moment: SystemTime) -> String {
    let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = seconds.as_secs() % (24 * 60 * 60);
    let (hour, minute) = (seconds / 3600, seconds / 60 % 60);
    format!("{hour:02}:{minute:02}:{:02}", seconds % 60)
}

/// Which measurement it is, and how far it has come.
fn draw_what(app: &App, canvas: &mut Canvas) -> u16 {
    let theme = app.theme;
    let mut left = canvas.put(0, 0, "hwptop", strong()) + GAP;
    let snapshot = app.picture().snapshot.as_ref();
    let mut badges: Vec<(String, Style)> = Vec::new();
    // These two leave half of the line to the rest.
    let mut room = canvas.width() / 2;
    if let Some(held) = app.held() {
        let text = paused(held, app.live(), room);
        room = room.saturating_sub(width_of(&text) + 1);
        badges.push((text, badge(strong())));
    }
    if let Some(recorded) = &app.recorded {
        let text = recording(recorded, room);
        badges.push((text, badge(theme.alarm())));
    }
    if app.ended {
        badges.push((" ENDED ".to_owned(), badge(strong())));
    }
    if app.note.is_some() {
        badges.push((" WAITING ".to_owned(), badge(strong())));
    }
    for kind in snapshot.map(Snapshot::kinds).unwrap_or_default() {
        let word = word(kind);
        if !word.is_empty() {
            badges.push((format!(" {}{word} ", mark(kind)), badge(theme.unreal())));
        }
    }
    let mut right = canvas.width();
    for (text, style) in badges {
        canvas.put_right(right, 0, &text, style);
        right = right.saturating_sub(width_of(&text) + 1);
    }
    let Some(snapshot) = snapshot else { return 1 };

    // What says which measurement this is comes before how far it has come.
    let target = shortened(&snapshot.target, usize::from(right.saturating_sub(left)));
    left = canvas.put(left, 0, &target, Style::new()) + GAP;
    let policy = snapshot
        .policy
        .as_ref()
        .map(|policy| format!("policy {policy}"));
    for segment in policy.into_iter().chain([
        format!("{} in", span(snapshot.since_start)),
        format!("every {}", span(snapshot.interval)),
    ]) {
        if left + width_of(&segment) <= right {
            left = canvas.put(left, 0, &segment, quiet()) + GAP;
        }
    }
    match &snapshot.timing_profile {
        Some(profile) if canvas.height() >= PROFILE_FROM => {
            let limit = 1 + usize::from(canvas.height() >= LONG_PROFILE_FROM);
            let text = format!("*{}", modelled(Some(profile)));
            let lines = wrapped_to(&text, canvas.width(), limit);
            let mut y = 1;
            for line in &lines {
                canvas.put(0, y, line, theme.unreal());
                y += 1;
            }
            y
        }
        _ => 1,
    }
}
