//! Words that stay the same from version to version.

/// An enum of them from one list, so that none is missing where all are needed.
macro_rules! words {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$meaning:meta])* $word:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$meaning])* $word,)+
        }

        impl $name {
            /// All of them, in the order of a release.
            pub const ALL: &[Self] = &[$(Self::$word),+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => stringify!($word),)+ }
            }
        }
    };
}
pub(crate) use words;
