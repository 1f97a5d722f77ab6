//! The command `pinesy`: check rule files, infer, learn, explain, and train perception.

use std::process::ExitCode;

use clap::Parser;
use pinesy::command::{Command, Error};

fn main() -> ExitCode {
    #[cfg(unix)]
    clean_up_when_stopped();
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

/// Told to stop, it leaves no temporary file behind. A closed terminal (SIGHUP) is left to the
/// system: `nohup` must work.
#[cfg(unix)]
fn clean_up_when_stopped() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    match Signals::new([SIGINT, SIGTERM]) {
        Ok(mut signals) => drop(std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                pinesy::whole_file::remove_temporary();
                std::process::exit(128 + signal);
            }
        })),
        Err(error) => eprintln!("note: temporary files may stay when interrupted: {error}"),
    }
}
