/* The other end of the link benchmarks: one TCP client at a time, no allocation per answer.
 *
 *   "B <bytes> <kind>\n"  ->  "#8<8 digits>" or "#9<9 digits>", the data, "\n"
 *                             kind 0: ramp 0..255, 1: all 0x0A, 2: pseudo-random
 *   anything else         ->  the line itself
 *
 * usage: responder CORE     pins itself to CORE, prints the port it listens on
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char *block;
static size_t block_size;
static long block_key = -1;

static int send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        data += sent;
        size -= (size_t)sent;
    }
    return 0;
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

static void make_block(long size, int kind) {
    long key = size * 3 + kind;
    if (key == block_key) return;
    free(block);
    block = malloc((size_t)size + 16);
    if (block == NULL) exit(3);
    int head = size < 100000000 ? sprintf(block, "#8%08ld", size) : sprintf(block, "#9%09ld", size);
    fill((unsigned char *)block + head, size, kind);
    block[head + size] = '\n';
    block_size = (size_t)(head + size + 1);
    block_key = key;
}

static void serve(int fd) {
    char line[4096];
    size_t held = 0;
    for (;;) {
        ssize_t got = recv(fd, line + held, sizeof line - 1 - held, 0);
        if (got <= 0) return;
        held += (size_t)got;
        if (line[held - 1] != '\n') continue;
        line[held] = 0;
        long size;
        int kind;
        if (line[0] == 'B' && sscanf(line, "B %ld %d", &size, &kind) == 2) {
            make_block(size, kind);
            if (send_all(fd, block, block_size) < 0) return;
        } else if (send_all(fd, line, held) < 0) {
            return;
        }
        held = 0;
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
