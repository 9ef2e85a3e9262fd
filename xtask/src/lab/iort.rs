//! ACPI's I/O remapping table, changed so that Linux offers SMMUv3 nesting.
//!
//! arm-smmu-v3 makes a vIOMMU only for devices whose root complex promises CANWBS (or where the SMMU has S2FWB);
//! QEMU's firmware promises nothing. The kernel takes a table of a higher OEM revision from the initramfs in place
//! of the firmware's. Layout: ACPI 6.5 section 5.2.6, and Arm DEN0049 (IORT) sections 3 and 3.1.1.4.

use anyhow::{Context as _, Result, bail};

/// Where the kernel looks for tables in an uncompressed archive in front of the initramfs.
pub(super) const PATH: &str = "kernel/firmware/acpi/iort.aml";

const SIGNATURE: &[u8] = b"IORT";
/// ACPI's header: signature, length, revision, checksum, OEM's names and revision, creator.
const LENGTH: usize = 4;
const CHECKSUM: usize = 9;
const OEM_REVISION: usize = 24;
/// Then the number of nodes and where the first one is.
const NODES: usize = 36;
const FIRST_NODE: usize = 40;
const HEADER: usize = 48;

/// A node: type, length (2 bytes), revision, identifier, mappings; then what its type has.
const NODE_HEADER: usize = 16;
const ROOT_COMPLEX: u8 = 2;
/// The last byte of a root complex's memory access properties.
const MEMORY_FLAGS: usize = NODE_HEADER + 7;
/// Coherent attributes no matter what stage 1 says (`ACPI_IORT_MF_CANWBS`).
const CANWBS: u8 = 1 << 2;

/// The same table with CANWBS in every root complex and an OEM revision that wins over the firmware's.
///
/// # Errors
/// Where the bytes are no such table, or it has no root complex.
pub(super) fn with_canwbs(table: &[u8]) -> Result<Vec<u8>> {
    let mut table = table.to_vec();
    if table.len() < HEADER || !table.starts_with(SIGNATURE) {
        bail!("this is no IORT");
    }
    if u32_at(&table, LENGTH)? as usize != table.len() || sum(&table) != 0 {
        bail!("this IORT's length or checksum does not fit");
    }
    let mut at = u32_at(&table, FIRST_NODE)? as usize;
    let mut complexes = 0;
    for _ in 0..u32_at(&table, NODES)? {
        let header = table
            .get(at..)
            .and_then(|rest| rest.get(..NODE_HEADER))
            .context("a node of this IORT is beyond its end")?;
        let length = usize::from(u16::from_le_bytes([header[1], header[2]]));
        if length < NODE_HEADER || at + length > table.len() {
            bail!("the node at byte {at} of this IORT has an impossible length");
        }
        if header[0] == ROOT_COMPLEX {
            if length <= MEMORY_FLAGS {
                bail!("the root complex at byte {at} of this IORT is too short");
            }
            table[at + MEMORY_FLAGS] |= CANWBS;
            complexes += 1;
        }
        at += length;
    }
    if complexes == 0 {
        bail!("this IORT has no root complex");
    }
    let revision = u32_at(&table, OEM_REVISION)?.wrapping_add(1);
    table[OEM_REVISION..OEM_REVISION + 4].copy_from_slice(&revision.to_le_bytes());
    table[CHECKSUM] = table[CHECKSUM].wrapping_sub(sum(&table));
    Ok(table)
}

fn u32_at(table: &[u8], at: usize) -> Result<u32> {
    let bytes = table
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .context("this IORT ends too early")?;
    Ok(u32::from_le_bytes(*bytes))
}

fn sum(table: &[u8]) -> u8 {
    table.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

#[cfg(test)]
mod tests;
