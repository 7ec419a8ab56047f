//! What each call allocates, as a line of JSON: the counting allocator would be in the way of the
//! timing, so it has a program of its own.

use std::collections::BTreeMap;

fn main() {
    const CALLS: u64 = 1000;
    let runtime = cost::runtime();
    let _entered = runtime.enter();
    let filters: Vec<String> = std::env::args().skip(1).collect();
    let mut found = BTreeMap::new();
    for mut case in cost::versus().matching(&filters).make() {
        case.run(1000);
        let counted = allocation_counter::measure(|| case.run(CALLS));
        let each = |count: u64| (count as f64 / CALLS as f64).round() as u64;
        let one = (each(counted.count_total), each(counted.bytes_total));
        found.insert(case.name, one);
    }
    let json = serde_json::to_string(&found).expect("names and numbers");
    println!("{json}");
}
