/* Put before libc (LD_PRELOAD) in Kannel's bearerbox by bench/peers.py: every file that it makes in SYNCED_FOLDER is on
 * the disk, with its name, before `close` returns; so is the name of every folder that it makes there.
 *
 * bearerbox writes one file a text (store-type = spool) and closes it before it answers. Threads wait each for its own
 * file: nothing is gathered. What cannot be synced ends the process, so that no answer is given for it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 65536
static char *made[MOST];

static int in_store(const char *path)
{
    const char *folder = getenv("SYNCED_FOLDER");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

static void sync_folder_of(const char *path)
{
    static int (*real)(int);
    char folder[4096];
    if (!real)
        real = dlsym(RTLD_NEXT, "close");
    snprintf(folder, sizeof folder, "%.*s", (int) (strrchr(path, '/') - path), path);
    int fd = openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || fsync(fd) != 0)
        abort();
    real(fd);
}

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (!real)
        real = dlsym(RTLD_NEXT, "open");
    int fd = real(path, flags, mode);
    if (fd >= 0 && flags & O_CREAT && in_store(path)) {
        if (fd >= MOST)
            abort();
        made[fd] = strdup(path);
    }
    return fd;
}

int close(int fd)
{
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "close");
    if (fd >= 0 && fd < MOST && made[fd]) {
        char *path = made[fd];
        made[fd] = NULL;
        if (fsync(fd) != 0)
            abort();
        sync_folder_of(path);
        free(path);
    }
    return real(fd);
}

int mkdir(const char *path, mode_t mode)
{
    static int (*real)(const char *, mode_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "mkdir");
    int done = real(path, mode);
    if (done == 0 && in_store(path))
        sync_folder_of(path);
    return done;
}
