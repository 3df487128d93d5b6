//! A disk as far as a power cut is concerned: what is safe, and what is on its way.
//!
//! The model is stricter than real file systems. Syncing a file makes its content safe, not its
//! name; a name is safe once its directory was synced. What is not safe when the power fails is,
//! each by itself, dropped, kept, or (writes) kept in pieces: later writes may survive earlier
//! ones, and names may be lost in any order. A call counts as safe only when it was over before the
//! sync began, and only once the sync has returned.

use super::log::Call;
use posthorn_base::Random;
use posthorn_testkit::SimRandom;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Index of a file or directory.
type Node = usize;

#[derive(Debug)]
enum Data<'a> {
    Write { at: u64, data: &'a [u8] },
    Truncate(u64),
}

/// A change of a directory's names that happens as a whole.
#[derive(Debug)]
struct Names(Vec<(String, Option<Node>)>);

#[derive(Debug)]
enum Content<'a> {
    File { safe: Vec<u8>, on_its_way: Vec<Data<'a>> },
    Dir { safe: BTreeMap<String, Node>, on_its_way: Vec<Names> },
}

#[derive(Debug)]
struct Entry<'a> {
    content: Content<'a>,
    /// Calls that became safe: where `on_its_way` begins.
    made_safe: usize,
}

/// What a cut leaves of what was not safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fortune {
    /// Nothing.
    Drop,
    /// Everything.
    Keep,
    /// The first so many, and a piece of the next.
    Prefix,
    /// Any of them, whole or in pieces.
    Random,
}

impl Fortune {
    pub(crate) fn draw(random: &mut SimRandom) -> Self {
        let all = [Fortune::Drop, Fortune::Keep, Fortune::Prefix, Fortune::Random];
        *random.pick(&all).unwrap()
    }
}

/// The state after some calls.
#[derive(Debug)]
pub(crate) struct Disk<'a> {
    root: String,
    nodes: Vec<Entry<'a>>,
    by_inode: HashMap<u64, Node>,
    by_path: HashMap<String, Node>,
    syncing: HashMap<u64, (Node, usize)>,
    said: Vec<u8>,
}

impl<'a> Disk<'a> {
    /// An empty directory that is safe.
    pub(crate) fn new(root: &Path) -> Self {
        let root = root.canonicalize().unwrap().to_str().unwrap().to_owned();
        let by_path = HashMap::from([(root.clone(), 0)]);
        let dir = Content::Dir { safe: BTreeMap::new(), on_its_way: Vec::new() };
        let nodes = vec![Entry { content: dir, made_safe: 0 }];
        let (by_inode, syncing) = (HashMap::new(), HashMap::new());
        Disk { root, nodes, by_inode, by_path, syncing, said: Vec::new() }
    }

    /// What the process had said until now.
    pub(crate) fn said(&self) -> &[u8] {
        &self.said
    }

    pub(crate) fn apply(&mut self, call: &'a Call) {
        match call {
            Call::Created { inode, path, is_dir } => self.create(*inode, path, *is_dir),
            Call::Written { inode, at, data } => {
                self.change(*inode, Data::Write { at: *at, data });
            }
            Call::Truncated { inode, length } => self.change(*inode, Data::Truncate(*length)),
            Call::SyncBegun { inode, number, dir } => {
                let node = match dir {
                    Some(path) => self.by_path[path],
                    None => self.by_inode[inode],
                };
                let entry = &self.nodes[node];
                self.syncing.insert(*number, (node, entry.made_safe + entry.on_its_way()));
            }
            Call::SyncDone { number } => {
                let (node, upto) = self.syncing.remove(number).expect("it had begun");
                self.nodes[node].make_safe(upto);
            }
            Call::Renamed { from, to } => {
                let node = self.by_path.remove(from).expect("what is renamed exists");
                let (folder, old) = split(from);
                let (to_folder, new) = split(to);
                assert_eq!(folder, to_folder, "renames within a directory are modelled");
                self.by_path.insert(to.clone(), node);
                self.names(folder, vec![(old.into(), None), (new.into(), Some(node))]);
            }
            Call::Unlinked { path } => {
                self.by_path.remove(path).expect("what is unlinked exists");
                let (folder, name) = split(path);
                self.names(folder, vec![(name.into(), None)]);
            }
            Call::Said { text } => self.said.extend_from_slice(text),
        }
    }

