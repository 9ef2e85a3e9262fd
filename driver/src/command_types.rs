/// Defines the types of a vendor's commands, each with the name that it is counted under.
macro_rules! command_types {
    ($(#[$doc:meta])* $name:ident { $($(#[$type_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$type_doc])* $variant,)+
        }

        impl $name {
            /// Every type, by number.
            pub const ALL: [Self; Self::NAMES.len()] = [$(Self::$variant),+];

            /// Their names, in the order of [`Self::ALL`].
            pub(crate) const NAMES: [&str; [$($text),+].len()] = [$($text),+];

            /// The name used in counts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }
    };
}
pub(crate) use command_types;
