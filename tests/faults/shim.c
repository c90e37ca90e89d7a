/* Put before the C library (LD_PRELOAD), this makes chosen calls fail as they do on odd disks and machines.
 * FAULTS holds words with a space between:
 *   inotify=used-up        no watch is left to give
 *   inotify=silent         watches are given and never tell
 *   flock=ERRNO@PREFIX     no whole-file locks below PREFIX
 *   fsyncdir=ERRNO         folders cannot be synced
 *   chmod=ERRNO            no permissions
 *   shm=ERRNO              no shared memory of SQLite's (FILE-shm)
 *   write=ERRNO@PREFIX     files below PREFIX take nothing; with ,N behind it, after N bytes of one process
 *   link=ERRNO             no hard links
 *   die=CALL@PART,N        the process is killed right after the N-th CALL (open, write, link, rename, fsync, unlink, or any
 *                          of them) on a path that has PART in it
 *   hosts=NAME=ADDRESS,…   the name has these addresses, in this order
 *   only=WORD              all of this only in processes whose first argument is WORD
 * An errno is a number. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_meant = 1;
static int look_up(const char *word, char *value, size_t size);

__attribute__((constructor)) static void begin(void) {
    char wanted[64], line[4096];
    if (!look_up("only", wanted, sizeof wanted)) return;
    FILE *file = fopen("/proc/self/cmdline", "r");
    if (!file) return;
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = 0;
    size_t first = strlen(line) + 1;
    is_meant = first < length && !strcmp(line + first, wanted);
}

static int told(const char *word, char *value, size_t size) {
    return is_meant && look_up(word, value, size);
}

/* What stands behind a word, up to the next space; 0 when the word is not there. */
static int look_up(const char *word, char *value, size_t size) {
    const char *all = getenv("FAULTS");
    size_t length = strlen(word);
    for (const char *at = all; at && *at;) {
        const char *end = strchr(at, ' ');
        size_t whole = end ? (size_t)(end - at) : strlen(at);
        if (whole > length && !strncmp(at, word, length) && at[length] == '=') {
            size_t rest = whole - length - 1;
            if (rest >= size) rest = size - 1;
            memcpy(value, at + length + 1, rest);
            value[rest] = 0;
            return 1;
        }
        at = end ? end + 1 : NULL;
    }
    return 0;
}

static int fault(const char *word) {
    char value[64];
    return told(word, value, sizeof value) ? atoi(value) : 0;
}

static void path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
}

/* Kills this process when its turn has come. */
static void done(const char *call, const char *path) {
    static int seen;
    char value[PATH_MAX];
    if (!told("die", value, sizeof value)) return;
    char *part = strchr(value, '@');
    if (!part) return;
    *part++ = 0;
    char *number = strrchr(part, ',');
    if (number) *number++ = 0;
    if ((strcmp(value, call) && strcmp(value, "any")) || !strstr(path, part)) return;
    if (++seen == (number ? atoi(number) : 1)) kill(getpid(), SIGKILL);
}

/* Whether a file takes no more; sets errno. */
static int is_full(int fd, size_t count) {
    static long written;
    char value[PATH_MAX], path[PATH_MAX];
    if (!told("write", value, sizeof value)) return 0;
    char *prefix = strchr(value, '@');
    if (!prefix) return 0;
    *prefix++ = 0;
    char *limit = strrchr(prefix, ',');
    if (limit) *limit++ = 0;
    path_of(fd, path);
    if (strncmp(path, prefix, strlen(prefix))) return 0;
    if (limit && (written += (long)count) <= atol(limit)) return 0;
    errno = atoi(value);
    return 1;
}

