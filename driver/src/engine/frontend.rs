/// What every vendor's front end offers of its engine and of the memory that its protocol
/// has. For the inherent implementation of a `FrontEnd<B, M>`.
macro_rules! engine_methods {
    () => {
        /// Chooses how invalidations become requests, from the next doorbell on.
        pub fn set_policy(&mut self, policy: $crate::Policy) {
            self.engine.set_policy(policy);
        }

        /// How invalidations become requests.
        #[must_use]
        pub fn policy(&self) -> $crate::Policy {
            self.engine.policy()
        }

        /// Calls `told` for each entry of a request that failed: the place of its command
        /// in the queue, in commands, and what became of it. Not for the requests that
        /// [`Policy::Coalesce`]($crate::Policy::Coalesce) merged: those are sent again
        /// unmerged, or, where the hardware hangs, have failed with their first entry.
        pub fn on_entry_result(
            &mut self,
            told: impl FnMut(u32, $crate::EntryResult) + Send + 'static,
        ) {
            self.engine.entry_results = Some(Box::new(told));
        }

        /// Why the queue is frozen, if it is.
        #[must_use]
        pub fn fault(&self) -> Option<$crate::Fault> {
            self.engine.fault()
        }

        /// The IOMMU this is, as its probes say it.
        #[must_use]
        pub fn instance(&self) -> $crate::InstanceArg {
            self.engine.instance()
        }

        /// The instance's counters; readable from any thread.
        #[must_use]
        pub fn counters(&self) -> std::sync::Arc<$crate::Counters> {
            std::sync::Arc::clone(self.engine.counters())
        }

        /// The guest memory it works on.
        #[must_use]
        pub fn memory(&self) -> &M {
            &self.engine.protocol.memory
        }
    };
}
pub(crate) use engine_methods;
