//! Threads that survive `fork`.
//!
//! A process that was forked has the memory of rayon's pool but none of its threads, and would wait
//! for them forever. So each process makes a pool of its own when it first works.

use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::Python;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Fault;

struct Pool {
    process: u32,
    threads: ThreadPool,
}

/// The pool of this process, or of the one it was forked from. No lock: whoever held it at the fork
/// would hold it in the child forever.
static POOL: AtomicPtr<Pool> = AtomicPtr::new(ptr::null_mut());

/// Runs work on all threads, without Python's lock.
pub fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> Result<T, Fault> {
    let threads = threads()?;
    Ok(py.detach(|| threads.install(work)))
}

/// As many threads as there are cores, or as RAYON_NUM_THREADS says.
fn threads() -> Result<&'static ThreadPool, Fault> {
    let process = process::id();
    let known = POOL.load(Ordering::Acquire);
    // SAFETY: a pool that was stored is never changed, nor freed.
    if let Some(pool) = unsafe { known.as_ref() }
        && pool.process == process
    {
        return Ok(&pool.threads);
    }
    let threads = ThreadPoolBuilder::new()
        .thread_name(|i| format!("pinesy {i}"))
        .build()
        .map_err(|error| Fault::given(format!("threads: {error}: expected enough memory for their stacks")))?;
    let made = Box::into_raw(Box::new(Pool { process, threads }));
    let stored = match POOL.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        Err(other) => {
            // Another thread of this process was faster.
            // SAFETY: `made` was not stored: nobody else has it.
            drop(unsafe { Box::from_raw(made) });
            other
        }
    };
    // SAFETY: as above.
    Ok(unsafe { &(*stored).threads })
}
