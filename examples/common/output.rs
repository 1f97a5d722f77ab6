//! `println!` and `print!` that end the program quietly when nobody reads on, as in `… | head`.
#![allow(dead_code, unused_macros)]

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stdout};

macro_rules! println {
    () => { $crate::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! print {
    ($($text:tt)*) => { $crate::output::write(format_args!($($text)*)) };
}

pub fn write(text: Arguments) {
    match stdout().lock().write_fmt(text) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: standard output: {error}");
            std::process::exit(1)
        }
    }
}
