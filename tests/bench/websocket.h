/* The part of RFC 6455 that the bench's venue and floor client need: handshake, and unfragmented frames. */
#ifndef BENCH_WEBSOCKET_H
#define BENCH_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opcode { OP_TEXT = 0x1, OP_CLOSE = 0x8, OP_PING = 0x9, OP_PONG = 0xA };

enum { FRAME_HEAD_MOST = 8 }; /* opcode, length in up to three bytes, masking key */

struct frame {
    enum opcode opcode;
    char *payload; /* unmasked, inside the buffer that was parsed; not terminated */
    size_t length;
};

/* Write the server's answer to the upgrade `request` (terminated); returns its length, 0 when it is no upgrade. */
size_t websocket_accept(const char *request, char *reply, size_t room);

/* Read the first frame of `count` bytes; returns the bytes that it takes, 0 while it is not complete. */
size_t websocket_parse(uint8_t *bytes, size_t count, struct frame *frame);

/* Write a frame into `out` (payload < 64 KiB; room for FRAME_HEAD_MOST more); returns its length. A client masks: with
 * a key of zeros, which is as legal as any other and costs nothing. */
size_t websocket_frame(uint8_t *out, enum opcode opcode, const char *payload, size_t length, bool masked);

#endif
