/* A disk that can be watched and broken: loaded with LD_PRELOAD into a server, it notes what is written to its database and when that was made
 * durable, and answers as a failing disk does when it is told to.
 *   DISK_PREFIX  the path of the database; its log has the same beginning
 *   DISK_LOG     the notes: a record for each call that succeeded, in the order of the calls
 *   DISK_FAULT   a file; what it holds is the fault: eio-fsync, eio-write, read-only, lie (fsync says yes and does nothing)
 * A record is: kind (W write, T truncate, S sync), file ('d' database, 'w' log), 6 bytes of nothing, offset or length (8 bytes), size (8 bytes), content. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { FILES = 65536 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char kinds[FILES];
static int notes = -1;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static ssize_t real_write(int fd, const void *from, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    return real(fd, from, size);
}

static int real_open(const char *path, int flags, mode_t mode)
{
    REAL(int, "open64", const char *, int, ...);
    return real(path, flags, mode);
}

static unsigned char kind_of(int fd)
{
    return fd >= 0 && fd < FILES ? kinds[fd] : 0;
}

static int has_fault(const char *name)
{
    const char *file = getenv("DISK_FAULT");
    if (!file) return 0;
    int fd = real_open(file, O_RDONLY, 0);
    if (fd < 0) return 0;
    char text[32] = {0};
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    return size > 0 && strncmp(text, name, strlen(name)) == 0;
}

/* Called with the lock held. */
static void note(char what, unsigned char kind, uint64_t offset, uint64_t size, const void *content)
{
    const char *file = getenv("DISK_LOG");
    if (!file) return;
    if (notes < 0) notes = real_open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    unsigned char head[24] = {(unsigned char)what, kind};
    memcpy(head + 8, &offset, 8);
    memcpy(head + 16, &size, 8);
    if (real_write(notes, head, sizeof head) != sizeof head) abort();
    for (size_t done = 0; done < size;) {
        ssize_t part = real_write(notes, (const char *)content + done, size - done);
        if (part <= 0) abort();
        done += (size_t)part;
    }
}

static int opened(int fd, const char *path)
{
    const char *prefix = getenv("DISK_PREFIX");
    if (fd < 0 || fd >= FILES) return fd;
    kinds[fd] = 0;
    if (!prefix || strncmp(path, prefix, strlen(prefix)) != 0) return fd;
    const char *rest = path + strlen(prefix);
    kinds[fd] = strcmp(rest, "") == 0 ? 'd' : strcmp(rest, "-wal") == 0 ? 'w' : 0;
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return opened(real_open(path, flags, mode), path);
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return opened(real_open(path, flags, mode), path);
}

static ssize_t written(int fd, const void *from, size_t size, off_t offset)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
    unsigned char kind = kind_of(fd);
    if (!kind) return real(fd, from, size, offset);
    if (has_fault("eio-write")) { errno = EIO; return -1; }
    if (has_fault("read-only")) { errno = EROFS; return -1; }
    pthread_mutex_lock(&lock);
    ssize_t done = real(fd, from, size, offset);
    int error = errno;
    if (done > 0) note('W', kind, (uint64_t)offset, (uint64_t)done, from);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t offset) { return written(fd, from, size, offset); }
ssize_t pwrite64(int fd, const void *from, size_t size, off_t offset) { return written(fd, from, size, offset); }

static int truncated(int fd, off_t length)
{
    REAL(int, "ftruncate64", int, off_t);
    unsigned char kind = kind_of(fd);
    if (!kind) return real(fd, length);
    pthread_mutex_lock(&lock);
    int answer = real(fd, length);
    int error = errno;
    if (answer == 0) note('T', kind, (uint64_t)length, 0, NULL);
    pthread_mutex_unlock(&lock);
    errno = error;
    return answer;
}

int ftruncate(int fd, off_t length) { return truncated(fd, length); }
int ftruncate64(int fd, off_t length) { return truncated(fd, length); }

static int synced(int fd, int (*real)(int))
{
    unsigned char kind = kind_of(fd);
    if (!kind) return real(fd);
    if (has_fault("eio-fsync")) { errno = EIO; return -1; }
    if (has_fault("lie")) return 0;
    /* What is written while the disk works on it is not part of it: the lock keeps that out. */
    pthread_mutex_lock(&lock);
    int answer = real(fd);
    int error = errno;
    if (answer == 0) note('S', kind, 0, 0, NULL);
    pthread_mutex_unlock(&lock);
    errno = error;
    return answer;
}

int fsync(int fd)
{
    REAL(int, "fsync", int);
    return synced(fd, real);
}

int fdatasync(int fd)
{
    REAL(int, "fdatasync", int);
    return synced(fd, real);
}

int close(int fd)
{
    REAL(int, "close", int);
    if (fd >= 0 && fd < FILES) kinds[fd] = 0;
    return real(fd);
}
