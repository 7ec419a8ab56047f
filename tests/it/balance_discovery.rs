//! Where endpoints come from, and what happens when nobody can say.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::StreamExt;
use tokio::time::{Instant, sleep};
use tower::{BoxError, ServiceExt, discover::Change, service_fn};
use tower_keep::{
    balance::{
        Balance, BalanceHandle,
        discovery::{Dns, FileWatch, Polled, StaticList},
    },
    observe::EventKind,
};
use tower_keep_test::script;

fn endpoints(handle: &BalanceHandle) -> Vec<String> {
    let mut found: Vec<_> = handle
        .snapshot()
        .endpoints
        .into_iter()
        .map(|one| one.endpoint)
        .collect();
    found.sort();
    found
}

/// What a registry answers, by turns.
type Answers = Arc<Mutex<Result<Vec<u32>, String>>>;

fn polled(every: Duration) -> (Polled<u32>, Answers, Arc<AtomicUsize>) {
    let answers: Answers = Arc::new(Mutex::new(Ok(vec![1, 2])));
    let asked = Arc::new(AtomicUsize::new(0));
    let (answer, count) = (answers.clone(), asked.clone());
    let polled = Polled::new(every, move || {
        count.fetch_add(1, SeqCst);
        let answer = answer.lock().unwrap().clone();
        async move { answer.map_err(BoxError::from) }
    });
    (polled, answers, asked)
}

#[tokio::test(start_paused = true)]
async fn endpoints_come_and_go_and_stay_when_nobody_can_say() {
    let (discovery, answers, asked) = polled(Duration::from_secs(10));
    let balance = Balance::new().plain();
    let handle = balance.handle();
    let mut events = handle.subscribe(100);
    let service = balance.discover(discovery, |_, offset| {
        service_fn(move |n: u32| async move { Ok::<_, BoxError>(n + offset) })
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(endpoints(&handle), ["1", "2"]);
    *answers.lock().unwrap() = Ok(vec![2, 3]);
    sleep(Duration::from_secs(11)).await;
    assert_eq!(endpoints(&handle), ["2", "3"]);
    // Errors and an empty answer keep what there is, are told once, and are asked again sooner.
    let before = asked.load(SeqCst);
    for bad in [Err("the registry is down".to_owned()), Ok(vec![])] {
        *answers.lock().unwrap() = bad;
        sleep(Duration::from_secs(15)).await;
        assert_eq!(endpoints(&handle), ["2", "3"]);
    }
    assert!(asked.load(SeqCst) - before >= 5);
    assert!(
        handle
            .snapshot()
            .discovery_error
            .unwrap()
            .contains("the registry is down")
    );
    *answers.lock().unwrap() = Ok(vec![3]);
    sleep(Duration::from_secs(11)).await;
    assert_eq!(endpoints(&handle), ["3"]);
    assert_eq!(service.clone().oneshot(1).await.unwrap(), 4);
    let mut told = Vec::new();
    while let Some(event) = events.try_next() {
        told.push(match event.kind {
            EventKind::EndpointChanged {
                endpoint, change, ..
            } => format!("{endpoint} {change}"),
            EventKind::CheckChanged { check, passing, .. } => format!("{check} {passing}"),
            other => panic!("{other:?}"),
        });
    }
    let expected = [
        "1 added",
        "2 added",
        "3 added",
        "1 removed",
        "discovery false",
        "discovery true",
        "2 removed",
    ];
    assert_eq!(told, expected);
    // Nobody is left who could ask.
    drop(service);
    sleep(Duration::from_secs(1)).await;
    let before = asked.load(SeqCst);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(asked.load(SeqCst), before);
}

#[tokio::test(start_paused = true)]
async fn a_call_on_an_endpoint_that_goes_is_finished() {
    let (discovery, answers, _) = polled(Duration::from_secs(10));
    *answers.lock().unwrap() = Ok(vec![1]);
    let (upstream, mut calls) = script::plain::<u32, u32, BoxError>();
    let balance = Balance::new().plain();
    let handle = balance.handle();
    let service = balance.discover(discovery, move |_, _| upstream.clone());
    let call = tokio::spawn(service.clone().oneshot(5));
    let (_, answer) = calls.next().await;
    *answers.lock().unwrap() = Ok(vec![2]);
    sleep(Duration::from_secs(12)).await;
    assert_eq!(endpoints(&handle), ["2"]);
    answer.send(6);
    assert_eq!(call.await.unwrap().unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn intervals_are_jittered_and_an_answer_that_hangs_is_an_error() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let (kept, start) = (times.clone(), Instant::now());
    let mut polled = Polled::<u32>::new(Duration::from_secs(100), move || {
        kept.lock().unwrap().push(start.elapsed().as_secs_f64());
        async { Ok([1]) }
    });
    assert!(matches!(
        polled.next().await,
        Some(Ok(Change::Insert(1, 1)))
    ));
    sleep(Duration::from_secs(1_000)).await;
    let times = times.lock().unwrap().clone();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        gaps.iter().all(|gap| (89.9..110.1).contains(gap)),
        "{gaps:?}"
    );
    assert!(
        gaps.iter().any(|gap| (gap - gaps[0]).abs() > 0.5),
        "{gaps:?}"
    );

    let mut hangs = Polled::<u32>::new(
        Duration::from_secs(1),
        std::future::pending::<Result<[u32; 1], _>>,
    );
    let start = Instant::now();
    assert!(hangs.next().await.unwrap().is_err());
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn a_file_is_read_again_and_one_that_is_broken_changes_nothing() {
    let path = std::env::temp_dir().join(format!("tower-keep-endpoints-{}", std::process::id()));
    std::fs::write(&path, "# ours\n10.0.0.1:80\n10.0.0.2:80\n").unwrap();
    let mut watch = FileWatch::<SocketAddr>::every(Duration::from_millis(10), &path);
    let mut next = async || match watch.next().await.unwrap() {
        Ok(Change::Insert(key, _)) => format!("+{key}"),
        Ok(Change::Remove(key)) => format!("-{key}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(next().await, "+10.0.0.1:80");
    assert_eq!(next().await, "+10.0.0.2:80");
    std::fs::write(&path, "10.0.0.2:80\noops\n").unwrap();
    assert!(next().await.contains("line 2: `oops`"));
    std::fs::write(&path, "10.0.0.2:80\n10.0.0.3:80").unwrap();
    assert_eq!(next().await, "+10.0.0.3:80");
    assert_eq!(next().await, "-10.0.0.1:80");
    std::fs::remove_file(&path).unwrap();
    assert!(next().await.contains("could not be found"));
}

#[tokio::test]
async fn a_name_is_looked_up_and_a_list_is_a_list() {
    let mut dns = Dns::new("127.0.0.1:8080");
    let address: SocketAddr = "127.0.0.1:8080".parse().unwrap();
    assert!(matches!(dns.next().await, Some(Ok(Change::Insert(key, _))) if key == address));
    let list: Vec<_> = StaticList::new(["a", "b"]).collect().await;
    assert_eq!(list.len(), 2);
    // Ours fit where tower's are taken.
    fn takes<D: tower::discover::Discover<Key = SocketAddr>>(_: &D) {}
    takes(&dns);
}
