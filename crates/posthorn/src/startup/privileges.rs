//! Dropping the rights of root, for good.

use crate::config::Server;
use crate::exit::{Exit, Explain};
use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{self, Gid, Group, Uid, User};
use std::ffi::CString;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Why the rights cannot be dropped.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// No such user.
    #[error("there is no user {0:?} to become")]
    NoUser(String),
    /// No such group.
    #[error("there is no group {0:?} to become")]
    NoGroup(String),
    /// The configured user is root itself.
    #[error("mail is not served as root")]
    Root,
    /// A system call failed.
    #[error("cannot {what}")]
    Call {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: Errno,
    },
    /// After all, the rights are still there.
    #[error("the rights of root could be taken back ({0}): not starting")]
    StillThere(&'static str),
    /// The store's directory cannot be made.
    #[error("cannot make the directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl Explain for PrivilegeError {
    fn exit(&self) -> Exit {
        match self {
            PrivilegeError::NoUser(_) | PrivilegeError::NoGroup(_) | PrivilegeError::Root => {
                Exit::Config
            }
            PrivilegeError::Call { .. } => Exit::System,
            PrivilegeError::StillThere(_) => Exit::NoPermission,
            PrivilegeError::Directory { .. } => Exit::CannotCreate,
        }
    }
    fn hint(&self) -> Option<String> {
        match self {
            PrivilegeError::NoUser(user) => {
                Some(format!("useradd --system {user}, or set `user` in [server]"))
            }
            PrivilegeError::NoGroup(group) => {
                Some(format!("groupadd --system {group}, or set `group` in [server]"))
            }
            PrivilegeError::Root => Some("set `user` in [server] to an ordinary user".to_owned()),
            PrivilegeError::Directory { .. } => {
                Some("make its parent directory first, or set `dir` in [store]".to_owned())
            }
            PrivilegeError::Call { .. } | PrivilegeError::StillThere(_) => None,
        }
    }
}

fn call<T>(what: &'static str, result: nix::Result<T>) -> Result<T, PrivilegeError> {
    result.map_err(|source| PrivilegeError::Call { what, source })
}

/// Who we will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// We are no root: we stay who we are.
    Same,
    /// We are root, and become somebody else.
    Becoming {
        /// The user.
        uid: Uid,
        /// The group.
        gid: Gid,
        /// All its groups.
        groups: Vec<Gid>,
    },
}

impl Identity {
    /// Looks up whom the configuration names.
    pub fn look_up(server: &Server) -> Result<Identity, PrivilegeError> {
        if !Uid::effective().is_root() {
            return Ok(Identity::Same);
        }
        let user = call("look up the user", User::from_name(&server.user))?;
        let user = user.ok_or_else(|| PrivilegeError::NoUser(server.user.clone()))?;
        let gid = match &server.group {
            Some(name) => {
                let group = call("look up the group", Group::from_name(name))?;
                group.ok_or_else(|| PrivilegeError::NoGroup(name.clone()))?.gid
            }
            None => user.gid,
        };
        if user.uid.is_root() {
            return Err(PrivilegeError::Root);
        }
        // A name from the system's own table holds no NUL.
        let name =
            CString::new(user.name).map_err(|_| PrivilegeError::NoUser(server.user.clone()))?;
        let groups = call("look up the user's groups", unistd::getgrouplist(&name, gid))?;
        Ok(Identity::Becoming { uid: user.uid, gid, groups })
    }

    /// Makes the store's directory for whom we will be, mode 0700, unless it is there.
    pub fn make_store_dir(&self, dir: &Path) -> Result<(), PrivilegeError> {
        let failed = |source| PrivilegeError::Directory { path: dir.to_owned(), source };
        match std::fs::DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        if let Identity::Becoming { uid, gid, .. } = self {
            unistd::chown(dir, Some(*uid), Some(*gid)).map_err(|errno| failed(errno.into()))?;
        }
        Ok(())
    }

