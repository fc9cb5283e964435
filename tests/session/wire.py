"""The messages of a login as docs/protocol.md has them, written from it alone: bytes to tuples of fields and back.

A message is (name, field, ...). FIELDS says for each message its kind and its fields, in the order of the document.
"""
import struct

ENDPOINT = [("address", "blob"), ("port", "u16")]
PAIR = [("name", "text"), ("value", "text")]
TERMINAL = [("has_terminal", "u8"), ("term", "text"), ("columns", "u32"), ("rows", "u32"), ("width", "u32"), ("height", "u32"),
            ("modes", "blob")]

CHALLENGE = [("request", "u32"), ("text", "text"), ("asks", "u8"), ("instruction", "text"), ("prompt", "text")]
FIELDS = {
    "kill": (68, [("number", "u64")]),
    "welcome": (32, [("host_keys", [("type", "text"), ("blob", "blob")]), ("keepalive_s", "u32"), ("keepalive_count", "u32"),
                     ("rekey_bytes", "u64"), ("formality", "u8")]),
    "signature": (33, [("request", "u32"), ("bytes", "blob")]),
    "login-verdict": (34, [("request", "u32"), ("accept", "u8"), ("agent", "u8"), ("local", "u8"), ("remote", "u8"), ("tell", "text")]),
    "opened": (35, [("channel", "u32"), ("kind", "u8")]),
    "refused": (36, [("channel", "u32"), ("words", "text")]),
    "exited": (37, [("channel", "u32"), ("signalled", "u8"), ("status", "u32"), ("signal", "text"), ("core", "u8")]),
    "end": (38, [("words", "text")]),
    "challenge": (39, CHALLENGE),
    "sign": (48, [("request", "u32"), ("key", "u8"), ("data", "blob")]),
    "login": (49, [("request", "u32"), ("user", "text"), ("method", "u8")]),
    "open": (50, [("channel", "u32"), ("kind", "u8"), *TERMINAL, ("has_agent", "u8"), ("has_display", "u8"), ("environment", PAIR), ("command", "long")]),
    "signal": (51, [("channel", "u32"), ("name", "text")]),
    "closed": (52, [("channel", "u32")]),
    "connect": (53, [("channel", "u32"), ("host", "text"), ("port", "u16")]),
    "over": (54, [("words", "text")]),
    "answer": (55, [("request", "u32"), ("text", "text")]),
    "resize": (60, [("channel", "u32"), ("columns", "u32"), ("rows", "u32"), ("width", "u32"), ("height", "u32")]),
    "begin": (64, [("number", "u64"), ("source", "blob"), ("source_port", "u16"), ("own", "blob"), ("own_port", "u16"),
                   ("grace_s", "u32"), ("keepalive_s", "u32"), ("keepalive_count", "u32"), ("rekey_bytes", "u64"), ("formality", "u8"),
                   ("ssh_program", "text"), ("ssh_user", "text"), ("key_folder", "text"), ("pam_service", "text"),
                   ("sftp_server", "text"), ("resume_socket", "text")]),
    "decision": (65, [("request", "u32"), ("accept", "u8"), ("agent", "u8"), ("local", "u8"), ("remote", "u8"), ("x11", "u8"), ("narrowed", "u8"), ("tell", "text"),
                      ("patterns", [("pattern", "text")]), ("checked", "text")]),
    "end-session": (66, [("words", "text")]),
    "go-on": (67, []),
    "record": (72, [("enforce", "u8"), ("folder", "text"), ("user", "text"), ("keep_free", "u64")]),
    "session-challenge": (69, [("wait_s", "u32"), *CHALLENGE]),
    "may": (80, [("request", "u32"), ("user", "text"), ("exists", "u8"), ("is_root", "u8"), ("method", "u8")]),
    "logged-in": (81, [("user", "text")]),
    "resume": (82, [("number", "u64"), ("source", "blob"), ("source_port", "u16"), ("own", "blob"), ("own_port", "u16"), ("user", "text"),
                    ("is_root", "u8"), ("since", "u64"), ("agent", "u8"), ("local", "u8"), ("remote", "u8"), ("x11", "u8"), ("checked", "text"), ("recorded", "u8")]),
    "session-over": (83, [("words", "text")]),
    "session-answer": (84, [("request", "u32"), ("text", "text")]),
    "recording": (85, [("file", "text")]),
    "not-recorded": (86, [("words", "text")]),
}
NAMES = {kind: name for name, (kind, _) in FIELDS.items()}
NUMBERS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q"}
LENGTHS = {"text": "<H", "blob": "<H", "long": "<I"}


def _put(form, value):
    if isinstance(form, str) and form in NUMBERS:
        return struct.pack(NUMBERS[form], int(value))
    if isinstance(form, str) and form in LENGTHS:
        value = value.encode() if isinstance(value, str) else value
        return struct.pack(LENGTHS[form], len(value)) + value
    out = struct.pack("<H", len(value))
    for each in value:
        out += b"".join(_put(inner, part) for (_, inner), part in zip(form, each))
    return out


def encode(message, /, **values):
    kind, fields = FIELDS[message]
    unknown = set(values) - {field for field, _ in fields}
    assert not unknown, unknown
    empty = lambda form: [] if isinstance(form, list) else 0 if form in NUMBERS else b""
    return bytes([kind]) + b"".join(_put(form, values.get(field, empty(form))) for field, form in fields)


def _take(form, data, at):
    if isinstance(form, str) and form in NUMBERS:
        return struct.unpack_from(NUMBERS[form], data, at)[0], at + struct.calcsize(NUMBERS[form])
    if isinstance(form, str) and form in LENGTHS:
        size = struct.unpack_from(LENGTHS[form], data, at)[0]
        at += struct.calcsize(LENGTHS[form])
        assert at + size <= len(data)
        value = data[at:at + size]
        return value if form == "blob" else value.decode(errors="surrogateescape"), at + size
    count = struct.unpack_from("<H", data, at)[0]
    at += 2
    out = []
    for _ in range(count):
        each = []
        for _, inner in form:
            value, at = _take(inner, data, at)
            each.append(value)
        out.append(tuple(each))
    return out, at


class Message(dict):
    """Its fields by name; `name` is the message's own."""
    def __init__(self, name, fields):
        super().__init__(fields)
        self.name = name

    def __getattr__(self, field):
        return self[field]


def decode(data):
    name = NAMES[data[0]]
    at, fields = 1, {}
    for field, form in FIELDS[name][1]:
        fields[field], at = _take(form, data, at)
    assert at == len(data), (name, at, len(data))
    return Message(name, fields)
