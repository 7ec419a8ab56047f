use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use shop_kit::{db::file_url, flow::Flow};
use tempfile::TempDir;
use tokio::{
    select,
    task::spawn_blocking,
    time::{Instant, sleep},
};
use tower_keep_durable::testing::free_port;

use crate::{
    backend::Backend,
    proxy::Proxy,
    service::{Plan, Service},
    web::Web,
};

/// All of them.
pub(crate) const SERVICES: [&str; 7] = [
    "cards",
    "inventory",
    "shipping",
    "payments",
    "orders",
    "notifications",
    "views",
];
/// Those that only listen, and are behind the others while something is under way.
const LISTENERS: [&str; 2] = ["notifications", "views"];

/// Those that know two ways to see an order through.
const TAKE_PART: [&str; 4] = ["inventory", "shipping", "payments", "orders"];

/// How long others wait for what a process had in hand that was killed, in milliseconds.
const LEASE_MS: &str = "1000";

/// How long anything may take: much longer than it does, for a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(90);

/// What cards sign their webhooks with.
const SECRET: &str = "whsec_bm9ib2R5IGVsc2Ugc2hhbGwga25vdyB0aGlz";

/// How a fleet is started.
#[derive(Debug, Default, Clone)]
pub(crate) struct Setup {
    /// On PostgreSQL and a broker in place of SQLite.
    pub(crate) backend: Option<Backend>,
    /// Services of which there are two, the second called `orders-2`.
    pub(crate) twice: &'static [&'static str],
    /// The service that is killed, and at which place, the first time that it starts.
    pub(crate) armed: Option<(&'static str, usize)>,
    /// The mistake that all services make.
    pub(crate) mistake: Option<&'static str>,
    /// Orders calls its peers through a proxy.
    pub(crate) is_proxied: bool,
    /// How orders find their way.
    pub(crate) flow: Flow,
}

/// The services, each a process. One that dies is started again when something is waited for.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(crate) web: Web,
    pub(crate) proxy: Option<Proxy>,
    /// The one between the second orders and its peers.
    pub(crate) second_proxy: Option<Proxy>,
    /// Who died, and of which signal.
    pub(crate) deaths: Vec<(String, i32)>,
    folder: TempDir,
    backend: Backend,
    flow: Flow,
    services: BTreeMap<String, Service>,
    variables: Vec<(&'static str, String)>,
    ports: BTreeMap<&'static str, u16>,
}

