use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::World;
use crate::common::lock;

/// Makes virtual time pass `speed` times as fast as real time, and no faster.
///
/// Returns where the worst lag is kept: by how much virtual time was behind at most.
pub(super) fn keep(world: &World, speed: f64) -> Arc<Mutex<Duration>> {
    let worst = Arc::<Mutex<Duration>>::default();
    let (world, kept) = (world.clone(), worst.clone());
    tokio::spawn(async move {
        #[expect(clippy::disallowed_methods, reason = "real time is what it is about")]
        let start = std::time::Instant::now();
        loop {
            world.sleep_until(world.elapsed() + STEP).await;
            let due = world.elapsed().div_f64(speed);
            let real = start.elapsed();
            if real < due {
                #[expect(clippy::disallowed_methods, reason = "nothing else may run meanwhile")]
                std::thread::sleep(due - real);
            } else {
                let mut worst = lock(&kept);
                *worst = (real - due).mul_f64(speed).max(*worst);
            }
        }
    });
    worst
}

const STEP: Duration = Duration::from_millis(5);
