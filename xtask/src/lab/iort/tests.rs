use super::*;

/// A table with one node of each `(type, length)`, and every byte after a node's header 0x03.
fn table(nodes: &[(u8, u16)]) -> Vec<u8> {
    let mut table = b"IORT\0\0\0\0\x03\0BOCHS BXPC    ".to_vec();
    table.extend(7_u32.to_le_bytes());
    table.extend(b"BXPC\x01\0\0\0");
    table.extend(u32::try_from(nodes.len()).unwrap().to_le_bytes());
    table.extend(48_u32.to_le_bytes());
    table.extend([0; 4]);
    for &(kind, length) in nodes {
        table.push(kind);
        table.extend(length.to_le_bytes());
        table.extend([0; 13]);
        table.resize(table.len() + usize::from(length) - 16, 0x03);
    }
    seal(table)
}

fn seal(mut table: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(table.len()).unwrap();
    table[4..8].copy_from_slice(&length.to_le_bytes());
    table[9] = 0;
    table[9] = 0_u8.wrapping_sub(table.iter().fold(0, |sum, &byte| sum.wrapping_add(byte)));
    table
}

fn changed(before: &[u8], after: &[u8]) -> Vec<usize> {
    assert_eq!(before.len(), after.len());
    (0..before.len())
        .filter(|&at| before[at] != after[at])
        .collect()
}

#[test]
fn a_root_complex_gets_the_flag_the_revision_and_a_checksum_that_fits() {
    let before = table(&[(0, 24), (4, 72), (2, 36)]);
    let after = with_canwbs(&before).unwrap();
    let flags = 48 + 24 + 72 + 23;
    assert_eq!(changed(&before, &after), [9, 24, flags]);
    assert_eq!((before[flags], after[flags]), (0x03, 0x07));
    assert_eq!((before[24], after[24]), (7, 8));
    let sum = after.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    assert_eq!(sum, 0);
}

#[test]
fn every_root_complex_is_changed_and_nothing_else() {
    let before = table(&[(2, 36), (1, 40), (2, 56)]);
    let after = with_canwbs(&before).unwrap();
    let flags = [48 + 23, 48 + 36 + 40 + 23];
    assert_eq!(changed(&before, &after), [9, 24, flags[0], flags[1]]);
}

#[test]
fn what_is_no_sound_table_is_refused() {
    let good = table(&[(2, 36)]);
    let mut wrong_sum = good.clone();
    wrong_sum[30] ^= 1;
    let mut too_many = good.clone();
    too_many[36] = 9;
    let mut no_length = good.clone();
    no_length[49..51].copy_from_slice(&[0, 0]);
    let mut too_long = good.clone();
    too_long[49..51].copy_from_slice(&[0xff, 0xff]);
    let mut far = good.clone();
    far[40..44].copy_from_slice(&[0xff; 4]);
    let bad = [
        Vec::new(),
        b"DSDT".to_vec(),
        good[..good.len() - 1].to_vec(),
        wrong_sum,
        seal(too_many),
        seal(no_length),
        seal(too_long),
        seal(far),
        table(&[(2, 23)]),
        table(&[(4, 72)]),
        table(&[]),
    ];
    for (index, table) in bad.iter().enumerate() {
        assert!(with_canwbs(table).is_err(), "table {index}");
    }
}

#[test]
fn every_cut_of_a_table_is_refused_without_a_panic() {
    let good = table(&[(0, 24), (2, 36)]);
    for length in 0..good.len() {
        assert!(with_canwbs(&good[..length]).is_err());
        assert!(length < 48 || with_canwbs(&seal(good[..length].to_vec())).is_err());
    }
}
