// Flow: what becomes of a parsed packet, as docs/packet-semantics.md sections 3 to 6 have it.
//
// Pure: facts in, verdict and effects out; whoever calls it owns the maps and the clock, and only looks things up:
//
//     acl_parse(…, &packet);
//     acl_question_of(&packet, &question);                      // in only
//     table facts ← the decision table, for question and packet.source
//     wants = acl_wants(&packet, direction, &table);
//     wants: acl_flow_key_of(&packet, direction, &key);
//     wants & ACL_WANT_RECORD: flow.record ← acl_stamp_state(…) of the record
//     wants & ACL_WANT_MARK, and flow.record is ACL_STAMP_NONE: flow.mark ← acl_mark_state(mark, coarse mark)
//     verdict = acl_decide(&packet, direction, &table, &flow);
//     write what verdict.effects say, then pass or drop
//
// Restricted C that is also C++20, like packet.h. No allocation, no failure.
#ifndef ACL_ENGINE_TABLE_FLOW_H
#define ACL_ENGINE_TABLE_FLOW_H

#include "engine/table/packet.h"

enum acl_direction { ACL_IN, ACL_OUT };

// --- the table ---

// What the table is asked of an incoming packet: may source send to destination?
struct acl_question {
  struct acl_address source;
  struct acl_address destination;
  uint16_t port;  // destination port; without meaning if `any`
  uint8_t protocol;
  uint8_t any;    // whether the pair has any entry for the protocol, whatever its ports
  uint8_t asked;  // 0: nothing is to be asked
  uint8_t zero[3];
};

// What it answers.
struct acl_table_facts {
  uint32_t rule;      // of `allowed`
  uint8_t allowed;    // the answer to the question
  uint8_t known;      // the packet's source: an address of a visible peer, or inside an approved route of one
  uint8_t bound;      // … WireGuard gives it to the key that the table has for it
  uint8_t own;        // … an address of this node
  uint8_t far_known;  // of ICMP errors, the same three of question.source, the quoted packet's destination
  uint8_t far_bound;
  uint8_t far_own;
  uint8_t zero;
};

// --- flow state ---

enum acl_flow_key_kind { ACL_KEY_TUPLE = 0, ACL_KEY_PAIR = 1 };

// Key of records (both kinds) and marks (tuples). Every byte is set, so that it can be compared and hashed as bytes.
struct acl_flow_key {
  struct acl_address local;
  struct acl_address remote;
  uint16_t local_port;   // of ICMP echo, the identifier
  uint16_t remote_port;  // of ICMP echo, 0
  uint8_t protocol;
  uint8_t kind;  // enum acl_flow_key_kind
  uint8_t zero[2];
};

#ifdef __cplusplus
static_assert(sizeof(struct acl_flow_key) == 40);
static_assert(sizeof(struct acl_table_facts) == 12);
#else
_Static_assert(sizeof(struct acl_flow_key) == 40, "no padding: the key is hashed as bytes");
#endif

// Values of records, marks and coarse marks: when the flow was last written, in nanoseconds of CLOCK_BOOTTIME.
typedef uint64_t acl_stamp;

enum acl_stamp_state {
  ACL_STAMP_NONE = 0,  // no entry, or its time is over
  ACL_STAMP_FRESH,     // fresh, and need not be written again
  ACL_STAMP_DUE,       // fresh, and at least a second old
};

#define ACL_SECOND 1000000000ULL
#define ACL_TCP_SECONDS 7440  // RFC 5382 REQ-5: 2 hours 4 minutes
#define ACL_UDP_SECONDS 300   // UDP: RFC 4787 REQ-5; SCTP: ten heartbeats, RFC 9260 section 16
#define ACL_ECHO_SECONDS 60   // RFC 5508 REQ-2
#define ACL_STAMP_STEP_SECONDS 1

#define ACL_COARSE_MARKS 4096

struct acl_flow_facts {
  uint8_t record;  // enum acl_stamp_state
  uint8_t mark;    // the same; 0 where a record is fresh
};

enum acl_want { ACL_WANT_RECORD = 1, ACL_WANT_MARK = 2 };

// --- the verdict ---

