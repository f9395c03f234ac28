#include "orders.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LIMITS                                                                                                        \
    "\"rateLimits\":[{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":50,"          \
    "\"count\":1},{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":6000,"    \
    "\"count\":4}]"

/* The text of the first field `name` in `json`, wherever it is: our requests name each field once. */
static bool text_field(const char *json, const char *name, char *out, size_t room) {
    char key[48];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(json, key);
    if (at == NULL) return false;
    at += strlen(key);
    size_t length = strcspn(at, "\"");
    if (length >= room) return false;
    memcpy(out, at, length);
    out[length] = 0;
    return true;
}

/* `executionReport` of the user data stream; `client_id` is the id of the request that caused it. */
static void report(char out[REPLY_MOST], const struct order *order, const char *client_id, const char *original_id,
                   const char *status, int64_t now_ms) {
    snprintf(out, REPLY_MOST,
             "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\",\"E\":%ld,\"s\":\"BTCUSDT\",\"c\":\"%s\","
             "\"S\":\"%s\",\"o\":\"LIMIT_MAKER\",\"f\":\"GTC\",\"q\":\"%s\",\"p\":\"%s\",\"P\":\"0.00000000\","
             "\"F\":\"0.00000000\",\"g\":-1,\"C\":\"%s\",\"x\":\"%s\",\"X\":\"%s\",\"r\":\"NONE\",\"i\":%ld,"
             "\"l\":\"0.00000000\",\"z\":\"0.00000000\",\"L\":\"0.00000000\",\"n\":\"0\",\"N\":null,\"T\":%ld,"
             "\"t\":-1,\"I\":%ld,\"w\":true,\"m\":false,\"M\":false,\"O\":%ld,\"Z\":\"0.00000000\","
             "\"Y\":\"0.00000000\",\"Q\":\"0.00000000\",\"W\":%ld,\"V\":\"NONE\"}}",
             (long)now_ms, client_id, order->side, order->quantity, order->price, original_id, status, status,
             order->number, (long)now_ms, order->number, (long)now_ms, (long)now_ms);
}

static struct order *take_in(struct order_desk *desk, const char *json) {
    struct order *order = &desk->resting[desk->placed % RESTING_MOST];
    text_field(json, "newClientOrderId", order->id, sizeof order->id);
    text_field(json, "price", order->price, sizeof order->price);
    text_field(json, "quantity", order->quantity, sizeof order->quantity);
    text_field(json, "side", order->side, sizeof order->side);
    order->number = ++desk->placed;
    return order;
}

static void place(struct order_desk *desk, const char *json, const char *request, int64_t now_ms,
                  struct answer *answer) {
    struct order *order = take_in(desk, json);
    snprintf(answer->reply, REPLY_MOST,
             "{\"id\":\"%s\",\"status\":200,\"result\":{\"symbol\":\"BTCUSDT\",\"orderId\":%ld,\"orderListId\":-1,"
             "\"clientOrderId\":\"%s\",\"transactTime\":%ld}," LIMITS "}",
             request, order->number, order->id, (long)now_ms);
    report(answer->report, order, order->id, "", "NEW", now_ms);
}

static struct order *find(struct order_desk *desk, const char *id) {
    for (int i = 0; i < RESTING_MOST; i++)
        if (strcmp(desk->resting[i].id, id) == 0) return &desk->resting[i];
    return NULL;
}

static void refuse_cancel(struct order_desk *desk, const char *request, struct answer *answer) {
    desk->refused++;
    snprintf(answer->reply, REPLY_MOST,
             "{\"id\":\"%s\",\"status\":400,\"error\":{\"code\":-2011,\"msg\":\"Unknown order sent.\"}," LIMITS "}",
             request);
}

