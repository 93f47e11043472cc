//! The pure half.
