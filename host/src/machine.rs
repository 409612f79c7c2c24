//! What the machine gives this process: memory, and whether that may be written to a disk.

/// Bytes of memory that there are for this process: the machine's, or less where a container or a service has a limit.
/// None where the system does not tell.
#[must_use]
pub fn memory() -> Option<u64> {
    system::memory()
}

/// Whether the system may write memory of this process to a disk, as far as it tells now.
#[must_use]
pub fn may_swap() -> bool {
    system::may_swap()
}

#[cfg(target_os = "linux")]
mod system {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use procfs::{Current, Meminfo, process::Process};

    const GROUPS: &str = "/sys/fs/cgroup";

    pub(super) fn memory() -> Option<u64> {
        let machine = Meminfo::current().ok().map(|memory| memory.mem_total);
        let group = own_groups().iter().filter_map(|group| group.least("memory.max")).min();
        // Of the groups of before, which some systems still have.
        let former = own_groups().iter().filter_map(|group| group.least("memory.limit_in_bytes")).min();
        [machine, group, former].into_iter().flatten().min()
    }

    pub(super) fn may_swap() -> bool {
        let has_swap = Meminfo::current().map_or(true, |memory| memory.swap_total > 0);
        has_swap && !own_groups().iter().any(|group| group.least("memory.swap.max") == Some(0))
    }

    /// A group of processes: where the system shows it, and where all of its kind are.
    struct Group {
        root: PathBuf,
        path: PathBuf,
    }

    impl Group {
        fn new(root: &Path, name: &str) -> Self {
            Self { root: root.to_owned(), path: root.join(name.trim_start_matches('/')) }
        }

        /// The least number that it or one around it has in a file of that name.
        fn least(&self, file: &str) -> Option<u64> {
            let around = self.path.ancestors().take_while(|folder| folder.starts_with(&self.root));
            around.filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()).min()
        }
    }

    /// Those of this process that have to do with memory.
    fn own_groups() -> Vec<Group> {
        let groups = Process::myself().and_then(|process| process.cgroups()).map(|groups| groups.0).unwrap_or_default();
        let roots = groups.iter().filter_map(|group| {
            let has_memory = group.controllers.iter().any(|controller| controller == "memory");
            // cgroup v2 has the hierarchy number 0.
            let root = if group.hierarchy == 0 { Some(PathBuf::from(GROUPS)) } else { None };
            let root = root.or_else(|| has_memory.then(|| Path::new(GROUPS).join("memory")))?;
            Some(Group::new(&root, &group.pathname))
        });
        roots.collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_group_has_the_least_of_what_it_and_those_around_it_have() {
            let root = tempfile::tempdir().unwrap();
            let with = |group: &str, most: &str| {
                fs::create_dir_all(root.path().join(group)).unwrap();
                fs::write(root.path().join(group).join("memory.max"), most).unwrap();
            };
            let least = |group: &str| Group::new(root.path(), group).least("memory.max");
            with("system/weft", "max\n");
            with("system/other", "1048576\n");
            assert_eq!(least("/system/weft"), None, "nobody says so");
            assert_eq!(least("/system/other"), Some(1 << 20));
            assert_eq!(least("/"), None);
            with("system", "4096\n");
            assert_eq!((least("/system/weft"), least("/system/other")), (Some(4096), Some(4096)));
            with("system", "0\n");
            assert_eq!(least("/system/weft"), Some(0));
        }

        #[test]
        fn there_is_no_more_memory_than_the_machine_has() {
            let machine = Meminfo::current().unwrap().mem_total;
            assert!(memory().is_some_and(|memory| (1 << 20..=machine).contains(&memory)));
        }
    }
}

/// Not known elsewhere.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn memory() -> Option<u64> {
        None
    }

    pub(super) fn may_swap() -> bool {
        true
    }
}
