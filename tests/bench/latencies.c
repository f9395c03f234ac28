#include "latencies.h"

#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double quantile_us(const int64_t *sorted, size_t count, double share) {
    return count == 0 ? 0.0 : (double)sorted[(size_t)((double)(count - 1) * share)] / 1000.0;
}

void print_latencies(const char *name, int64_t *latencies, size_t count) {
    qsort(latencies, count, sizeof *latencies, ascending);
    printf("\"%s\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, quantile_us(latencies, count, 0.5),
           quantile_us(latencies, count, 0.9), quantile_us(latencies, count, 0.99), quantile_us(latencies, count, 1.0));
}
