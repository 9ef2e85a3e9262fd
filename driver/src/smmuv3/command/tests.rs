//! Against words put together by hand from the specification's bit tables.

use super::*;

#[test]
fn every_encoder_gives_the_words_of_the_specification() {
    let sid = DeviceId(0x1234);
    let id = Pasid(0xa_bcde);
    for (command, words) in [
        (cfgi_ste(sid, true), [0x0000_1234_0000_0003, 1]),
        (cfgi_all(), [4, 31]),
        (cfgi_cd(sid, id, true), [0x0000_1234_abcd_e005, 1]),
        (cfgi_cd_all(sid), [0x0000_1234_0000_0006, 0]),
        (tlbi_nh_all(), [0x10, 0]),
        (tlbi_nh_asid(Asid(0x8003)), [0x8003_0000_0000_0011, 0]),
        (
            tlbi_nh_va(Asid(3), 0xfffb_efff, true),
            [0x0003_0000_0000_0012, 0xfffb_e001],
        ),
        (tlbi_nh_vaa(0x7000, false), [0x13, 0x7000]),
        (tlbi_nh_all_of(0xabcd), [0xabcd_0000_0010, 0]),
        (tlbi_s12_vmall(0xabcd), [0xabcd_0000_0028, 0]),
        (tlbi_nsnh_all(), [0x30, 0]),
        (
            atc_inv(sid, Some(Pasid(5)), 0x1234_5678, 3),
            [0x0000_1234_0000_5840, 0x1234_5003],
        ),
        (atc_inv(sid, None, 0, 63), [0x0000_1234_0000_0040, 52]),
        (sync_none(), [0x46, 0]),
        (
            sync_msi(0x4000_0013, 0x5a5a_1234),
            [0x5a5a_1234_0fc0_1046, 0x4000_0010],
        ),
    ] {
        assert_eq!(command.words(), words);
        assert_eq!(is_sync(command), words[0] & 0xff == 0x46);
    }
}

#[test]
fn ranges_of_stage_2_cover_every_page_once() {
    for (pages, expected) in [
        (1, vec![[0x0009_0000_002a, 0x0040_0000]]),
        (2, vec![[0x0009_0010_002a, 0x0040_0400]]),
        (3, vec![[0x0009_0000_202a, 0x0040_0400]]),
        (31, vec![[0x0009_0001_e02a, 0x0040_0400]]),
        // 33 pages: one that must not look like a range of one, and 32.
        (
            33,
            vec![
                [0x0009_0000_002a, 0x0040_0000],
                [0x0009_0050_002a, 0x0040_1400],
            ],
        ),
        (1 << 36, vec![[0x0009_0240_002a, 0x0040_0400]]),
    ] {
        let (mut ipa, mut left, mut words) = (0x40_0000, pages, Vec::new());
        while left > 0 {
            let (command, covered) = tlbi_s2_ipa(9, ipa, left, false);
            words.push(command.words());
            ipa += covered << 12;
            left -= covered;
        }
        assert_eq!(words, expected, "{pages}");
    }
    let (leaf, _) = tlbi_s2_ipa(9, 0, 1, true);
    assert_eq!(leaf.words()[1], 1);
}
