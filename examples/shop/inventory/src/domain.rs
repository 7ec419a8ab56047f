//! What can be reserved, and what it costs. No I/O.

use serde::{Deserialize, Serialize};
use shop_kit::{
    events::Line,
    ids::{OrderId, ReservationId},
    money::{Money, MoneyError},
    problem::Problem,
};

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) price: Money,
    /// Free to be reserved.
    pub(crate) on_hand: i64,
}

/// The request to set stock aside for an order. The caller names the reservation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reserve {
    pub(crate) id: ReservationId,
    pub(crate) order: OrderId,
    pub(crate) lines: Vec<Line>,
}

impl Reserve {
    /// Checks what can be checked without the products.
    pub(crate) fn validate(&self) -> Result<(), Problem> {
        if self.lines.is_empty() {
            return Err(Problem::invalid("lines", "there are no lines")
                .remedy("reserve at least one product"));
        }
        for (at, line) in self.lines.iter().enumerate() {
            if line.quantity <= 0 {
                let detail = format!("the quantity is {}", line.quantity);
                return Err(Problem::invalid(format!("lines[{at}].quantity"), detail)
                    .remedy("reserve at least 1"));
            }
            if self.lines[..at]
                .iter()
                .any(|earlier| earlier.product == line.product)
            {
                let detail = format!("{} is on two lines", line.product);
                return Err(Problem::invalid(format!("lines[{at}].product"), detail)
                    .remedy("put them on one line"));
            }
        }
        Ok(())
    }

    /// Decides whether `products` can be set aside: the price of everything, or why not.
    pub(crate) fn decide(&self, products: &[Product]) -> Result<Money, Refusal> {
        let mut total: Option<Money> = None;
        for line in &self.lines {
            let product = products
                .iter()
                .find(|product| product.sku == line.product)
                .ok_or_else(|| Refusal::UnknownProduct(line.product.clone()))?;
            if product.on_hand < line.quantity {
                return Err(Refusal::OutOfStock {
                    product: line.product.clone(),
                    on_hand: product.on_hand,
                });
            }
            let price = product.price.times(line.quantity)?;
            total = Some(total.map_or(Ok(price), |sum| sum.plus(price))?);
        }
        total.ok_or(Refusal::NoPrice(MoneyError::Overflow))
    }
}

/// Why nothing was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownProduct(String),
    OutOfStock {
        product: String,
        on_hand: i64,
    },
    NoPrice(MoneyError),
    /// The release came first.
    Released,
    /// A reservation of this id or for this order was requested before.
    Exists,
}

impl From<MoneyError> for Refusal {
    fn from(error: MoneyError) -> Self {
        Self::NoPrice(error)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        use http::StatusCode as S;
        match refusal {
            Refusal::UnknownProduct(sku) => Self::new(
                S::NOT_FOUND,
                "unknown-product",
                format!("there is no product {sku}"),
            )
            .field("lines")
            .remedy("GET /products lists them"),
            Refusal::OutOfStock { product, on_hand } => Self::new(
                S::CONFLICT,
                "out-of-stock",
                format!("only {on_hand} of {product} left"),
            )
            .field("lines")
            .remedy("order less of it"),
            Refusal::NoPrice(error) => {
                Self::invalid("lines", error.to_string()).remedy("order less, in one currency")
            }
            Refusal::Released => Self::new(
                S::CONFLICT,
                "reservation-released",
                "this reservation was released before it was made",
            )
            .field("id"),
            Refusal::Exists => Self::new(
                S::CONFLICT,
                "reservation-exists",
                "a reservation of this id or for this order was requested before",
            )
            .field("id"),
        }
    }
}

/// A reservation as others see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Reservation {
    pub(crate) id: ReservationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<OrderId>,
    pub(crate) status: &'static str,
    /// The price of everything on the day it was reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<Money>,
}

/// The states of a reservation.
pub(crate) mod status {
    /// Stock is set aside.
    pub(crate) const HELD: &str = "held";
    /// There was not enough stock.
    pub(crate) const REFUSED: &str = "refused";
    /// It has left the house.
    pub(crate) const COMMITTED: &str = "committed";
    /// The stock went back. Without lines it is a tombstone: the release came first.
    pub(crate) const RELEASED: &str = "released";

    /// The constant of this name.
    pub(crate) fn named(name: &str) -> &'static str {
        [HELD, REFUSED, COMMITTED, RELEASED]
            .into_iter()
            .find(|status| *status == name)
            .unwrap_or("unknown")
    }
}

#[cfg(test)]
mod tests {
    use shop_kit::money::Currency;

    use super::*;

    fn reserve(lines: &[(&str, i64)]) -> Reserve {
        let lines = lines.iter().map(|&(product, quantity)| Line {
            product: product.into(),
            quantity,
        });
        Reserve {
            id: ReservationId::generate(),
            order: OrderId::generate(),
            lines: lines.collect(),
        }
    }

    fn product(sku: &str, minor: i64, on_hand: i64) -> Product {
        Product {
            sku: sku.into(),
            name: sku.into(),
            price: Money::new(minor, Currency::EUR),
            on_hand,
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (lines, field) in [
            (&[][..], "lines"),
            (&[("tea", 1), ("mug", 0)], "lines[1].quantity"),
            (&[("tea", -1)], "lines[0].quantity"),
            (&[("tea", 1), ("tea", 1)], "lines[1].product"),
        ] {
            let problem = reserve(lines).validate().unwrap_err();
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (422, Some(field))
            );
        }
    }

    #[test]
    fn all_lines_are_set_aside_or_none() {
        let products = [product("tea", 250, 3), product("mug", i64::MAX, 9)];
        assert_eq!(reserve(&[("tea", 3)]).decide(&products).unwrap().minor, 750);
        let short = reserve(&[("mug", 1), ("tea", 4)]).decide(&products);
        assert_eq!(
            short,
            Err(Refusal::OutOfStock {
                product: "tea".into(),
                on_hand: 3
            })
        );
        let unknown = reserve(&[("tee", 1)]).decide(&products);
        assert_eq!(unknown, Err(Refusal::UnknownProduct("tee".into())));
        for lines in [&[("mug", 2)][..], &[("mug", 1), ("tea", 1)]] {
            assert_eq!(
                reserve(lines).decide(&products),
                Err(Refusal::NoPrice(MoneyError::Overflow))
            );
        }
    }
}
