//! The three services, each in a runtime of its own, wired to each other over real sockets.

use std::net::SocketAddr;

use shop_kit::{
    host::Host,
    notices::Notices,
    server::{Server, StartError},
    stack::ClientHandles,
};
use tokio::sync::oneshot;

use crate::options::{Place, Places};

#[derive(Debug)]
pub(crate) struct System {
    pub(crate) orders: Host,
    pub(crate) inventory: Host,
    /// The layers between orders and its peers.
    pub(crate) peers: Vec<ClientHandles>,
    payments: Option<Host>,
    payments_place: Place,
}

impl System {
    /// Starts all three, peers first.
    pub(crate) async fn start(places: &Places, notices: Notices) -> Result<Self, StartError> {
        let inventory = start_inventory(&places.inventory).await?;
        let payments = start_payments(&places.payments).await?;
        // It comes back where it was.
        let payments_place = Place {
            listen: payments.address(),
            ..places.payments.clone()
        };
        let (orders, peers) = start_orders(
            &places.orders,
            inventory.address(),
            payments.address(),
            notices,
        )
        .await?;
        Ok(Self {
            orders,
            inventory,
            peers,
            payments: Some(payments),
            payments_place,
        })
    }

    /// Where the payment service is, or was.
    pub(crate) fn payments_address(&self) -> SocketAddr {
        self.payments_place.listen
    }

    /// Kills the payment service: its port closes, its connections break.
    pub(crate) async fn kill_payments(&mut self) {
        if let Some(payments) = self.payments.take() {
            payments.kill().await;
        }
    }

    /// Starts the payment service again, on its old port and its old database.
    pub(crate) async fn restart_payments(&mut self) -> Result<(), StartError> {
        self.payments = Some(start_payments(&self.payments_place).await?);
        Ok(())
    }

    /// Drains and ends all three, the callers first.
    pub(crate) async fn stop(self) {
        self.orders.stop().await;
        let payments = async {
            if let Some(payments) = self.payments {
                payments.stop().await;
            }
        };
        tokio::join!(payments, self.inventory.stop());
    }
}

async fn start_inventory(place: &Place) -> Result<Host, StartError> {
    let config = inventory::Config {
        listen: place.listen,
        database: place.database.clone(),
        demo_data: true,
        log: String::new(),
    };
    Host::start(place.listen, || async move {
        Ok((inventory::build(&config).await?, ()))
    })
    .await
}

async fn start_payments(place: &Place) -> Result<Host, StartError> {
    let config = payments::Config {
        listen: place.listen,
        database: place.database.clone(),
        demo_data: true,
        log: String::new(),
    };
    Host::start(place.listen, || async move {
        Ok((payments::build(&config).await?, ()))
    })
    .await
}

async fn start_orders(
    place: &Place,
    inventory: SocketAddr,
    payments: SocketAddr,
    notices: Notices,
) -> Result<(Host, Vec<ClientHandles>), StartError> {
    let url = |address| format!("http://{address}").parse();
    let config = orders::Config {
        listen: place.listen,
        database: place.database.clone(),
        inventory: url(inventory)?,
        payments: url(payments)?,
        peer_timeout_ms: orders::PEER_TIMEOUT_MS,
        log: String::new(),
    };
    let (built, peers) = oneshot::channel();
    let build = || async move {
        let app = orders::build(&config, notices).await?;
        let _ = built.send(app.peers);
        Ok::<(Server, _), StartError>((app.server, app.finisher))
    };
    let host = Host::start(place.listen, build).await?;
    Ok((host, peers.await?))
}
