/* When bytes arrived, by the kernel's own clock: a reader that was asleep counts for nothing. */
#ifndef BENCH_ARRIVAL_H
#define BENCH_ARRIVAL_H

#include <stdint.h>
#include <sys/types.h>

#define SECOND_NS INT64_C(1000000000)

/* Nanoseconds of the clock of SO_TIMESTAMPNS. */
int64_t now_ns(void);

/* Like read, from a socket with SO_TIMESTAMPNS, with the time of arrival of the last byte read; the present time where
 * the kernel gave none. */
ssize_t read_stamped(int fd, void *into, size_t room, int64_t *arrived_ns);

#endif
