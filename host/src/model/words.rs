//! Enums whose values are words: in JSON, in the database, on the command line.

/// All values of an enum, the word of each, and the way back. Where an error is named, texts can also be parsed; it
/// tells which words there are.
macro_rules! words {
    ($type:ident { $($value:ident: $word:expr),+ $(,)? }) => {
        impl $type {
            /// All of them.
            pub const ALL: [Self; [$(stringify!($value)),+].len()] = [$(Self::$value),+];

            /// The word in JSON and in the database.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word),+
                }
            }

            /// The one with that word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.as_str() == word)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
    ($type:ident { $($words:tt)+ }, $unknown:ident) => {
        words!($type { $($words)+ });

        impl std::str::FromStr for $type {
            type Err = $unknown;

            fn from_str(text: &str) -> Result<Self, $unknown> {
                Self::of(text).ok_or($unknown)
            }
        }
    };
}

pub(super) use words;
