//! Whatever bytes `pinesy solve` reads, it answers or explains; it never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinesy::command::SystemFile;
use pinesy::relation::Composition;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = SystemFile::parse(bytes) else { return };
    for composition in [Composition::MinMax, Composition::MaxMin] {
        let Ok(system) = file.system(composition) else { continue };
        let approximation = system.approximation();
        let _ = system.approximate_matrix();
        if let Ok(solutions) = system.opposite_solutions() {
            assert_eq!(approximation.distance, 0.0);
            assert!(solutions.take(10).all(|x| system.is_solution(x.view()).unwrap()));
        }
    }
});