    /// Becomes it. Whatever files are made from now on are for us alone.
    pub fn assume(&self) -> Result<Unprivileged, PrivilegeError> {
        umask(Mode::from_bits_truncate(0o077));
        if let Identity::Becoming { uid, gid, groups } = self {
            // Groups first: without root's rights they cannot be left.
            call("leave root's groups", unistd::setgroups(groups))?;
            call("become the group", unistd::setresgid(*gid, *gid, *gid))?;
            call("become the user", unistd::setresuid(*uid, *uid, *uid))?;
            verify(*uid, *gid)?;
        }
        // No program that we might ever start can gain rights by its set-user-id bit.
        call("give up new privileges", nix::sys::prctl::set_no_new_privs())?;
        Ok(Unprivileged(()))
    }
}

/// Tries to get back what was dropped.
fn verify(uid: Uid, gid: Gid) -> Result<(), PrivilegeError> {
    let users = call("ask who we are", unistd::getresuid())?;
    if [users.real, users.effective, users.saved] != [uid; 3] {
        return Err(PrivilegeError::StillThere("user ids"));
    }
    let groups = call("ask for our groups", unistd::getresgid())?;
    if [groups.real, groups.effective, groups.saved] != [gid; 3] {
        return Err(PrivilegeError::StillThere("group ids"));
    }
    let root = Uid::from_raw(0);
    if unistd::setuid(root).is_ok() || unistd::setresuid(root, root, root).is_ok() {
        return Err(PrivilegeError::StillThere("setuid"));
    }
    if gid.as_raw() != 0 && unistd::setgid(Gid::from_raw(0)).is_ok() {
        return Err(PrivilegeError::StillThere("setgid"));
    }
    Ok(())
}

/// Proof that this process has no rights to lose.
#[derive(Debug)]
pub struct Unprivileged(());

impl Unprivileged {
    /// For a server on loopback that somebody tries out: it stays who it is, root or not, but its
    /// files are its own.
    pub fn for_trial() -> Unprivileged {
        umask(Mode::from_bits_truncate(0o077));
        Unprivileged(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;

    fn nobody() -> Server {
        Server { user: "nobody".to_owned(), ..Server::default() }
    }

    /// In a process of its own, since there is no way back.
    #[test]
    #[ignore = "run by root_becomes_nobody_for_good in a process of its own"]
    fn becomes_nobody() {
        let identity = Identity::look_up(&nobody()).unwrap();
        let Identity::Becoming { uid, .. } = identity else { panic!("not root") };
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        identity.make_store_dir(&store).unwrap();
        identity.make_store_dir(&store).unwrap();
        let metadata = std::fs::metadata(&store).unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (uid.as_raw(), 0o700));
        // Where nobody may come.
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "x").unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();

        identity.assume().unwrap();
        assert_eq!(Uid::effective(), uid);
        assert!(std::fs::read(&secret).is_err());
        assert!(unistd::setgroups(&[Gid::from_raw(0)]).is_err());
        let mail = store.join("mail");
        std::fs::write(&mail, "x").unwrap();
        assert_eq!(std::fs::metadata(&mail).unwrap().mode() & 0o777, 0o600);
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let zero = |field: &str| {
            status.lines().any(|line| line.starts_with(field) && line.ends_with("0000000000000000"))
        };
        assert!(zero("CapEff:") && zero("CapPrm:"), "{status}");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }

    #[test]
    fn root_becomes_nobody_for_good() {
        if !Uid::effective().is_root() {
            // Somebody else has nothing to drop, and stays who they are.
            assert_eq!(Identity::look_up(&nobody()).unwrap(), Identity::Same);
            return;
        }
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "startup::privileges::tests::becomes_nobody", "--ignored"])
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && out.contains("1 passed"), "{out}");
    }

    #[test]
    fn root_and_strangers_are_refused() {
        if !Uid::effective().is_root() {
            return;
        }
        let named = |user: &str, group: Option<&str>| {
            let group = group.map(str::to_owned);
            let server = Server { user: user.to_owned(), group, ..Server::default() };
            Identity::look_up(&server).unwrap_err()
        };
        assert!(matches!(named("root", None), PrivilegeError::Root));
        assert!(matches!(named("no-such-user", None), PrivilegeError::NoUser(_)));
        assert!(matches!(named("nobody", Some("no-such-group")), PrivilegeError::NoGroup(_)));
    }
}
