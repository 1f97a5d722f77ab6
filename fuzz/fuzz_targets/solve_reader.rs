//! Whatever bytes `pinesy solve` reads, it answers or explains, and its answers are right; it never
//! panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinesy::command::SystemFile;
use pinesy::relation::Composition;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = SystemFile::parse(bytes) else { return };
    for composition in [Composition::MinMax, Composition::MaxMin] {
        let Ok(system) = file.system(composition) else { continue };
        let approximation = system.approximation();
        let product = system.product(approximation.solution.view()).unwrap();
        let gap = product.iter().zip(&file.rhs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!((gap - approximation.distance).abs() <= f32::EPSILON);
        let _ = system.approximate_matrix();
        assert_eq!(system.opposite_solutions().is_ok(), system.is_consistent());
        if let Ok(solutions) = system.opposite_solutions() {
            assert_eq!(approximation.distance, 0.0);
            assert!(solutions.take(10).all(|x| system.is_solution(x.view()).unwrap()));
        }
    }
});
