//! The services that an order needs, in the words of this one.

use std::fmt;

use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop_kit::{
    client::{CallError, Read, ServiceClient},
    events::Line,
    ids::{OrderId, PaymentId, ReservationId, ShipmentId},
    money::Money,
    server::StartError,
    stack::{ClientHandles, Dependency, Places, Reads},
};

use tower_keep::context::Priority;

use crate::config::Config;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Inventory,
    Payments,
    Shipping,
}

impl Peer {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Payments => "payments",
            Self::Shipping => "shipping",
        }
    }

    /// What is behind payments is a bank's, and nobody here knows how much it can take.
    fn places(self) -> Places {
        match self {
            Self::Inventory | Self::Shipping => Places::Known,
            Self::Payments => Places::Adaptive,
        }
    }

    /// A product page may be a little old, since the reservation decides; money may not.
    fn reads(self) -> Reads {
        match self {
            Self::Inventory => Reads::MayBeOld,
            Self::Payments | Self::Shipping => Reads::Exact,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Peers {
    inventory: ServiceClient,
    payments: ServiceClient,
    shipping: ServiceClient,
}

impl Peers {
    pub(crate) fn new(config: &Config) -> Result<Self, StartError> {
        let client = |peer: Peer, base: &Uri| {
            let dependency = Dependency {
                name: peer.as_str(),
                timeout: config.peer_timeout(),
                places: peer.places(),
                reads: peer.reads(),
            };
            ServiceClient::new(base.clone(), &dependency)
        };
        Ok(Self {
            inventory: client(Peer::Inventory, &config.inventory)?,
            payments: client(Peer::Payments, &config.payments)?,
            shipping: client(Peer::Shipping, &config.shipping)?,
        })
    }

    /// The handles of the layers in front of each.
    pub(crate) fn handles(&self) -> Vec<ClientHandles> {
        let all = [&self.inventory, &self.payments, &self.shipping];
        all.map(|client| client.handles().clone()).into()
    }

    /// What there is to buy, as inventory says or said.
    pub(crate) async fn products(&self) -> Result<Read<Value>, CallError> {
        self.inventory.get("/products").await
    }

    /// Sets the stock aside; answers the price of everything.
    pub(crate) async fn reserve(
        &self,
        key: &str,
        order: OrderId,
        lines: &[Line],
    ) -> Result<Money, CallError> {
        let id = order.reservation();
        let request = Reserve { id, order, lines };
        let asked = self.inventory.post("/reservations", key, &request);
        let reservation: Reservation = Priority::CRITICAL.scope(asked).await?;
        Ok(reservation.total)
    }

    /// Puts the stock back; safe before, during and after [`Peers::reserve`].
    pub(crate) async fn release(&self, order: OrderId) -> Result<(), CallError> {
        let path = format!("/reservations/{}", order.reservation());
        checkout(self.inventory.delete(&path)).await
    }

    /// The goods leave the shelf.
    pub(crate) async fn commit_stock(&self, key: &str, order: OrderId) -> Result<(), CallError> {
        let path = format!("/reservations/{}/commit", order.reservation());
        checkout(self.inventory.post(&path, key, &())).await
    }

    /// Sets the money aside.
    pub(crate) async fn authorize(
        &self,
        key: &str,
        order: OrderId,
        account: &str,
        amount: Money,
    ) -> Result<(), CallError> {
        let request = Authorize {
            id: order.payment(),
            order,
            account,
            amount,
        };
        checkout(self.payments.post("/payments", key, &request)).await
    }

    /// Takes the money that was set aside.
    pub(crate) async fn capture(&self, key: &str, order: OrderId) -> Result<(), CallError> {
        self.move_money("capture", key, order).await
    }

    /// Frees the money; safe before, during and after [`Peers::authorize`].
    pub(crate) async fn void(&self, key: &str, order: OrderId) -> Result<(), CallError> {
        self.move_money("void", key, order).await
    }

    /// Gives back the money that was taken.
    pub(crate) async fn refund(&self, key: &str, order: OrderId) -> Result<(), CallError> {
        self.move_money("refund", key, order).await
    }

    async fn move_money(&self, verb: &str, key: &str, order: OrderId) -> Result<(), CallError> {
        let path = format!("/payments/{}/{verb}", order.payment());
        checkout(self.payments.post(&path, key, &())).await
    }

    /// Has the parcel packed.
    pub(crate) async fn ship(
        &self,
        key: &str,
        order: OrderId,
        lines: &[Line],
    ) -> Result<(), CallError> {
        let id = order.shipment();
        let request = Ship { id, order, lines };
        checkout(self.shipping.post("/shipments", key, &request)).await
    }

    /// Keeps the parcel in the house; rejected once it has left.
    pub(crate) async fn call_back(&self, order: OrderId) -> Result<(), CallError> {
        let path = format!("/shipments/{}", order.shipment());
        checkout(self.shipping.delete(&path)).await
    }
}

#[derive(Serialize)]
struct Reserve<'a> {
    id: ReservationId,
    order: OrderId,
    lines: &'a [Line],
}

#[derive(Deserialize)]
struct Reservation {
    total: Money,
}

#[derive(Serialize)]
struct Authorize<'a> {
    id: PaymentId,
    order: OrderId,
    account: &'a str,
    amount: Money,
}

#[derive(Serialize)]
struct Ship<'a> {
    id: ShipmentId,
    order: OrderId,
    lines: &'a [Line],
}

/// An answer of which only the success matters.
#[derive(Deserialize)]
struct Ignored {}

/// Nothing matters more; how much it matters travels along.
async fn checkout(call: impl Future<Output = Result<Ignored, CallError>>) -> Result<(), CallError> {
    Priority::CRITICAL.scope(call).await.map(drop)
}
