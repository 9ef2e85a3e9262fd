use super::*;
use crate::statistics::reference::{REFERENCE, near};

const NOWHERE: [usize; 0] = [];

fn indexes(history: &[f64], rule: &Rule) -> Vec<usize> {
    let points = change_points(history, rule).expect("there is a history");
    points.iter().map(|point| point.index).collect()
}

#[test]
fn changes_are_where_otava_finds_them() {
    assert!(!REFERENCE.change_points.is_empty());
    for case in &REFERENCE.change_points {
        println!("{}", case.name);
        let rule = Rule {
            window: case.window,
            p_max: case.p_max,
            magnitude_min: case.magnitude_min,
        };
        let points = change_points(&case.values, &rule).expect("there is a history");
        let found: Vec<usize> = points.iter().map(|point| point.index).collect();
        assert_eq!(found, case.indexes);
        for (point, p) in points.iter().zip(&case.p) {
            near(point.p, *p, 1e-6);
        }
    }
}

/// N. James and D. Matteson, "ecp: An R Package for Nonparametric Multiple Change Point Analysis",
/// Journal of Statistical Software 62(7), 2014, section 4.1: the points, in the order in which they
/// are published as found, and the last that was considered.
#[test]
fn the_published_example_of_e_divisive_divides_where_it_is_published_to() {
    let ecp = &REFERENCE.ecp;
    let mut parts = vec![(0, ecp.values.len())];
    let mut found = Vec::new();
    for _ in &ecp.found {
        let candidates = parts.iter().filter_map(|(begin, end)| {
            let inside = divide::candidate(&ecp.values[*begin..*end], ecp.least)?;
            Some((begin + inside.index, inside))
        });
        let (index, _) = candidates
            .max_by(|(_, one), (_, other)| one.q.total_cmp(&other.q))
            .expect("it divides");
        found.push(index);
        let at = parts
            .iter()
            .position(|(begin, end)| (*begin..*end).contains(&index));
        let (begin, end) = parts.remove(at.expect("it is in a part"));
        parts.extend([(begin, index), (index, end)]);
    }
    assert_eq!(found, ecp.found);
}

#[test]
fn a_change_is_told_with_what_was_before_and_after() {
    let history = [
        10.0, 10.1, 9.9, 10.0, 10.1, 9.9, 10.0, 12.0, 12.1, 11.9, 12.0, 12.1, 11.9,
    ];
    let points = change_points(&history, &Rule::default()).expect("there is a history");
    assert_eq!(points.len(), 1);
    assert_eq!(points[0].index, 7);
    assert!(points[0].p < 1e-6);
    near(points[0].before, 10.0, 1e-12);
    near(points[0].after, 12.0, 1e-12);
    near(points[0].magnitude(), 0.2, 1e-9);
    let coarse = Rule {
        magnitude_min: 0.25,
        ..Rule::default()
    };
    assert_eq!(indexes(&history, &coarse), NOWHERE);
}

#[test]
fn a_single_odd_value_is_no_change() {
    let mut history: Vec<f64> = (0..80).map(|at| 100.0 + f64::from(at % 7)).collect();
    history[40] = 900.0;
    assert_eq!(indexes(&history, &Rule::default()), NOWHERE);
}

#[test]
fn a_step_between_values_that_do_not_vary_is_found_exactly() {
    for step in 4..40 {
        let history = [vec![0.1; step], vec![0.3; step]].concat();
        assert_eq!(indexes(&history, &Rule::default()), [step]);
    }
}

#[test]
fn nothing_changes_in_what_is_short_or_equal() {
    for history in [&[][..], &[1.0], &[1.0, 2.0], &[0.1; 300]] {
        assert_eq!(indexes(history, &Rule::default()), NOWHERE);
    }
    assert_eq!(
        indexes(
            &[f64::MAX, -f64::MAX, f64::MAX, -f64::MAX],
            &Rule::default()
        ),
        NOWHERE
    );
}

#[test]
fn a_rule_out_of_range_is_brought_into_it() {
    let history = [vec![1.0; 20], vec![2.0; 20]].concat();
    for window in [0, 1, usize::MAX] {
        for p_max in [0.001, 0.2, 1.0] {
            let rule = Rule {
                window,
                p_max,
                magnitude_min: 0.0,
            };
            assert_eq!(indexes(&history, &rule), [20]);
        }
    }
    for [p_max, magnitude_min] in [[f64::NAN, 0.0], [0.001, f64::NAN], [-1.0, 0.0]] {
        let rule = Rule {
            window: 50,
            p_max,
            magnitude_min,
        };
        assert_eq!(indexes(&history, &rule), NOWHERE);
    }
}

#[test]
fn a_history_that_cannot_be_looked_at_is_refused() {
    let told = change_points(&[1.0, f64::NAN, 2.0], &Rule::default());
    assert_eq!(told, Err(NoHistory::NotFinite { index: 1 }));
    let long = vec![1.0; HISTORY_MAX + 1];
    let told = change_points(&long, &Rule::default());
    assert_eq!(told, Err(NoHistory::Long { there: 1001 }));
    assert_eq!(indexes(&long[1..], &Rule::default()), NOWHERE);
}
