//! The two services that an order needs, in the words of this one.

use std::fmt;

use http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop_kit::{
    client::{CallError, Read, ServiceClient},
    ids::{OrderId, PaymentId, ReservationId},
    money::Money,
    server::StartError,
    stack::{ClientHandles, Dependency, Places, Reads},
};

use crate::{
    config::Config,
    domain::{Line, Order},
};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Inventory,
    Payments,
}

impl Peer {
    pub(crate) const ALL: [Self; 2] = [Self::Inventory, Self::Payments];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Payments => "payments",
        }
    }

    /// What is behind payments is a bank's, and nobody here knows how much it can take.
    fn places(self) -> Places {
        match self {
            Self::Inventory => Places::Known,
            Self::Payments => Places::Adaptive,
        }
    }

    /// A product page may be a little old, since the reservation decides; money may not.
    fn reads(self) -> Reads {
        match self {
            Self::Inventory => Reads::MayBeOld,
            Self::Payments => Reads::Exact,
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
        })
    }

    /// The handles of the layers in front of each.
    pub(crate) fn handles(&self) -> Vec<ClientHandles> {
        let both = [&self.inventory, &self.payments];
        both.map(|client| client.handles().clone()).into()
    }

    /// What there is to buy, as inventory says or said.
    pub(crate) async fn products(&self) -> Result<Read<Value>, CallError> {
        self.inventory.get("/products").await
    }

    /// Sets the stock aside; answers the price of everything.
    pub(crate) async fn reserve(&self, order: &Order) -> Result<Money, CallError> {
        let request = Reserve {
            id: order.reservation,
            order: order.id,
            lines: &order.lines,
        };
        let reservation: Reservation = self
            .inventory
            .post("/reservations", &order.id.to_string(), &request)
            .await?;
        Ok(reservation.total)
    }

    /// Puts the stock back; safe before, during and after [`Peers::reserve`].
    pub(crate) async fn release(&self, order: &Order) -> Result<(), CallError> {
        let _: Ignored = self
            .inventory
            .delete(&format!("/reservations/{}", order.reservation))
            .await?;
        Ok(())
    }

    /// Takes the money.
    pub(crate) async fn charge(&self, order: &Order, amount: Money) -> Result<(), CallError> {
        let request = Charge {
            id: order.payment,
            order: order.id,
            account: &order.customer,
            amount,
        };
        let _: Ignored = self
            .payments
            .post("/payments", &order.id.to_string(), &request)
            .await?;
        Ok(())
    }

    /// Gives the money back; safe before, during and after [`Peers::charge`].
    pub(crate) async fn refund(&self, order: &Order) -> Result<(), CallError> {
        let path = format!("/payments/{}/refund", order.payment);
        let _: Ignored = self
            .payments
            .post(&path, &order.id.to_string(), &())
            .await?;
        Ok(())
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
struct Charge<'a> {
    id: PaymentId,
    order: OrderId,
    account: &'a str,
    amount: Money,
}

/// An answer of which only the success matters.
#[derive(Deserialize)]
struct Ignored {}
