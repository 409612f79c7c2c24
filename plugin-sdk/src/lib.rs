//! Weft.
mod bindings;
