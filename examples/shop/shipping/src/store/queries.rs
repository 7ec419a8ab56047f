use shop_kit::{
    db::{Db, Tx, decode},
    events::{ShipmentCancelled, ShipmentCreated, ShipmentDispatched, Told, tell},
    ids::{OrderId, ShipmentId},
    page::Page,
};
use tower_keep_durable::Outbox;

use crate::{
    NAME,
    domain::{Refusal, Ship, Shipment, Status},
};

#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) db: Db,
    outbox: Outbox,
}

impl Store {
    pub(crate) fn new(db: Db) -> Self {
        let outbox = Outbox::new(db.clone());
        Self { db, outbox }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// What others are still to be told.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Packs the parcel. Asked again it answers the same; what differs is refused.
    pub(crate) async fn create(
        &self,
        ship: &Ship,
    ) -> Result<Result<Shipment, Refusal>, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let packed = create_within(&mut tx, self.db.now(), ship).await?;
        if let Ok(Packed { new: true, .. }) = packed {
            let (order, shipment) = (ship.order, ship.id);
            self.commit(tx, &ShipmentCreated { order, shipment })
                .await?;
        }
        Ok(packed.map(|packed| packed.shipment))
    }

    /// Keeps the parcel in the house. Before the shipment exists this leaves a tombstone, so that a
    /// request that is still under way cannot send it afterwards.
    pub(crate) async fn cancel(
        &self,
        id: ShipmentId,
    ) -> Result<Result<Shipment, Refusal>, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let (shipment, moved) = cancel_within(&mut tx, self.db.now(), id).await?;
        match shipment.order {
            Some(order) if moved => {
                let shipment = id;
                self.commit(tx, &ShipmentCancelled { order, shipment })
                    .await?;
            }
            _ => tx.commit().await?,
        }
        Ok(match shipment.status {
            Status::Dispatched => Err(Refusal::Dispatched),
            Status::Created | Status::Cancelled => Ok(shipment),
        })
    }

    /// Hands the parcel over; none if there is no such shipment.
    pub(crate) async fn dispatch(
        &self,
        id: ShipmentId,
    ) -> Result<Option<Result<Shipment, Refusal>>, sqlx::Error> {
        let mut tx = self.db.begin_write().await?;
        let dispatched = step(&mut tx, id, Status::Dispatched).await?;
        let Some(shipment) = find(&mut tx, id).await? else {
            return Ok(None);
        };
        if let Some(order) = shipment.order
            && dispatched
        {
            let shipment = id;
            self.commit(tx, &ShipmentDispatched { order, shipment })
                .await?;
        }
        Ok(Some(match shipment.status {
            Status::Cancelled => Err(Refusal::Cancelled),
            Status::Created | Status::Dispatched => Ok(shipment),
        }))
    }

    pub(crate) async fn of_order(&self, order: OrderId) -> Result<Option<Shipment>, sqlx::Error> {
        sqlx::query_as("SELECT id, order_id, status FROM shipments WHERE order_id = $1")
            .bind(order.to_string())
            .fetch_optional(self.db.pool())
            .await?
            .map(shipment)
            .transpose()
    }

    /// Those after the page's start, by their ids.
    pub(crate) async fn list(&self, page: &Page) -> Result<Vec<Shipment>, sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, order_id, status FROM shipments WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .bind(&page.after)
        .bind(page.limit)
        .fetch_all(self.db.pool())
        .await?;
        rows.into_iter().map(shipment).collect()
    }

    /// Commits the change together with what is told of it.
    async fn commit(&self, mut tx: Tx, told: &impl Told) -> Result<(), sqlx::Error> {
        self.outbox.append(&mut tx, &tell(NAME, told)).await?;
        self.outbox.commit(tx).await
    }
}

/// A parcel that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Packed {
    pub(super) shipment: Shipment,
    /// Whether it was not there before.
    pub(super) new: bool,
}

/// [`Store::create`] in this transaction; nobody is told.
pub(super) async fn create_within(
    tx: &mut Tx,
    now: i64,
    ship: &Ship,
) -> Result<Result<Packed, Refusal>, sqlx::Error> {
    let contents = serde_json::to_string(&ship.lines).expect("lines are plain data");
    let created = sqlx::query(
        "INSERT INTO shipments (id, order_id, status, contents, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(ship.id.to_string())
    .bind(ship.order.to_string())
    .bind(Status::Created.as_str())
    .bind(&contents)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    if created.rows_affected() == 1 {
        let shipment = Shipment {
            id: ship.id,
            order: Some(ship.order),
            status: Status::Created,
        };
        return Ok(Ok(Packed {
            shipment,
            new: true,
        }));
    }
    let found: Option<(Option<String>, Option<String>)> =
        sqlx::query_as("SELECT order_id, contents FROM shipments WHERE id = $1")
            .bind(ship.id.to_string())
            .fetch_optional(&mut **tx)
            .await?;
    match found {
        Some((None, _)) => Ok(Err(Refusal::Cancelled)),
        Some((Some(order), Some(kept))) if order == ship.order.to_string() && kept == contents => {
            let shipment = load(tx, ship.id).await?;
            Ok(match shipment.status {
                Status::Cancelled => Err(Refusal::Cancelled),
                Status::Created | Status::Dispatched => Ok(Packed {
                    shipment,
                    new: false,
                }),
            })
        }
        _ => Ok(Err(Refusal::Exists)),
    }
}

/// [`Store::cancel`] in this transaction; nobody is told. Answers the shipment as it is then, and
/// whether it was packed.
pub(super) async fn cancel_within(
    tx: &mut Tx,
    now: i64,
    id: ShipmentId,
) -> Result<(Shipment, bool), sqlx::Error> {
    // The insert comes first: on PostgreSQL it waits for a shipment of this id to commit.
    sqlx::query(
        "INSERT INTO shipments (id, status, created_at) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(id.to_string())
    .bind(Status::Cancelled.as_str())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    let moved = step(tx, id, Status::Cancelled).await?;
    Ok((load(tx, id).await?, moved))
}

/// Moves a packed shipment; false if it is not packed any more.
async fn step(tx: &mut Tx, id: ShipmentId, to: Status) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query("UPDATE shipments SET status = $1 WHERE id = $2 AND status = $3")
        .bind(to.as_str())
        .bind(id.to_string())
        .bind(Status::Created.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(moved.rows_affected() == 1)
}

async fn find(tx: &mut Tx, id: ShipmentId) -> Result<Option<Shipment>, sqlx::Error> {
    sqlx::query_as("SELECT id, order_id, status FROM shipments WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?
        .map(shipment)
        .transpose()
}

async fn load(tx: &mut Tx, id: ShipmentId) -> Result<Shipment, sqlx::Error> {
    find(tx, id).await?.ok_or(sqlx::Error::RowNotFound)
}

type Row = (String, Option<String>, String);

fn shipment((id, order, status): Row) -> Result<Shipment, sqlx::Error> {
    Ok(Shipment {
        id: id.parse().map_err(decode)?,
        order: order
            .map(|order| order.parse().map_err(decode))
            .transpose()?,
        status: Status::named(&status).ok_or_else(|| decode(format!("the status is {status}")))?,
    })
}
