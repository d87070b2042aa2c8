/* Loaded into Redis (LD_PRELOAD): records up to where each append-only file is on disk, and holds a sync back on demand.

   SYNCED_LOG: one line "size path" for each completed fdatasync of a file. While the file SYNCED_HOLD exists, a sync
   creates SYNCED_HELD and does not return: the file is written and not on disk, as in the moment of a power loss. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int observed(int fd, const char *name) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *hold = getenv("SYNCED_HOLD"), *held = getenv("SYNCED_HELD"), *log = getenv("SYNCED_LOG");
    char link[64], path[4096], line[4200];
    struct stat file;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return real(fd);
    path[length] = 0;
    if (access(hold, F_OK) == 0) {
        close(open(held, O_CREAT | O_WRONLY, 0600));
        while (access(hold, F_OK) == 0) usleep(1000);
    }
    int done = real(fd);
    if (done == 0) {
        int out = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
        int size = snprintf(line, sizeof line, "%lld %s\n", (long long)file.st_size, path);
        if (out >= 0 && write(out, line, (size_t)size) != size) perror(log);
        if (out >= 0) close(out);
    }
    return done;
}

int fdatasync(int fd) { return observed(fd, "fdatasync"); }
int fsync(int fd) { return observed(fd, "fsync"); }
