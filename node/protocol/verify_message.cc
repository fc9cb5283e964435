#include "node/protocol/verify_message.h"

#include <algorithm>

#include "node/protocol/coding.h"

namespace acl::node::protocol {
namespace {

constexpr std::uint8_t first_question = 96;
constexpr std::uint8_t first_answer = 104;

// One list of fields for writing and for reading; M is const where they are written.
struct Fields {
  template <class Io, class M>
  static void walk(Io& io, M& m) {
    if constexpr (std::is_same_v<std::remove_const_t<M>, SignatureToVerify>) {
      io.long_text(m.pasted, longest_pasted, "signature");
      io.text(m.message, longest_signed, "signed text");
      io.text(m.name_space, longest_user, "namespace");
      io.list(m.keys, most_security_keys, "list of keys",
              [](auto& each, auto& key) { each.text(key, longest_security_key, "key"); });
    } else if constexpr (std::is_same_v<std::remove_const_t<M>, TokenToVerify>) {
      io.long_text(m.token, longest_token, "token");
      io.long_text(m.key_set, longest_key_set, "key set");
      io.text(m.issuer, longest_text, "issuer");
      io.text(m.audience, longest_text, "audience");
      io.text(m.email, longest_text, "e-mail address");
      io.text(m.sub, longest_text, "subject");
      io.text(m.nonce, longest_text, "nonce");
      io.number(m.now_s);
      io.number(m.oldest_s);
    } else if constexpr (std::is_same_v<std::remove_const_t<M>, Verified>) {
      io.number(m.key);
      io.number(m.auth_time_s);
    } else {
      io.text(m.words, longest_text, "words");
    }
  }
};

}  // namespace

Expected<Bytes> encode(const VerifyQuestion& question) { return encode_variant<Fields>(question, first_question); }

Expected<VerifyQuestion> decode_verify_question(ByteView bytes) {
  return decode_variant<VerifyQuestion, Fields>(bytes, first_question);
}

Bytes encode(const VerifyAnswer& answer) {
  VerifyAnswer bounded = answer;
  if (auto* refused = std::get_if<NotVerified>(&bounded)) {
    refused->words = refused->words.substr(0, longest_text);
    std::replace(refused->words.begin(), refused->words.end(), '\0', '?');
  }
  // INVARIANT: nothing of it is out of its bounds now.
  return encode_variant<Fields>(bounded, first_answer).value_or(Bytes{});
}

Expected<VerifyAnswer> decode_verify_answer(ByteView bytes) {
  return decode_variant<VerifyAnswer, Fields>(bytes, first_answer);
}

}  // namespace acl::node::protocol
