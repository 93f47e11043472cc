//! Strict decoding of one line.
