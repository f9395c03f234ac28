#define _GNU_SOURCE
#include "websocket.h"

#include <stdio.h>
#include <string.h>

enum { SHA1_BYTES = 20, KEY_MOST = 64, LENGTH_16 = 126, LENGTH_64 = 127 };

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */

static uint32_t rotate(uint32_t value, int bits) { return (value << bits) | (value >> (32 - bits)); }

/* One block of SHA-1 (FIPS 180-4, 6.1.2). */
static void sha1_block(uint32_t hash[5], const uint8_t block[64]) {
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    for (int i = 16; i < 80; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) f = (b & c) | (~b & d), k = 0x5A827999;
        else if (i < 40) f = b ^ c ^ d, k = 0x6ED9EBA1;
        else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
        else f = b ^ c ^ d, k = 0xCA62C1D6;
        uint32_t next = rotate(a, 5) + f + e + k + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    hash[0] += a, hash[1] += b, hash[2] += c, hash[3] += d, hash[4] += e;
}

/* SHA-1 of a message of fewer than 184 bytes: a handshake's key and GUID are about 60. */
static void sha1(const char *message, size_t length, uint8_t digest[SHA1_BYTES]) {
    uint32_t hash[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t padded[192] = {0};
    memcpy(padded, message, length);
    padded[length] = 0x80;
    size_t total = (length + 8) / 64 * 64 + 64;
    for (int i = 0; i < 8; i++) padded[total - 1 - i] = (uint8_t)((uint64_t)length * 8 >> (8 * i));
    for (size_t at = 0; at < total; at += 64) sha1_block(hash, padded + at);
    for (int i = 0; i < SHA1_BYTES; i++) digest[i] = (uint8_t)(hash[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t digest[SHA1_BYTES], char out[29]) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t padded[SHA1_BYTES + 1] = {0};
    memcpy(padded, digest, SHA1_BYTES);
    for (int i = 0; i < 7; i++) {
        uint32_t three = (uint32_t)padded[3 * i] << 16 | (uint32_t)padded[3 * i + 1] << 8 | padded[3 * i + 2];
        for (int j = 0; j < 4; j++) out[4 * i + j] = alphabet[three >> (18 - 6 * j) & 63];
    }
    out[27] = '='; /* 20 bytes are one short of seven threes */
    out[28] = 0;
}

size_t websocket_accept(const char *request, char *reply, size_t room) {
    static const char header[] = "sec-websocket-key:";
    const char *key = strcasestr(request, header);
    if (key == NULL) return 0;
    key += strlen(header);
    key += strspn(key, " ");
    size_t length = strcspn(key, "\r\n ");
    if (length >= KEY_MOST) return 0;
    char keyed[KEY_MOST + sizeof GUID];
    memcpy(keyed, key, length);
    memcpy(keyed + length, GUID, sizeof GUID);
    uint8_t digest[SHA1_BYTES];
    char accept[29];
    sha1(keyed, length + sizeof GUID - 1, digest);
    base64(digest, accept);
    return (size_t)snprintf(reply, room,
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: %s\r\n\r\n",
                            accept);
}

size_t websocket_parse(uint8_t *bytes, size_t count, struct frame *frame) {
    if (count < 2) return 0;
    bool masked = bytes[1] & 0x80;
    size_t length = bytes[1] & 0x7F, head = 2;
    if (length == LENGTH_16) {
        if (count < 4) return 0;
        length = (size_t)bytes[2] << 8 | bytes[3];
        head = 4;
    } else if (length == LENGTH_64) {
        if (count < 10) return 0;
        length = 0;
        for (int i = 2; i < 10; i++) length = length << 8 | bytes[i];
        head = 10;
    }
    const uint8_t *key = bytes + head;
    head += masked ? 4 : 0;
    if (count < head || count - head < length) return 0;
    if (masked)
        for (size_t i = 0; i < length; i++) bytes[head + i] ^= key[i & 3];
    frame->opcode = (enum opcode)(bytes[0] & 0x0F);
    frame->payload = (char *)bytes + head;
    frame->length = length;
    return head + length;
}

size_t websocket_frame(uint8_t *out, enum opcode opcode, const char *payload, size_t length, bool masked) {
    size_t head = 2;
    out[0] = (uint8_t)(0x80 | opcode);
    if (length < LENGTH_16) {
        out[1] = (uint8_t)length;
    } else {
        out[1] = LENGTH_16;
        out[2] = (uint8_t)(length >> 8);
        out[3] = (uint8_t)length;
        head = 4;
    }
    if (masked) {
        out[1] |= 0x80;
        memset(out + head, 0, 4);
        head += 4;
    }
    memcpy(out + head, payload, length);
    return head + length;
}
