use std::{cmp::Reverse, collections::BinaryHeap, mem};

/// The most commands that wait for older ones; above it, the oldest go on at once.
const COMMANDS_MAX: usize = 1 << 20;

/// Puts what several CPUs submitted into the order of its times.
///
/// A CPU looks at the clock before it has room in the ring buffer, so that the ring's
/// order is that of the times up to small exceptions. Everything waits until it is known
/// that nothing older comes: until the second call of [`Self::release`] after it came.
/// What comes even later is released late; whoever writes times has to hold the order.
#[derive(Debug)]
pub(super) struct Order<T> {
    waiting: BinaryHeap<Reverse<Entry<T>>>,
    /// Commands in `waiting`.
    commands: usize,
    /// How many entries came so far: equal times keep the ring's order.
    came: u64,
    newest_ns: u64,
    /// `newest_ns` at the last release.
    horizon_ns: u64,
}

#[derive(Debug)]
struct Entry<T> {
    key: (u64, u64),
    commands: usize,
    item: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self {
            waiting: BinaryHeap::new(),
            commands: 0,
            came: 0,
            newest_ns: 0,
            horizon_ns: 0,
        }
    }
}

impl<T> Order<T> {
    /// Takes what was submitted at `time_ns`.
    pub(super) fn put(&mut self, time_ns: u64, commands: usize, item: T) {
        self.newest_ns = self.newest_ns.max(time_ns);
        self.commands += commands;
        self.waiting.push(Reverse(Entry {
            key: (time_ns, self.came),
            commands,
            item,
        }));
        self.came += 1;
    }

    /// What is as old as the newest at the call before this one, oldest first.
    pub(super) fn release(&mut self) -> Vec<T> {
        let horizon = mem::replace(&mut self.horizon_ns, self.newest_ns);
        self.pop_while(|entry, _| entry.key.0 <= horizon)
    }

    /// The oldest, as far as there is too much.
    pub(super) fn overflow(&mut self) -> Vec<T> {
        self.pop_while(|_, commands| commands > COMMANDS_MAX)
    }

    /// Everything, oldest first.
    pub(super) fn rest(&mut self) -> Vec<T> {
        self.pop_while(|_, _| true)
    }

    /// Takes the oldest while it is `due`, which is told how many commands wait.
    fn pop_while(&mut self, due: impl Fn(&Entry<T>, usize) -> bool) -> Vec<T> {
        let mut out = Vec::new();
        while let Some(Reverse(oldest)) = self.waiting.peek()
            && due(oldest, self.commands)
            && let Some(Reverse(entry)) = self.waiting.pop()
        {
            self.commands -= entry.commands;
            out.push(entry.item);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_out_of_order_leaves_in_the_order_of_its_times() {
        let mut order = Order::default();
        for (time, item) in [(10, 'a'), (12, 'c'), (11, 'b')] {
            order.put(time, 1, item);
        }
        assert!(order.release().is_empty(), "something older may come");
        order.put(9, 1, '0');
        order.put(20, 1, 'd');
        assert_eq!(order.release(), ['0', 'a', 'b', 'c']);
        assert_eq!(order.release(), ['d']);
        assert!(order.release().is_empty());
    }

    #[test]
    fn equal_times_keep_the_order_in_which_they_came() {
        let mut order = Order::default();
        for item in 0..100 {
            order.put(7, 1, item);
        }
        assert_eq!(order.rest(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_later_than_everything_released_comes_with_the_next() {
        let mut order = Order::default();
        order.put(10, 1, 'a');
        order.release();
        order.release();
        order.put(3, 1, 'z');
        assert_eq!(order.release(), ['z']);
    }

    #[test]
    fn more_than_may_wait_goes_on_oldest_first() {
        let mut order = Order::default();
        for time in 0..5_u64 {
            order.put(time, COMMANDS_MAX / 4, time);
        }
        assert_eq!(order.overflow(), [0]);
        assert!(order.overflow().is_empty());
        assert_eq!(order.rest(), [1, 2, 3, 4]);
        assert_eq!(order.commands, 0);
    }
}
