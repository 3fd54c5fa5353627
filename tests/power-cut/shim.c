/* A power cut for one process: what a file was given and never synced may be gone, in part and in any order.
 *
 * Preloaded, it keeps a record of every write to files of a folder until that file is synced. After a number of
 * operations it takes the power away: it undoes what is not synced, puts a random part of it back (a disk may have
 * written any of it, and cuts a write at a sector), and ends the process at once.
 *
 *   POWER_CUT_FOLDER   files below this folder are watched
 *   POWER_CUT_AFTER    the power goes at this operation (a write, a cut to size or a sync)
 *   POWER_CUT_SEED     which part of what is not synced is lost
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECTOR 512

struct record {
    struct record *next;
    char path[PATH_MAX];
    off_t offset, size_before;
    size_t length, old_length;
    unsigned char *old, *new; /* without `new` the file was cut to `offset` */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct record *first, **last = &first;
static long operations;
static uint64_t state;

static const char *folder(void) { return getenv("POWER_CUT_FOLDER"); }

static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static ssize_t raw_write(int fd, const void *bytes, size_t length, off_t offset) {
    return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

/* The path of a watched file; the shared memory of the log's index never was on a disk. */
static int watched(int fd, char *path) {
    char link[64];
    const char *root = folder();
    if (!root) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strncmp(path, root, strlen(root)) == 0 && strstr(path, "-shm") == NULL;
}

static void put(int fd, const unsigned char *bytes, size_t length, off_t offset) {
    while (length > 0) {
        ssize_t done = raw_write(fd, bytes, length, offset);
        if (done <= 0) break;
        bytes += done, length -= (size_t)done, offset += done;
    }
}

static void undo(struct record *record) {
    if (!record) return;
    undo(record->next); /* the last one first */
    int fd = (int)syscall(SYS_openat, AT_FDCWD, record->path, O_WRONLY, 0);
    if (fd < 0) return;
    put(fd, record->old, record->old_length, record->new ? record->offset : record->offset);
    syscall(SYS_ftruncate, fd, record->size_before);
    syscall(SYS_close, fd);
}

static void redo(struct record *record, unsigned kept_of_100) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, record->path, O_WRONLY, 0);
    if (fd < 0) return;
    if (!record->new) {
        if (draw() % 100 < kept_of_100) syscall(SYS_ftruncate, fd, record->offset);
    } else {
        for (size_t at = 0; at < record->length; at += SECTOR) {
            size_t length = record->length - at < SECTOR ? record->length - at : SECTOR;
            if (draw() % 100 < kept_of_100) put(fd, record->new + at, length, record->offset + (off_t)at);
        }
    }
    syscall(SYS_close, fd);
}

static void cut(void) {
    static const unsigned kept[] = {0, 50, 90, 100};
    unsigned kept_of_100 = kept[draw() % 4];
    undo(first);
    for (struct record *record = first; record; record = record->next) redo(record, kept_of_100);
    syscall(SYS_exit_group, 137);
}

/* Called with the lock held. */
static void count(void) {
    if (operations == 0) {
        const char *seed = getenv("POWER_CUT_SEED");
        state = (seed ? strtoull(seed, NULL, 10) : 1) * 2654435761u + 88172645463325252ull;
    }
    const char *after = getenv("POWER_CUT_AFTER");
    if (++operations == (after ? atol(after) : LONG_MAX)) cut();
}

static void remember(const char *path, int fd, const void *bytes, size_t length, off_t offset) {
    struct stat stat;
    if (fstat(fd, &stat) != 0) return;
    struct record *record = calloc(1, sizeof *record);
    if (!record) abort();
    strcpy(record->path, path);
    record->offset = offset, record->size_before = stat.st_size, record->length = length;
    size_t covered = length;
    if (!bytes) covered = stat.st_size > offset ? (size_t)(stat.st_size - offset) : 0;
    record->old = malloc(covered + 1);
    if (!record->old) abort();
    int reader = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    ssize_t got = reader < 0 ? 0 : syscall(SYS_pread64, reader, record->old, covered, offset);
    if (reader >= 0) syscall(SYS_close, reader);
    record->old_length = got > 0 ? (size_t)got : 0;
    if (bytes) {
        record->new = malloc(length + 1);
        if (!record->new) abort();
        memcpy(record->new, bytes, length);
    }
    *last = record, last = &record->next;
}

static void synced(const char *path) {
    struct record **at = &first;
    while (*at) {
        struct record *record = *at;
        if (strcmp(record->path, path) == 0) {
            *at = record->next;
            free(record->old), free(record->new), free(record);
        } else {
            at = &record->next;
        }
    }
    last = at;
}

static ssize_t watched_write(int fd, const void *bytes, size_t length, off_t offset) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return raw_write(fd, bytes, length, offset);
    pthread_mutex_lock(&lock);
    remember(path, fd, bytes, length, offset);
    ssize_t done = raw_write(fd, bytes, length, offset);
    count();
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return watched_write(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    return watched_write(fd, bytes, length, offset);
}

static int watched_cut(int fd, off_t length) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&lock);
    remember(path, fd, NULL, 0, length);
    int result = (int)syscall(SYS_ftruncate, fd, length);
    count();
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t length) { return watched_cut(fd, length); }
int ftruncate64(int fd, off_t length) { return watched_cut(fd, length); }

static int watched_sync(int fd, long call) {
    char path[PATH_MAX];
    if (!watched(fd, path)) return (int)syscall(call, fd);
    pthread_mutex_lock(&lock);
    count(); /* the power may go before anything is safe */
    synced(path);
    pthread_mutex_unlock(&lock);
    return 0; /* the machine stays on; only the record matters here */
}

int fsync(int fd) { return watched_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return watched_sync(fd, SYS_fdatasync); }
