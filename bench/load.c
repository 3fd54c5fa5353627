/* A load generator for bench/compare: one thread, keep-alive connections, one JSON object with what was seen.
 *
 *   load http -a PORT -c CONNECTIONS -d SECONDS [-r RATE] [-p PATH] [-n PATHS] [-H HEADER]... [-b FILE] [-g GRACE]
 *     posts FILE. Without -r each connection sends as soon as it has its answer (closed loop). With -r there is a moment for
 *     each request, t0 + i / RATE, whatever became of those before it (open loop): its latency counts from that moment, so
 *     that what waits for a free connection is counted as waiting. Requests that have no answer GRACE seconds after the end
 *     count with the time that they have waited until then, and as `unanswered`.
 *     %d in PATH becomes 0 … PATHS-1: at random, or with -t one after another.
 *   load sync -f FILE -d SECONDS [-s BYTES]
 *     appends BYTES to FILE and syncs, again and again: what the disk alone takes.
 *   load silent -a PORT
 *     takes connections and never answers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

typedef uint64_t u64;

static u64 now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Latencies in microseconds, in buckets of at most 1.6 %. */
static u64 seen[64 * 64], seen_all, seen_most;

static void note(u64 nanoseconds) {
    u64 v = nanoseconds / 1000, shift = 0;
    if (v > seen_most) seen_most = v;
    while ((v >> shift) >= 128) shift++;
    seen[shift ? 64 + shift * 64 + (v >> shift) - 64 : v]++;
    seen_all++;
}

static double quantile(double q) {
    u64 rank = (u64)(q * (double)seen_all), passed = 0;
    for (u64 i = 0; i < sizeof seen / sizeof *seen; i++)
        if ((passed += seen[i]) > rank) {
            u64 shift = i < 128 ? 0 : (i - 64) / 64, low = i < 128 ? i : (64 + (i - 64) % 64) << shift;
            return (double)low + (double)((1u << shift) - 1) / 2;
        }
    return (double)seen_most;
}

static void print_latencies(void) {
    printf("\"p50\": %.0f, \"p90\": %.0f, \"p99\": %.0f, \"p999\": %.0f, \"max\": %lu", quantile(.5), quantile(.9), quantile(.99),
           quantile(.999), (unsigned long)seen_most);
}

struct connection {
    int fd, free, connecting;
    u64 began, sent, have; /* when its request counts from; bytes sent of it; bytes of the answer in `buffer` */
    char *head;
    size_t head_length;
    long body_left; /* of the answer; -1 while its head is not whole, -2 in chunks */
    int status, closes;
    char buffer[8192];
};

static int port, connections = 64, paths = 1, in_turn;
static double seconds = 5, rate, grace = 5;
static char *path = "/", *headers = "", *body = "", *file;
static size_t body_length, sync_bytes = 16384;
static struct connection *all;
static int *free_ring, free_first, free_count, poll_fd;
static char **heads;
static size_t *head_lengths;
static u64 statuses[600], broken, refused, begun, ended, random_state = 88172645463325252u, turn;

static void take_back(struct connection *c) {
    c->free = 1;
    free_ring[(free_first + free_count++) % connections] = (int)(c - all);
}

static void open_connection(struct connection *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    if (c->fd >= 0) close(c->fd);
    if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) < 0) die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) refused++;
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &e);
    c->connecting = 1;
    c->have = 0;
}

static void push(struct connection *c) {
    while (c->sent < c->head_length + body_length) {
        struct iovec parts[2];
        int count = 0;
        if (c->sent < c->head_length) parts[count++] = (struct iovec){c->head + c->sent, c->head_length - c->sent};
        u64 of_body = c->sent > c->head_length ? c->sent - c->head_length : 0;
        if (body_length) parts[count++] = (struct iovec){body + of_body, body_length - of_body};
        ssize_t wrote = writev(c->fd, parts, count);
        if (wrote < 0) return; /* EAGAIN: epoll tells; an error: the reading side meets it */
        c->sent += (u64)wrote;
    }
}

static void begin(struct connection *c, u64 since) {
    u64 which = 0;
    if (paths > 1) {
        random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
        which = (in_turn ? turn++ : random_state) % (u64)paths;
    }
    c->head = heads[which];
    c->head_length = head_lengths[which];
    c->began = since;
    c->sent = c->have = 0;
    c->body_left = -1;
    c->free = 0;
    begun++;
    if (!c->connecting) push(c);
}

