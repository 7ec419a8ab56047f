use tower_keep_durable::{Bus, bus::BusError};

async fn told(url: &str) -> String {
    Bus::connect(url)
        .await
        .map(|bus| format!("{bus:?}"))
        .unwrap_or_else(|error| match error {
            BusError::Misconfigured(how) => how,
            other => panic!("{url}: {other}"),
        })
}

#[tokio::test]
async fn a_url_opens_its_backend() {
    let folder = tempfile::tempdir().unwrap();
    let file = tower_keep_durable::db::file_url(&folder.path().join("bus.db"));
    for (url, backend) in [
        ("memory:", "Memory"),
        (&*file, "Table"),
        ("nats://me:secret@a:4222,b:4222/shop", "Nats"),
        ("amqp://me:secret@a/shop?vhost=%2f&partitions=4", "RabbitMq"),
        ("kafka://a:9092,b:9092/shop?partitions=4", "Kafka"),
    ] {
        let bus = told(url).await;
        assert!(bus.contains(backend), "{url}: {bus}");
        assert!(!bus.contains("secret"), "{bus}");
        assert_eq!(
            bus.contains("partitions: 4"),
            url.contains("partitions"),
            "{bus}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_url_is_told() {
    for (url, how) in [
        ("shop", "must begin with"),
        ("http://a/shop", "must begin with"),
        ("nats://a", "must name a host and a bus"),
        ("nats:///shop", "must name a host and a bus"),
        ("nats://a/shop?partitions=0", "partitions must be"),
        ("nats://a/shop?colour=red", "nothing else"),
        ("nats://a/shop?mode=loud", "mode=structured or mode=binary"),
        ("nats://a/shop?lease_ms=0", "lease_ms must be 1 or more"),
        ("amqp://a/shop?lease_ms=3000", "lease_ms= with nats only"),
        ("kafka://a/shop?vhost=b", "vhost= with amqp only"),
    ] {
        let message = told(url).await;
        assert!(message.contains(how), "{url}: {message}");
    }
}
