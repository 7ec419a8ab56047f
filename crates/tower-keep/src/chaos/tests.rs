use std::time::Duration;

use super::{ChaosConfig, Fault, dice};

#[test]
fn a_fault_survives_its_text() {
    for text in [
        "latency=250ms",
        "status=503",
        "error",
        "truncate=100",
        "drip=1024",
        "reset=0",
        "missing_trailers",
    ] {
        let fault: Fault = text.parse().unwrap();
        assert_eq!(fault.to_string(), text);
    }
    for text in [
        "",
        "latency",
        "latency=1",
        "latency=99999999999ms",
        "status=99",
        "status=1000",
        "drip=0",
        "error=1",
        "flood=1",
    ] {
        assert!(text.parse::<Fault>().is_err(), "{text}");
    }
}

#[test]
fn a_configuration_that_cannot_work_names_the_field() {
    let backwards = Fault::latency(Duration::from_secs(2)..=Duration::from_secs(1));
    let problems = [
        (ChaosConfig::new(1.5, Fault::Error), "rate"),
        (ChaosConfig::new(0.5, backwards), "faults"),
        (ChaosConfig::new(0.5, Fault::Status(42)), "faults"),
        (ChaosConfig::new(0.5, Fault::Drip(0)), "faults"),
    ];
    for (config, field) in problems {
        assert_eq!(config.check().unwrap_err().field(), field);
    }
}

#[test]
fn a_configuration_reads_like_a_list_of_faults() {
    let json = r#"{
        "rate": 0.5,
        "faults": [{"latency": {"min": "1s", "max": "2s"}}, {"status": 503}, "error"]
    }"#;
    let config: ChaosConfig = serde_json::from_str(json).unwrap();
    let slow = Fault::latency(Duration::from_secs(1)..=Duration::from_secs(2));
    assert_eq!(config.faults, [slow, Fault::Status(503), Fault::Error]);
    assert!(serde_json::from_str::<ChaosConfig>(r#"{"rat": 1}"#).is_err());
}

#[test]
fn the_dice_are_fair() {
    let rolls = || (0..10_000).map(|nth| dice::roll(7, nth));
    let below = rolls().filter(|roll| dice::share(*roll) < 0.1).count();
    assert!((900..1100).contains(&below), "{below}");
    let mut counts = [0; 3];
    for roll in rolls() {
        counts[dice::pick(roll, 3)] += 1;
    }
    assert!(
        counts.iter().all(|count| (3100..3600).contains(count)),
        "{counts:?}"
    );
    assert_eq!(dice::pick(u64::MAX, 3), 2);
}
