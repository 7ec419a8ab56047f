//! What happens to the connections of a bus that are cut while it works.

use std::{collections::HashMap, time::Duration};

use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
    time::timeout,
};
use tower_keep_durable::{
    Bus, Event,
    bus::{BusError, Types},
};

/// Forwards connections to a server, until it is told to cut them.
pub(crate) struct Proxy {
    address: String,
    /// How often they were cut, and whether new ones are let in.
    state: watch::Sender<(u32, bool)>,
}

impl Proxy {
    pub(crate) async fn before(server: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = watch::Sender::new((0, true));
        let cut = state.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cut = cut.subscribe();
                let (cuts, open) = *cut.borrow();
                if open {
                    tokio::spawn(async move {
                        let Ok(mut far) = TcpStream::connect(server).await else {
                            return;
                        };
                        select! {
                            _ = cut.wait_for(|(now, _)| *now != cuts) => {}
                            _ = copy_bidirectional(&mut near, &mut far) => {}
                        }
                    });
                }
            }
        });
        Self { address, state }
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Cuts all connections; new ones are let in or not.
    fn cut(&self, comes_back: bool) {
        self.state.send_modify(|(cuts, open)| {
            *cuts += 1;
            *open = comes_back;
        });
    }

    /// Lets new ones in.
    fn come_back(&self) {
        self.state.send_modify(|(_, open)| *open = true);
    }
}

const BATCHES: usize = 40;
const BATCH: usize = 10;

/// Publishes and reads through the proxy, which cuts the connections now and then in the middle of
/// it. One bus and one subscription all the while.
pub(crate) async fn all_that_is_confirmed_arrives(bus: &Bus, proxy: &Proxy) {
    let mut subscription = bus.subscribe("g", &Types::all()).await.unwrap();
    let publish = async {
        let mut failures = 0;
        for batch in 0..BATCHES {
            let numbers = batch * BATCH..(batch + 1) * BATCH;
            let event = |n| Event::new("/cut", "cut.told.v1", json!(n)).keyed(format!("{}", n % 7));
            let events: Vec<_> = numbers.map(event).collect();
            for attempt in 0.. {
                // While the events are on their way; and every other time the server stays away
                // until this publisher has noticed.
                let cuts = batch % 10 == 5 && attempt == 0;
                let (published, ()) = tokio::join!(biased; bus.publish(&events), async {
                    if cuts {
                        proxy.cut(batch % 20 == 5);
                    }
                });
                match published {
                    Ok(()) => break,
                    Err(BusError::Unavailable(_)) => failures += 1,
                    Err(other) => panic!("{other}"),
                }
                proxy.come_back();
            }
        }
        failures
    };
    let read = async {
        let mut seen: HashMap<usize, Vec<usize>> = HashMap::new();
        while seen.values().map(Vec::len).sum::<usize>() < BATCHES * BATCH {
            match subscription.next().await {
                Ok(delivery) => {
                    let n: usize = delivery.event().read().unwrap();
                    let lane = seen.entry(n % 7).or_default();
                    if !lane.contains(&n) {
                        lane.push(n);
                    }
                    let _ = delivery.ack().await;
                }
                Err(BusError::Unavailable(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        seen
    };
    let both = async { tokio::join!(publish, read) };
    let (failures, seen) = timeout(Duration::from_secs(120), both)
        .await
        .expect("it goes on by itself");
    assert!(failures > 0, "nothing was cut");
    for lane in seen.values() {
        assert!(lane.is_sorted(), "{lane:?}");
    }
}
