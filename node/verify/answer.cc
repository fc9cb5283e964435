#include "node/verify/answer.h"

#include <openssl/crypto.h>
#include <sodium.h>

#include "node/verify/id_token.h"
#include "node/verify/sshsig.h"

namespace acl::node::verify {
namespace {

struct Answer {
  protocol::VerifyAnswer operator()(const protocol::SignatureToVerify& question) const {
    const auto key = verify_signature(question);
    if (!key) return protocol::NotVerified{key.error().message};
    return protocol::Verified{static_cast<std::uint16_t>(*key), 0};
  }
  protocol::VerifyAnswer operator()(const protocol::TokenToVerify& question) const {
    const auto at = verify_token(question);
    if (at) return protocol::Verified{0, *at};
    const bool keys = at.error().code == Code::E1434;
    return protocol::NotVerified{(keys ? "the pinned keys cannot be used: " : "") + at.error().message};
  }
};

}  // namespace

protocol::VerifyAnswer answer(const protocol::VerifyQuestion& question) { return std::visit(Answer{}, question); }

// OpenSSL's settings on this machine are not asked.
bool load_libraries() { return OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1 && sodium_init() >= 0; }

}  // namespace acl::node::verify
