//! How files become plugins: what is let in, what is refused and in which words, and what neither may cost.

mod check;
mod compile;
mod components;
mod files;
mod first_version;
mod flips;
