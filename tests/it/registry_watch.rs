//! The registry and a file that changes.

use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};

use tokio::{task::JoinHandle, time::timeout};
use tower_keep::{
    bulkhead::{BulkheadHandle, BulkheadLayer},
    observe::{EventKind, Subscription},
    registry::Registry,
};

struct Watched {
    handle: BulkheadHandle,
    events: Subscription,
    task: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watched {
    /// A bulkhead of one, and a file of this name that is not there yet.
    fn start(file: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layer = BulkheadLayer::new(1).named("api");
        let handle = layer.handle();
        let registry = Registry::new().with(handle.clone());
        let events = registry.subscribe(100);
        let watch = registry.watch(folder.path().join(file), Duration::from_secs(5));
        let task = tokio::spawn(async move {
            watch.await;
        });
        Self {
            handle,
            events,
            task,
            folder,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What it says of the next document, in a line.
    async fn next(&mut self) -> String {
        let next = timeout(Duration::from_secs(60), self.events.next()).await;
        let event = next.expect("it says something").unwrap();
        match event.kind {
            EventKind::DocumentApplied { changed, .. } => format!("applied {changed}"),
            EventKind::DocumentRefused { problem, .. } => problem,
            other => other.to_string(),
        }
    }

    async fn says_nothing(&mut self) {
        let next = timeout(Duration::from_secs(60), self.events.next()).await;
        assert!(next.is_err(), "{next:?}");
    }

    fn queue(&self) -> usize {
        self.handle.config().max_queue
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_applied_whenever_it_changes() {
    let mut it = Watched::start("keep.toml");
    assert!(it.next().await.contains("keep.toml: "), "not there yet");
    it.says_nothing().await;
    let file = it.path().join("keep.toml");
    for queue in [3, 4] {
        // The same length, and most likely the same date.
        fs::write(&file, format!("bulkhead.api.max_queue = {queue}")).unwrap();
        assert_eq!(it.next().await, "applied 1");
        assert_eq!(it.queue(), queue);
    }
    fs::write(&file, "bulkhead.api.max_queue = 'many'").unwrap();
    assert!(
        it.next()
            .await
            .starts_with("`bulkhead.api.max_queue` invalid type")
    );
    it.says_nothing().await;
    assert_eq!(it.queue(), 4, "what was in force still is");
    fs::remove_file(&file).unwrap();
    assert!(it.next().await.contains("keep.toml: "));
    assert_eq!(it.queue(), 4);
    fs::write(&file, vec![b'#'; 2 << 20]).unwrap();
    assert!(it.next().await.contains("longer than a megabyte"));
}

#[tokio::test(start_paused = true)]
async fn a_config_map_of_kubernetes_is_seen() {
    let mut it = Watched::start("keep.json");
    it.next().await;
    // As the kubelet does it.
    let swap = |version: &str, queue: usize, it: &Watched| {
        let data = it.path().join(version);
        fs::create_dir(&data).unwrap();
        let text = format!(r#"{{"bulkhead": {{"api": {{"max_queue": {queue}}}}}}}"#);
        fs::write(data.join("keep.json"), text).unwrap();
        symlink(version, it.path().join("..new")).unwrap();
        fs::rename(it.path().join("..new"), it.path().join("..data")).unwrap();
    };
    swap("..1", 3, &it);
    symlink("..data/keep.json", it.path().join("keep.json")).unwrap();
    assert_eq!(it.next().await, "applied 1");
    swap("..2", 4, &it);
    assert_eq!(it.next().await, "applied 1");
    assert_eq!(it.queue(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_being_written_is_waited_for() {
    let mut it = Watched::start("keep.toml");
    it.next().await;
    let file = it.path().join("keep.toml");
    // Each part would be a document too.
    let text = "bulkhead.api.max_queue = 3 # a\n# b\n# c\n# d\n# e\n# f\n# g\n# h\n";
    for end in text.match_indices('\n').map(|(end, _)| end) {
        fs::write(&file, &text[..end]).unwrap();
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(it.queue(), 0, "not yet");
    }
    assert_eq!(it.next().await, "applied 1");
    assert_eq!(it.queue(), 3);
}
