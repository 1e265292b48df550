//! How much memory there is.

use std::path::{Path, PathBuf};

/// Memory where the system does not say how much it has.
const UNKNOWN_MEMORY: usize = 4 << 30;

/// Bytes of memory that the container or the machine has, whichever is less.
pub(super) fn available_memory() -> usize {
    let own_groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let files = memory_limits(&own_groups).into_iter();
    let container = files.filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok());
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|info| total_memory(&info));
    container.chain(machine).min().unwrap_or(UNKNOWN_MEMORY)
}

/// Files that may hold a limit for a process with this `/proc/self/cgroup`: of its control group and of those around it, in
/// version 2 and in version 1. A container sees its own group as the outermost one.
fn memory_limits(own_groups: &str) -> Vec<PathBuf> {
    let group = |line: &str| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let around = Path::new(path)
            .strip_prefix("/")
            .ok()?
            .ancestors()
            .map(move |group| Path::new(root).join(group).join(file));
        Some(around.collect::<Vec<_>>())
    };
    let outermost = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].map(PathBuf::from);
    own_groups.lines().filter_map(group).flatten().chain(outermost).collect()
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total_memory(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_memory_are_those_of_the_own_group_and_of_all_around_it() {
        let files = |text| memory_limits(text).iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            files("0::/system.slice/reductionist.service\n")[..3],
            [
                "/sys/fs/cgroup/system.slice/reductionist.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        let version_1 = files("12:cpu,cpuacct:/a\n5:memory:/b\n");
        assert_eq!(version_1[0], "/sys/fs/cgroup/memory/b/memory.limit_in_bytes");
        assert!(!version_1.iter().any(|file| file.contains("/a")));
        for text in ["", "0::/\n", "nonsense\n", "0::/../outside\n"] {
            assert!(files(text).contains(&"/sys/fs/cgroup/memory.max".to_owned()), "{text}");
        }
    }

    #[test]
    fn memory_is_read_from_meminfo() {
        assert_eq!(total_memory("MemTotal:       24689744 kB\nMemFree: 1 kB\n"), Some(24_689_744 * 1024));
        assert_eq!(total_memory("nothing"), None);
    }
}
