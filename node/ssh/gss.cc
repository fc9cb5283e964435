// libssh's archive refers to Kerberos (GSS-API, RFC 2743). Nothing of it is reached: requests for authentication never come to libssh
// (transport.cc). These stand for it, so that no Kerberos library is loaded into the process; each says that it has nothing.

// NOLINTBEGIN(readability-identifier-naming)
extern "C" {

// GSS_S_UNAVAILABLE (RFC 2744 section 3.9.1).
constexpr unsigned unavailable = 16U << 16;

unsigned gss_accept_sec_context() { return unavailable; }
unsigned gss_acquire_cred() { return unavailable; }
unsigned gss_add_oid_set_member() { return unavailable; }
unsigned gss_create_empty_oid_set() { return unavailable; }
unsigned gss_display_name() { return unavailable; }
unsigned gss_display_status() { return unavailable; }
unsigned gss_get_mic() { return unavailable; }
unsigned gss_import_name() { return unavailable; }
unsigned gss_indicate_mechs() { return unavailable; }
unsigned gss_init_sec_context() { return unavailable; }
unsigned gss_inquire_cred() { return unavailable; }
unsigned gss_inquire_cred_by_mech() { return unavailable; }
unsigned gss_release_buffer() { return unavailable; }
unsigned gss_release_cred() { return unavailable; }
unsigned gss_release_name() { return unavailable; }
unsigned gss_release_oid_set() { return unavailable; }
unsigned gss_test_oid_set_member() { return unavailable; }
unsigned gss_verify_mic() { return unavailable; }
// Forms of names.
void* GSS_C_NT_HOSTBASED_SERVICE = nullptr;
void* GSS_C_NT_USER_NAME = nullptr;

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
