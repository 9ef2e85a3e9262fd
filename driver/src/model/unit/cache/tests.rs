use super::*;

fn cache(lines: &[(u8, Shape, u64)]) -> Cache<u8, u64> {
    let mut cache = Cache::default();
    for &(tag, shape, addr) in lines {
        cache.insert(tag, shape, addr, addr);
    }
    cache
}

const SMALL: Shape = Shape::square(12);
const LARGE: Shape = Shape::square(21);
const PIECE: Shape = Shape {
    extent_log2: 21,
    size_log2: 12,
};

#[test]
fn the_smallest_line_answers() {
    let cache = cache(&[(1, LARGE, 0x20_0000), (1, SMALL, 0x20_1000)]);
    assert_eq!(cache.get(1, 0x20_1fff), Some(0x20_1000));
    assert_eq!(cache.get(1, 0x20_2000), Some(0x20_0000));
    assert_eq!(cache.get(1, 0x40_0000), None);
    assert_eq!(cache.get(2, 0x20_1000), None);
}

#[test]
fn lines_go_whose_page_meets_the_span() {
    let lines = [
        (1, SMALL, 0x20_1000),
        (1, PIECE, 0x20_5000),
        (1, LARGE, 0x20_0000),
        (1, LARGE, 0x40_0000),
        (2, SMALL, 0x20_1000),
        (3, SMALL, 0x20_2000),
    ];
    let left = |span, tags| {
        let mut cache = cache(&lines);
        cache.remove(tags, span, |_| true);
        let left: Vec<_> = cache.iter().map(|(tag, first, ..)| (tag, first)).collect();
        assert_eq!(cache.len, left.len());
        left
    };
    assert_eq!(
        left(Span::block(0x20_2000, 12), 1..=3),
        [(1, 0x20_1000), (1, 0x40_0000), (2, 0x20_1000)]
    );
    assert_eq!(left(Span::ALL, 1..=2), [(3, 0x20_2000)]);
    assert_eq!(
        left(Span::run(0x3f_f000, 0x1001), 1..=3),
        [(1, 0x20_1000), (2, 0x20_1000), (3, 0x20_2000)]
    );
}

#[test]
fn spans_have_the_size_that_ats_encodes_in_the_address() {
    let span = |first, last| Span { first, last };
    assert_eq!(Span::encoded(0x20_0000), span(0x20_0000, 0x20_1fff));
    assert_eq!(Span::encoded(0x20_1000), span(0x20_0000, 0x20_3fff));
    assert_eq!(Span::encoded(0x2f_f000), span(0x20_0000, 0x3f_ffff));
    assert_eq!(Span::encoded(0x7fff_ffff_ffff_f000), Span::ALL);
    assert_eq!(Span::encoded(u64::MAX), Span::ALL);
    assert_eq!(Span::run(0x1000, u64::MAX), span(0x1000, u64::MAX));
}

#[test]
fn a_full_cache_forgets_everything() {
    let mut cache = Cache::default();
    for page in 0..LINES_MAX as u64 {
        cache.insert(0, SMALL, page << 12, page);
    }
    assert_eq!(cache.get(0, 0), Some(0));
    cache.insert(0, SMALL, u64::MAX, 7);
    assert_eq!(cache.get(0, 0), None);
    assert_eq!(cache.get(0, u64::MAX), Some(7));
    assert_eq!(cache.len, 1);
}