int inotify_init1(int flags) {
    char value[64];
    if (told("inotify", value, sizeof value) && !strcmp(value, "used-up")) { errno = EMFILE; return -1; }
    return REAL(inotify_init1)(flags);
}
int inotify_add_watch(int fd, const char *path, uint32_t mask) {
    char value[64];
    if (told("inotify", value, sizeof value)) return REAL(inotify_add_watch)(fd, "/", IN_DELETE_SELF);
    return REAL(inotify_add_watch)(fd, path, mask);
}
int flock(int fd, int operation) {
    char value[PATH_MAX], path[PATH_MAX];
    if (told("flock", value, sizeof value)) {
        const char *prefix = strchr(value, '@');
        path_of(fd, path);
        if (prefix && !strncmp(path, prefix + 1, strlen(prefix + 1))) { errno = atoi(value); return -1; }
    }
    return REAL(flock)(fd, operation);
}
static int sync_fault(int fd) {
    struct stat there;
    int error = fault("fsyncdir");
    if (!error || fstat(fd, &there) || !S_ISDIR(there.st_mode)) return 0;
    errno = error;
    return 1;
}
int fsync(int fd) {
    if (sync_fault(fd)) return -1;
    char path[PATH_MAX];
    path_of(fd, path);
    int result = REAL(fsync)(fd);
    done("fsync", path);
    return result;
}
int fdatasync(int fd) { return sync_fault(fd) ? -1 : REAL(fdatasync)(fd); }
int chmod(const char *path, mode_t mode) {
    int error = fault("chmod");
    if (error) { errno = error; return -1; }
    return REAL(chmod)(path, mode);
}
int fchmod(int fd, mode_t mode) {
    int error = fault("chmod");
    if (error) { errno = error; return -1; }
    return REAL(fchmod)(fd, mode);
}
int link(const char *from, const char *to) {
    int error = fault("link");
    if (error) { errno = error; return -1; }
    int result = REAL(link)(from, to);
    done("link", to);
    return result;
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    int error = fault("link");
    if (error) { errno = error; return -1; }
    int result = REAL(linkat)(a, from, b, to, flags);
    done("link", to);
    return result;
}
int rename(const char *from, const char *to) {
    int result = REAL(rename)(from, to);
    done("rename", to);
    return result;
}
int unlink(const char *path) {
    int result = REAL(unlink)(path);
    done("unlink", path);
    return result;
}
int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;
    va_end(more);
    int fd = REAL(open64)(path, flags, mode);
    if (flags & O_CREAT) done("open", path);
    return fd;
}
static void *no_map(int fd) {
    char path[PATH_MAX];
    int error = fd >= 0 ? fault("shm") : 0;
    if (!error) return NULL;
    path_of(fd, path);
    size_t length = strlen(path);
    if (length < 4 || strcmp(path + length - 4, "-shm")) return NULL;
    errno = error;
    return MAP_FAILED;
}
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t from) {
    void *none = no_map(fd);
    return none ? none : REAL(mmap)(at, length, protection, flags, fd, from);
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t from) {
    void *none = no_map(fd);
    return none ? none : REAL(mmap64)(at, length, protection, flags, fd, from);
}
static ssize_t wrote(int fd, ssize_t result) {
    char path[PATH_MAX], value[8];
    if (told("die", value, sizeof value)) {
        path_of(fd, path);
        done("write", path);
    }
    return result;
}
ssize_t write(int fd, const void *bytes, size_t count) {
    return is_full(fd, count) ? -1 : wrote(fd, REAL(write)(fd, bytes, count));
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return is_full(fd, count) ? -1 : wrote(fd, REAL(pwrite64)(fd, bytes, count, at));
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return is_full(fd, count) ? -1 : wrote(fd, REAL(pwrite)(fd, bytes, count, at));
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    char value[512], *at = NULL;
    __typeof__(&getaddrinfo) real = REAL(getaddrinfo);
    if (!host || !told("hosts", value, sizeof value)) return real(host, service, hints, found);
    char *addresses = strchr(value, '=');
    if (!addresses) return real(host, service, hints, found);
    *addresses++ = 0;
    if (strcmp(host, value)) return real(host, service, hints, found);
    struct addrinfo **last = found;
    for (char *one = strtok_r(addresses, ",", &at); one; one = strtok_r(NULL, ",", &at)) {
        int error = real(one, service, hints, last);
        if (error) return error;
        while (*last) last = &(*last)->ai_next;
    }
    return 0;
}
