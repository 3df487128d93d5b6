/*
 * Records what a process does to the files below one directory, so that a test can rebuild the
 * directory as a power cut would have left it; and makes a chosen call fail or be the last one.
 *
 * Loaded with LD_PRELOAD. Environment:
 *   RECORDER_ROOT   absolute path of the directory; it exists and is empty
 *   RECORDER_LOG    file that takes the log; without it nothing is recorded
 *   RECORDER_RULE   "ACTION CALL PART NTH": at the NTH (from 1) CALL whose path contains PART, or
 *                   ends in PART when that is written with a '$' behind it.
 *                   CALL: read, write, sync, create, rename, unlink, mkdir, truncate.
 *                   ACTION: kill (before the call), half (kill after half of a write), eio, enospc
 *                   (fail with that error, this once). NTH 0: every such call of the thread that
 *                   removed a file ".../arm", until it removes ".../disarm", which
 *                   succeeds when a call was failed.
 *
 * Log records, little endian: u8 kind, u64 inode, u64 a, u32 length, data.
 *   C created (data: path)       M directory made (data: path)     W write at a
 *   T truncated to a             S sync a begins                   s sync a has returned
 *   R renamed (old NUL new)      L linked (old NUL new)            U unlinked (data: path)
 *   D directory removed          O standard output
 *
 * One lock is held over each call and its record, so the log has the order of the calls; only syncs
 * run beside others, as S and s tell. What it cannot record (writes through a mapping, calls that
 * nobody here makes) ends the process loudly. Synced directories are told by path,
 * files by inode.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_len;
static dev_t root_dev;
static int log_fd = -1;
static uint64_t sync_number;

static char rule_action[16], rule_call[16], rule_part[64];
static unsigned long rule_nth, rule_seen;
static __thread int is_armed, has_struck;

static void die(const char *why, const char *what) {
    char text[4400];
    int n = snprintf(text, sizeof text, "recorder: %s: %s\n", why, what);
    syscall(SYS_write, 2, text, (size_t)n);
    abort();
}

static void real_write_all(int fd, const void *data, size_t length) {
    const char *at = data;
    while (length > 0) {
        long done = syscall(SYS_write, fd, at, length);
        if (done <= 0) die("cannot write", "the log");
        at += done;
        length -= (size_t)done;
    }
}

__attribute__((constructor)) static void start(void) {
    const char *dir = getenv("RECORDER_ROOT");
    const char *log = getenv("RECORDER_LOG");
    const char *rule = getenv("RECORDER_RULE");
    struct stat st;
    if (!dir) return;
    if (!realpath(dir, root) || stat(root, &st) != 0) die("no such directory", dir);
    root_len = strlen(root);
    root_dev = st.st_dev;
    if (log) {
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (log_fd < 0) die("cannot open the log", log);
    }
    if (rule && sscanf(rule, "%15s %15s %63s %lu", rule_action, rule_call, rule_part, &rule_nth) != 4)
        die("not a rule", rule);
}

static void record(char kind, uint64_t inode, uint64_t a, const void *data, size_t length) {
    unsigned char head[21];
    if (log_fd < 0) return;
    head[0] = (unsigned char)kind;
    memcpy(head + 1, &inode, 8);
    memcpy(head + 9, &a, 8);
    uint32_t len = (uint32_t)length;
    memcpy(head + 17, &len, 4);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)data, length}};
    long done = syscall(SYS_writev, log_fd, parts, 2);
    if (done < 0) die("cannot write", "the log");
    if ((size_t)done < sizeof head) die("wrote less than a head of", "the log");
    size_t sent = (size_t)done - sizeof head;
    if (sent < length) real_write_all(log_fd, (const char *)data + sent, length - sent);
}

static void record_pair(char kind, const char *from, const char *to) {
    char both[8300];
    size_t a = strlen(from), b = strlen(to);
    if (a + b + 1 > sizeof both) die("path too long", to);
    memcpy(both, from, a + 1);
    memcpy(both + a + 1, to, b);
    record(kind, 0, 0, both, a + b + 1);
}

/* Absolute paths below the root; everything the store does has them. */
static int is_ours(int dirfd, const char *path) {
    if (!root_len) return 0;
    if (path[0] != '/') {
        if (dirfd == AT_FDCWD) return 0;
        char link[64], where[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
        long n = syscall(SYS_readlinkat, AT_FDCWD, link, where, sizeof where - 1);
        if (n > 0 && (size_t)n >= root_len && memcmp(where, root, root_len) == 0)
            die("a path relative to a directory below the root", path);
        return 0;
    }
    return strncmp(path, root, root_len) == 0 && path[root_len] == '/';
}

/* A regular file or directory of the root's file system that is below the root. */
static int fd_is_ours(int fd, struct stat *st, char *where, size_t size) {
    if (!root_len || fd == log_fd) return 0;
    if (syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH) != 0) return 0;
    if (st->st_dev != root_dev || !(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, where, size - 1);
    if (n < 0) return 0;
    where[n] = 0;
    return (size_t)n >= root_len && memcmp(where, root, root_len) == 0 &&
           (where[root_len] == '/' || where[root_len] == 0);
}

enum verdict { GO, FAIL_EIO, FAIL_ENOSPC, HALF };

/* True for a path that contains the rule's part, or ends in it when the part ends in '$'. */
static int is_part(const char *path) {
    size_t part = strlen(rule_part), length = strlen(path);
    if (part == 0 || rule_part[part - 1] != '$') return strstr(path, rule_part) != NULL;
    part--;
    return length >= part && memcmp(path + length - part, rule_part, part) == 0;
}

static enum verdict judge(const char *call, const char *path) {
    if (!rule_call[0] || strcmp(call, rule_call) != 0 || !is_part(path + root_len)) return GO;
    if (rule_nth == 0 ? !is_armed : ++rule_seen != rule_nth) return GO;
    has_struck = 1;
    if (!strcmp(rule_action, "kill")) {
        syscall(SYS_kill, getpid(), SIGKILL);
        pause();
    }
    if (!strcmp(rule_action, "half")) return HALF;
    if (!strcmp(rule_action, "eio")) return FAIL_EIO;
    if (!strcmp(rule_action, "enospc")) return FAIL_ENOSPC;
    die("not an action", rule_action);
    return GO;
}

static int fails(enum verdict verdict) {
    if (verdict == FAIL_EIO) errno = EIO;
    if (verdict == FAIL_ENOSPC) errno = ENOSPC;
    return verdict == FAIL_EIO || verdict == FAIL_ENOSPC;
}

#define ENTER pthread_mutex_lock(&lock)
#define LEAVE_WITH(value)                    \
    do {                                     \
        long result_ = (long)(value);        \
        int errno_ = errno;                  \
        pthread_mutex_unlock(&lock);         \
        errno = errno_;                      \
        return result_;                      \
    } while (0)

/* ---- files are opened and made ---- */

static long open_locked(int dirfd, const char *path, int flags, mode_t mode) {
    struct stat before, now;
    if (!is_ours(dirfd, path)) return syscall(SYS_openat, dirfd, path, flags, mode);
    if (flags & O_DIRECT) die("O_DIRECT", path);
    if ((flags & O_TMPFILE) == O_TMPFILE) die("O_TMPFILE", path);
    int was_there = syscall(SYS_newfstatat, AT_FDCWD, path, &before, 0) == 0;
    if (!was_there && (flags & O_CREAT) && fails(judge("create", path))) return -1;
    long fd = syscall(SYS_openat, dirfd, path, flags, mode);
    if (fd < 0) return fd;
    if (syscall(SYS_newfstatat, (int)fd, "", &now, AT_EMPTY_PATH) != 0) die("cannot stat", path);
    if (!was_there) record('C', now.st_ino, 0, path, strlen(path));
    else if (flags & O_TRUNC) record('T', now.st_ino, 0, NULL, 0);
    return fd;
}

static long leave_open(int dirfd, const char *path, int flags, mode_t mode) {
    ENTER;
    LEAVE_WITH(open_locked(dirfd, path, flags | O_LARGEFILE, mode));
}
static mode_t mode_of(int flags, va_list rest) {
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}
#define DEFINE_OPEN(name)                              \
    int name(const char *path, int flags, ...) {       \
        va_list rest;                                  \
        va_start(rest, flags);                         \
        mode_t mode = mode_of(flags, rest);            \
        va_end(rest);                                  \
        return (int)leave_open(AT_FDCWD, path, flags, mode); \
    }
#define DEFINE_OPENAT(name)                                    \
    int name(int dirfd, const char *path, int flags, ...) {    \
        va_list rest;                                          \
        va_start(rest, flags);                                 \
        mode_t mode = mode_of(flags, rest);                    \
        va_end(rest);                                          \
        return (int)leave_open(dirfd, path, flags, mode);      \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int creat(const char *path, mode_t mode) {
    return (int)leave_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* ---- data ---- */

/* at: offset, or -1 for the file's position */
static long write_locked(int fd, const void *data, size_t length, off_t at) {
    struct stat st;
    char where[4096];
    if (fd == 1) record('O', 0, 0, data, length);
    int ours = fd_is_ours(fd, &st, where, sizeof where);
    if (ours) {
        enum verdict verdict = judge("write", where);
        if (fails(verdict)) return -1;
        if (verdict == HALF) {
            length /= 2;
            if (at < 0) real_write_all(fd, data, length);
            else syscall(SYS_pwrite64, fd, data, length, at);
            syscall(SYS_kill, getpid(), SIGKILL);
            pause();
        }
        if (at < 0) {
            long flags = syscall(SYS_fcntl, fd, F_GETFL);
            at = flags & O_APPEND ? st.st_size : syscall(SYS_lseek, fd, 0, SEEK_CUR);
            long done = syscall(SYS_write, fd, data, length);
            if (done > 0) record('W', st.st_ino, (uint64_t)at, data, (size_t)done);
            return done;
        }
        long done = syscall(SYS_pwrite64, fd, data, length, at);
        if (done > 0) record('W', st.st_ino, (uint64_t)at, data, (size_t)done);
        return done;
    }
    return at < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, at);
}

/* Only files below the root and standard output are worth the lock; pipes may block. */
static int is_plain(int fd) {
    struct stat st;
    if (fd == 1) return 0;
    if (!root_len) return 1;
    return syscall(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) != 0 || st.st_dev != root_dev ||
           !S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *data, size_t length) {
    if (is_plain(fd)) return syscall(SYS_write, fd, data, length);
    ENTER;
    LEAVE_WITH(write_locked(fd, data, length, -1));
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    if (is_plain(fd)) return syscall(SYS_pwrite64, fd, data, length, at);
    ENTER;
    LEAVE_WITH(write_locked(fd, data, length, at));
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    return pwrite(fd, data, length, at);
}
static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t at) {
    size_t total = 0;
    for (int i = 0; i < count; i++) total += parts[i].iov_len;
    char *all = malloc(total ? total : 1), *to = all;
    if (!all) die("no memory for", "writev");
    for (int i = 0; i < count; i++) to = (char *)memcpy(to, parts[i].iov_base, parts[i].iov_len) + parts[i].iov_len;
    ssize_t done = at < 0 ? write(fd, all, total) : pwrite(fd, all, total, at);
    free(all);
    return done;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (is_plain(fd)) return syscall(SYS_writev, fd, parts, count);
    return write_parts(fd, parts, count, -1);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return write_parts(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return write_parts(fd, parts, count, at); }

static long truncate_locked(int fd, off_t length) {
    struct stat st;
    char where[4096];
    int ours = fd_is_ours(fd, &st, where, sizeof where);
    if (ours && fails(judge("truncate", where))) return -1;
    long done = syscall(SYS_ftruncate, fd, length);
    if (ours && done == 0) record('T', st.st_ino, (uint64_t)length, NULL, 0);
    return done;
}
int ftruncate(int fd, off_t length) {
    ENTER;
    LEAVE_WITH(truncate_locked(fd, length));
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static ssize_t read_at(int fd, void *into, size_t length, off_t at) {
    struct stat st;
    char where[4096];
    /* Only an armed thread pays for the look. */
    if (is_armed && fd_is_ours(fd, &st, where, sizeof where) && fails(judge("read", where))) return -1;
    return at < 0 ? syscall(SYS_read, fd, into, length) : syscall(SYS_pread64, fd, into, length, at);
}
ssize_t read(int fd, void *into, size_t length) { return read_at(fd, into, length, -1); }
ssize_t pread(int fd, void *into, size_t length, off_t at) { return read_at(fd, into, length, at); }
ssize_t pread64(int fd, void *into, size_t length, off64_t at) { return read_at(fd, into, length, at); }

/* ---- syncs ---- */

static int sync_with(long call, int fd) {
    struct stat st;
    char where[4096];
    pthread_mutex_lock(&lock);
    int ours = fd_is_ours(fd, &st, where, sizeof where);
    if (!ours) {
        pthread_mutex_unlock(&lock);
        return (int)syscall(call, fd);
    }
    if (fails(judge("sync", where))) LEAVE_WITH(-1);
    uint64_t number = ++sync_number;
    record('S', st.st_ino, number, where, S_ISDIR(st.st_mode) ? strlen(where) : 0);
    pthread_mutex_unlock(&lock);
    int done = (int)syscall(call, fd);
    int saved = errno;
    pthread_mutex_lock(&lock);
    if (done == 0) record('s', st.st_ino, number, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return done;
}
int fsync(int fd) { return sync_with(SYS_fsync, fd); }
int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }

/* ---- names ---- */

static long rename_locked(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    int a = is_ours(from_dir, from), b = is_ours(to_dir, to);
    if (a != b || (a && flags)) die("a rename that is not modelled", to);
    if (a && fails(judge("rename", to))) return -1;
    long done = syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (a && done == 0) record_pair('R', from, to);
    return done;
}
int rename(const char *from, const char *to) {
    ENTER;
    LEAVE_WITH(rename_locked(AT_FDCWD, from, AT_FDCWD, to, 0));
}
int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    ENTER;
    LEAVE_WITH(rename_locked(from_dir, from, to_dir, to, 0));
}
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    ENTER;
    LEAVE_WITH(rename_locked(from_dir, from, to_dir, to, flags));
}

static long unlink_locked(int dirfd, const char *path, int flags) {
    int ours = is_ours(dirfd, path);
    const char *name = strrchr(path, '/');
    if (ours && name && !strcmp(name, "/arm")) is_armed = 1, has_struck = 0;
    if (ours && name && !strcmp(name, "/disarm")) {
        is_armed = 0;
        if (has_struck) return 0;
    }
    if (ours && fails(judge("unlink", path))) return -1;
    long done = syscall(SYS_unlinkat, dirfd, path, flags);
    if (ours && done == 0) record(flags & AT_REMOVEDIR ? 'D' : 'U', 0, 0, path, strlen(path));
    return done;
}
int unlink(const char *path) {
    ENTER;
    LEAVE_WITH(unlink_locked(AT_FDCWD, path, 0));
}
int unlinkat(int dirfd, const char *path, int flags) {
    ENTER;
    LEAVE_WITH(unlink_locked(dirfd, path, flags));
}
int rmdir(const char *path) {
    ENTER;
    LEAVE_WITH(unlink_locked(AT_FDCWD, path, AT_REMOVEDIR));
}

static long mkdir_locked(int dirfd, const char *path, mode_t mode) {
    struct stat st;
    int ours = is_ours(dirfd, path);
    if (ours && fails(judge("mkdir", path))) return -1;
    long done = syscall(SYS_mkdirat, dirfd, path, mode);
    if (ours && done == 0) {
        if (syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0) != 0) die("cannot stat", path);
        record('M', st.st_ino, 0, path, strlen(path));
    }
    return done;
}
int mkdir(const char *path, mode_t mode) {
    ENTER;
    LEAVE_WITH(mkdir_locked(AT_FDCWD, path, mode));
}
int mkdirat(int dirfd, const char *path, mode_t mode) {
    ENTER;
    LEAVE_WITH(mkdir_locked(dirfd, path, mode));
}

