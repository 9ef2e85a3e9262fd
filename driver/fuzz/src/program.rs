use hwptop_driver::{DeviceId, HardwareError, InvalidateError, ObjectId};

/// What a guest, its VMM or the kernel does next.
///
/// | first byte | then |
/// |---|---|
/// | 0 | fill: address (2 bytes), count, count × 16 bytes |
/// | 1 | register: number, value (8 bytes) |
/// | 2 | register: number, value (2 bytes) |
/// | 3 | attach: slot (2 bytes), target |
/// | 4 | detach: slot (2 bytes) |
/// | 5 | fail: target, reason, handled |
/// | 6 | submit: count, count × 16 bytes |
/// | 7 | submit, several times: times, count, count × 16 bytes |
///
/// Numbers are little-endian; of the first byte, bits 2:0 count; what is missing at the end is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// The guest writes memory.
    Fill {
        /// Guest-physical address.
        addr: u64,
        /// What it writes.
        bytes: &'a [u8],
    },
    /// The guest writes a register.
    Register {
        /// Which one.
        number: u8,
        /// What it writes.
        value: u64,
    },
    /// The VMM gives a slot its target.
    Attach {
        /// What the guest names it by.
        slot: u16,
        /// The object.
        target: ObjectId,
    },
    /// The VMM takes it away.
    Detach {
        /// What the guest names it by.
        slot: u16,
    },
    /// The next request to `target` fails.
    Fail {
        /// The object.
        target: ObjectId,
        /// As the kernel says it.
        error: InvalidateError,
    },
    /// The guest puts commands behind its tail and rings the doorbell.
    Submit {
        /// The commands.
        bytes: &'a [u8],
        /// How often it puts them there before it rings.
        times: u8,
    },
}

/// The steps that an input's bytes stand for.
#[derive(Clone, Debug)]
pub struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    /// Reads `input`; every input is a program.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn number(&mut self, len: usize) -> u64 {
        let mut number = [0; 8];
        let bytes = self.bytes(len);
        number[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(number)
    }

    fn byte(&mut self) -> u8 {
        self.number(1).to_le_bytes()[0]
    }

    fn slot(&mut self) -> u16 {
        let [low, high, ..] = self.number(2).to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    /// Few, so that several slots share one.
    fn target(&mut self) -> ObjectId {
        ObjectId(1 + u32::from(self.byte() % 8))
    }

    fn commands(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        self.bytes(count * 16)
    }

    fn error(&mut self) -> InvalidateError {
        let reason = self.byte();
        let device = DeviceId(u32::from(reason >> 3));
        let (errno, hardware) = match reason % 8 {
            1 => (5, Some(HardwareError::Illegal)),
            2 => (5, Some(HardwareError::Abort)),
            3 => (110, Some(HardwareError::AtcTimeout(device))),
            4 => (5, Some(HardwareError::UnexpectedCompletion(device))),
            5 => (22, None),
            6 => (95, None),
            _ => (5, None),
        };
        let handled = match self.byte() {
            // A kernel that leaves the caller's own count untouched.
            u8::MAX => u32::MAX,
            handled => u32::from(handled),
        };
        InvalidateError {
            errno,
            handled,
            hardware,
        }
    }
}

impl<'a> Iterator for Program<'a> {
    type Item = Op<'a>;

    fn next(&mut self) -> Option<Op<'a>> {
        if self.0.is_empty() {
            return None;
        }
        Some(match self.byte() % 8 {
            0 => Op::Fill {
                addr: self.number(2),
                bytes: self.commands(),
            },
            1 => Op::Register {
                number: self.byte(),
                value: self.number(8),
            },
            2 => Op::Register {
                number: self.byte(),
                value: self.number(2),
            },
            3 => Op::Attach {
                slot: self.slot(),
                target: self.target(),
            },
            4 => Op::Detach { slot: self.slot() },
            5 => Op::Fail {
                target: self.target(),
                error: self.error(),
            },
            6 => Op::Submit {
                times: 1,
                bytes: self.commands(),
            },
            _ => Op::Submit {
                times: self.byte(),
                bytes: self.commands(),
            },
        })
    }
}