enum acl_why {
  ACL_DROP_MALFORMED = 0,
  ACL_DROP_SPECIAL,
  ACL_DROP_OWN_SOURCE,
  ACL_DROP_UNKNOWN_SOURCE,
  ACL_DROP_UNBOUND_SOURCE,
  ACL_DROP_ICMP_TYPE,
  ACL_DROP_QUOTE,    // not usable, not about a packet of the error's destination, or about no known peer
  ACL_DROP_NO_RULE,  // neither rule nor record
  ACL_PASS_RULE,
  ACL_PASS_RECORD,
  ACL_PASS_OUT,
};

enum acl_effect {
  ACL_SET_RECORD = 1,  // write now under the tuple and under its pair (acl_pair_of)
  ACL_END_RECORD = 2,  // delete the tuple's record
  ACL_SET_MARK = 4,    // write now under the tuple; if that fails, as the coarse mark acl_coarse_index()
};

struct acl_verdict {
  uint32_t rule;  // with ACL_PASS_RULE
  uint8_t pass;
  uint8_t why;      // enum acl_why
  uint8_t effects;  // enum acl_effect, any of them
  uint8_t zero;
};

ACL_INLINE uint64_t acl_flow_seconds(uint8_t protocol) {
  switch (protocol) {
    case ACL_PROTOCOL_TCP: return ACL_TCP_SECONDS;
    case ACL_PROTOCOL_UDP:
    case ACL_PROTOCOL_SCTP: return ACL_UDP_SECONDS;
    default: return ACL_ECHO_SECONDS;
  }
}

// Of an entry that is there.
ACL_INLINE uint8_t acl_stamp_state(uint8_t protocol, acl_stamp seen, acl_stamp now) {
  const uint64_t age = now > seen ? now - seen : 0;  // another processor may have written a little later than now
  if (age > acl_flow_seconds(protocol) * ACL_SECOND) return ACL_STAMP_NONE;
  return age < ACL_STAMP_STEP_SECONDS * ACL_SECOND ? ACL_STAMP_FRESH : ACL_STAMP_DUE;
}

// `mark`: of the tuple's mark, ACL_STAMP_NONE if there is none. `coarse`: the stamp at acl_coarse_index(), 0 if never written.
// A coarse mark alone is due, so that the tuple gets a mark of its own as soon as there is room.
ACL_INLINE uint8_t acl_mark_state(uint8_t mark, uint8_t protocol, acl_stamp coarse, acl_stamp now) {
  if (mark != ACL_STAMP_NONE) return mark;
  if (coarse == 0 || acl_stamp_state(protocol, coarse, now) == ACL_STAMP_NONE) return ACL_STAMP_NONE;
  return ACL_STAMP_DUE;
}

// Which of the ACL_COARSE_MARKS stamps stands for marks of this remote address and protocol that found no room. Mixing as
// in splitmix64; an owner of a /64 can make two of its addresses collide, which harms only itself and whom it collides with.
ACL_INLINE uint32_t acl_coarse_index(const struct acl_flow_key* key) {
  uint64_t mixed = key->remote.high * 0x9e3779b97f4a7c15ULL + key->remote.low + ((uint64_t)key->protocol << 40);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return (uint32_t)(mixed >> 52);
}

// Kinds that can belong to a tuple with a record; of the packet itself or of a quote.
ACL_INLINE int acl_has_tuple(uint8_t kind) {
  return kind == ACL_TCP_SYN || kind == ACL_TCP || kind == ACL_UDP || kind == ACL_SCTP || kind == ACL_ECHO_REQUEST ||
         kind == ACL_ECHO_REPLY;
}

// Kinds whose first packet cannot be told from a later one, so that a mark must remember who was first.
ACL_INLINE int acl_is_markable(uint8_t kind) { return kind == ACL_UDP || kind == ACL_SCTP || kind == ACL_ECHO_REQUEST; }

// --- what to look up ---

