//! The services and the card network, each in a runtime of its own, wired to each other over real sockets.

use std::net::SocketAddr;

use shop_kit::{
    flow::Flow,
    host::Host,
    server::{Server, StartError},
    stack::{ClientHandles, ServerHandles},
    webhook::WebhookSecret,
};
use tokio::sync::oneshot;
use tower_keep::chaos::ChaosConfig;

use crate::{
    check::{ReadSide, Services},
    options::{Place, Places},
    web::Web,
};

#[derive(Debug)]
pub(crate) struct System {
    pub(crate) orders: Host,
    pub(crate) payments: Host,
    pub(crate) shipping: Host,
    /// Notifications and views, unless they are away.
    listeners: Option<[Host; 2]>,
    listeners_places: [Place; 2],
    /// The card network, where the money of customers is.
    pub(crate) cards: Host,
    pub(crate) webhooks: cards::Webhooks,
    /// The layers that customers meet.
    pub(crate) edge: ServerHandles,
    /// The layers between orders and its peers. By choreography orders does not call payments: in
    /// its place there are those between payments and the card network.
    pub(crate) peers: Vec<ClientHandles>,
    /// The layers of payments, or by choreography those of the card network, which is called.
    money_layers: ServerHandles,
    inventory: Option<Host>,
    inventory_layers: ServerHandles,
    inventory_place: Place,
}

impl System {
    /// Starts all: who is told or called before who tells or calls. A customer may make so many
    /// requests a second.
    pub(crate) async fn start(places: &Places, customer_rate: u32) -> Result<Self, StartError> {
        // On the bus before anything is told.
        let notifications = start_notifications(&places.notifications).await?;
        let views = start_views(&places.views).await?;
        let listeners_places = [
            (&notifications, &places.notifications),
            (&views, &places.views),
        ]
        .map(|(host, place)| Place {
            listen: host.address(),
            ..place.clone()
        });
        let (inventory, inventory_layers) = start_inventory(&places.inventory).await?;
        let (shipping, _) = start_shipping(&places.shipping).await?;
        let secret = WebhookSecret::random();
        let (cards, (webhooks, cards_layers)) = start_cards(&places.cards, &secret).await?;
        let (payments, (payments_layers, network)) =
            start_payments(&places.payments, cards.address(), &secret).await?;
        // As networks do now and then.
        webhooks.send_twice(TWICE, SEED);
        webhooks.send_to(format!("{}/webhooks/cards", url(payments.address())).parse()?);
        // It comes back where it was.
        let inventory_place = Place {
            listen: inventory.address(),
            ..places.inventory.clone()
        };
        let config = orders::Config {
            listen: places.orders.listen,
            database: places.orders.database.clone(),
            inventory: url(inventory.address()).parse()?,
            payments: url(payments.address()).parse()?,
            shipping: url(shipping.address()).parse()?,
            bus: places.orders.bus.clone(),
            peer_timeout_ms: orders::PEER_TIMEOUT_MS,
            patience_ms: orders::PATIENCE_MS,
            saga: places.orders.saga,
            deadline_ms: orders::DEADLINE_MS,
            lease_ms: orders::LEASE_MS,
            customer_rate,
            log: String::new(),
        };
        let build = || async move {
            let app = orders::build(&config).await?;
            Ok((app.server, (app.edge, app.peers), app.workers))
        };
        let (orders, (edge, mut peers)) = start(&places.orders, build).await?;
        let money_layers = match places.orders.saga {
            Flow::Orchestration => payments_layers,
            Flow::Choreography => {
                let called = peers.iter_mut().find(|peer| peer.name == "payments");
                called.into_iter().for_each(|peer| *peer = network.clone());
                cards_layers
            }
        };
        Ok(Self {
            orders,
            payments,
            shipping,
            listeners: Some([notifications, views]),
            listeners_places,
            cards,
            webhooks,
            edge,
            peers,
            money_layers,
            inventory: Some(inventory),
            inventory_layers,
            inventory_place,
        })
    }

    /// All of whom the books are checked.
    pub(crate) fn services(&self) -> Services {
        Services {
            orders: Web::new(self.orders.address()),
            payments: Web::new(self.payments.address()),
            inventory: Web::new(self.inventory_address()),
            shipping: Web::new(self.shipping.address()),
            cards: Web::new(self.cards.address()),
        }
    }

    /// Who makes something of the events.
    pub(crate) fn read_side(&self) -> ReadSide {
        let [notifications, views] = self.listeners().map(Web::new);
        ReadSide {
            notifications,
            views,
        }
    }

    /// Where the inventory service is, or was.
    pub(crate) fn inventory_address(&self) -> SocketAddr {
        self.inventory_place.listen
    }

    /// How many calls suffered that have to do with money.
    pub(crate) fn payments_suffered(&self) -> u64 {
        self.money_layers.chaos.snapshot().injected
    }

    /// Calls to payments, or by choreography to the card network, suffer like this from now on.
    pub(crate) fn disturb_payments(&self, faults: ChaosConfig) -> Result<(), StartError> {
        Ok(self.money_layers.chaos.update(faults)?)
    }

    /// They do not any more.
    pub(crate) fn leave_payments_alone(&self) {
        self.money_layers.chaos.stop();
    }

    /// Reads of inventory suffer like this from now on, until it is killed.
    pub(crate) fn disturb_inventory(&self, faults: ChaosConfig) -> Result<(), StartError> {
        Ok(self.inventory_layers.chaos.update(faults)?)
    }

