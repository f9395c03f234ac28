/* The floor: the least that a client must do to answer a tick with an order.
 *
 *     floor_client PORT
 *
 * One thread on epoll, one read for each tick, the frame parsed by hand, one price, one write of a finished order
 * frame. It keeps no order state, no journal and no limits, and does NOT sign: what our runtime takes above this is
 * what all of that costs. Ends when the venue closes the market-data connection.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

enum { BUFFER = 1 << 16, SPREAD_BPS = 10, WHOLE_BPS = 10000, TOLERATED_TICKS = 1 }; /* as in bot.yaml */

struct link {
    int fd;
    size_t used;
    uint8_t bytes[BUFFER];
};

struct client {
    struct link market, orders;
    long price; /* of the latest order, in ticks */
    long sent;
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void write_all(int fd, const void *bytes, size_t count) {
    const char *next = bytes;
    while (count > 0) {
        ssize_t written = write(fd, next, count);
        if (written < 0) fail("write");
        next += written;
        count -= (size_t)written;
    }
}

/* Connect and upgrade; returns when the server's answer is here. */
static void open_link(struct link *link, int port, const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->fd < 0 || connect(link->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char text[512];
    int length = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                          path);
    write_all(link->fd, text, (size_t)length);
    while (memmem(link->bytes, link->used, "\r\n\r\n", 4) == NULL) {
        ssize_t got = read(link->fd, link->bytes + link->used, 1); /* nothing of a first frame is swallowed */
        if (got <= 0 || link->used == BUFFER - 1) fail("handshake");
        link->used += (size_t)got;
    }
    link->used = 0;
}

static void send_text(int fd, const char *text, size_t length) {
    uint8_t frame[1024 + FRAME_HEAD_MOST];
    write_all(fd, frame, websocket_frame(frame, OP_TEXT, text, length, true));
}

/* "60000.01000000" -> 6000001: ticks of 0.01. */
static long ticks(const char *text) {
    long whole = 0;
    while (*text != '.') whole = whole * 10 + (*text++ - '0');
    return whole * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

static void place(struct client *client, long price) {
    char text[1024];
    client->price = price;
    client->sent++;
    int length = snprintf(text, sizeof text,
                          "{\"id\":\"%ldp\",\"method\":\"order.place\",\"params\":{"
                          "\"symbol\":\"BTCUSDT\",\"side\":\"BUY\","
                          "\"type\":\"LIMIT_MAKER\",\"price\":\"%ld.%02ld\",\"quantity\":\"0.00014\","
                          "\"newClientOrderId\":\"floor%027ld\",\"newOrderRespType\":\"ACK\"}}",
                          client->sent, price / 100, price % 100, client->sent);
    send_text(client->orders.fd, text, (size_t)length);
}

static void on_tick(struct client *client, struct frame frame) {
    static const char bid_key[] = "\"b\":\"", ask_key[] = "\"a\":\"";
    const char *bid = memmem(frame.payload, frame.length, bid_key, sizeof bid_key - 1);
    const char *ask = memmem(frame.payload, frame.length, ask_key, sizeof ask_key - 1);
    if (bid == NULL || ask == NULL) return;
    long middle_2 = ticks(bid + sizeof bid_key - 1) + ticks(ask + sizeof ask_key - 1);
    long price = middle_2 * (WHOLE_BPS - SPREAD_BPS) / (2 * WHOLE_BPS);
    if (labs(price - client->price) > TOLERATED_TICKS) place(client, price);
}

/* Read what is there and go through its whole frames; false at the end of the stream. */
static bool on_market(struct client *client) {
    struct link *link = &client->market;
    ssize_t got = read(link->fd, link->bytes + link->used, BUFFER - link->used);
    if (got <= 0) return false;
    link->used += (size_t)got;
    size_t at = 0, taken;
    struct frame frame;
    while ((taken = websocket_parse(link->bytes + at, link->used - at, &frame)) > 0) {
        if (frame.opcode == OP_CLOSE) return false;
        if (frame.opcode == OP_TEXT) on_tick(client, frame);
        at += taken;
    }
    link->used -= at;
    memmove(link->bytes, link->bytes + at, link->used);
    return true;
}

static void watch(int poll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

int main(int count, char **values) {
    if (count != 2) return fprintf(stderr, "usage: floor_client PORT\n"), 2;
    static struct client client;
    int port = atoi(values[1]), poll = epoll_create1(EPOLL_CLOEXEC);
    open_link(&client.market, port, "/stream?streams=btcusdt@bookTicker");
    open_link(&client.orders, port, "/ws-api/v3");
    static const char subscribe[] =
        "{\"id\":\"subscribe\",\"method\":\"userDataStream.subscribe.signature\",\"params\":{}}";
    send_text(client.orders.fd, subscribe, sizeof subscribe - 1);
    watch(poll, client.market.fd);
    watch(poll, client.orders.fd);
    for (;;) {
        struct epoll_event events[2];
        int ready = epoll_wait(poll, events, 2, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == client.market.fd) {
                if (!on_market(&client)) return 0;
            } else if (read(client.orders.fd, client.orders.bytes, BUFFER) <= 0) { /* replies: read, not looked at */
                return 0;
            }
        }
    }
}
