//! The command `pinesy`: check rule files, infer, learn, explain, and train perception.

use std::process::ExitCode;

use clap::Parser;
use pinesy::command::{Command, Error};

fn main() -> ExitCode {
    // Told to stop, it leaves no temporary file behind.
    let handled = ctrlc::set_handler(|| {
        pinesy::whole_file::remove_temporary();
        std::process::exit(130)
    });
    if let Err(error) = handled {
        eprintln!("note: temporary files may stay when interrupted: {error}");
    }
    match Command::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough, such as `head`, is no failure.
        Err(Error::Output(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