    fn create(&mut self, inode: u64, path: &str, is_dir: bool) {
        let node = self.nodes.len();
        let content = if is_dir {
            Content::Dir { safe: BTreeMap::new(), on_its_way: Vec::new() }
        } else {
            Content::File { safe: Vec::new(), on_its_way: Vec::new() }
        };
        self.nodes.push(Entry { content, made_safe: 0 });
        // Numbers of inodes are used again.
        self.by_inode.insert(inode, node);
        self.by_path.insert(path.to_owned(), node);
        let (folder, name) = split(path);
        self.names(folder, vec![(name.into(), Some(node))]);
    }

    fn change(&mut self, inode: u64, data: Data<'a>) {
        let node = self.by_inode[&inode];
        let Content::File { on_its_way, .. } = &mut self.nodes[node].content else {
            panic!("data goes to files")
        };
        on_its_way.push(data);
    }

    fn names(&mut self, folder: &str, names: Vec<(String, Option<Node>)>) {
        let node = self.by_path[folder];
        let Content::Dir { on_its_way, .. } = &mut self.nodes[node].content else {
            panic!("names stand in directories")
        };
        on_its_way.push(Names(names));
    }

    /// Cuts the power: writes what is left into `to`.
    pub(crate) fn cut(&self, to: &Path, fortune: Fortune, random: &mut SimRandom) {
        assert!(self.root.starts_with('/'));
        self.leave(0, to, fortune, random);
    }

    fn leave(&self, node: Node, to: &Path, fortune: Fortune, random: &mut SimRandom) {
        match &self.nodes[node].content {
            Content::File { safe, on_its_way } => {
                let mut bytes = safe.clone();
                for (data, fate) in on_its_way.iter().zip(fates(fortune, on_its_way.len(), random))
                {
                    apply_data(&mut bytes, data, fate, random);
                }
                std::fs::write(to, bytes).unwrap();
            }
            Content::Dir { safe, on_its_way } => {
                let mut names = safe.clone();
                for (change, fate) in
                    on_its_way.iter().zip(fates(fortune, on_its_way.len(), random))
                {
                    // A name is there or it is not.
                    if fate != Fate::Dropped {
                        change.apply(&mut names);
                    }
                }
                std::fs::create_dir_all(to).unwrap();
                for (name, node) in names {
                    // The shared memory of a process that is gone means nothing.
                    if !name.ends_with("-shm") {
                        self.leave(node, &to.join(name), fortune, random);
                    }
                }
            }
        }
    }
}

impl Entry<'_> {
    fn on_its_way(&self) -> usize {
        match &self.content {
            Content::File { on_its_way, .. } => on_its_way.len(),
            Content::Dir { on_its_way, .. } => on_its_way.len(),
        }
    }

    fn make_safe(&mut self, upto: usize) {
        // Another sync may have been faster.
        let count = upto.saturating_sub(self.made_safe);
        match &mut self.content {
            Content::File { safe, on_its_way } => {
                on_its_way.drain(..count).for_each(|data| data.apply(safe));
            }
            Content::Dir { safe, on_its_way } => {
                on_its_way.drain(..count).for_each(|change| change.apply(safe));
            }
        }
        self.made_safe += count;
    }
}

impl Names {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        for (name, node) in &self.0 {
            match node {
                Some(node) => names.insert(name.clone(), *node),
                None => names.remove(name),
            };
        }
    }
}

impl Data<'_> {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Data::Write { at, data } => put(bytes, *at, data),
            Data::Truncate(length) => bytes.resize(usize::try_from(*length).unwrap(), 0),
        }
    }
}

/// Writes, with zeros in a hole that this makes.
fn put(bytes: &mut Vec<u8>, at: u64, data: &[u8]) {
    let at = usize::try_from(at).unwrap();
    if bytes.len() < at + data.len() {
        bytes.resize(at + data.len(), 0);
    }
    bytes[at..at + data.len()].copy_from_slice(data);
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Dropped,
    Kept,
    Half,
    /// Pieces of so many bytes, some of them.
    Pieces(u64),
}