ACL_INLINE void acl_question_of(const struct acl_packet* packet, struct acl_question* question) {
  __builtin_memset(question, 0, sizeof *question);
  if (packet->kind == ACL_MALFORMED || packet->kind == ACL_ICMP_OTHER) return;
  if (packet->kind == ACL_ICMP_ERROR) {
    const struct acl_quote* quote = &packet->quote;
    if (quote->kind == ACL_MALFORMED) return;
    question->source = quote->destination;
    question->destination = quote->source;
    question->port = quote->source_port;
    question->protocol = quote->protocol;
    question->any = quote->kind != ACL_TCP && quote->kind != ACL_UDP && quote->kind != ACL_SCTP;
  } else {
    question->source = packet->source;
    question->destination = packet->destination;
    question->port = packet->destination_port;
    question->protocol = packet->protocol;
    question->any = packet->kind == ACL_ECHO_REQUEST || packet->kind == ACL_ECHO_REPLY ||
                    packet->kind == ACL_PORTLESS || packet->kind == ACL_LATER_FRAGMENT;
  }
  if (question->any) question->port = 0;
  question->asked = 1;
}

// `kind`: of the packet that the key is of.
ACL_INLINE void acl_key_ports(struct acl_flow_key* key, uint8_t kind, uint16_t local, uint16_t remote) {
  if (kind == ACL_LATER_FRAGMENT) {
    key->kind = ACL_KEY_PAIR;
    return;
  }
  key->kind = ACL_KEY_TUPLE;
  key->local_port = local;
  key->remote_port = kind == ACL_ECHO_REQUEST || kind == ACL_ECHO_REPLY ? 0 : remote;
}

// The key under which acl_wants() wants a record or mark, and under which effects are written. Without meaning where it wants
// none; then there are no effects either.
ACL_INLINE void acl_flow_key_of(const struct acl_packet* packet, int direction, struct acl_flow_key* key) {
  const struct acl_quote* quote = &packet->quote;
  __builtin_memset(key, 0, sizeof *key);
  // A quoted packet goes the other way than the error that quotes it. No pointer to the one or the other, which would keep a program
  // from having the packet in registers.
  if (packet->kind == ACL_ICMP_ERROR) {
    key->local = direction == ACL_OUT ? quote->destination : quote->source;
    key->remote = direction == ACL_OUT ? quote->source : quote->destination;
    key->protocol = quote->protocol;
    acl_key_ports(key, quote->kind, direction == ACL_OUT ? quote->destination_port : quote->source_port,
                  direction == ACL_OUT ? quote->source_port : quote->destination_port);
  } else {
    key->local = direction == ACL_OUT ? packet->source : packet->destination;
    key->remote = direction == ACL_OUT ? packet->destination : packet->source;
    key->protocol = packet->protocol;
    acl_key_ports(key, packet->kind, direction == ACL_OUT ? packet->source_port : packet->destination_port,
                  direction == ACL_OUT ? packet->destination_port : packet->source_port);
  }
}

ACL_INLINE void acl_pair_of(const struct acl_flow_key* tuple, struct acl_flow_key* pair) {
  *pair = *tuple;
  pair->local_port = pair->remote_port = 0;
  pair->kind = ACL_KEY_PAIR;
}

#define ACL_NOT_REFUSED 255

// What drops an incoming packet whatever rules and records say: an enum acl_why, or ACL_NOT_REFUSED.
ACL_INLINE uint8_t acl_refuse_in(const struct acl_packet* packet, const struct acl_table_facts* table) {
  if (packet->kind == ACL_MALFORMED) return ACL_DROP_MALFORMED;
  if (packet->special) return ACL_DROP_SPECIAL;
  if (table->own) return ACL_DROP_OWN_SOURCE;
  if (!table->known) return ACL_DROP_UNKNOWN_SOURCE;
  if (!table->bound) return ACL_DROP_UNBOUND_SOURCE;
  if (packet->kind == ACL_ICMP_OTHER) return ACL_DROP_ICMP_TYPE;
  if (packet->kind != ACL_ICMP_ERROR) return ACL_NOT_REFUSED;
  if (packet->quote.kind == ACL_MALFORMED || !acl_same_address(&packet->quote.source, &packet->destination)) {
    return ACL_DROP_QUOTE;
  }
  return table->far_known && table->far_bound && !table->far_own ? ACL_NOT_REFUSED : ACL_DROP_QUOTE;
}

