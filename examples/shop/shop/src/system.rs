//! The three services, each in a runtime of its own, wired to each other over real sockets.

use std::net::SocketAddr;

use shop_kit::{
    host::Host,
    notices::Notices,
    server::{Server, StartError},
    stack::{ClientHandles, ServerHandles},
};
use tokio::sync::oneshot;
use tower_keep::chaos::ChaosConfig;

use crate::options::{Place, Places};

#[derive(Debug)]
pub(crate) struct System {
    pub(crate) orders: Host,
    pub(crate) payments: Host,
    /// The layers that customers meet.
    pub(crate) edge: ServerHandles,
    /// The layers between orders and its peers.
    pub(crate) peers: Vec<ClientHandles>,
    payments_layers: ServerHandles,
    inventory: Option<Host>,
    inventory_layers: ServerHandles,
    inventory_place: Place,
}

impl System {
    /// Starts all three, peers first. A customer may make so many requests a second.
    pub(crate) async fn start(
        places: &Places,
        customer_rate: u32,
        notices: Notices,
    ) -> Result<Self, StartError> {
        let (inventory, inventory_layers) = start_inventory(&places.inventory).await?;
        let (payments, payments_layers) = start_payments(&places.payments).await?;
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
            peer_timeout_ms: orders::PEER_TIMEOUT_MS,
            customer_rate,
            log: String::new(),
        };
        let build = || async move {
            let app = orders::build(&config, notices).await?;
            Ok((app.server, (app.edge, app.peers), app.finisher))
        };
        let (orders, (edge, peers)) = start(&places.orders, build).await?;
        Ok(Self {
            orders,
            payments,
            edge,
            peers,
            payments_layers,
            inventory: Some(inventory),
            inventory_layers,
            inventory_place,
        })
    }

    /// Where the inventory service is, or was.
    pub(crate) fn inventory_address(&self) -> SocketAddr {
        self.inventory_place.listen
    }

    /// How many calls to payments suffered.
    pub(crate) fn payments_suffered(&self) -> u64 {
        self.payments_layers.chaos.snapshot().injected
    }

    /// Calls to payments suffer like this from now on.
    pub(crate) fn disturb_payments(&self, faults: ChaosConfig) -> Result<(), StartError> {
        Ok(self.payments_layers.chaos.update(faults)?)
    }

    /// They do not any more.
    pub(crate) fn leave_payments_alone(&self) {
        self.payments_layers.chaos.stop();
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

    /// Drains and ends all three, the callers first.
    pub(crate) async fn stop(self) {
        self.orders.stop().await;
        let inventory = async {
            if let Some(inventory) = self.inventory {
                inventory.stop().await;
            }
        };
        tokio::join!(self.payments.stop(), inventory);
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

async fn start_inventory(place: &Place) -> Result<(Host, ServerHandles), StartError> {
    let config = inventory::Config {
        listen: place.listen,
        database: place.database.clone(),
        demo_data: true,
        log: String::new(),
    };
    let build = || async move {
        let (server, handles) = inventory::build(&config).await?;
        Ok((server, handles, ()))
    };
    start(place, build).await
}

async fn start_payments(place: &Place) -> Result<(Host, ServerHandles), StartError> {
    let config = payments::Config {
        listen: place.listen,
        database: place.database.clone(),
        demo_data: true,
        log: String::new(),
    };
    let build = || async move {
        let (server, handles) = payments::build(&config).await?;
        Ok((server, handles, ()))
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
