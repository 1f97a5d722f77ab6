fn main() {
    let t = std::time::Instant::now();
    let k: i64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let b = pinesy::rules::RuleBase::read("rulesets/mnist_addition.toml", &[("k", k)]);
    match b { Ok(b) => println!("{} sets {:?}", b.rule_sets().len(), b.rule_sets()[1].rules()[0].name()), Err(e) => println!("{e}") }
    println!("{:?}", t.elapsed());
}
