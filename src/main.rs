//! The command `gyre`. Everything of interest is in the library.

use std::process::ExitCode;

use gyre::cli::{self, Commands};

/// Blocks of lines and rows are allocated on one thread and freed on another; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc's `mi_option_t`, milliseconds.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> ExitCode {
    // A stream asks for the same buffers over and over: giving them back to the system at once costs a third of all
    // time, to have them zeroed again. What nobody asked for in a second is given back: that costs a hundredth.
    // SAFETY: the option is set before any other thread is there, and any value of it is sound.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 1_000) };
    cli::main(Commands {
        replay: gyre::replay::run,
        run: gyre::run::run,
        cluster: gyre::local_cluster::run,
        demo: gyre::demo::run,
        generate: gyre::generate::command,
    })
}
