use hwptop_driver::Command;

/// Where the programs put queue, status words and event log; all are guest memory of the harness.
pub(crate) const QUEUE: u16 = 0x1000;
pub(crate) const STATUS: u64 = 0x7000;
pub(crate) const LOG: u64 = 0x6000;
/// Commands of a doorbell, and doorbells of a seed.
pub(crate) const BATCH: usize = 24;
pub(crate) const BATCHES: usize = 3;

/// A failure of the next request to a target, counted from 0: the reasons of `Op::Fail`.
pub(crate) const ILLEGAL: u8 = 1;
pub(crate) const ABORT: u8 = 2;
pub(crate) const ATC_TIMEOUT: u8 = 3;
pub(crate) const UNEXPECTED: u8 = 4;

/// A program that is put together step by step.
#[derive(Clone, Default)]
pub(crate) struct Program(pub(crate) Vec<u8>);

impl Program {
    /// `first` is policy and variant.
    pub(crate) fn new(first: u8) -> Self {
        Self(vec![first])
    }

    pub(crate) fn register(mut self, number: u8, value: u64) -> Self {
        self.0.extend([1, number]);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn attach(mut self, slot: u8, target: u8) -> Self {
        self.0.extend([3, slot, 0, target]);
        self
    }

    pub(crate) fn fail(mut self, target: u8, reason: u8, handled: u8) -> Self {
        self.0.extend([5, target, reason, handled]);
        self
    }

    /// At most 255 commands.
    pub(crate) fn submit(mut self, times: u8, commands: &[Command]) -> Self {
        let count = u8::try_from(commands.len()).unwrap_or(u8::MAX);
        self.0.extend([7, times, count]);
        for command in commands.iter().take(count.into()) {
            for word in command.words() {
                self.0.extend(word.to_le_bytes());
            }
        }
        self
    }
}
