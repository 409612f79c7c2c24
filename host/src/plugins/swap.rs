//! Whether the system may write memory of this process to a disk.

#[cfg(target_os = "linux")]
use std::{fs, path::Path};

#[cfg(target_os = "linux")]
use procfs::{Current, Meminfo, process::Process};

/// Whether it may, as far as the system tells now.
#[cfg(target_os = "linux")]
pub(super) fn is_possible() -> bool {
    let has_swap = Meminfo::current().map_or(true, |memory| memory.swap_total > 0);
    has_swap
        && !Process::myself().and_then(|process| process.cgroups()).is_ok_and(|groups| {
            // cgroup v2 has the hierarchy number 0.
            let group = groups.0.iter().find(|group| group.hierarchy == 0);
            group.is_some_and(|group| is_forbidden(Path::new("/sys/fs/cgroup"), &group.pathname))
        })
}

/// Not known elsewhere.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_possible() -> bool {
    true
}

/// Whether a group of processes has no swap, as it or one around it may have none.
#[cfg(target_os = "linux")]
fn is_forbidden(root: &Path, group: &str) -> bool {
    let own = root.join(group.trim_start_matches('/'));
    let around = own.ancestors().take_while(|folder| folder.starts_with(root));
    let most = around.filter_map(|folder| fs::read_to_string(folder.join("memory.swap.max")).ok());
    most.into_iter().any(|most| most.trim() == "0")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_no_swap_where_it_or_one_around_it_may_have_none() {
        let root = tempfile::tempdir().unwrap();
        let with = |group: &str, most: &str| {
            fs::create_dir_all(root.path().join(group)).unwrap();
            fs::write(root.path().join(group).join("memory.swap.max"), most).unwrap();
        };
        with("system/weft", "max\n");
        with("system/other", "0\n");
        assert!(!is_forbidden(root.path(), "/system/weft"));
        assert!(is_forbidden(root.path(), "/system/other"));
        assert!(!is_forbidden(root.path(), "/"), "nobody says so");
        with("system", "0\n");
        assert!(is_forbidden(root.path(), "/system/weft"));
    }
}