/* Reads the head of an answer, when it is whole. */
static void read_head(struct connection *c) {
    char *end = memmem(c->buffer, c->have, "\r\n\r\n", 4);
    if (!end) return;
    end[2] = 0;
    c->status = c->have > 12 ? atoi(c->buffer + 9) : 0;
    char *length = strcasestr(c->buffer, "\r\ncontent-length:");
    c->closes = strcasestr(c->buffer, "\r\nconnection: close") != NULL;
    u64 rest = c->have - (u64)(end + 4 - c->buffer);
    c->body_left = strcasestr(c->buffer, "\r\ntransfer-encoding: chunked") ? -2 : length ? atol(length + 17) : 0;
    if (c->body_left >= 0) c->body_left -= (long)rest;
    memmove(c->buffer, end + 4, rest);
    c->have = c->body_left == -2 ? rest : 0;
}

/* True when the answer is whole. */
static int take(struct connection *c, u64 got) {
    c->have += got;
    if (c->body_left == -1)
        read_head(c);
    else if (c->body_left >= 0)
        c->body_left -= (long)got, c->have = 0;
    if (c->body_left == -2) { /* in chunks: the last one is empty */
        int whole = c->have >= 5 && !memcmp(c->buffer + c->have - 5, "0\r\n\r\n", 5);
        if (!whole && c->have > 4096) memmove(c->buffer, c->buffer + c->have - 8, 8), c->have = 8;
        return whole;
    }
    return c->body_left == 0 || c->body_left < -2;
}

static void happened(struct connection *c, uint32_t events, int goes_on) {
    int error = 0;
    if (c->connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
        socklen_t length = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        c->connecting = 0;
        if (error) refused++;
    }
    if (!c->free && !c->connecting && (events & EPOLLOUT)) push(c);
    if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
    for (;;) {
        ssize_t got = read(c->fd, c->buffer + c->have, sizeof c->buffer - 1 - c->have);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) { /* closed: what was asked on it is lost */
            int was_free = c->free;
            if (!was_free) broken += !error, ended++, note(now() - c->began);
            open_connection(c);
            if (!was_free && goes_on && !rate) begin(c, now());
            else if (!was_free) take_back(c);
            return;
        }
        if (c->free || !take(c, (u64)got)) continue;
        u64 at = now();
        note(at - c->began);
        statuses[c->status > 0 && c->status < 600 ? c->status : 0]++;
        ended++;
        if (c->closes) open_connection(c);
        if (goes_on && !rate) begin(c, at);
        else take_back(c);
        if (c->closes) return;
    }
}

static void prepare(void) {
    heads = calloc((size_t)paths, sizeof *heads);
    head_lengths = calloc((size_t)paths, sizeof *head_lengths);
    for (int i = 0; i < paths; i++) {
        char at[512];
        snprintf(at, sizeof at, path, i);
        int made = asprintf(&heads[i], "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n",
                            at, port, body_length, headers);
        if (made < 0) die("memory");
        head_lengths[i] = (size_t)made;
    }
    all = calloc((size_t)connections, sizeof *all);
    free_ring = calloc((size_t)connections, sizeof *free_ring);
    poll_fd = epoll_create1(0);
    for (int i = 0; i < connections; i++) {
        all[i].fd = -1;
        open_connection(&all[i]);
        take_back(&all[i]);
    }
}

