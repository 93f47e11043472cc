//! Our own operators: hot, keyed, in hash state; each with its law and its reference. Everything else in the graph is
//! plain differential dataflow, and at the seams there are only differential collections.

pub mod by_tick;
mod calendar;
pub mod coming;
pub mod fan_out;
pub mod fold_by_key;
mod held;
pub mod key_index;
mod slab;
pub mod sum_by_key;
pub mod timeline_by_key;
mod waiting;
