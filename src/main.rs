//! The command `gyre`. Everything of interest is in the library.

use std::process::ExitCode;

use gyre::cli::{self, Commands};

/// Blocks of lines and rows are allocated on one thread and freed on another; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(Commands {
        replay: gyre::replay::run,
        generate: gyre::generate::command,
    })
}
