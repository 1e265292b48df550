//! The directory below which files are read: a path in, an open file out. Nothing outside of the directory is ever opened.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt},
};
use rustix::{
    fs::{Mode, OFlags, openat, readlinkat},
    io::Errno,
};

/// Opening a pipe must not wait for a writer. With regular files it makes no difference.
const WITHOUT_WAITING: OFlags = OFlags::NONBLOCK;

/// The most symbolic links on the way to one file, as in Linux.
const MOST_LINKS: usize = 40;

/// The longest path in bytes, as in Linux.
const LONGEST_PATH: usize = 4096;

/// A directory, which stays the same whatever is renamed later.
#[derive(Debug)]
pub(super) struct FileRoot {
    dir: Dir,
    /// Its path without links.
    real: PathBuf,
    /// The path that the operator gave, perhaps through links.
    named: PathBuf,
}

impl FileRoot {
    /// The directory at a path.
    ///
    /// # Errors
    /// If it is not a directory that can be read.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let real = path.canonicalize()?;
        let dir = Dir::open_ambient_dir(&real, ambient_authority())?;
        Ok(Self { dir, real, named: std::path::absolute(path)? })
    }

    /// Opens what a path leads to: from this directory, or from the root of the file system if it begins with a path of this
    /// directory.
    ///
    /// # Errors
    /// Those of the file system, and [`io::ErrorKind::PermissionDenied`] without a number for what leads out.
    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        let path = self.below(path).or_else(|| path.strip_prefix("/").ok()).unwrap_or(path);
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(WITHOUT_WAITING.bits().cast_signed());
        match self.dir.open_with(path, &options) {
            Ok(file) => Ok(file.into_std()),
            // For the kernel, every absolute link leads out.
            Err(error) if leads_out(&error) => Walk::new(self).to(path),
            Err(error) => Err(error),
        }
    }

    /// The rest of a path that begins with a path of this directory.
    fn below<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        [&self.real, &self.named].into_iter().find_map(|root| path.strip_prefix(root).ok())
    }
}

fn leads_out(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// A walk along a path, name by name. Each name is opened in the directory before it, and never as a link, so that swapping one
/// for the other meanwhile leads nowhere else. Links are read, and their names walked along in turn. Above the root nothing is
/// opened: from there, only the names of the root's own path lead back.
struct Walk<'a> {
    root: &'a FileRoot,
    /// The open directories from the root to here.
    inside: Vec<OwnedFd>,
    /// How many steps above the root this is; 0 at the root and inside.
    above: usize,
    /// The names still to walk along, the next one last.
    ahead: Vec<OsString>,
    links: usize,
}

impl<'a> Walk<'a> {
    const fn new(root: &'a FileRoot) -> Self {
        Self { root, inside: Vec::new(), above: 0, ahead: Vec::new(), links: 0 }
    }

    fn to(mut self, path: &Path) -> io::Result<File> {
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(Errno::NAMETOOLONG.into());
        }
        self.put_ahead(path.as_os_str());
        while let Some(name) = self.ahead.pop() {
            match name.as_bytes() {
                b"" | b"." => {}
                b".." => self.step_out(),
                _ if self.above > 0 => self.step_back(&name)?,
                _ => {
                    if let Some(file) = self.step_in(&name)? {
                        return Ok(file);
                    }
                }
            }
        }
        // The path ends at a directory, which the caller will refuse.
        if self.above > 0 { Err(outside()) } else { Ok(openat(self.here(), ".", reading(), Mode::empty())?.into()) }
    }

    fn put_ahead(&mut self, path: &OsStr) {
        let names = path.as_bytes().split(|&byte| byte == b'/');
        self.ahead.extend(names.rev().map(|name| OsString::from_vec(name.to_vec())));
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.inside.last().map_or(self.root.dir.as_fd(), AsFd::as_fd)
    }

    fn step_out(&mut self) {
        if self.inside.pop().is_none() {
            // Above the root of the file system is only itself.
            self.above = self.names_of_root().count().min(self.above + 1);
        }
    }

    fn step_back(&mut self, name: &OsStr) -> io::Result<()> {
        if self.names_of_root().rev().nth(self.above - 1) != Some(name) {
            return Err(outside());
        }
        self.above -= 1;
        Ok(())
    }

    /// Opens the file, if this is the last name; otherwise goes on into a directory, or along a link.
    fn step_in(&mut self, name: &OsStr) -> io::Result<Option<File>> {
        let is_last = self.ahead.is_empty();
        let flags = if is_last { reading() } else { OFlags::PATH | OFlags::DIRECTORY };
        match openat(self.here(), name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) if is_last => return Ok(Some(file.into())),
            Ok(directory) => self.inside.push(directory),
            Err(error @ (Errno::LOOP | Errno::NOTDIR)) => self.follow(name, error)?,
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    /// Goes on along a link. If it is none, `reason` is why it could not be opened.
    fn follow(&mut self, link: &OsStr, reason: Errno) -> io::Result<()> {
        let target = match readlinkat(self.here(), link, Vec::new()) {
            Err(Errno::INVAL) => return Err(reason.into()),
            target => target?.into_bytes(),
        };
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::LOOP.into());
        }
        let target = Path::new(OsStr::from_bytes(&target));
        if target.is_relative() {
            self.put_ahead(target.as_os_str());
            return Ok(());
        }
        self.inside.clear();
        if target.as_os_str().as_bytes().ends_with(b"/") {
            // The link wants a directory.
            self.ahead.push(OsString::new());
        }
        let below = self.root.below(target);
        self.above = if below.is_some() { 0 } else { self.names_of_root().count() };
        self.put_ahead(below.unwrap_or(target).as_os_str());
        Ok(())
    }

    fn names_of_root(&self) -> impl DoubleEndedIterator<Item = &'a OsStr> + use<'a> {
        self.root.real.iter().filter(|name| name.as_bytes() != b"/")
    }
}

