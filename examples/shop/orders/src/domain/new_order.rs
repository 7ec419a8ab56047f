use serde::{Deserialize, Serialize};
use shop_kit::{events::Line, problem::Problem};

/// The request for an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    /// Who orders, and whose account pays.
    pub(crate) customer: String,
    pub(crate) lines: Vec<Line>,
}

/// The most lines that an order may have.
const MOST_LINES: usize = 100;

impl NewOrder {
    pub(crate) fn validate(&self) -> Result<(), Problem> {
        check_name("customer", &self.customer)?;
        if self.lines.is_empty() {
            return Err(Problem::invalid("lines", "the order is empty")
                .remedy("order at least one product"));
        }
        if self.lines.len() > MOST_LINES {
            let detail = format!("the order has {} lines", self.lines.len());
            return Err(Problem::invalid("lines", detail).remedy("order at most 100 lines at once"));
        }
        for (at, line) in self.lines.iter().enumerate() {
            check_name(&format!("lines[{at}].product"), &line.product)?;
            if line.quantity <= 0 {
                let detail = format!("the quantity is {}", line.quantity);
                return Err(Problem::invalid(format!("lines[{at}].quantity"), detail)
                    .remedy("order at least 1"));
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
}

fn check_name(field: &str, name: &str) -> Result<(), Problem> {
    if (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(
        Problem::invalid(field, "it must be 1 to 64 visible ASCII characters")
            .remedy("send the id, not a text"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(customer: &str, lines: &[(&str, i64)]) -> NewOrder {
        let line = |&(product, quantity): &(&str, i64)| Line {
            product: product.into(),
            quantity,
        };
        NewOrder {
            customer: customer.into(),
            lines: lines.iter().map(line).collect(),
        }
    }

    #[test]
    fn a_wrong_field_is_named_with_its_remedy() {
        for (order, field) in [
            (order("", &[("tea", 1)]), "customer"),
            (order("a b", &[("tea", 1)]), "customer"),
            (order("anna", &[]), "lines"),
            (order("anna", &[("tea", 1); 101]), "lines"),
            (order("anna", &[("tea", 1), ("", 1)]), "lines[1].product"),
            (order("anna", &[("tea", 0)]), "lines[0].quantity"),
            (order("anna", &[("tea", i64::MIN)]), "lines[0].quantity"),
            (order("anna", &[("tea", 1), ("tea", 2)]), "lines[1].product"),
        ] {
            let problem = order.validate().unwrap_err();
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (422, Some(field))
            );
            assert!(problem.remedy.is_some());
        }
        assert_eq!(order("anna", &[("tea", 1)]).validate(), Ok(()));
    }
}
