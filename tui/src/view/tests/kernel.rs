use super::*;
use crate::fixture::kernel;

fn assert_in_small_sizes(name: &str, app: &App) {
    for size in [(60, 15), (80, 24)] {
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), screen(app, size));
    }
}

#[test]
fn a_host_shows_stages_split_and_objects() {
    assert_in_small_sizes("kernel_host", &after_a_minute(kernel::host()));
}

#[test]
fn a_large_screen_has_a_chart_too() {
    let app = after_a_minute(kernel::host());
    insta::assert_snapshot!("kernel_host_120x40", screen(&app, (120, 40)));
}

#[test]
fn an_emulated_unit_says_so_and_shows_the_entry_that_failed() {
    let app = after_a_minute(kernel::emulated_smmu());
    assert_in_small_sizes("kernel_emulated", &app);
}

#[test]
fn the_mock_has_a_badge_of_its_own() {
    let mut app = after_a_minute(kernel::mock());
    press(&mut app, KeyCode::Down);
    assert_in_small_sizes("kernel_mock", &app);
}

#[test]
fn a_failure_stays_on_the_screen_after_its_interval() {
    let mut app = App::new(Theme::Sixteen);
    app.update(kernel::emulated_smmu());
    let mut later = kernel::emulated_smmu();
    later.failures.clear();
    app.update(later);
    let screen = screen(&app, (60, 15));
    assert!(screen.contains("entry 3 of 64, EIO, handled 3"), "{screen}");
}

#[test]
fn a_kernel_at_which_nothing_has_happened() {
    let mut app = App::new(Theme::Sixteen);
    app.update(kernel::quiet_kernel());
    assert_in_small_sizes("kernel_quiet", &app);
}

#[test]
fn a_thousand_objects() {
    assert_in_small_sizes(
        "kernel_objects",
        &after_a_minute(kernel::thousand_objects()),
    );
}

#[test]
fn a_failure_before_any_iommu_is_shown_without_an_instance() {
    let mut snapshot = kernel::host();
    snapshot.instances.clear();
    snapshot.objects.retain(|one| one.instance.is_none());
    let mut app = App::new(Theme::Sixteen);
    app.update(snapshot);
    let screen = screen(&app, (80, 24));
    assert!(screen.contains("- probe(4713): 7"), "{screen}");
}

#[test]
fn no_size_is_too_small_for_the_kernel() {
    for snapshot in [
        kernel::host(),
        kernel::emulated_smmu(),
        kernel::thousand_objects(),
    ] {
        let mut app = App::new(Theme::Sixteen);
        app.update(snapshot);
        for (width, height) in (0..70).flat_map(|w| (0..24).map(move |h| (w, h))) {
            screen(&app, (width, height));
        }
    }
}

#[test]
fn an_svg_has_the_same_labels() {
    let svg = after_a_minute(kernel::mock()).to_svg(120, 32);
    assert!(svg.contains("~emulated") && svg.contains("#mock"), "{svg}");
}
