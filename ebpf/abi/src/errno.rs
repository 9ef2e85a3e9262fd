/// Counters by errno: Linux numbers them up to 133 (`EHWPOISON`), and 0 stands for any code
/// beyond.
pub const ERROR_CODES: usize = 134;

/// Where `errno` is counted; below [`ERROR_CODES`]. As wide as a register of BPF: the verifier does
/// not carry what is known of one over to a copy of another width.
#[must_use]
#[inline]
pub const fn error_index(errno: u64) -> usize {
    if errno < ERROR_CODES as u64 {
        errno as usize
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_errno_of_linux_has_a_counter_of_its_own() {
        assert_eq!([1, 5, 110, 133].map(error_index), [1, 5, 110, 133]);
        // ERESTARTSYS, and what no code is.
        assert_eq!([134, 512, u64::MAX].map(error_index), [0; 3]);
    }
}
