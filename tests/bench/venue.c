/* The bench's venue: ticks out, orders in, and how long the one takes to cause the other.
 *
 *     venue TICKS_PER_SECOND SECONDS MOVE_EVERY WARMUP_S
 *
 * One process on loopback, one free port (printed first). A client opens the market stream (`/stream?streams=...`)
 * and the websocket API (any other path), and subscribes to the account stream; then the ticks begin. Every
 * MOVE_EVERY-th tick moves the price by 5.00, which no client may leave its order through; the ticks between change
 * sizes, and the ask by one tick, which no client may act on. A move waits until the one before has its order, so
 * that each order answers exactly one move; a client that stalls is measured once, not once for each tick it slept.
 *
 * What is measured: from just before the write of the moving tick to the KERNEL'S time of arrival
 * (SO_TIMESTAMPNS) of the first order message after it, cancel or place, and of the new order.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "arrival.h"
#include "latencies.h"
#include "orders.h"
#include "websocket.h"

enum {
    BUFFER = 1 << 16,
    PEERS = 2,
    BASE_TICKS = 6000000, /* of 0.01 */
    MOVE_TICKS = 500,
    CLIENTS_WITHIN_MS = 30000,
};
static const int64_t ANSWER_WITHIN_NS = 1000000000;

struct peer {
    int fd;
    bool upgraded, is_market;
    size_t used;
    uint8_t bytes[BUFFER];
};

struct move {
    int64_t sent_ns, first_ns, order_ns; /* 0: not yet */
};

struct venue {
    int poll, listener, timer;
    struct peer peers[PEERS];
    int peer_count;
    struct peer *market;
    struct order_desk desk;
    struct move *moves;
    long move_count, tick_count, ticks_wanted, ticks_since_move, move_every;
    uint32_t noise;
    double ticks_per_second;
    bool client_left;
};

static void give_up(const char *why) {
    fprintf(stderr, "venue: %s\n", why);
    exit(1);
}

static void fail(const char *call) {
    perror(call);
    exit(1);
}

