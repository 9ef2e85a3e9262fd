use super::*;

#[test]
fn the_maps_stay_within_their_memory_on_any_machine() {
    assert_eq!(instances_kept(2), MAX_INSTANCES);
    for cpus in [0, 1, 64, 128, 512, 8192] {
        let kept = instances_kept(cpus);
        let bytes = size_of::<StageCell>() * (kept * PROBE_STAGES) as usize * cpus;
        assert!(
            kept >= 1 && (bytes <= CELLS_BYTES_MAX || kept == 1),
            "{cpus} CPUs"
        );
    }
}
