use std::{cell::RefCell, rc::Rc};

use ratatui::{Terminal, TerminalOptions, Viewport, style::Style};

use super::*;

const SIZE: Size = Size::new(20, 4);

/// What was written.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Vec<u8>>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal that knows no more than it needs here.
struct Screen {
    cells: Buffer,
    at: Position,
    style: Style,
}

impl Screen {
    fn new() -> Self {
        Self {
            cells: blank(SIZE),
            at: Position::ORIGIN,
            style: Style::reset(),
        }
    }

    fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(order) = rest.strip_prefix("\x1b[") {
                let end = order.find(|one: char| one.is_ascii_alphabetic()).unwrap();
                self.obey(&order[..end], order.as_bytes()[end]);
                rest = &order[end + 1..];
            } else {
                let (end, _) =
                    self.cells
                        .set_stringn(self.at.x, self.at.y, first.to_string(), 2, self.style);
                self.at.x = end;
                rest = &rest[first.len_utf8()..];
            }
        }
    }

    fn obey(&mut self, arguments: &str, order: u8) {
        let numbers: Vec<u16> = arguments
            .split(';')
            .filter_map(|n| n.parse().ok())
            .collect();
        match (order, &*numbers) {
            (b'H', [row, column]) => self.at = Position::new(column - 1, row - 1),
            (b'C', [columns]) => self.at.x += columns,
            (b'm', [0]) => self.style = Style::reset(),
            (b'm', [38, 5, ink]) => self.style = self.style.fg(indexed(*ink)),
            (b'm', [48, 5, paper]) => self.style = self.style.bg(indexed(*paper)),
            (b'm', [39]) => self.style = self.style.fg(Color::Reset),
            (b'm', [49]) => self.style = self.style.bg(Color::Reset),
            (b'm', [number]) => {
                let one = ATTRIBUTES[usize::from(*number) - 1].0;
                self.style = self.style.add_modifier(one);
            }
            (b'l', _) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn indexed(number: u16) -> Color {
    Color::Indexed(u8::try_from(number).unwrap())
}

/// What is seen of a cell.
fn seen(cell: &Cell) -> (String, Option<Color>, Color, Modifier) {
    let is_blank = cell.symbol() == " " && !cell.modifier.intersects(SEEN_ON_BLANK);
    let (ink, modifier) = if is_blank {
        (None, Modifier::empty())
    } else {
        (Some(cell.fg), cell.modifier)
    };
    (cell.symbol().to_owned(), ink, cell.bg, modifier)
}

fn terminal() -> (Terminal<Frugal<Wire>>, Wire) {
    let wire = Wire::default();
    let viewport = Viewport::Fixed(Rect::from((Position::ORIGIN, SIZE)));
    let frugal = Frugal::new(wire.clone(), SIZE);
    let terminal = Terminal::with_options(frugal, TerminalOptions { viewport }).unwrap();
    (terminal, wire)
}

/// The bytes that `next` takes after `before`.
fn bytes(before: &str, next: &str) -> String {
    let (mut terminal, wire) = terminal();
    let mut show = |text: &str| {
        wire.0.borrow_mut().clear();
        terminal
            .draw(|frame| {
                let buffer = frame.buffer_mut();
                buffer.set_string(0, 0, text, Style::new());
            })
            .unwrap();
    };
    show(before);
    show(next);
    let written = String::from_utf8(wire.0.take()).unwrap();
    // Each frame hides the cursor.
    written.replace("\x1b[?25l", "")
}

#[test]
fn what_is_seen_is_what_was_drawn_whatever_was_there_before() {
    let (mut terminal, wire) = terminal();
    let mut screen = Screen::new();
    let mut seed = 1_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % below
    };
    let symbols = ["a", "77", "  ", " ▄", "▄", "µ", "称", "é "];
    let colours = [Color::Reset, Color::Indexed(2), Color::Indexed(200)];
    let modifiers = [
        Modifier::empty(),
        Modifier::empty(),
        Modifier::BOLD,
        Modifier::DIM,
        Modifier::REVERSED,
        Modifier::BOLD.union(Modifier::UNDERLINED),
    ];
    let mut drawn = blank(SIZE);
    for _ in 0..2000 {
        for _ in 0..random(12) {
            // Two columns each: a wide one is never covered in part.
            let [x, y] = [random(10) * 2, random(4)].map(|at| u16::try_from(at).unwrap());
            let pick = |random: u64| usize::try_from(random).unwrap();
            let style = Style::reset()
                .fg(colours[pick(random(3))])
                .bg(colours[pick(random(3))])
                .add_modifier(modifiers[pick(random(6))]);
            drawn.set_string(x, y, "  ", style);
            drawn.set_string(x, y, symbols[pick(random(8))], style);
        }
        terminal
            .draw(|frame| frame.buffer_mut().clone_from(&drawn))
            .unwrap();
        screen.read(&String::from_utf8(wire.0.take()).unwrap());
        for position in drawn.area.positions() {
            let (expected, shown) = (&drawn[position], &screen.cells[position]);
            let covered = position.x > 0 && drawn[(position.x - 1, position.y)].symbol() == "称";
            if !covered {
                assert_eq!(seen(shown), seen(expected), "{position:?}");
            }
        }
    }
}

#[test]
fn what_stands_between_two_changes_is_written_again_where_that_is_shorter() {
    assert_eq!(
        bytes("1.23µs 4.56µs", "1.24µs 4.57µs"),
        "\x1b[1;4H4\x1b[6C7"
    );
    assert_eq!(bytes("1.23 4.56", "1.24 4.57"), "\x1b[1;4H4 4.57");
}

#[test]
fn a_frame_without_a_change_writes_nothing() {
    assert_eq!(bytes("1.23µs", "1.23µs"), "");
}

#[test]
fn only_the_colour_that_changed_is_told() {
    let (mut terminal, wire) = terminal();
    let draw = |frame: &mut ratatui::Frame| {
        let buffer = frame.buffer_mut();
        let style = Style::new().bg(Color::Indexed(9));
        buffer.set_string(0, 0, "▀", style.fg(Color::Indexed(7)));
        buffer.set_string(1, 0, "▀", style.fg(Color::Indexed(8)));
        buffer.set_string(2, 0, " ", style);
    };
    terminal.draw(draw).unwrap();
    let written = String::from_utf8(wire.0.take()).unwrap();
    let text = "\x1b[1;1H\x1b[38;5;7m\x1b[48;5;9m▀\x1b[38;5;8m▀ \x1b[0m";
    assert!(written.starts_with(text), "{written:?}");
}
