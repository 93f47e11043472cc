//! One message taken apart for those who want its parts.

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

use crate::Tick;

/// The parts of a message.
pub struct Parts<A, B> {
    /// For the first stream.
    pub first: Vec<A>,
    /// For the second.
    pub second: Vec<B>,
}

/// Takes each message apart; nothing is copied.
pub fn fan_out<'s, M, A, B>(
    messages: StreamVec<'s, Tick, M>,
    name: &str,
    mut take_apart: impl FnMut(M, &mut Parts<A, B>) + 'static,
) -> (StreamVec<'s, Tick, A>, StreamVec<'s, Tick, B>)
where
    M: Clone + 'static,
    A: Clone + 'static,
    B: Clone + 'static,
{
    let mut builder = OperatorBuilder::new(name.to_owned(), messages.scope());
    let mut input = builder.new_input(messages, Pipeline);
    // It holds nothing, so it need not know how far time is.
    builder.set_notify_for(0, FrontierInterest::Never);
    let (first, first_stream) = builder.new_output();
    let (second, second_stream) = builder.new_output();
    let mut first = OutputBuilder::<_, CapacityContainerBuilder<Vec<A>>>::from(first);
    let mut second = OutputBuilder::<_, CapacityContainerBuilder<Vec<B>>>::from(second);

    builder.build(move |_capabilities| {
        let mut parts = Parts { first: Vec::new(), second: Vec::new() };
        move |_frontiers| {
            let (mut first, mut second) = (first.activate(), second.activate());
            input.for_each(|capability, messages| {
                messages.drain(..).for_each(|message| take_apart(message, &mut parts));
                let least = capability.least().copied().unwrap_or_default();
                let (to_first, to_second) = (capability.delayed(&least, 0), capability.delayed(&least, 1));
                first.session(&to_first).give_container(&mut parts.first);
                second.session(&to_second).give_container(&mut parts.second);
                parts.first.clear();
                parts.second.clear();
            });
        }
    });
    (first_stream, second_stream)
}
