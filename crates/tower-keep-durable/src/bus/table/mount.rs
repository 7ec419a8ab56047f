use std::{fs, path::Path};

/// File systems whose files are on another machine.
const NETWORK: [&str; 14] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
];

/// The kind of network file system that a file is on. Nothing where that cannot be found out, which
/// is everywhere but on Linux.
pub(super) fn network(file: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let file = fs::canonicalize(file).ok()?;
    let kind = kind_of(&file, &mounts)?;
    NETWORK.contains(&kind).then(|| kind.to_owned())
}

/// The file system of the mount that is nearest above the file; the later of two at the same place.
fn kind_of<'a>(file: &Path, mounts: &'a str) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (place, kind) = (words.nth(1)?, words.next()?);
        // The kernel writes a space in a name as `\040`.
        let place = place.replace("\\040", " ");
        file.starts_with(&place).then_some((place.len(), kind))
    });
    let nearest = mounts.max_by_key(|(length, _)| *length);
    nearest.map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
overlay / overlay rw,relatime 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local ext4 rw 0 0
//box/my\\040share /mnt/my\\040share cifs rw 0 0
tmpfs /mnt/twice tmpfs rw 0 0
server:/x /mnt/twice nfs rw 0 0
";

    #[test]
    fn the_nearest_mount_counts() {
        for (file, kind) in [
            ("/var/bus.db", "overlay"),
            ("/home/me/bus.db", "nfs4"),
            ("/home/local/bus.db", "ext4"),
            ("/homework/bus.db", "overlay"),
            ("/mnt/my share/bus.db", "cifs"),
            ("/mnt/twice/bus.db", "nfs"),
        ] {
            assert_eq!(kind_of(Path::new(file), MOUNTS), Some(kind), "{file}");
        }
        assert_eq!(kind_of(Path::new("bus.db"), ""), None);
    }
}
