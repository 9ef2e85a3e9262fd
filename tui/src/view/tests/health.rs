use super::*;
use crate::fixture::kernel;

fn on_health(snapshot: Snapshot) -> App {
    let mut app = App::new(Theme::Sixteen);
    app.update(snapshot);
    press(&mut app, KeyCode::Char('4'));
    app
}

/// Everything that can be there, and something wrong.
pub(super) fn everything() -> Snapshot {
    let mut everything = kernel::emulated_smmu();
    let counted = fixture::costs::counted();
    everything.perf = counted.perf;
    everything.looking = counted.looking;
    (everything.events.seen, everything.events.recorded) = (1080, 1080);
    everything.hw_queues = kernel::host().hw_queues;
    everything.blind = Some("the probes see nothing: a switch is off".to_owned());
    everything
}

#[test]
fn health_in_all_sizes() {
    assert_in_all_sizes("health", &on_health(fixture::costs::counted()));
    assert_in_all_sizes("health_of_the_kernel", &on_health(everything()));
}

#[test]
fn the_first_interval_has_a_health_too() {
    insta::assert_snapshot!(
        "health_first_120x30",
        screen(&on_health(fixture::first()), (120, 30))
    );
}

#[test]
fn health_is_scrolled_to_its_end_and_not_beyond() {
    let mut app = on_health(everything());
    let top = screen(&app, (80, 24));
    press(&mut app, KeyCode::End);
    let end = screen(&app, (80, 24));
    assert!(
        end.contains("memory: about") && end.contains("↓ 0"),
        "{end}"
    );
    for _ in 0..5 {
        press(&mut app, KeyCode::Down);
    }
    assert_eq!(screen(&app, (80, 24)), end);
    press(&mut app, KeyCode::Up);
    assert!(screen(&app, (80, 24)).contains("↓ 1"));
    press(&mut app, KeyCode::PageUp);
    assert_ne!(screen(&app, (80, 24)), end);
    press(&mut app, KeyCode::Home);
    assert_eq!(screen(&app, (80, 24)), top);
}

#[test]
fn what_is_wrong_is_red_and_has_a_sign() {
    let app = on_health(everything());
    let terminal = terminal(&app, (120, 30));
    let buffer = terminal.backend().buffer();
    let line = (0..30).find(|y| buffer[(2, *y)].symbol() == "!").unwrap();
    assert_eq!(buffer[(2, line)].fg, Color::Red);
    assert_eq!(buffer[(4, line)].fg, Color::Red);
}

#[test]
fn no_size_is_too_small_for_health() {
    let mut app = on_health(everything());
    for (width, height) in small_sizes() {
        screen(&app, (width, height));
        press(&mut app, KeyCode::Down);
    }
    screen(&on_health(fixture::extremes()), (300, 100));
}
