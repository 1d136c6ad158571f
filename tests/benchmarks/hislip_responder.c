/* The other end of the HiSLIP benchmark: the least an instrument can do on either channel, no allocation per answer.
 *
 *   Initialize, AsyncInitialize, AsyncMaximumMessageSize, device clear: answered as IVI-6.1 says
 *   DataEnd "B <bytes> <kind>\n"  ->  a block in Data ... DataEnd of 1 MiB payload; kinds as in responder.c
 *   any other DataEnd             ->  DataEnd with the same payload and id
 *
 * usage: hislip_responder CORE     pins itself to CORE, prints the port it listens on
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER 16
#define PAYLOAD ((long)1 << 20)

static char *wire;
static size_t wire_size;
static long wire_key = -1;

static int send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        data += sent;
        size -= (size_t)sent;
    }
    return 0;
}

static void put_header(char *at, int kind, uint32_t parameter, uint64_t size) {
    uint32_t p = htobe32(parameter);
    uint64_t s = htobe64(size);
    memcpy(at, "HS", 2);
    at[2] = (char)kind;
    at[3] = 0;
    memcpy(at + 4, &p, 4);
    memcpy(at + 8, &s, 8);
}

static int answer(int fd, int kind, uint32_t parameter, const char *payload, size_t size) {
    char message[HEADER + 4096];
    put_header(message, kind, parameter, size);
    memcpy(message + HEADER, payload, size);
    return send_all(fd, message, HEADER + size);
}

static void fill(unsigned char *data, long size, int kind) {
    uint32_t state = 2463534242u;
    for (long i = 0; i < size; i++) {
        if (kind == 0) data[i] = (unsigned char)(i & 255);
        else if (kind == 1) data[i] = 0x0A;
        else {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            data[i] = (unsigned char)(state >> 24);
        }
    }
}

/* The whole answer as it goes over the wire; only the ids are written anew for each request. */
static int send_block(int fd, uint32_t id, long size, int kind) {
    long head = size < 100000000 ? 10 : 11, whole = head + size + 1, messages = (whole + PAYLOAD - 1) / PAYLOAD;
    if (size * 3 + kind != wire_key) {
        char *block = malloc((size_t)whole + 1);
        free(wire);
        wire_size = (size_t)(whole + messages * HEADER);
        wire = malloc(wire_size);
        if (block == NULL || wire == NULL) exit(3);
        sprintf(block, size < 100000000 ? "#8%08ld" : "#9%09ld", size);
        fill((unsigned char *)block + head, size, kind);
        block[whole - 1] = '\n';
        for (long i = 0; i < messages; i++) {
            long part = i + 1 < messages ? PAYLOAD : whole - i * PAYLOAD;
            memcpy(wire + i * (PAYLOAD + HEADER) + HEADER, block + i * PAYLOAD, (size_t)part);
        }
        free(block);
        wire_key = size * 3 + kind;
    }
    for (long i = 0; i < messages; i++) {
        long part = i + 1 < messages ? PAYLOAD : whole - i * PAYLOAD;
        put_header(wire + i * (PAYLOAD + HEADER), i + 1 < messages ? 6 : 7, id, (uint64_t)part);
    }
    return send_all(fd, wire, wire_size);
}

static int serve_one(int fd, const unsigned char *header, char *payload, size_t size) {
    uint32_t parameter;
    uint64_t most = htobe64((uint64_t)PAYLOAD);
    long bytes;
    int kind;
    memcpy(&parameter, header + 4, 4);
    parameter = be32toh(parameter);
    payload[size] = 0;
    switch (header[2]) {
    case 0: return answer(fd, 1, 0x01000001, "", 0);
    case 17: return answer(fd, 18, 0, "", 0);
    case 15: return answer(fd, 16, 0, (const char *)&most, 8);
    case 19: return answer(fd, 23, 0, "", 0);
    case 8: return answer(fd, 9, 0, "", 0);
    case 7:
        if (payload[0] == 'B' && sscanf(payload, "B %ld %d", &bytes, &kind) == 2)
            return send_block(fd, parameter, bytes, kind);
        return answer(fd, 7, parameter, payload, size);
    default: return -1;
    }
}

static void serve(int fd) {
    char held[HEADER + 4096];
    size_t got = 0;
    for (;;) {
        ssize_t more = recv(fd, held + got, sizeof held - 1 - got, 0);
        if (more <= 0) return;
        got += (size_t)more;
        while (got >= HEADER) {
            uint64_t size;
            memcpy(&size, held + 8, 8);
            size = be64toh(size);
            if (size > 4000) return;
            if (got < HEADER + size) break;
            char after = held[HEADER + size];
            if (serve_one(fd, (unsigned char *)held, held + HEADER, (size_t)size) < 0) return;
            held[HEADER + size] = after;
            got -= HEADER + size;
            memmove(held, held + HEADER + size, got);
        }
    }
}

int main(int argc, char **argv) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(argc > 1 ? atoi(argv[1]) : 0, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) return 2;
    int server = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(server, (struct sockaddr *)&address, length) != 0 || listen(server, 8) != 0) return 2;
    getsockname(server, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(server, NULL, NULL);
        if (fd < 0) return 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (fork() == 0) {
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}