static void http(void) {
    struct epoll_event events[256];
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    prepare();
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer, &e);
    u64 t0 = now() + 20000000, stop = t0 + (u64)(seconds * 1e9), last = stop + (u64)(grace * 1e9), behind = 0;
    u64 wanted = rate ? (u64)(rate * seconds) : 0, next = 0, at;
    while ((at = now()) < last) {
        u64 until = at < stop ? stop : last;
        if (!rate) {
            for (; at >= t0 && at < stop && free_count; free_count--) {
                struct connection *c = &all[free_ring[free_first]];
                free_first = (free_first + 1) % connections;
                begin(c, at);
            }
            if (at < t0) until = t0;
            if (at >= stop && ended == begun) break;
        } else {
            for (; next < wanted && free_count; next++) {
                u64 due = t0 + (u64)((double)next * 1e9 / rate);
                if (due > at) break;
                struct connection *c = &all[free_ring[free_first]];
                free_first = (free_first + 1) % connections, free_count--;
                begin(c, due);
            }
            if (next == wanted && ended == begun) break;
            u64 due = t0 + (u64)((double)next * 1e9 / rate);
            if (next < wanted && free_count && due < until) until = due;
        }
        struct itimerspec when = {.it_value = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)}};
        timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
        int count = epoll_wait(poll_fd, events, 256, 1000);
        u64 woke = now();
        if (rate && next < wanted && free_count && woke > until && woke - until > behind && until < stop) behind = woke - until;
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr) happened(events[i].data.ptr, events[i].events, woke < stop);
            else {
                u64 ticks;
                if (read(timer, &ticks, 8) < 0) continue;
            }
    }
    u64 end = now(), unanswered = 0;
    for (int i = 0; i < connections; i++)
        if (!all[i].free) note(end - all[i].began), unanswered++;
    for (; next < wanted; next++) note(end - (t0 + (u64)((double)next * 1e9 / rate))), unanswered++;
    u64 good = 0, other = 0;
    for (int i = 0; i < 600; i++) *(i >= 200 && i < 300 ? &good : &other) += statuses[i];
    printf("{\"good\": %lu, \"other\": %lu, \"broken\": %lu, \"refused\": %lu, \"unanswered\": %lu, \"seconds\": %.4f, \"late\": %lu, ", good, other,
           broken, refused, unanswered, (double)(end - t0) / 1e9, behind / 1000);
    print_latencies();
    printf(", \"status\": {");
    for (int i = 0, any = 0; i < 600; i++)
        if (statuses[i]) printf("%s\"%d\": %lu", any++ ? ", " : "", i, statuses[i]);
    printf("}}\n");
}

static void sync_alone(void) {
    int fd = open(file, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    char *block = calloc(1, sync_bytes);
    u64 began = now(), stop = began + (u64)(seconds * 1e9), at = began, offset = 0, count = 0;
    if (fd < 0 || !block) die(file);
    for (; at < stop; count++, offset += sync_bytes) {
        if (offset > 8u << 20) offset = 0;
        memset(block, (int)count, sync_bytes);
        u64 before = now();
        if (pwrite(fd, block, sync_bytes, (off_t)offset) < 0 || fdatasync(fd)) die(file);
        at = now();
        note(at - before);
    }
    printf("{\"a_second\": %.0f, ", (double)count / ((double)(at - began) / 1e9));
    print_latencies();
    printf("}\n");
}

static void silent(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) die("listen");
    while (accept(fd, NULL, NULL) >= 0 || errno == EMFILE || errno == EINTR)
        ;
}

static void read_body(const char *name) {
    FILE *in = fopen(name, "rb");
    if (!in || fseek(in, 0, SEEK_END)) die(name);
    body_length = (size_t)ftell(in);
    rewind(in);
    body = malloc(body_length + 1);
    if (!body || fread(body, 1, body_length, in) != body_length) die(name);
    fclose(in);
}

int main(int count, char **words) {
    struct rlimit files = {65536, 65536};
    int option;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* ends with whoever began it */
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (count < 2) return 2;
    while ((option = getopt(count - 1, words + 1, "a:c:d:r:p:n:H:b:g:f:s:t")) != -1) switch (option) {
        case 'a': port = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        case 'd': seconds = atof(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'p': path = optarg; break;
        case 'n': paths = atoi(optarg); break;
        case 't': in_turn = 1; break;
        case 'H': if (asprintf(&headers, "%s%s\r\n", headers, optarg) < 0) die("memory"); break;
        case 'b': read_body(optarg); break;
        case 'g': grace = atof(optarg); break;
        case 'f': file = optarg; break;
        case 's': sync_bytes = (size_t)atol(optarg); break;
        default: return 2;
        }
    if (!strcmp(words[1], "http")) http();
    else if (!strcmp(words[1], "sync")) sync_alone();
    else if (!strcmp(words[1], "silent")) silent();
    else return 2;
    return 0;
}