impl Fleet {
    pub(crate) async fn start(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports: BTreeMap<_, _> = SERVICES.map(|service| (service, free_port())).into();
        let seconds = setup.twice.iter().map(|service| (*service, free_port()));
        let replicas: BTreeMap<_, _> = seconds.collect();
        let of = |service: &&'static str| {
            let both = [Some(&ports[service]), replicas.get(service)];
            (*service, both.into_iter().flatten().copied().collect())
        };
        let peers: BTreeMap<_, Vec<u16>> = SERVICES.iter().map(of).collect();
        let (proxy, second_proxy) = match setup.is_proxied {
            true => (
                Some(Proxy::start(&peers).await),
                Some(Proxy::start(&peers).await),
            ),
            false => (None, None),
        };
        let mistake = setup
            .mistake
            .map(|mistake| ("SHOP_MISTAKE", mistake.to_owned()));
        let lease = [("SHOP_LEASE_MS", LEASE_MS.to_owned())];
        let mut fleet = Self {
            web: Web::new(),
            proxy,
            second_proxy,
            deaths: Vec::new(),
            folder,
            backend: setup.backend.unwrap_or(Backend::Sqlite),
            flow: setup.flow,
            services: BTreeMap::new(),
            variables: lease.into_iter().chain(mistake).collect(),
            ports,
        };
        for service in SERVICES {
            let plan = fleet.plan(service).await;
            let mut variables = fleet.variables.clone();
            if let Some((armed, place)) = setup.armed
                && armed == service
            {
                variables.push(("KEEP_CRASH_AT", place.to_string()));
            }
            if let Some(port) = replicas.get(service) {
                let second = fleet.second(&plan, *port);
                fleet.run(second, &fleet.variables.clone());
            }
            fleet.run(plan, &variables);
        }
        let names: Vec<_> = fleet.services.keys().cloned().collect();
        for name in names {
            fleet
                .until(&format!("{name} is ready"), async |fleet| {
                    let url = format!("{}/readyz", fleet.url(&name));
                    fleet
                        .web
                        .get(&url)
                        .await
                        .is_some_and(|(status, _)| status == 200)
                })
                .await;
        }
        fleet
    }

    async fn plan(&self, service: &'static str) -> Plan {
        let at = |peer: &str| match &self.proxy {
            Some(proxy) if service == "orders" => proxy.url(peer),
            _ => format!("http://127.0.0.1:{}", self.ports[peer]),
        };
        let database = self.backend.database(self.folder.path(), service).await;
        let mut arguments = vec!["--db".to_owned(), database];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        if service != "cards" {
            option("--bus", self.backend.bus(self.folder.path()));
        }
        if TAKE_PART.contains(&service) {
            option("--saga", self.flow.to_string());
        }
        match service {
            "cards" => {
                option("--webhooks", format!("{}/webhooks/cards", at("payments")));
                option("--webhook-secret", SECRET.to_owned());
            }
            "payments" => {
                option("--webhook-secret", SECRET.to_owned());
                option("--cards", at("cards"));
                option("--grace-ms", "1000".to_owned());
            }
            "orders" => {
                for peer in ["payments", "inventory", "shipping"] {
                    option(&format!("--{peer}"), at(peer));
                }
                option("--lease-ms", LEASE_MS.to_owned());
            }
            _ => {}
        }
        if matches!(service, "cards" | "inventory") {
            arguments.push("--demo-data".to_owned());
        }
        Plan {
            service,
            name: service.to_owned(),
            port: self.ports[service],
            arguments,
        }
    }

    fn run(&mut self, plan: Plan, variables: &[(&str, String)]) {
        let name = plan.name.clone();
        let service = Service::start(plan, self.folder.path(), variables);
        self.services.insert(name, service);
    }

    /// The SQLite database of a service.
    pub(crate) fn database(&self, service: &str) -> String {
        file_url(&self.folder.path().join(format!("{service}.db")))
    }

    pub(crate) fn url(&self, name: &str) -> String {
        self.services[name].url()
    }

    pub(crate) fn port(&self, name: &str) -> u16 {
        self.services[name].plan.port
    }

    pub(crate) fn signal(&self, name: &str, signal: Signal) {
        self.services[name].signal(signal);
    }

    /// Kills it for good: it is not started again.
    pub(crate) async fn bury(&mut self, name: &str) {
        let mut service = self.services.remove(name).unwrap();
        service.signal(Signal::KILL);
        while service.died().is_none() {
            sleep(Duration::from_millis(5)).await;
        }
        self.deaths.push((name.to_owned(), 9));
    }

    /// From now on a replica is asked in place of one that was buried.
    pub(crate) fn ask(&mut self, replica: &str) {
        let plan = &self.services[replica].plan;
        self.ports.insert(plan.service, plan.port);
    }

    /// How the replica of a service is started: on a port and through a proxy of its own.
    fn second(&self, first: &Plan, port: u16) -> Plan {
        let mut plan = first.clone();
        plan.name = format!("{}-2", first.service);
        plan.port = port;
        if let (Some(one), Some(other), "orders") = (&self.proxy, &self.second_proxy, first.service)
        {
            for argument in &mut plan.arguments {
                for peer in ["inventory", "payments", "shipping"] {
                    *argument = argument.replace(&one.url(peer), &other.url(peer));
                }
            }
        }
        plan
    }

    /// What a service and those before it wrote on stderr.
    pub(crate) fn said(&self, name: &str) -> String {
        self.services[name].said()
    }

    /// The same of all services.
    pub(crate) fn all_said(&self) -> String {
        self.services.values().map(Service::said).collect()
    }

    /// Leaves what it kept in files for somebody to look at, and says where.
    pub(crate) fn keep(&mut self) -> &Path {
        self.folder.disable_cleanup(true);
        self.folder.path()
    }

    /// Starts again who has died.
    pub(crate) fn tend(&mut self) {
        let mut dead = Vec::new();
        for (name, service) in &mut self.services {
            if let Some(signal) = service.died() {
                self.deaths.push((name.clone(), signal));
                dead.push(service.plan.clone());
            }
        }
        for plan in dead {
            let variables = self.variables.clone();
            self.run(plan, &variables);
        }
    }

    /// Tends to the services until something is so.
    ///
    /// # Panics
    /// It does not become so.
    pub(crate) async fn until(&mut self, what: &str, mut is_so: impl AsyncFnMut(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self).await {
            if began.elapsed() > PATIENCE {
                let said = self.all_said();
                panic!("it did not happen within {PATIENCE:?} that {what}\n{said}");
            }
            self.tend();
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Posts until there is an answer that says something.
    pub(crate) async fn post(
        &mut self,
        name: &str,
        path: &str,
        key: &str,
        body: &Value,
    ) -> (u16, Value) {
        let mut answer = None;
        let url = format!("{}{path}", self.url(name));
        self.until(&format!("{url} is answered"), async |fleet| {
            let found = fleet.web.post(&url, key, body).await;
            let is_busy = |status: u16, body: &Value| {
                status >= 500 || status == 429 || body["type"] == "urn:shop:request-in-progress"
            };
            answer = found.filter(|(status, body)| !is_busy(*status, body));
            answer.is_some()
        })
        .await;
        answer.unwrap()
    }

    /// An order as it is.
    pub(crate) async fn order(&mut self, id: &str) -> Value {
        let mut found = None;
        let url = format!("{}/orders/{id}", self.url("orders"));
        self.until(&format!("{url} is shown"), async |fleet| {
            found = fleet
                .web
                .get(&url)
                .await
                .filter(|(status, _)| *status == 200);
            found.is_some()
        })
        .await;
        found.unwrap().1
    }

    /// `shop check`, of those whose books are checked, with these options besides.
    pub(crate) fn check(&self, options: &[&str]) -> Output {
        let books = SERVICES.into_iter().filter(|it| !LISTENERS.contains(it));
        self.checking(books, options).output().unwrap()
    }

    fn checking(
        &self,
        services: impl IntoIterator<Item = &'static str>,
        options: &[&str],
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
        command.arg("check").args(options);
        for service in services {
            let url = format!("http://127.0.0.1:{}", self.ports[service]);
            command.args([format!("--{service}"), url]);
        }
        command
    }

    /// Waits until nothing is under way, and checks the books and what customers are told and shown.
    pub(crate) async fn audit(&mut self) -> Result<(), String> {
        let mut checked = self.settled().await;
        // Whoever is killed meanwhile gives no answer.
        for _ in 0..2 {
            if checked.status.code() == Some(2) {
                checked = self.settled().await;
            }
        }
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match checked.status.code() {
            Some(0) => Ok(()),
            Some(1) => Err(said(&checked.stdout)),
            other => panic!(
                "{other:?} {}{}",
                said(&checked.stdout),
                said(&checked.stderr)
            ),
        }
    }

    async fn settled(&mut self) -> Output {
        // Also those who died a moment ago have to be there.
        for service in SERVICES {
            let url = format!("http://127.0.0.1:{}/readyz", self.ports[service]);
            self.until(&format!("{url} is 200"), async |fleet| {
                fleet
                    .web
                    .get(&url)
                    .await
                    .is_some_and(|(status, _)| status == 200)
            })
            .await;
        }
        let mut check = self.checking(SERVICES, &["--settled", "--wait", "60"]);
        let mut checked = spawn_blocking(move || check.output());
        // What it waits for may be with one who dies meanwhile.
        loop {
            select! {
                output = &mut checked => return output.unwrap().unwrap(),
                () = sleep(Duration::from_millis(20)) => self.tend(),
            }
        }
    }
}
