/* The floor of the reaction benchmark: a reply on one connection, at once a command on another.
 *
 * usage: reaction_loop PORT_A PORT_B     connects to both on loopback; ends when A closes
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int join(const char *port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((unsigned short)atoi(port));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) exit(2);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int a = join(argv[1]), b = join(argv[2]);
    struct pollfd watched = {.fd = a, .events = POLLIN};
    char data[4096];
    for (;;) {
        if (poll(&watched, 1, -1) < 0) return 1;
        if (recv(a, data, sizeof data, 0) <= 0) return 0;
        if (send(b, "S\n", 2, MSG_NOSIGNAL) != 2) return 1;
    }
}
