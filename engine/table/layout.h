// layout: the bytes of the parts of a decision table, as structs in restricted C, for user space and for eBPF.
//
// docs/table-format.md specifies them. A part is one blob of 64-byte lines, little-endian, offsets instead of pointers; it is
// read where it lies. What holds of a part once open() has accepted it is stated there; code in this folder relies on
// nothing else. Three kinds:
//
//   hot    source address → class, destination address → class, (class, class) → ranges of (protocol, port) → rule
//   ssh    source address → class → ordered SSH rules
//   names  which nodes this one knows, capabilities, which rule of the policy each rule number is
//
// An address is a family and two numbers: of IPv6 the upper and lower 64 bits, of IPv4 0 and its 32 bits.
#pragma once

#if defined(__bpf__)
#include <linux/types.h>
typedef __u8 acl_u8;
typedef __u16 acl_u16;
typedef __u32 acl_u32;
typedef __u64 acl_u64;
#else
#include <stdint.h>
typedef uint8_t acl_u8;
typedef uint16_t acl_u16;
typedef uint32_t acl_u32;
typedef uint64_t acl_u64;
#endif

#ifdef __cplusplus
#define ACL_CONSTANT inline constexpr acl_u32
#else
#define ACL_CONSTANT static const acl_u32
#endif

ACL_CONSTANT acl_line_bytes = 64;
ACL_CONSTANT acl_table_version = 1;
// "ACLT" as a little-endian number.
ACL_CONSTANT acl_table_magic = 0x544c4341;

ACL_CONSTANT acl_kind_hot = 1;
ACL_CONSTANT acl_kind_ssh = 2;
ACL_CONSTANT acl_kind_names = 3;

// The largest part: what one variable offset may reach in eBPF (2^29 bytes), with room for one line.
ACL_CONSTANT acl_most_lines = (1u << 23) - 1;
// Of a binary search: 2^24 elements.
ACL_CONSTANT acl_most_steps = 24;

// Slots of a line of exact addresses: key << 16 | class, 0 is empty, used from the front. A key is 48 bits: the number of the
// space that the address is in, and its low 32 bits. A key is in one of two lines that follow from it, and in the second only if
// the first is full (cuckoo hashing with buckets: Dietzfelbinger and Weidling, 2007).
ACL_CONSTANT acl_slots = 8;
// Spaces of a line: 0 is IPv4 and needs no entry, the others are IPv6 networks of 96 bits.
ACL_CONSTANT acl_spaces = 4;

struct acl_space {
  acl_u64 high;    // the upper 64 bits of the network
  acl_u32 middle;  // the next 32
  acl_u32 number;  // 1…65535; 0 is empty
};

// From an address to a class. Exact addresses first, then intervals. An interval reaches from its start to before the next
// start; starts ascend, the first is the lowest address of the family. Class 0 is "none".
struct acl_classifier {
  acl_u64 multiplier;  // of the hash; odd
  acl_u32 hash_line, hash_lines;
  acl_u32 space_line, space_lines;
  acl_u32 v4_line, v4_count;  // v4_count starts of 4 bytes; from the next whole line on as many classes of 2 bytes
  acl_u32 v6_line, v6_count;  // the same with starts of 16 bytes, the upper half first
  acl_u64 reserved;
};

struct acl_intervals {
  acl_u32 v4_line, v4_count;
  acl_u32 v6_line, v6_count;
};

// What every part begins with.
struct acl_part {
  acl_u32 magic;
  acl_u16 version;
  acl_u8 kind;
  acl_u8 reserved;
  acl_u32 lines;           // of the whole part
  acl_u32 source_classes;  // without "none": classes are 1…source_classes
};

// The first two lines of the hot part.
struct acl_hot {
  struct acl_part part;
  acl_u32 destination_classes;  // without "none"
  acl_u32 rules;                // rule numbers are below
  acl_u32 pair_line;            // source_classes × destination_classes pair words
  acl_u32 list_line, list_words;
  struct acl_intervals destinations;
  acl_u32 reserved[3];
  struct acl_classifier sources;
  acl_u64 reserved2;
  acl_u64 reserved3;
};

// A pair word: where the list of a (source class, destination class) begins, counted in words from list_line, << 8, and its
// length. 0: nothing is allowed. Length acl_long_list: the first word is the length << 16, the list follows.
ACL_CONSTANT acl_long_list = 255;