// Kinds of incoming packets that a record lets in where no rule does.
ACL_INLINE int acl_passes_by_record(const struct acl_packet* packet) {
  switch (packet->kind) {
    case ACL_TCP:
    case ACL_UDP:
    case ACL_SCTP:
    case ACL_ECHO_REPLY:
    case ACL_LATER_FRAGMENT: return 1;
    // A quoted echo reply answers the other side's request: no flow of this side's.
    case ACL_ICMP_ERROR: return acl_has_tuple(packet->quote.kind) && packet->quote.kind != ACL_ECHO_REPLY;
    default: return 0;
  }
}

// Which entries acl_decide() needs: none, the record, or the record and, if none is fresh, the mark.
ACL_INLINE uint8_t acl_wants(const struct acl_packet* packet, int direction, const struct acl_table_facts* table) {
  if (direction == ACL_OUT) {
    if (packet->special) return 0;
    if (packet->kind == ACL_TCP_SYN || packet->kind == ACL_TCP) return ACL_WANT_RECORD;
    return acl_is_markable(packet->kind) ? ACL_WANT_RECORD | ACL_WANT_MARK : 0;
  }
  if (acl_refuse_in(packet, table) != ACL_NOT_REFUSED) return 0;
  if (acl_is_markable(packet->kind)) return ACL_WANT_RECORD | ACL_WANT_MARK;
  return !table->allowed && acl_passes_by_record(packet) ? ACL_WANT_RECORD : 0;
}

// --- the decision ---

ACL_INLINE struct acl_verdict acl_decide_in(const struct acl_packet* packet, const struct acl_table_facts* table,
                                            const struct acl_flow_facts* flow) {
  struct acl_verdict verdict = {0, 0, acl_refuse_in(packet, table), 0, 0};
  if (verdict.why != ACL_NOT_REFUSED) return verdict;
  if (table->allowed) {
    verdict.pass = 1;
    verdict.why = ACL_PASS_RULE;
    verdict.rule = table->rule;
    // The other side starts, unless this side has.
    if (acl_is_markable(packet->kind) && flow->record == ACL_STAMP_NONE && flow->mark != ACL_STAMP_FRESH) {
      verdict.effects = ACL_SET_MARK;
    }
    return verdict;
  }
  if (flow->record != ACL_STAMP_NONE && acl_passes_by_record(packet)) {
    verdict.pass = 1;
    verdict.why = ACL_PASS_RECORD;
    return verdict;
  }
  verdict.why = ACL_DROP_NO_RULE;
  // The rule is gone, and the other side still sends: the mark stays, or this side's next answer would make a record.
  if (acl_is_markable(packet->kind) && flow->record == ACL_STAMP_NONE && flow->mark == ACL_STAMP_DUE) {
    verdict.effects = ACL_SET_MARK;
  }
  return verdict;
}

ACL_INLINE struct acl_verdict acl_decide_out(const struct acl_packet* packet, const struct acl_flow_facts* flow) {
  struct acl_verdict verdict = {0, 1, ACL_PASS_OUT, 0, 0};
  if (packet->special) return verdict;
  switch (packet->kind) {
    case ACL_TCP_SYN:
      if (flow->record != ACL_STAMP_FRESH) verdict.effects = ACL_SET_RECORD;
      break;
    case ACL_TCP:
      if (packet->tcp_flags & ACL_TCP_FLAG_SYN) {
        verdict.effects = ACL_END_RECORD;  // with ACK, an answer: the other side started
      } else if (!(packet->tcp_flags & ACL_TCP_FLAG_RST) && flow->record == ACL_STAMP_DUE) {
        verdict.effects = ACL_SET_RECORD;
      }
      break;
    case ACL_UDP:
    case ACL_SCTP:
    case ACL_ECHO_REQUEST:
      if (flow->record == ACL_STAMP_DUE || (flow->record == ACL_STAMP_NONE && flow->mark == ACL_STAMP_NONE)) {
        verdict.effects = ACL_SET_RECORD;
      } else if (flow->record == ACL_STAMP_NONE && flow->mark == ACL_STAMP_DUE) {
        verdict.effects = ACL_SET_MARK;
      }
      break;
    default: break;
  }
  return verdict;
}

ACL_INLINE struct acl_verdict acl_decide(const struct acl_packet* packet, int direction,
                                         const struct acl_table_facts* table, const struct acl_flow_facts* flow) {
  return direction == ACL_OUT ? acl_decide_out(packet, flow) : acl_decide_in(packet, table, flow);
}

#endif
