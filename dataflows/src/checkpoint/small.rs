//! Short lists in serde's form.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::{Array, SmallVec};

/// Writes one.
///
/// # Errors
/// As the serializer has them.
pub fn serialize<A: Array, S: Serializer>(list: &SmallVec<A>, to: S) -> Result<S::Ok, S::Error>
where
    A::Item: Serialize,
{
    to.collect_seq(list)
}

/// Reads one.
///
/// # Errors
/// As the deserializer has them.
pub fn deserialize<'d, A: Array, D: Deserializer<'d>>(from: D) -> Result<SmallVec<A>, D::Error>
where
    A::Item: Deserialize<'d>,
{
    Vec::<A::Item>::deserialize(from).map(|list| list.into_iter().collect())
}
