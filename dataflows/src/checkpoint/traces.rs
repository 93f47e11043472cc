//! What stands in an arrangement, saved from there: nobody keeps it a second time.

use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::cursor::cursor_list;
use differential_dataflow::trace::implementations::ValSpine;
use differential_dataflow::trace::{Cursor, TraceReader};
use differential_dataflow::{ExchangeData, Hashable};
use serde::Serialize;
use timely::progress::frontier::AntichainRef;

use super::later::HandIn;
use super::{Damage, Entries, Op, Out, Saved, Whose};
use crate::Tick;

type Trace<K, V> = TraceAgent<ValSpine<K, V, Tick, isize>>;

/// What an arrangement holds, as entries of the keys that own them.
struct Standing<K: ExchangeData + Hashable, V: ExchangeData, F, E> {
    trace: Trace<K, V>,
    entry: F,
    back: Option<HandIn<(E, Tick, isize)>>,
}

/// Saves what stands in an arrangement under the operator's name, each datum once, as what `entry` makes of it. It comes
/// `back` as data of the tick of the checkpoint.
pub fn keep<'s, K, V, E>(
    op: &Op<'_>,
    arranged: &Arranged<'s, Trace<K, V>>,
    entry: impl Fn(&K, &V) -> (u128, E) + 'static,
    back: Option<HandIn<(E, Tick, isize)>>,
) where
    K: ExchangeData + Hashable,
    V: ExchangeData,
    E: Serialize + serde::de::DeserializeOwned + 'static,
{
    if !op.is_on() {
        return;
    }
    let mut trace = arranged.trace.clone();
    // Whoever works on it says what may be compacted: this holds nothing back.
    trace.set_logical_compaction(AntichainRef::new(&[Tick::MAX]));
    trace.set_physical_compaction(AntichainRef::new(&[Tick::MAX]));
    op.keep(Standing { trace, entry, back });
}

impl<K, V, F, E> Saved for Standing<K, V, F, E>
where
    K: ExchangeData + Hashable,
    V: ExchangeData,
    F: Fn(&K, &V) -> (u128, E) + 'static,
    E: Serialize + serde::de::DeserializeOwned + 'static,
{
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        let all = self.trace.batches_through(AntichainRef::new(&[]));
        let (mut cursor, storage) = cursor_list(all.expect("nothing lies behind the end of time"));
        while let Some(key) = cursor.get_key(&storage) {
            while let Some(value) = cursor.get_val(&storage) {
                let mut count = 0;
                cursor.map_times(&storage, |_, diff| count += diff);
                if count != 0 {
                    let (whose, entry) = (self.entry)(key, value);
                    out.put(Whose::Owner(whose), &entry);
                }
                cursor.step_val(&storage);
            }
            cursor.step_key(&storage);
        }
    }

    fn load(&mut self, at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        let Some(back) = &self.back else { return Ok(()) };
        while let Some(entry) = part.read()? {
            back.push(at, (entry, at, 1));
        }
        Ok(())
    }
}