    /// Kills the inventory service: its port closes, its connections break.
    pub(crate) async fn kill_inventory(&mut self) {
        if let Some(inventory) = self.inventory.take() {
            inventory.kill().await;
        }
    }

    /// Starts the inventory service again, on its old port and its old database.
    pub(crate) async fn restart_inventory(&mut self) -> Result<(), StartError> {
        let (inventory, layers) = start_inventory(&self.inventory_place).await?;
        self.inventory = Some(inventory);
        self.inventory_layers = layers;
        Ok(())
    }

    /// Where notifications and views are, or were.
    pub(crate) fn listeners(&self) -> [SocketAddr; 2] {
        self.listeners_places.each_ref().map(|place| place.listen)
    }

    /// Kills notifications and views; the bus keeps for them what is told from now on.
    pub(crate) async fn kill_listeners(&mut self) {
        for listener in self.listeners.take().into_iter().flatten() {
            listener.kill().await;
        }
    }

    /// Starts them again, on their old ports and their old databases.
    pub(crate) async fn restart_listeners(&mut self) -> Result<(), StartError> {
        let [notifications, views] = &self.listeners_places;
        self.listeners = Some([
            start_notifications(notifications).await?,
            start_views(views).await?,
        ]);
        Ok(())
    }

    /// Drains and ends all, the callers first.
    pub(crate) async fn stop(self) {
        self.orders.stop().await;
        let inventory = async {
            if let Some(inventory) = self.inventory {
                inventory.stop().await;
            }
        };
        let listeners = async {
            if let Some([notifications, views]) = self.listeners {
                tokio::join!(notifications.stop(), views.stop());
            }
        };
        tokio::join!(
            self.payments.stop(),
            self.shipping.stop(),
            listeners,
            inventory
        );
        self.cards.stop().await;
    }
}

/// The part of the webhooks that comes twice, in every run the same.
const TWICE: f64 = 0.1;
const SEED: u64 = 7;

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

async fn start_inventory(place: &Place) -> Result<(Host, ServerHandles), StartError> {
    let config = inventory::Config {
        listen: place.listen,
        database: place.database.clone(),
        bus: place.bus.clone(),
        saga: place.saga,
        demo_data: true,
        log: String::new(),
    };
    let build = || async move {
        let app = inventory::build(&config).await?;
        Ok((app.server, app.layers, app.workers))
    };
    start(place, build).await
}

async fn start_cards(
    place: &Place,
    secret: &WebhookSecret,
) -> Result<(Host, (cards::Webhooks, ServerHandles)), StartError> {
    let config = cards::Config {
        listen: place.listen,
        database: place.database.clone(),
        // Sent once payments is there.
        webhooks: None,
        webhook_secret: Some(secret.clone()),
        demo_data: true,
        log: String::new(),
    };
    let build = || async move {
        let app = cards::build(&config).await?;
        Ok((app.server, (app.webhooks, app.layers), app.sender))
    };
    start(place, build).await
}

async fn start_shipping(place: &Place) -> Result<(Host, ServerHandles), StartError> {
    let config = shipping::Config {
        listen: place.listen,
        database: place.database.clone(),
        bus: place.bus.clone(),
        saga: place.saga,
        log: String::new(),
    };
    let build = || async move {
        let app = shipping::build(&config).await?;
        Ok((app.server, app.layers, app.workers))
    };
    start(place, build).await
}

async fn start_notifications(place: &Place) -> Result<Host, StartError> {
    let config = notifications::Config {
        listen: place.listen,
        database: place.database.clone(),
        bus: place.bus.clone(),
        log: String::new(),
    };
    let build = || async move {
        let app = notifications::build(&config).await?;
        Ok((app.server, (), app.workers))
    };
    Ok(start(place, build).await?.0)
}

async fn start_views(place: &Place) -> Result<Host, StartError> {
    let config = views::Config {
        listen: place.listen,
        database: place.database.clone(),
        bus: place.bus.clone(),
        rebuild: false,
        log: String::new(),
    };
    let build = || async move {
        let app = views::build(&config).await?;
        Ok((app.server, (), app.workers))
    };
    Ok(start(place, build).await?.0)
}

async fn start_payments(
    place: &Place,
    cards: SocketAddr,
    secret: &WebhookSecret,
) -> Result<(Host, (ServerHandles, ClientHandles)), StartError> {
    let config = payments::Config {
        listen: place.listen,
        database: place.database.clone(),
        bus: place.bus.clone(),
        saga: place.saga,
        cards: url(cards).parse()?,
        webhook_secret: Some(secret.clone()),
        cards_timeout_ms: payments::CARDS_TIMEOUT_MS,
        grace_ms: payments::GRACE_MS,
        log: String::new(),
    };
    let build = || async move {
        let app = payments::build(&config).await?;
        Ok((app.server, (app.layers, app.network), app.workers))
    };
    start(place, build).await
}

/// Starts what `build` makes: a server, the handles that come out, and what is kept inside.
async fn start<B, F, H, K>(place: &Place, build: B) -> Result<(Host, H), StartError>
where
    B: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<(Server, H, K), StartError>> + Send,
    H: Send + 'static,
    K: Send + 'static,
{
    let (built, handles) = oneshot::channel();
    let build = || async move {
        let (server, handles, kept) = build().await?;
        let _ = built.send(handles);
        Ok((server, kept))
    };
    let host = Host::start(place.listen, build).await?;
    Ok((host, handles.await?))
}
