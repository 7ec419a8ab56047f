use std::collections::BTreeSet;

use tower::discover::Change;

/// What leads from one set to the other: what is new first, so that there is always somebody.
pub(super) fn changes<K: Ord + Clone>(old: &BTreeSet<K>, new: &BTreeSet<K>) -> Vec<Change<K, K>> {
    let come = new.difference(old).cloned();
    let gone = old.difference(new).cloned();
    come.map(|key| Change::Insert(key.clone(), key))
        .chain(gone.map(Change::Remove))
        .collect()
}