static void watch(const struct venue *venue, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(venue->poll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

/* The sockets block: a client that does not read stops the ticks, and is measured as slow as it is. */
static void send_all(int fd, const void *bytes, size_t count) {
    const char *next = bytes;
    while (count > 0) {
        ssize_t sent = send(fd, next, count, MSG_NOSIGNAL);
        if (sent < 0) return; /* gone: the next read says so */
        next += sent;
        count -= (size_t)sent;
    }
}

static void send_frame(int fd, enum opcode opcode, const char *payload, size_t length) {
    uint8_t frame[REPLY_MOST + FRAME_HEAD_MOST];
    send_all(fd, frame, websocket_frame(frame, opcode, payload, length, false));
}

/* -- ticks out ---------------------------------------------------------------------------------------------------- */

static bool answered(const struct venue *venue) {
    return venue->move_count == 0 || venue->moves[venue->move_count - 1].order_ns != 0;
}

/* Whether the latest move has its order, or has waited for it as long as a move may. */
static bool is_settled(const struct venue *venue) {
    return answered(venue) || now_ns() - venue->moves[venue->move_count - 1].sent_ns > ANSWER_WITHIN_NS;
}

static void send_tick(struct venue *venue) {
    venue->noise = venue->noise * 1664525u + 1013904223u;
    bool moves = venue->move_count == 0 || (++venue->ticks_since_move >= venue->move_every && is_settled(venue));
    long bid = BASE_TICKS + ((venue->move_count + moves) % 2 ? MOVE_TICKS : 0);
    long ask = bid + 1 + (venue->noise >> 31);
    char text[256];
    int length = snprintf(text, sizeof text,
                          "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"u\":%ld,\"s\":\"BTCUSDT\","
                          "\"b\":\"%ld.%02ld000000\",\"B\":\"%u.%05u000\","
                          "\"a\":\"%ld.%02ld000000\",\"A\":\"%u.%05u000\"}}",
                          ++venue->tick_count, bid / 100, bid % 100, venue->noise >> 27, venue->noise >> 16 & 0x3FFF,
                          ask / 100, ask % 100, venue->noise >> 22 & 31, venue->noise >> 12 & 0x3FFF);
    uint8_t frame[sizeof text + FRAME_HEAD_MOST];
    size_t size = websocket_frame(frame, OP_TEXT, text, (size_t)length, false);
    if (moves) {
        venue->ticks_since_move = 0;
        venue->moves[venue->move_count++] = (struct move){.sent_ns = now_ns()};
    }
    send_all(venue->market->fd, frame, size);
}

static void start_ticks(struct venue *venue) {
    long interval = (long)(SECOND_NS / venue->ticks_per_second);
    struct timespec every = {interval / SECOND_NS, interval % SECOND_NS};
    struct itimerspec timer = {.it_interval = every, .it_value = every};
    if (timerfd_settime(venue->timer, 0, &timer, NULL) != 0) fail("timerfd_settime");
}

/* -- orders in ---------------------------------------------------------------------------------------------------- */

static void on_request(struct venue *venue, int fd, const struct frame *frame, int64_t arrived_ns) {
    char json[4096];
    struct answer answer;
    if (frame->length >= sizeof json) return;
    memcpy(json, frame->payload, frame->length);
    json[frame->length] = 0;
    answer_request(&venue->desk, json, arrived_ns / 1000000, &answer);
    if (answer.kind == REQUEST_SUBSCRIBE) start_ticks(venue);
    if (venue->move_count > 0 && answer.kind >= REQUEST_PLACE) {
        struct move *move = &venue->moves[venue->move_count - 1];
        if (move->first_ns == 0) move->first_ns = arrived_ns;
        if (answer.kind == REQUEST_PLACE && move->order_ns == 0) move->order_ns = arrived_ns;
    }
    if (answer.reply[0]) send_frame(fd, OP_TEXT, answer.reply, strlen(answer.reply));
    if (answer.report[0]) send_frame(fd, OP_TEXT, answer.report, strlen(answer.report));
    if (answer.second_report[0]) send_frame(fd, OP_TEXT, answer.second_report, strlen(answer.second_report));
}

static void on_frame(struct venue *venue, struct peer *peer, const struct frame *frame, int64_t arrived_ns) {
    if (frame->opcode == OP_PING) send_frame(peer->fd, OP_PONG, frame->payload, frame->length);
    else if (frame->opcode == OP_CLOSE) venue->client_left = true;
    else if (frame->opcode == OP_TEXT && !peer->is_market) on_request(venue, peer->fd, frame, arrived_ns);
}

static void upgrade(struct venue *venue, struct peer *peer) {
    peer->bytes[peer->used] = 0;
    char *end = strstr((char *)peer->bytes, "\r\n\r\n"), reply[512];
    if (end == NULL) return;
    size_t length = websocket_accept((char *)peer->bytes, reply, sizeof reply);
    if (length == 0) give_up("a client asked for something else than a websocket");
    peer->is_market = strncmp((char *)peer->bytes, "GET /stream", 11) == 0;
    if (peer->is_market) venue->market = peer;
    peer->upgraded = true;
    size_t taken = (size_t)(end + 4 - (char *)peer->bytes);
    peer->used -= taken;
    memmove(peer->bytes, peer->bytes + taken, peer->used);
    send_all(peer->fd, reply, length);
}

static void on_readable(struct venue *venue, struct peer *peer) {
    int64_t arrived_ns;
    ssize_t got = read_stamped(peer->fd, peer->bytes + peer->used, BUFFER - 1 - peer->used, &arrived_ns);
    if (got <= 0) {
        venue->client_left = true;
        return;
    }
    peer->used += (size_t)got;
    if (!peer->upgraded) upgrade(venue, peer);
    size_t at = 0, taken;
    struct frame frame;
    while (peer->upgraded && (taken = websocket_parse(peer->bytes + at, peer->used - at, &frame)) > 0) {
        on_frame(venue, peer, &frame, arrived_ns);
        at += taken;
    }
    peer->used -= at;
    memmove(peer->bytes, peer->bytes + at, peer->used);
}

/* -- the run ------------------------------------------------------------------------------------------------------ */

static void open_listener(struct venue *venue) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    venue->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(venue->listener, (struct sockaddr *)&address, size) != 0 || listen(venue->listener, PEERS) != 0)
        fail("listen");
    getsockname(venue->listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void on_connection(struct venue *venue) {
    int on = 1, fd = accept4(venue->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || venue->peer_count == PEERS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    venue->peers[venue->peer_count++].fd = fd;
    watch(venue, fd);
}

static void on_timer(struct venue *venue) {
    uint64_t due;
    if (read(venue->timer, &due, sizeof due) != sizeof due || venue->market == NULL) return;
    if (venue->tick_count < venue->ticks_wanted) send_tick(venue);
}

/* Until all ticks are sent and the last move is settled, or the client has left. */
static void run(struct venue *venue) {
    struct epoll_event events[PEERS + 2];
    while (!venue->client_left && !(venue->tick_count == venue->ticks_wanted && is_settled(venue))) {
        int ready = epoll_wait(venue->poll, events, PEERS + 2, CLIENTS_WITHIN_MS);
        if (ready == 0) give_up("no client in time");
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == venue->listener) on_connection(venue);
            else if (fd == venue->timer) on_timer(venue);
            else on_readable(venue, &venue->peers[fd == venue->peers[0].fd ? 0 : 1]);
        }
    }
}

static void print_result(const struct venue *venue, int64_t warmup_ns) {
    int64_t *first = calloc((size_t)venue->move_count + 1, sizeof *first);
    int64_t *order = calloc((size_t)venue->move_count + 1, sizeof *order);
    size_t measured = 0;
    long orders = 0;
    for (long i = 0; i < venue->move_count; i++) {
        const struct move *move = &venue->moves[i];
        orders += move->order_ns != 0;
        if (move->order_ns == 0 || move->sent_ns - venue->moves[0].sent_ns < warmup_ns) continue;
        first[measured] = move->first_ns - move->sent_ns;
        order[measured++] = move->order_ns - move->sent_ns;
    }
    printf("{\"ticks\":%ld,\"moves\":%ld,\"answered\":%ld,\"placed\":%ld,\"refused\":%ld,\"measured\":%zu,",
           venue->tick_count, venue->move_count, orders, venue->desk.placed, venue->desk.refused, measured);
    print_latencies("first_message", first, measured);
    printf(",");
    print_latencies("new_order", order, measured);
    printf("}\n");
    free(first);
    free(order);
}

int main(int count, char **values) {
    if (count != 5) return fprintf(stderr, "usage: venue TICKS_PER_SECOND SECONDS MOVE_EVERY WARMUP_S\n"), 2;
    static struct venue venue = {.noise = 12345};
    venue.ticks_per_second = atof(values[1]);
    venue.ticks_wanted = (long)(venue.ticks_per_second * atof(values[2]));
    venue.move_every = atol(values[3]);
    venue.moves = calloc((size_t)venue.ticks_wanted + 1, sizeof *venue.moves);
    venue.poll = epoll_create1(EPOLL_CLOEXEC);
    venue.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    open_listener(&venue);
    watch(&venue, venue.listener);
    watch(&venue, venue.timer);
    run(&venue);
    print_result(&venue, (int64_t)(atof(values[4]) * (double)SECOND_NS));
    return 0;
}