// The SSH part. Texts lie in a heap of bytes: a text's reference is where its 2-byte length stands, the bytes follow; 0 is "no
// text" (the heap begins with two zero bytes). A list of texts is a run of references in the words from word_line.
struct acl_ssh {
  struct acl_part part;
  acl_u32 rules;
  acl_u32 class_line;        // source_classes × acl_ssh_class
  acl_u32 rule_line;         // rules × acl_ssh_rule
  acl_u32 word_line, words;  // 4-byte words
  acl_u32 text_line, text_bytes;
  acl_u32 reserved[5];
  struct acl_classifier sources;
  acl_u64 reserved2;
  acl_u64 reserved3;
};

struct acl_ssh_class {
  acl_u32 own_name;  // text: the local part of the login of the person whose devices these are, or 0
  acl_u32 first,
      count;  // words: the rules that have the class among their sources, in the order in which they are asked
};
// A rule that gives the class's person the account of their own name, because their login is in one of the rule's domains, has
// this bit beside its number.
ACL_CONSTANT acl_own_name_bit = 0x80000000u;

ACL_CONSTANT acl_ssh_accept = 1;
ACL_CONSTANT acl_ssh_check = 2;
ACL_CONSTANT acl_ssh_root = 1;     // flags: the account root
ACL_CONSTANT acl_ssh_nonroot = 2;  // every account that is not of user id 0
ACL_CONSTANT acl_ssh_agent_forwarding = 4;
ACL_CONSTANT acl_ssh_local_forwarding = 8;
ACL_CONSTANT acl_ssh_remote_forwarding = 16;
ACL_CONSTANT acl_ssh_enforce_recorder = 32;
ACL_CONSTANT acl_ssh_is_recorder = 64;  // this node has one of the recorders' tags
// In place of a check period in seconds: each time.
ACL_CONSTANT acl_ssh_always = 0xffffffffu;

struct acl_ssh_rule {
  acl_u8 action;
  acl_u8 flags;
  acl_u16 reserved;
  acl_u32 check_period;               // seconds
  acl_u32 first_account, accounts;    // words: texts, ascending by bytes
  acl_u32 first_pattern, patterns;    // words: texts, names of environment variables with * and ?
  acl_u32 first_recorder, recorders;  // words: texts, tags
};

// The names part. Its classes are of capabilities: whoever is in one has the capabilities listed for (class, destination).
struct acl_names {
  struct acl_part part;
  acl_u32 destination_classes;
  acl_u32 pair_line;  // source_classes × destination_classes words of 8 bytes: first << 32 | count, into the words
  acl_u32 word_line, words;               // 4-byte words: indices of capabilities
  acl_u32 capability_line, capabilities;  // acl_capability
  acl_u32 text_line, text_bytes;
  acl_u32 known_line, known_bytes;  // acl_known blocks
  acl_u32 id_line;                  // 8-byte ids: of the hot rules, then of the ssh rules
  acl_u32 hot_rules;
  struct acl_classifier sources;
  acl_u32 ssh_rules;
  acl_u32 reserved;
  acl_u64 reserved2;
  struct acl_intervals destinations;
  acl_u32 reserved3[12];
};

struct acl_capability {
  acl_u32 name;   // text
  acl_u32 value;  // text: JSON; 0: null
  acl_u64 rule;   // id
};

// Which identities of one chunk of the directory the node knows. Blocks ascend by chunk and follow each other; after the eight
// bytes come the numbers in the chunk (2 bytes each, ascending, padded to four bytes), or, if `count` is acl_known_bits, as many
// bits as a chunk has identities.
struct acl_known {
  acl_u32 chunk;
  acl_u32 count;
};
ACL_CONSTANT acl_known_bits = 0xffffffffu;
ACL_CONSTANT acl_chunk_identities = 1024;

// A list word: from << 40 | to << 16 | rule, where from and to are protocol << 16 | port, both inclusive. Words ascend and do
// not overlap. A protocol without ports has the range of all ports.

#ifdef __cplusplus
static_assert(sizeof(acl_space) == 16);
static_assert(sizeof(acl_classifier) == 48);
static_assert(sizeof(acl_hot) == 128);
static_assert(sizeof(acl_ssh) == 128);
static_assert(sizeof(acl_ssh_class) == 12);
static_assert(sizeof(acl_ssh_rule) == 32);
static_assert(sizeof(acl_names) == 192);
static_assert(sizeof(acl_capability) == 16);
static_assert(alignof(acl_hot) == 8 && alignof(acl_ssh) == 8 && alignof(acl_names) == 8);
#endif
