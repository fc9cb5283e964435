// A module of PAM that misbehaves as its argument says: "hang" (for ever) or "crash", in "account", "session" or "close"; "prompt" asks for a
// password and goes by the answer.
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int misbehave(pam_handle_t *handle, int count, const char **arguments, const char *where) {
  if (count < 2 || strcmp(arguments[0], where) != 0) return PAM_SUCCESS;
  if (strcmp(arguments[1], "crash") == 0) abort();
  if (strcmp(arguments[1], "hang") == 0) {
    for (;;) pause();
  }
  char *answer = NULL;
  return pam_prompt(handle, PAM_PROMPT_ECHO_OFF, &answer, "Password: ");
}

int pam_sm_acct_mgmt(pam_handle_t *handle, int flags, int count, const char **arguments) {
  (void)flags;
  return misbehave(handle, count, arguments, "account");
}
int pam_sm_open_session(pam_handle_t *handle, int flags, int count, const char **arguments) {
  (void)flags;
  return misbehave(handle, count, arguments, "session");
}
int pam_sm_close_session(pam_handle_t *handle, int flags, int count, const char **arguments) {
  (void)flags;
  return misbehave(handle, count, arguments, "close");
}
