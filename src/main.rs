//! The command `pinesy`: check rule files, infer, learn, explain, and train perception.

use std::process::ExitCode;

use clap::Parser;
use pinesy::command::{Command, Error, say, tell_error};

fn main() -> ExitCode {
    #[cfg(unix)]
    clean_up_when_stopped();
    let command = Command::parse();
    if let Err(error) = start_threads() {
        let message = format!("threads cannot be started: {error}: expected a smaller number in RAYON_NUM_THREADS");
        tell_error(&message);
        return ExitCode::FAILURE;
    }
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough, such as `head`, is no failure.
        Err(Error::Output(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            tell_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// The most threads that are started, whatever is asked for.
const MOST_THREADS: usize = 1024;

/// Starts as many threads as RAYON_NUM_THREADS says, or one a core: left to be started with the
/// first work, they would fail in the midst of it.
fn start_threads() -> Result<(), rayon::ThreadPoolBuildError> {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok()).filter(|&count| count > 0);
    let threads = asked.or_else(|| Some(std::thread::available_parallelism().ok()?.get())).unwrap_or(1);
    rayon::ThreadPoolBuilder::new().num_threads(threads.min(MOST_THREADS)).build_global()
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
        Err(error) => say(&format!("note: temporary files may stay when interrupted: {error}")),
    }
}
