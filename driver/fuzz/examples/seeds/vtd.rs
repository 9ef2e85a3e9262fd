use std::error::Error;
use std::fs;
use std::path::Path;

use hwptop_driver::{Capture, CapturedCommand};

use crate::program::{BATCH, BATCHES, QUEUE, STATUS};

/// The seeds of one capture.
pub(crate) fn write(folder: &Path, capture: &Capture) -> Result<(), Box<dyn Error>> {
    let name = capture.name();
    let stream: Vec<_> = capture.commands().iter().map(vtd_words).collect();
    let write =
        |kind: &str, shape| fs::write(folder.join(format!("{name}-{kind}")), vtd(&stream, shape));
    let shape = Shape::default();
    write("single", Shape { policy: 0, ..shape })?;
    write("wrapping", Shape { times: 7, ..shape })?;
    write(
        "256-bit",
        Shape {
            times: 5,
            is_wide: true,
            ..shape
        },
    )?;
    write(
        "coalesce",
        Shape {
            policy: 2,
            times: 3,
            ..shape
        },
    )?;
    // The next two requests to object 1 fail, with 0 and 1 entries done.
    let failures = &[[5, 0, 3, 0], [5, 0, 0, 1]];
    write("failing", Shape { failures, ..shape })?;
    write(
        "coalesce-failing",
        Shape {
            policy: 2,
            failures,
            ..shape
        },
    )?;
    Ok(())
}

/// What is made of a stream.
#[derive(Clone, Copy)]
struct Shape<'a> {
    /// The policy's place in `Policy::ALL`.
    policy: u8,
    /// How often each doorbell's commands are in the queue.
    times: u8,
    /// `IQA_REG.DW`: descriptors of 256 bits.
    is_wide: bool,
    /// Between the first and the second doorbell.
    failures: &'a [[u8; 4]],
}

impl Default for Shape<'_> {
    fn default() -> Self {
        Self {
            policy: 1,
            times: 1,
            is_wide: false,
            failures: &[],
        }
    }
}

/// A wait descriptor's status address is moved to where the harness has memory.
fn vtd_words(command: &CapturedCommand) -> [u64; 2] {
    let [lo, hi] = command.words;
    if lo & 0xf == 5 {
        [lo, STATUS | hi & 0xffc]
    } else {
        [lo, hi]
    }
}

fn vtd(stream: &[[u64; 2]], shape: Shape<'_>) -> Vec<u8> {
    let mut program = vec![shape.policy];
    // (DID, PASID 0) of the captures' guests to objects 1 to 3.
    for (did, target) in [(4, 0), (5, 1), (6, 2)] {
        program.extend([3, did, 0, target]);
    }
    let width = if shape.is_wide { 0x800 } else { 0 };
    let [low, high] = (QUEUE | width).to_le_bytes();
    program.extend([2, 0, low, high]);
    for (at, batch) in stream.chunks(BATCH).take(BATCHES).enumerate() {
        if at == 1 {
            program.extend(shape.failures.as_flattened());
        }
        let words = if shape.is_wide { 4 } else { 2 };
        let count = u8::try_from(batch.len() * words / 2).unwrap_or(u8::MAX);
        program.extend([7, shape.times, count]);
        for &[lo, hi] in batch {
            for word in &[lo, hi, 0, 0][..words] {
                program.extend(word.to_le_bytes());
            }
        }
        // `FSTS_REG.IQE`, ICE and ITE.
        program.extend([2, 2, 0x70, 0]);
    }
    // Tails behind the queue's end, not at a descriptor, and one that is right; each fault is cleared.
    for tail in [0x2000_u16, 0x0808, 0x0100] {
        let [low, high] = tail.to_le_bytes();
        program.extend([2, 1, low, high, 2, 2, 0x70, 0]);
    }
    program
}
