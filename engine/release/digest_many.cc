#include "engine/release/digest_many.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace acl::release {
namespace {

void digest_each(std::span<const ByteView> messages, std::span<Digest> digests) {
  for (std::size_t i = 0; i < messages.size(); ++i) digests[i] = digest_of(messages[i]);
}

#if defined(__x86_64__)

constexpr std::size_t lanes = 4;
constexpr std::size_t block_bytes = 128;
constexpr int rounds = 12;

// RFC 7693, section 2.6: the initialization vector.
constexpr std::array<std::uint64_t, 8> initial = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b,
                                                  0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f,
                                                  0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

// RFC 7693, section 2.7: the message's words in the order of each round; the last two rounds have those of the first two.
constexpr std::uint8_t schedule[rounds][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

// Four messages on their way. A quarter of each register is a message's; so is a column here.
struct State {
  alignas(32) std::uint64_t chain[8][lanes];
  alignas(32) std::uint64_t length[lanes];  // bytes up to and with the block at hand
  alignas(32) std::uint64_t last[lanes];    // all ones with the last block
  const std::uint8_t* block[lanes];
};

#define ACL_AVX2 [[gnu::target("avx2"), gnu::always_inline]] inline

ACL_AVX2 __m256i load(const void* at) { return _mm256_load_si256(static_cast<const __m256i*>(at)); }
ACL_AVX2 __m256i rotated_by_32(__m256i x) { return _mm256_shuffle_epi32(x, 0xb1); }
ACL_AVX2 __m256i rotated_by_24(__m256i x) {
  return _mm256_shuffle_epi8(x, _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10, 3, 4, 5, 6, 7, 0,
                                                 1, 2, 11, 12, 13, 14, 15, 8, 9, 10));
}
ACL_AVX2 __m256i rotated_by_16(__m256i x) {
  return _mm256_shuffle_epi8(x, _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9, 2, 3, 4, 5, 6, 7,
                                                 0, 1, 10, 11, 12, 13, 14, 15, 8, 9));
}
ACL_AVX2 __m256i rotated_by_63(__m256i x) { return _mm256_or_si256(_mm256_srli_epi64(x, 63), _mm256_add_epi64(x, x)); }

// The words `first` to `first` + 3 of all four blocks, each word of all blocks in one register.
ACL_AVX2 void load_words(const State& state, std::size_t first, __m256i* out) {
  __m256i rows[lanes];
  for (std::size_t i = 0; i < lanes; ++i)
    rows[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(state.block[i] + first * sizeof(std::uint64_t)));
  const __m256i low01 = _mm256_unpacklo_epi64(rows[0], rows[1]), high01 = _mm256_unpackhi_epi64(rows[0], rows[1]);
  const __m256i low23 = _mm256_unpacklo_epi64(rows[2], rows[3]), high23 = _mm256_unpackhi_epi64(rows[2], rows[3]);
  out[0] = _mm256_permute2x128_si256(low01, low23, 0x20);
  out[1] = _mm256_permute2x128_si256(high01, high23, 0x20);
  out[2] = _mm256_permute2x128_si256(low01, low23, 0x31);
  out[3] = _mm256_permute2x128_si256(high01, high23, 0x31);
}

// RFC 7693, section 3.1: the mixing function.
ACL_AVX2 void mix(__m256i& a, __m256i& b, __m256i& c, __m256i& d, __m256i x, __m256i y) {
  a = _mm256_add_epi64(_mm256_add_epi64(a, x), b);
  d = rotated_by_32(_mm256_xor_si256(d, a));
  c = _mm256_add_epi64(c, d);
  b = rotated_by_24(_mm256_xor_si256(b, c));
  a = _mm256_add_epi64(_mm256_add_epi64(a, y), b);
  d = rotated_by_16(_mm256_xor_si256(d, a));
  c = _mm256_add_epi64(c, d);
  b = rotated_by_63(_mm256_xor_si256(b, c));
}

