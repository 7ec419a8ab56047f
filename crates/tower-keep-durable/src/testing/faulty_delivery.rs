use std::time::Duration;

use super::faults::{Dice, broken};
use crate::bus::{Acknowledge, Boxed, BusError, Delivery};

/// The end of a delivery over a bad connection.
pub(super) struct FaultyEnd {
    delivery: Option<Delivery>,
    dice: Dice,
}

impl FaultyEnd {
    pub(super) fn around(delivery: Delivery, dice: Dice) -> Delivery {
        let (event, attempt) = (delivery.event().clone(), delivery.attempt());
        let counted = delivery.is_counted();
        let delivery = Some(delivery);
        let faulty = Delivery::new(event, attempt, Box::new(Self { delivery, dice }));
        if counted { faulty.counted() } else { faulty }
    }

    /// Takes the delivery, unless its connection breaks before.
    fn take(&mut self) -> Result<Delivery, BusError> {
        let delivery = self.delivery.take().ok_or_else(|| broken("gone already"))?;
        if self.dice.fall(self.dice.faults.fail / 2) {
            return Err(broken("not sent"));
        }
        Ok(delivery)
    }

    fn answer(&self) -> Result<(), BusError> {
        if self.dice.fall(self.dice.faults.fail.div_ceil(2)) {
            return Err(broken("no answer"));
        }
        Ok(())
    }
}

impl Acknowledge for FaultyEnd {
    fn ack(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            self.take()?.ack().await?;
            self.answer()
        })
    }

    fn nack(&mut self, delay: Duration) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async move {
            self.take()?.nack(delay).await?;
            self.answer()
        })
    }

    fn progress(&mut self) -> Boxed<'_, Result<(), BusError>> {
        Box::pin(async {
            if let Some(delivery) = &mut self.delivery {
                delivery.progress().await?;
            }
            self.answer()
        })
    }
}