static long link_locked(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    int ours = is_ours(to_dir, to);
    long done = syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    if (ours && done == 0) record_pair('L', from, to);
    return done;
}
int link(const char *from, const char *to) {
    ENTER;
    LEAVE_WITH(link_locked(AT_FDCWD, from, AT_FDCWD, to, 0));
}
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    ENTER;
    LEAVE_WITH(link_locked(from_dir, from, to_dir, to, flags));
}

/* ---- what is not modelled ---- */

static void refuse(int fd, const char *call) {
    struct stat st;
    char where[4096];
    if (fd_is_ours(fd, &st, where, sizeof where)) die(call, where);
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags) {
    refuse(to, "copy_file_range is not modelled");
    return syscall(SYS_copy_file_range, from, from_at, to, to_at, length, flags);
}
ssize_t sendfile(int to, int from, off_t *at, size_t length) {
    refuse(to, "sendfile is not modelled");
    return syscall(SYS_sendfile, to, from, at, length);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t length) { return sendfile(to, from, at, length); }
int fallocate(int fd, int mode, off_t at, off_t length) {
    refuse(fd, "fallocate is not modelled");
    return (int)syscall(SYS_fallocate, fd, mode, at, length);
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) { return fallocate(fd, mode, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) { return fallocate(fd, 0, at, length) == 0 ? 0 : errno; }
int posix_fallocate64(int fd, off64_t at, off64_t length) { return posix_fallocate(fd, at, length); }
int truncate(const char *path, off_t length) {
    if (is_ours(AT_FDCWD, path)) die("truncate is not modelled", path);
    return (int)syscall(SYS_truncate, path, length);
}
