/* Percentiles of latencies in nanoseconds, printed in microseconds. */
#ifndef BENCH_LATENCIES_H
#define BENCH_LATENCIES_H

#include <stddef.h>
#include <stdint.h>

/* Sort `latencies` and print `"name":{"p50":..,"p90":..,"p99":..,"max":..}`; all are 0 when there is none. */
void print_latencies(const char *name, int64_t *latencies, size_t count);

#endif
