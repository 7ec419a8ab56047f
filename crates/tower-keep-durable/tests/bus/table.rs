use std::time::Duration;

use tower_keep_durable::{
    Bus, Db,
    bus::table::{SCHEMA, TableConfig},
    testing::{Faults, TestDb, on_postgres},
};

use crate::suite::{Features, Rig, conformance, conformance_under_faults};

pub(crate) const LEASE: Duration = Duration::from_secs(1);

pub(crate) async fn open(db: &Db) -> Bus {
    let config = TableConfig {
        lease: LEASE,
        ..TableConfig::default()
    };
    Bus::table(db, config).await.unwrap()
}

/// Two processes share nothing but the database; here, not even the task that writes.
async fn rig(db: Db, faults: Option<Faults>) -> Rig {
    let features = Features {
        lease: LEASE,
        too_large: 2 << 20,
        ..Features::default()
    };
    let with_faults = move |bus: Bus| match &faults {
        Some(faults) => bus.with_faults(faults.clone()),
        None => bus,
    };
    let bus = with_faults(open(&db).await);
    Rig::new(bus, features, move || {
        let (db, with_faults) = (db.clone(), with_faults.clone());
        async move { with_faults(open(&db).await) }
    })
}

async fn on_sqlite<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
    let file = TestDb::sqlite(&[SCHEMA]).await;
    row(rig(file.db.clone(), None).await).await;
}

async fn on_a_server<F>(row: impl FnOnce(Rig) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    on_postgres(&[SCHEMA], |db| async { row(rig(db, None).await).await }).await;
}

mod sqlite {
    use super::*;

    conformance!(
        #[tokio::test]
        on_sqlite,
        leased,
        durable
    );

    mod with_faults {
        use super::*;

        async fn on_faulty_sqlite<F: Future<Output = ()>>(row: impl FnOnce(Rig) -> F) {
            let file = TestDb::sqlite(&[SCHEMA]).await;
            row(rig(file.db.clone(), Some(Faults::seeded(7))).await).await;
        }

        conformance_under_faults!(
            #[tokio::test]
            on_faulty_sqlite,
            leased,
            durable
        );
    }
}

mod postgres {
    use super::*;

    conformance!(
        #[tokio::test]
        on_a_server,
        leased,
        durable
    );
}
