//! What the mouse does: the wheel moves the selection, a click selects a row or sorts by a
//! column, a click on the selected row opens it (and so does a double click on any).

use ratatui::{
    crossterm::event::{MouseButton, MouseEvent, MouseEventKind},
    layout::Position,
};

use crate::{App, Flow, drawn::Target, keys::Action, pages, rows};

/// Rows that a notch of the wheel moves by.
const WHEEL: usize = 3;

impl App {
    /// Does what `event` asks for, on what was drawn last.
    pub fn on_mouse(&mut self, event: MouseEvent) -> Flow {
        // What is typed goes on to be typed.
        if self.prompt.is_some() {
            return Flow::Continue;
        }
        match event.kind {
            MouseEventKind::ScrollUp => self.act_often(Action::Up),
            MouseEventKind::ScrollDown => self.act_often(Action::Down),
            MouseEventKind::Down(MouseButton::Left) => {
                self.click(Position::new(event.column, event.row))
            }
            _ => Flow::Continue,
        }
    }

    fn act_often(&mut self, action: Action) -> Flow {
        for _ in 0..WHEEL {
            self.act(action);
        }
        Flow::Continue
    }

    fn click(&mut self, position: Position) -> Flow {
        let target = self.drawn.borrow().at(position);
        match target {
            Some(Target::Row(scope)) if rows::selected(self).as_ref() == Some(&scope) => {
                return self.act(Action::Open);
            }
            Some(Target::Row(scope)) => rows::select_scope(self, &scope),
            Some(Target::Outlier(number)) if pages::selected(self) == Some(number) => {
                return self.act(Action::Open);
            }
            Some(Target::Outlier(number)) => self.screens.here_mut().outlier = Some(number),
            Some(Target::Title(by)) => {
                let place = self.screens.here_mut();
                place.sort = place.sort.by(by);
            }
            Some(Target::Order(by)) => self.screens.here_mut().order.by(by),
            None => {}
        }
        Flow::Continue
    }
}
