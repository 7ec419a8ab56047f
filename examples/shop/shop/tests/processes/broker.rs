use lapin::{ConnectionProperties, options::ExchangeDeleteOptions};
use tower_keep_durable::testing::server_answers;

/// What carries the events of a fleet on servers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Broker {
    Nats,
    RabbitMq,
}

const NATS: &str = "127.0.0.1:4222";
const RABBITMQ: &str = "127.0.0.1:5672";
/// Fewer than by default: each is a quorum queue of each service, which takes a tenth of a second to make.
const PARTITIONS: u32 = 4;
/// Who has queues there.
const GROUPS: [&str; 6] = [
    "orders-flow",
    "inventory-flow",
    "payments-flow",
    "shipping-flow",
    "notifications",
    "views",
];

impl Broker {
    /// Whether it answers on this machine. If not, that is one visible line, or a failure where it is required.
    pub(crate) async fn answers(self) -> bool {
        match self {
            Self::Nats => server_answers("NATS", NATS, "KEEP_REQUIRE_NATS").await,
            Self::RabbitMq => server_answers("RabbitMQ", RABBITMQ, "KEEP_REQUIRE_RABBITMQ").await,
        }
    }

    /// The URL of the bus of this name.
    pub(crate) fn bus(self, name: &str) -> String {
        match self {
            Self::Nats => format!("nats://{NATS}/{name}"),
            Self::RabbitMq => {
                format!("amqp://guest:guest@{RABBITMQ}/{name}?partitions={PARTITIONS}")
            }
        }
    }

    /// Deletes the bus. To delete what is not there succeeds: the test may never have used it.
    pub(crate) async fn delete(self, name: &str) {
        match self {
            Self::Nats => {
                let client = async_nats::connect(NATS).await.unwrap();
                let _ = async_nats::jetstream::new(client).delete_stream(name).await;
            }
            Self::RabbitMq => {
                let server = format!("amqp://guest:guest@{RABBITMQ}");
                let connection =
                    lapin::Connection::connect(&server, ConnectionProperties::default());
                let connection = connection.await.unwrap();
                let channel = connection.create_channel().await.unwrap();
                let of_group = |group| (0..PARTITIONS).map(move |at| format!("{group}.{at}"));
                let queues = GROUPS.into_iter().flat_map(of_group);
                for queue in queues.chain(["partitions".to_owned()]) {
                    let queue = format!("{name}.{queue}").into();
                    let _ = channel.queue_delete(queue, Default::default()).await;
                }
                let _ = channel
                    .exchange_delete(name.into(), ExchangeDeleteOptions::default())
                    .await;
            }
        }
    }
}
