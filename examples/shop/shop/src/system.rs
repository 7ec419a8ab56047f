//! The three services, each in a runtime of its own, wired to each other over real sockets.

use std::net::SocketAddr;

use shop_kit::{
    db::OpenError,
    host::{Host, StartError},
    notices::Notices,
};

use crate::options::{Place, Places};

#[derive(Debug)]
pub(crate) struct System {
    pub(crate) orders: Host,
    pub(crate) inventory: Host,
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
        let orders = start_orders(
            &places.orders,
            inventory.address(),
            payments.address(),
            notices,
        )
        .await?;
        Ok(Self {
            orders,
            inventory,
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

    /// Ends all three, the callers first.
    pub(crate) async fn stop(self) {
        self.orders.stop().await;
        if let Some(payments) = self.payments {
            payments.stop().await;
        }
        self.inventory.stop().await;
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
        Ok::<_, OpenError>((inventory::build(&config).await?, ()))
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
        Ok::<_, OpenError>((payments::build(&config).await?, ()))
    })
    .await
}

async fn start_orders(
    place: &Place,
    inventory: SocketAddr,
    payments: SocketAddr,
    notices: Notices,
) -> Result<Host, StartError> {
    let url = |address| format!("http://{address}").parse();
    let config = orders::Config {
        listen: place.listen,
        database: place.database.clone(),
        inventory: url(inventory)?,
        payments: url(payments)?,
        peer_timeout_ms: 1000,
        log: String::new(),
    };
    let build = || async move {
        let app = orders::build(&config, notices).await?;
        Ok::<_, OpenError>((app.router, app.finisher))
    };
    Host::start(place.listen, build).await
}
