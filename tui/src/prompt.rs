//! The line in which a filter is typed. While it is open, keys go to it and to nothing else.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tui_input::{Input, InputRequest};

use crate::{App, Flow, keys::Action, screen::Screen};

/// Longer than any name that there is.
const LONGEST: usize = 128;

/// What is being typed.
#[derive(Clone, Debug)]
pub(crate) struct Prompt {
    pub(crate) input: Input,
}

/// Opens it on a screen that has rows, with the filter that there is.
pub(crate) fn open(app: &mut App) {
    let here = app.screens.here();
    if matches!(here.screen, Screen::Instances | Screen::Part(_)) {
        let input = Input::new(here.filter.clone());
        app.prompt = Some(Prompt { input });
    } else {
        app.say(Err("nothing to filter on this screen".to_owned()));
    }
}

/// Does what `key` asks for in the open prompt: rows are narrowed as one types, Enter keeps the
/// filter, Esc drops it.
pub(crate) fn on_key(app: &mut App, key: KeyEvent) -> Flow {
    if key.kind == KeyEventKind::Release {
        return Flow::Continue;
    }
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        // Whatever else quits may be a letter of the filter.
        KeyCode::Char('c') if is_control => return Flow::Quit,
        _ if is_control && app.keys.action_of(key) == Some(Action::Suspend) => {
            return Flow::Suspend;
        }
        KeyCode::Enter => app.prompt = None,
        KeyCode::Esc => {
            app.prompt = None;
            app.screens.here_mut().filter.clear();
        }
        _ => {
            if let (Some(prompt), Some(request)) = (&mut app.prompt, request(key)) {
                prompt.edit(request);
                prompt
                    .input
                    .value()
                    .clone_into(&mut app.screens.here_mut().filter);
            }
        }
    }
    Flow::Continue
}

/// Takes what was pasted: into the open prompt, without what ends a line; nowhere else, where each
/// of its letters would be a key.
pub(crate) fn on_paste(app: &mut App, text: &str) {
    let Some(prompt) = &mut app.prompt else {
        return;
    };
    for character in text.chars().filter(|one| !one.is_control()).take(LONGEST) {
        prompt.edit(InputRequest::InsertChar(character));
    }
    prompt
        .input
        .value()
        .clone_into(&mut app.screens.here_mut().filter);
}

impl Prompt {
    fn edit(&mut self, request: InputRequest) {
        let longer = matches!(request, InputRequest::InsertChar(_));
        if !longer || self.input.value().chars().count() < LONGEST {
            self.input.handle(request);
        }
    }
}

/// As a shell edits its line.
fn request(key: KeyEvent) -> Option<InputRequest> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(match key.code {
        KeyCode::Backspace if alt => InputRequest::DeletePrevWord,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left if control => InputRequest::GoToPrevWord,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right if control => InputRequest::GoToNextWord,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        KeyCode::Char('a') if control => InputRequest::GoToStart,
        KeyCode::Char('e') if control => InputRequest::GoToEnd,
        KeyCode::Char('h') if control => InputRequest::DeletePrevChar,
        KeyCode::Char('k') if control => InputRequest::DeleteTillEnd,
        KeyCode::Char('u') if control => InputRequest::DeleteFromStart,
        KeyCode::Char('w') if control => InputRequest::DeletePrevWord,
        KeyCode::Char(character) if control == alt && !character.is_control() => {
            // With both it is what some keyboards need for a character.
            InputRequest::InsertChar(character)
        }
        _ => return None,
    })
}