fn reading() -> OFlags {
    OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | WITHOUT_WAITING
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the path leads out of the directory")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use proptest::prelude::*;

    use super::*;

    /// A directory that is removed at the end.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("reductionist-{name}-{}", std::process::id()));
            drop(fs::remove_dir_all(&path));
            fs::create_dir(&path).expect("a directory");
            Self(path.canonicalize().expect("it is there"))
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    /// What a path leads to: the content of a file, a kind of error, or no kind for what leads out.
    fn read(root: &FileRoot, path: &str) -> Result<String, Option<io::ErrorKind>> {
        let kind = |error: io::Error| (!leads_out(&error)).then(|| error.kind());
        root.open(Path::new(path)).and_then(io::read_to_string).map_err(kind)
    }

    /// `outer/root` with a file, a directory with a file, and links of those names and targets; a secret beside it.
    fn tree(place: &Place, links: &[(&str, String)]) -> FileRoot {
        let root = place.0.join("outer/root");
        fs::create_dir_all(root.join("data/deep")).expect("directories");
        fs::write(root.join("file"), "file").expect("a file");
        fs::write(root.join("data/deep/file"), "deep").expect("a file");
        fs::write(place.0.join("outer/secret"), "secret").expect("a file");
        for (name, target) in links {
            symlink(target, root.join(name)).expect("a link");
        }
        FileRoot::new(&root).expect("a directory")
    }

    #[test]
    fn links_are_followed_wherever_they_come_back_to_what_is_below_the_root() {
        let place = Place::new("links-inside");
        let root = place.0.join("outer/root").display().to_string();
        let slashes = root.replace('/', "//");
        let links = [
            ("absolute", format!("{root}/file")),
            ("directory", format!("{root}/data")),
            ("chain", format!("{root}/relative")),
            ("relative", "data/../absolute".to_owned()),
            ("written-otherwise", format!("{slashes}/./data/../file")),
            ("out-and-in", "../root/file".to_owned()),
            ("far-out-and-in", format!("{}{root}/directory/deep", "../".repeat(30))),
            ("up-before-down", format!("{root}/../../outer/root/file")),
            ("data/up", format!("{root}/data/../file")),
            ("root", root.clone()),
        ];
        let root = tree(&place, &links);
        for path in ["absolute", "chain", "relative", "written-otherwise", "out-and-in", "up-before-down", "data/up"] {
            assert_eq!(read(&root, path).as_deref(), Ok("file"), "{path}");
        }
        for path in [
            "directory/deep/file",
            "directory/deep/../deep/file",
            "far-out-and-in/file",
            "root/root/directory/deep/file",
        ] {
            assert_eq!(read(&root, path).as_deref(), Ok("deep"), "{path}");
        }
        assert_eq!(
            read(&root, "directory/../absolute").as_deref(),
            Ok("file"),
            "as the kernel has it: beside the target"
        );
    }

    #[test]
    fn a_root_has_the_path_that_it_is_named_by_and_its_real_one() {
        let place = Place::new("links-named");
        let alias = place.0.join("alias");
        symlink("outer", &alias).expect("a link");
        let named = alias.join("root");
        tree(&place, &[("by-alias", format!("{}/file", named.display())), ("by-real", "/".to_owned())]);
        let real = place.0.join("outer/root");
        let root = FileRoot::new(&named).expect("a directory");
        assert_eq!(read(&root, "by-alias").as_deref(), Ok("file"));
        for path in [named.join("file"), real.join("file"), real.join("by-alias")] {
            assert_eq!(read(&root, path.to_str().expect("text")).as_deref(), Ok("file"), "{}", path.display());
        }
        assert_eq!(read(&root, &format!("by-real{}/file", real.display())).as_deref(), Ok("file"));
        // Whether another name leads to the root is seen from outside only.
        assert_eq!(read(&FileRoot::new(&real).expect("a directory"), "by-alias"), Err(None));
    }

    #[test]
    fn links_that_lead_out_or_nowhere_are_not_followed() {
        let place = Place::new("links-outside");
        let outer = place.0.join("outer").display().to_string();
        let links = [
            ("secret", format!("{outer}/secret")),
            ("outer", outer.clone()),
            ("beside", format!("{outer}/root-too/file")),
            ("up", format!("{outer}/root/../secret")),
            ("chain", format!("{outer}/root/secret")),
            ("slash", "/".to_owned()),
            ("loop", format!("{outer}/root/loop")),
            ("ping", format!("{outer}/root/pong")),
            ("pong", "../root/ping".to_owned()),
            ("dangling", format!("{outer}/root/nothing")),
            ("through-a-file", format!("{outer}/root/file/x")),
            ("file-as-directory", format!("{outer}/root/file/")),
        ];
        let root = tree(&place, &links);
        fs::create_dir(format!("{outer}/root-too")).expect("a directory");
        fs::write(format!("{outer}/root-too/file"), "secret").expect("a file");
        for path in
            ["secret", "outer", "outer/secret", "beside", "up", "chain", "slash/etc/passwd", "slash", "outer/nothing"]
        {
            assert_eq!(read(&root, path), Err(None), "{path}");
        }
        for path in ["loop", "ping", "pong/file"] {
            let error = root.open(Path::new(path)).expect_err("it goes round");
            assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()), "{path}");
        }
        assert_eq!(read(&root, "dangling"), Err(Some(io::ErrorKind::NotFound)));
        for path in ["through-a-file", "file-as-directory"] {
            assert_eq!(read(&root, path), Err(Some(io::ErrorKind::NotADirectory)), "{path}");
        }
        let outside_by_text = format!("slash{}", "/x".repeat(LONGEST_PATH));
        assert_eq!(read(&root, &outside_by_text), Err(Some(io::ErrorKind::InvalidFilename)));
    }

    #[test]
    fn a_chain_may_be_as_long_as_linux_follows_and_no_longer() {
        let place = Place::new("links-long");
        let root = place.0.join("outer/root").display().to_string();
        let links: Vec<_> =
            (0..=MOST_LINKS).map(|at| (format!("link{at}"), format!("{root}/link{}", at + 1))).collect();
        let links: Vec<_> = links.iter().map(|(name, target)| (name.as_str(), target.clone())).collect();
        let root = tree(&place, &links);
        fs::write(place.0.join(format!("outer/root/link{}", MOST_LINKS + 1)), "end").expect("a file");
        assert_eq!(read(&root, "link1").as_deref(), Ok("end"));
        let error = root.open(Path::new("link0")).expect_err("one too many");
        assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
        assert!(
            fs::read(place.0.join("outer/root/link1")).is_ok() && fs::read(place.0.join("outer/root/link0")).is_err()
        );
    }

    #[test]
    fn who_swaps_links_on_the_way_leads_nobody_out() {
        let place = Place::new("links-swapped");
        let (root, outer) = (place.0.join("outer/root"), place.0.join("outer"));
        let opened = tree(&place, &[("turn", format!("{}/data", root.display()))]);
        fs::create_dir(outer.join("deep")).expect("a directory");
        fs::write(outer.join("deep/file"), "secret").expect("a file");
        let turns = [root.join("data"), outer, PathBuf::from(".."), root.clone()];
        let read = std::thread::scope(|scope| {
            let swapping = scope.spawn(|| {
                for target in turns.iter().cycle().take(4000) {
                    symlink(target, root.join("next")).expect("a link");
                    fs::rename(root.join("next"), root.join("turn")).expect("a swap");
                }
            });
            let mut read = Vec::new();
            while !swapping.is_finished() {
                read.extend(read_all(&opened));
            }
            read
        });
        assert!(read.iter().any(|text| text == "deep") && read.iter().all(|text| text == "deep"));
    }

    /// What can be read by way of a link that changes.
    fn read_all(root: &FileRoot) -> Vec<String> {
        ["turn/deep/file", "data/../turn/deep/file"].iter().filter_map(|path| read(root, path).ok()).collect()
    }

    /// A name or a part of a link's target.
    fn parts() -> impl Strategy<Value = String> {
        let names = ["file", "data", "deep", "a", "b", "c", "..", ".", "", "../root", "secret", "../../outer"];
        prop::collection::vec(prop::sample::select(names.to_vec()), 1..5).prop_map(|parts| parts.join("/"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// The kernel's own way through a tree of links is the oracle: what ends below the root is read, nothing else.
        #[test]
        fn what_is_read_is_what_the_file_system_has_there(
            targets in prop::collection::vec((any::<bool>(), parts()), 3),
            path in parts(),
        ) {
            let place = Place::new("links-random");
            let root = place.0.join("outer/root");
            let target = |(is_absolute, target): &(bool, String)| {
                if *is_absolute { format!("{}/{target}", root.display()) } else { format!("./{target}") }
            };
            let links: Vec<_> = ["a", "b", "data/c"].into_iter().zip(targets.iter().map(target)).collect();
            let path = path.trim_start_matches('/');
            let opened = tree(&place, &links);
            let there = root.join(path).canonicalize();
            let is_inside = there.as_ref().is_ok_and(|there| there.starts_with(&root));
            let content = fs::read_to_string(root.join(path)).ok().filter(|_| is_inside);
            prop_assert_eq!(read(&opened, path).ok(), content, "{} with {:?}", path, links);
        }
    }
}
