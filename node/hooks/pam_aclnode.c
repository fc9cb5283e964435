/* pam_aclnode.so: account management for a stock sshd: may the source of this connection become this account by policy, now?
 *
 *   account required pam_aclnode.so [socket=/run/aclnode/control]
 *
 * In: PAM_USER and PAM_RHOST. Out: PAM_SUCCESS where aclnode says yes, PAM_PERM_DENIED in every other case there is: another answer, none within
 * two seconds, no daemon, a host name in PAM_RHOST (`UseDNS yes`), which whoever rules the name could choose, no PAM_RHOST at all. It asks on the
 * daemon's control socket (node/daemon/control.h) with one line and compares the answer with the one that means yes, byte by byte; it
 * parses nothing. It changes nothing of the process that it runs in: no signals (MSG_NOSIGNAL), no handlers, no state of its own, no descriptors
 * that stay. That process is sshd's, as root, or of a user where the daemon's group lets them ask.
 */
#define _GNU_SOURCE /* struct ucred */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { longest_name = 256, longest_line = 4096, patience_ms = 2000 };
static const char usual_socket[] = "/run/aclnode/control";
static const char yes[] = "{\"answer\": true}\n";

static long long now_ms(void) {
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for that event until the time has come. */
static int is_ready(int fd, short event, long long until) {
  for (;;) {
    const long long left = until - now_ms();
    if (left <= 0) return 0;
    struct pollfd one = {fd, event, 0};
    const int ready = poll(&one, 1, (int)left);
    if (ready > 0) return 1;
    if (ready == 0 || errno != EINTR) return 0;
  }
}

/* An address and nothing else. */
static int is_address(const char* text) {
  unsigned char bytes[sizeof(struct in6_addr)];
  return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* Names of accounts that need no escaping in JSON; others policy knows nothing of. */
static int is_plain(const char* text) {
  const size_t size = strnlen(text, longest_name + 1);
  if (size == 0 || size > longest_name) return 0;
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = (unsigned char)text[i];
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\') return 0;
  }
  return 1;
}

static int connect_to(const char* path, long long until) {
  struct sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, path, strlen(path));
  for (;;) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (connect(fd, (const struct sockaddr*)&address, sizeof address) == 0) return fd;
    const int error = errno;
    close(fd);
    /* A queue that is full for the moment (unix(7)). */
    if (error != EAGAIN || now_ms() >= until) return -1;
    poll(NULL, 0, 20);
  }
}

/* Whether the daemon's whole answer is yes. Only root's daemon is asked. */
static int asks_and_hears_yes(const char* path, const char* line, size_t size) {
  const long long until = now_ms() + patience_ms;
  const int fd = connect_to(path, until);
  if (fd < 0) return 0;
  struct ucred peer = {0, (uid_t)-1, (gid_t)-1};
  socklen_t peer_size = sizeof peer;
  char answer[sizeof yes + 1];
  size_t have = 0;
  int over = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) != 0 || peer.uid != 0 ||
             send(fd, line, size, MSG_NOSIGNAL) != (ssize_t)size;
  int whole = 0;
  while (!over) {
    over = !is_ready(fd, POLLIN, until) || have == sizeof answer;
    if (over) break;
    const ssize_t got = recv(fd, answer + have, sizeof answer - have, 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    over = got <= 0;
    whole = got == 0;
    if (got > 0) have += (size_t)got;
  }
  close(fd);
  return whole && have == sizeof yes - 1 && memcmp(answer, yes, have) == 0;
}

static int deny(pam_handle_t* pam, const char* why) {
  pam_syslog(pam, LOG_NOTICE, "denied: %s", why);
  return PAM_PERM_DENIED;
}

int pam_sm_acct_mgmt(pam_handle_t* pam, int flags, int argc, const char** argv);

__attribute__((visibility("default"))) int pam_sm_acct_mgmt(pam_handle_t* pam, int flags, int argc, const char** argv) {
  (void)flags;
  const char* path = usual_socket;
  for (int i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "socket=/", 8) != 0) return deny(pam, "an argument that is not socket=/PATH");
    path = argv[i] + 7;
  }
  const void* item = NULL;
  if (pam_get_item(pam, PAM_USER, &item) != PAM_SUCCESS || item == NULL) return deny(pam, "there is no user");
  const char* const user = item;
  item = NULL;
  if (pam_get_item(pam, PAM_RHOST, &item) != PAM_SUCCESS || item == NULL) return deny(pam, "there is no source");
  const char* const source = item;
  if (!is_plain(user)) return deny(pam, "the user's name is none that policy knows");
  if (!is_address(source)) return deny(pam, "the source is no address; set UseDNS no in sshd_config");
  struct passwd entry, *found = NULL;
  char* const buffer = malloc(65536);
  if (buffer == NULL) return PAM_BUF_ERR;
  const int looked = getpwnam_r(user, &entry, buffer, 65536, &found);
  const int is_root = found != NULL && entry.pw_uid == 0;
  free(buffer);
  if (looked != 0 || found == NULL) return deny(pam, "there is no such account");
  char line[longest_line];
  const int size =
      snprintf(line, sizeof line,
               "{\"ask\": \"sshd-login\", \"source\": \"%s\", \"user\": \"%s\", \"exists\": true, \"is_root\": %s}\n",
               source, user, is_root ? "true" : "false");
  if (size <= 0 || (size_t)size >= sizeof line) return deny(pam, "the question is too long");
  if (asks_and_hears_yes(path, line, (size_t)size)) return PAM_SUCCESS;
  return deny(pam, "policy says no, or aclnode does not answer; its records say which");
}
