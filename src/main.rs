fn main() {
    let k: i64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let b = pinesy::rules::RuleBase::read("rulesets/mnist_addition.toml", &[("k", k)]).unwrap();
    let e = pinesy::inference::Engine::new(&b, &pinesy::inference::Parameters::certain(&b)).unwrap();
    let a = ndarray::Array2::<f32>::from_elem((n, 10), 0.5);
    let names: Vec<String> = (1..=2*k).map(|j| format!("a{j}")).collect();
    let cols: Vec<_> = names.iter().map(|s| (s.as_str(), a.view())).collect();
    let batch = e.batch(&cols).unwrap();
    let ys: Vec<String> = (0..=k).map(|j| format!("y{j}")).collect();
    let ys: Vec<&str> = ys.iter().map(|s| s.as_str()).collect();
    let t = std::time::Instant::now();
    let r = e.infer_batch(&batch, &ys).unwrap();
    println!("{:?} {}", t.elapsed(), n as f64 / t.elapsed().as_secs_f64());
    println!("{:?}", r.get("y0").unwrap()[[0,0]]);
}
