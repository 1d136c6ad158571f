/* Viewers for the stream benchmark: N WebSocket connections on one core that read as fast as they can.
 *
 *   sink PORT PATH VIEWERS SECONDS STALLED CORE
 *
 * shakes hands with VIEWERS connections (and STALLED more that never read), waits for the first rows on each, counts for
 * SECONDS, and prints one JSON object: rows and bytes received by all, the time, rows that were not the successor of the
 * one before (gaps), "dropped" notices, and the latency of the rows: receive time minus the row's t_s, both of
 * CLOCK_MONOTONIC. Rows are read from binary messages as docs/reference/stream.md describes them.
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
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (1 << 18)
#define SAMPLES (1 << 22)
#define VIEWERS_MAX 256

struct viewer {
    int fd, open, started;
    uint32_t next_seq;
    size_t used;
    unsigned char *data;
};

static struct viewer viewers[VIEWERS_MAX];
static uint64_t rows, bytes, gaps, dropped;
static float *samples;
static size_t sample_count;
static int counting, started;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *why) {
    perror(why);
    exit(2);
}

static int dial(int port, const char *path, int receive_buffer) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (receive_buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char request[512];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n", path, port);
    if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size) die("send");
    return fd;
}

static void take_rows(struct viewer *v, const unsigned char *message, size_t size, double t_s) {
    uint16_t row_bytes;
    uint32_t count, first;
    memcpy(&row_bytes, message + 2, 2);
    memcpy(&count, message + 4, 4);
    memcpy(&first, message + 8, 4);
    if (size != 16 + (size_t)row_bytes * count) {
        fprintf(stderr, "a message of %zu bytes says %u rows of %u\n", size, count, row_bytes);
        exit(2);
    }
    if (!v->started) {
        v->started = 1;
        started++;
    } else if (first != v->next_seq) gaps++;
    v->next_seq = first + count;
    if (!counting) return;
    rows += count;
    for (uint32_t n = 0; n < count && sample_count < SAMPLES; n++) {
        double sent_s;
        memcpy(&sent_s, message + 16 + (size_t)n * row_bytes, 8);
        samples[sample_count++] = (float)(t_s - sent_s);
    }
}

/* Size of the first whole message in data (header included) and where its payload begins; 0 when it is not whole. */
static size_t whole(const unsigned char *data, size_t used, size_t *head) {
    if (used < 2) return 0;
    uint64_t length = data[1] & 127;
    *head = length < 126 ? 2 : length == 126 ? 4 : 10;
    if (used < *head) return 0;
    if (length >= 126) {
        length = 0;
        for (size_t n = 2; n < *head; n++) length = length << 8 | data[n];
    }
    return used >= *head + length ? *head + length : 0;
}

static void parse(struct viewer *v, double t_s) {
    size_t at = 0, head = 0, size;
    if (!v->open) {
        unsigned char *end = memmem(v->data, v->used, "\r\n\r\n", 4);
        if (end == NULL) return;
        if (memmem(v->data, (size_t)(end - v->data), " 101 ", 5) == NULL) {
            fprintf(stderr, "refused: %.*s\n", (int)v->used, v->data);
            exit(2);
        }
        v->open = 1;
        at = (size_t)(end - v->data) + 4;
    }
    while ((size = whole(v->data + at, v->used - at, &head)) > 0) {
        const unsigned char *message = v->data + at;
        if (message[0] == 0x82) take_rows(v, message + head, size - head, t_s);
        else if (memmem(message + head, size - head, "{\"type\":\"dropped\"", 17) != NULL) dropped++;
        at += size;
    }
    memmove(v->data, v->data + at, v->used - at);
    v->used -= at;
    if (v->used == BUFFER) {
        fprintf(stderr, "a message larger than %d bytes\n", BUFFER);
        exit(2);
    }
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double quantile_us(double q) {
    return sample_count == 0 ? -1.0 : samples[(size_t)(q * (double)(sample_count - 1))] * 1e6;
}

int main(int argc, char **argv) {
    if (argc != 7) return 64;
    int port = atoi(argv[1]), count = atoi(argv[3]), stalled = atoi(argv[5]);
    double seconds = atof(argv[4]), begin = 0.0, end = 0.0;
    if (count < 1 || count > VIEWERS_MAX) return 64;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(atoi(argv[6]), &cores);
    sched_setaffinity(0, sizeof cores, &cores);
    samples = malloc(SAMPLES * sizeof *samples);
    for (int n = 0; n < stalled; n++) dial(port, argv[2], 4096);
    int poll = epoll_create1(0);
    for (int n = 0; n < count; n++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &viewers[n]};
        viewers[n].data = malloc(BUFFER);
        viewers[n].fd = dial(port, argv[2], 0);
        if (epoll_ctl(poll, EPOLL_CTL_ADD, viewers[n].fd, &event) != 0) die("epoll_ctl");
    }
    while (!counting || now_s() < end) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 100);
        for (int n = 0; n < ready; n++) {
            struct viewer *v = events[n].data.ptr;
            ssize_t got = recv(v->fd, v->data + v->used, BUFFER - v->used, 0);
            if (got <= 0) die("the server hung up");
            if (counting) bytes += (uint64_t)got;
            v->used += (size_t)got;
            parse(v, now_s());
        }
        if (!counting && started == count) {
            counting = 1;
            begin = now_s();
            end = begin + seconds;
        }
    }
    double elapsed = now_s() - begin;
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\"rows\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"gaps\": %llu, \"dropped\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
           (unsigned long long)rows, (unsigned long long)bytes, elapsed, (unsigned long long)gaps,
           (unsigned long long)dropped, quantile_us(0.5), quantile_us(0.99));
    return 0;
}