fn fates(fortune: Fortune, count: usize, random: &mut SimRandom) -> Vec<Fate> {
    let torn = [Fate::Half, Fate::Pieces(512), Fate::Pieces(4096)];
    let until = random.up_to(count as u64) as usize;
    (0..count)
        .map(|index| match fortune {
            Fortune::Drop => Fate::Dropped,
            Fortune::Keep => Fate::Kept,
            Fortune::Prefix if index < until => Fate::Kept,
            Fortune::Prefix if index > until => Fate::Dropped,
            Fortune::Prefix => *random.pick(&torn).unwrap(),
            Fortune::Random => match random.up_to(3) {
                0 => Fate::Dropped,
                1 => Fate::Kept,
                _ => *random.pick(&torn).unwrap(),
            },
        })
        .collect()
}

fn apply_data(bytes: &mut Vec<u8>, data: &Data<'_>, fate: Fate, random: &mut SimRandom) {
    match (data, fate) {
        (_, Fate::Dropped) => {}
        (data, Fate::Kept) | (data @ Data::Truncate(_), _) => data.apply(bytes),
        (Data::Write { at, data }, Fate::Half) => put(bytes, *at, &data[..data.len() / 2]),
        (Data::Write { at, data }, Fate::Pieces(size)) => {
            let mut from = 0;
            while from < data.len() {
                // Pieces end where the disk's sectors and pages end.
                let start = at + from as u64;
                let length = (size - start % size).min((data.len() - from) as u64) as usize;
                if random.one_in(2) {
                    put(bytes, start, &data[from..from + length]);
                }
                from += length;
            }
        }
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').expect("paths are absolute")
}

#[cfg(test)]
mod tests {
    use super::*;
    use posthorn_testkit::fixtures::temp_dir;

    /// What is left of these calls in a directory `/`, by name.
    fn left(calls: &[Call], fortune: Fortune) -> BTreeMap<String, Vec<u8>> {
        let (root, to) = (temp_dir(), temp_dir());
        let mut disk = Disk::new(root.path());
        disk.by_path.insert("".into(), 0);
        calls.iter().for_each(|call| disk.apply(call));
        disk.cut(&to.path().join("x"), fortune, &mut SimRandom::from_seed(1));
        let entries = std::fs::read_dir(to.path().join("x")).unwrap();
        let read = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(&path).unwrap())
        };
        entries.map(read).collect()
    }

    fn create(inode: u64, path: &str) -> Call {
        Call::Created { inode, path: path.into(), is_dir: false }
    }
    fn write(inode: u64, at: u64, data: &[u8]) -> Call {
        Call::Written { inode, at, data: data.into() }
    }
    fn begin(inode: u64, number: u64) -> Call {
        Call::SyncBegun { inode, number, dir: None }
    }
    fn begin_root(number: u64) -> Call {
        Call::SyncBegun { inode: 1, number, dir: Some(String::new()) }
    }
    fn done(number: u64) -> Call {
        Call::SyncDone { number }
    }

    #[test]
    fn a_synced_file_without_its_name_is_lost() {
        let calls = [create(2, "/a"), write(2, 0, b"one"), begin(2, 1), done(1)];
        assert!(left(&calls, Fortune::Drop).is_empty());
        assert_eq!(left(&calls, Fortune::Keep)["a"], b"one");
    }

    #[test]
    fn only_what_was_over_before_the_sync_began_is_safe() {
        let calls = [
            create(2, "/a"),
            begin_root(1),
            done(1),
            write(2, 0, b"one"),
            begin(2, 2),
            write(2, 3, b"two"),
            done(2),
        ];
        assert_eq!(left(&calls, Fortune::Drop)["a"], b"one");
        assert_eq!(left(&calls, Fortune::Keep)["a"], b"onetwo");
        // The sync has not returned: nothing is safe.
        assert_eq!(left(&calls[..6], Fortune::Drop)["a"], b"");
    }

    #[test]
    fn a_rename_is_whole_or_not_there() {
        let rename = Call::Renamed { from: "/a".into(), to: "/b".into() };
        let calls = [create(2, "/a"), begin_root(1), done(1), rename];
        assert_eq!(left(&calls, Fortune::Drop).into_keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(left(&calls, Fortune::Keep).into_keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn an_unlink_without_a_sync_may_be_undone() {
        let unlink = Call::Unlinked { path: "/a".into() };
        let calls = [create(2, "/a"), begin_root(1), done(1), unlink, create(2, "/b")];
        assert_eq!(left(&calls, Fortune::Drop).into_keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(left(&calls, Fortune::Keep).into_keys().collect::<Vec<_>>(), ["b"]);
    }
}
