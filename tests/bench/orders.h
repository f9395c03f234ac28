/* The order side of the bench's venue: Binance's websocket API, as far as a ladder of one order needs it. */
#ifndef BENCH_ORDERS_H
#define BENCH_ORDERS_H

#include <stddef.h>
#include <stdint.h>

enum { ID_MOST = 40, NUMBER_MOST = 32, REPLY_MOST = 2048, RESTING_MOST = 64 };

struct order {
    char id[ID_MOST]; /* the client's */
    char price[NUMBER_MOST], quantity[NUMBER_MOST], side[8];
    long number; /* ours */
};

enum request_kind { REQUEST_OTHER, REQUEST_SUBSCRIBE, REQUEST_PLACE, REQUEST_CANCEL };

struct order_desk {
    struct order resting[RESTING_MOST]; /* the latest; cancelled ones have no id */
    long placed, cancelled, refused;
};

/* What came back: the reply, and the account stream's reports of what has changed; a replacement changes two orders. */
struct answer {
    enum request_kind kind;
    char reply[REPLY_MOST], report[REPLY_MOST], second_report[REPLY_MOST]; /* empty: none */
};

/* Carry out the request in `json` (terminated) at `now_ms`. */
void answer_request(struct order_desk *desk, const char *json, int64_t now_ms, struct answer *answer);

#endif