static void cancel(struct order_desk *desk, const char *json, const char *request, int64_t now_ms,
                   struct answer *answer) {
    char id[ID_MOST], cancel_id[ID_MOST];
    struct order *order = text_field(json, "origClientOrderId", id, sizeof id) ? find(desk, id) : NULL;
    if (order == NULL) {
        refuse_cancel(desk, request, answer);
        return;
    }
    snprintf(cancel_id, sizeof cancel_id, "venue%ld", ++desk->cancelled);
    snprintf(answer->reply, REPLY_MOST,
             "{\"id\":\"%s\",\"status\":200,\"result\":{\"symbol\":\"BTCUSDT\",\"origClientOrderId\":\"%s\","
             "\"orderId\":%ld,\"orderListId\":-1,\"clientOrderId\":\"%s\",\"transactTime\":%ld,\"price\":\"%s\","
             "\"origQty\":\"%s\",\"executedQty\":\"0.00000000\",\"origQuoteOrderQty\":\"0.00000000\","
             "\"cummulativeQuoteQty\":\"0.00000000\",\"status\":\"CANCELED\",\"timeInForce\":\"GTC\","
             "\"type\":\"LIMIT_MAKER\",\"side\":\"%s\",\"selfTradePreventionMode\":\"NONE\"}," LIMITS "}",
             request, id, order->number, cancel_id, (long)now_ms, order->price, order->quantity, order->side);
    report(answer->report, order, cancel_id, id, "CANCELED", now_ms);
    order->id[0] = 0;
}

/* `order.cancelReplace`, STOP_ON_FAILURE. */
static void replace(struct order_desk *desk, const char *json, const char *request, int64_t now_ms,
                    struct answer *answer) {
    char id[ID_MOST], cancel_id[ID_MOST];
    struct order *old = text_field(json, "cancelOrigClientOrderId", id, sizeof id) ? find(desk, id) : NULL;
    if (old == NULL) {
        refuse_cancel(desk, request, answer);
        return;
    }
    snprintf(cancel_id, sizeof cancel_id, "venue%ld", ++desk->cancelled);
    report(answer->report, old, cancel_id, id, "CANCELED", now_ms);
    long old_number = old->number;
    old->id[0] = 0;
    struct order *order = take_in(desk, json);
    snprintf(answer->reply, REPLY_MOST,
             "{\"id\":\"%s\",\"status\":200,\"result\":{\"cancelResult\":\"SUCCESS\",\"newOrderResult\":\"SUCCESS\","
             "\"cancelResponse\":{\"symbol\":\"BTCUSDT\",\"origClientOrderId\":\"%s\",\"orderId\":%ld,"
             "\"orderListId\":-1,\"clientOrderId\":\"%s\",\"transactTime\":%ld,\"executedQty\":\"0.00000000\","
             "\"status\":\"CANCELED\"},\"newOrderResponse\":{\"symbol\":\"BTCUSDT\",\"orderId\":%ld,"
             "\"orderListId\":-1,\"clientOrderId\":\"%s\",\"transactTime\":%ld}}," LIMITS "}",
             request, id, old_number, cancel_id, (long)now_ms, order->number, order->id, (long)now_ms);
    report(answer->second_report, order, order->id, "", "NEW", now_ms);
}

void answer_request(struct order_desk *desk, const char *json, int64_t now_ms, struct answer *answer) {
    char method[48] = "", request[ID_MOST + 8] = "";
    answer->kind = REQUEST_OTHER;
    answer->reply[0] = answer->report[0] = answer->second_report[0] = 0;
    text_field(json, "method", method, sizeof method);
    text_field(json, "id", request, sizeof request);
    if (strcmp(method, "order.place") == 0) {
        answer->kind = REQUEST_PLACE;
        place(desk, json, request, now_ms, answer);
    } else if (strcmp(method, "order.cancelReplace") == 0) {
        answer->kind = REQUEST_PLACE;
        replace(desk, json, request, now_ms, answer);
    } else if (strcmp(method, "order.cancel") == 0) {
        answer->kind = REQUEST_CANCEL;
        cancel(desk, json, request, now_ms, answer);
    } else if (strcmp(method, "userDataStream.subscribe.signature") == 0) {
        answer->kind = REQUEST_SUBSCRIBE;
        snprintf(answer->reply, REPLY_MOST, "{\"id\":\"%s\",\"status\":200,\"result\":{\"subscriptionId\":0}}",
                 request);
    }
}
