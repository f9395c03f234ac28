#define _GNU_SOURCE
#include "arrival.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

ssize_t read_stamped(int fd, void *into, size_t room, int64_t *arrived_ns) {
    struct iovec vector = {into, room};
    char control[256];
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &message, 0);
    *arrived_ns = now_ns();
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); got > 0 && c != NULL; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS) continue;
        struct timespec stamp;
        memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
        *arrived_ns = stamp.tv_sec * SECOND_NS + stamp.tv_nsec;
    }
    return got;
}
