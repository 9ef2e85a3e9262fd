//! An instruction like a static probe's, without its note: nobody else finds it.

use std::fs;

// SAFETY: the assembly only returns.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub(super) extern "C" fn hit() {
    // As in the driver's probes: it must not cross a page.
    core::arch::naked_asm!(".balign 8", ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00", "ret")
}

// SAFETY: as above.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub(super) extern "C" fn hit() {
    core::arch::naked_asm!("nop", "ret")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) extern "C" fn hit() {}

/// Where it is in the file that this process executes.
pub(super) fn file_offset() -> Option<u64> {
    if cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64"))) {
        return None;
    }
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let function: extern "C" fn() = hit;
    file_offset_of(&maps, function as usize as u64)
}

/// Where the byte at `address` is in the file that is mapped there.
fn file_offset_of(maps: &str, address: u64) -> Option<u64> {
    maps.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (low, high) = fields.next()?.split_once('-')?;
        let low = u64::from_str_radix(low, 16).ok()?;
        let high = u64::from_str_radix(high, 16).ok()?;
        let offset = u64::from_str_radix(fields.nth(1)?, 16).ok()?;
        (low..high)
            .contains(&address)
            .then(|| offset + (address - low))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_the_file_that_is_mapped_there() {
        let maps = "1000-2000 r--p 00000000 00:1b 1 /bin/hwptop\n\
                    2000-4000 r-xp 00000800 00:1b 1 /bin/hwptop\n";
        assert_eq!(file_offset_of(maps, 0x2010), Some(0x810));
        assert_eq!(file_offset_of(maps, 0x4000), None);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_instruction_is_in_this_programs_file() {
        let at = file_offset().expect("it is mapped");
        let program = fs::read("/proc/self/exe").expect("this program can be read");
        let code = &program[usize::try_from(at).expect("it fits")..];
        assert_eq!(code[..6], [0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3]);
        hit();
    }
}