// Section 3.2: the compression function, of a block of each message.
[[gnu::target("avx2")]] void compress(State& state) noexcept {
  __m256i words[16], v[16];
  for (std::size_t i = 0; i < 16; i += 4) load_words(state, i, words + i);
  for (std::size_t i = 0; i < 8; ++i) {
    v[i] = load(state.chain[i]);
    v[i + 8] = _mm256_set1_epi64x(static_cast<long long>(initial[i]));
  }
  v[12] = _mm256_xor_si256(v[12], load(state.length));
  v[14] = _mm256_xor_si256(v[14], load(state.last));
#pragma GCC unroll 12
  for (const auto& order : schedule) {
    mix(v[0], v[4], v[8], v[12], words[order[0]], words[order[1]]);
    mix(v[1], v[5], v[9], v[13], words[order[2]], words[order[3]]);
    mix(v[2], v[6], v[10], v[14], words[order[4]], words[order[5]]);
    mix(v[3], v[7], v[11], v[15], words[order[6]], words[order[7]]);
    mix(v[0], v[5], v[10], v[15], words[order[8]], words[order[9]]);
    mix(v[1], v[6], v[11], v[12], words[order[10]], words[order[11]]);
    mix(v[2], v[7], v[8], v[13], words[order[12]], words[order[13]]);
    mix(v[3], v[4], v[9], v[14], words[order[14]], words[order[15]]);
  }
  for (std::size_t i = 0; i < 8; ++i) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(state.chain[i]),
                       _mm256_xor_si256(load(state.chain[i]), _mm256_xor_si256(v[i], v[i + 8])));
  }
}

#undef ACL_AVX2

// A message in a lane; or none, and what the lane does is of no account.
struct Lane {
  const std::uint8_t* next = nullptr;
  std::size_t left = 0;
  Digest* out = nullptr;
  std::array<std::uint8_t, block_bytes> end;  // its last block, filled up with zeros
};

void begin(State& state, std::size_t lane) noexcept {
  // Section 2.5: 32 bytes of digest, no key, one chain.
  for (std::size_t i = 0; i < 8; ++i) state.chain[i][lane] = initial[i] ^ (i == 0 ? 0x01010000U | Digest::size : 0U);
  state.length[lane] = 0;
}

void feed(State& state, std::size_t at, Lane& lane) noexcept {
  const bool last = lane.left <= block_bytes;
  const std::size_t size = std::min(lane.left, block_bytes);
  state.block[at] = lane.next;
  if (last) {
    lane.end.fill(0);
    if (size != 0) std::memcpy(lane.end.data(), lane.next, size);
    state.block[at] = lane.end.data();
  }
  state.length[at] += size;
  state.last[at] = last ? ~std::uint64_t{0} : 0;
  lane.next += size;
  lane.left -= size;
}

void digest_together(std::span<const ByteView> messages, std::span<Digest> digests) {
  // The longest first, so that all lanes end at about the same time.
  std::vector<std::size_t> order(messages.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return messages[a].size() > messages[b].size(); });
  auto waiting = order.begin();
  State state{};
  std::array<Lane, lanes> all{};
  std::size_t busy = 0;
  const auto take = [&](std::size_t at) {
    all[at] = {};
    if (waiting == order.end()) return;
    all[at].next = messages[*waiting].data();
    all[at].left = messages[*waiting].size();
    all[at].out = &digests[*waiting++];
    begin(state, at);
    ++busy;
  };
  for (std::size_t at = 0; at < lanes; ++at) take(at);
  while (busy != 0) {
    for (std::size_t at = 0; at < lanes; ++at) feed(state, at, all[at]);
    compress(state);
    for (std::size_t at = 0; at < lanes; ++at) {
      if (state.last[at] == 0 || all[at].out == nullptr) continue;
      for (std::size_t i = 0; i < Digest::size / sizeof(std::uint64_t); ++i)
        std::memcpy(all[at].out->bytes.data() + i * sizeof(std::uint64_t), &state.chain[i][at], sizeof(std::uint64_t));
      --busy;
      take(at);
    }
  }
}

const auto digest_all = __builtin_cpu_supports("avx2") != 0 ? digest_together : digest_each;

#else

constexpr auto digest_all = digest_each;

#endif

}  // namespace

void digest_many(std::span<const ByteView> messages, std::span<Digest> digests) { digest_all(messages, digests); }

}  // namespace acl::release
