#!/usr/bin/env python3
"""A second reader of decision tables, written from docs/table-format.md and docs/release-format.md alone.

usage: table_format.py ACLC POLICY WORK_FOLDER

Compiles POLICY (with the inventory beside it) into WORK_FOLDER with ACLC, decodes every piece of the release with every check that
the document demands, and compares verdicts and rules on packets and logins with those of `aclc can`. Exit code 1 on any difference.
"""
import hashlib
import ipaddress
import json
import pathlib
import shutil
import struct
import subprocess
import sys

LINE = 64
COUNTED = {"packets": 0, "logins": 0, "allowed": 0, "granted": 0}


class Bad(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Bad(what)


def digest(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def halves(address):
    """high, low"""
    number = int(address)
    return number >> 64, number & (1 << 64) - 1


# --- what all three parts begin with -------------------------------------------------------------------------------------


class Part:
    def __init__(self, data, kind, header):
        need(len(data) >= header and len(data) % LINE == 0, "length")
        magic, version, its_kind, reserved, lines, self.sources = struct.unpack_from("<IHBBII", data)
        need(magic == 0x544C4341 and version == 1 and its_kind == kind and reserved == 0, "head")
        need(lines * LINE == len(data) and lines < 1 << 23 and self.sources <= 0xFFFF, "size")
        self.data = data
        self.classifier(64)

    def u32(self, offset):
        return struct.unpack_from("<I", self.data, offset)[0]

    def zero(self, first, count):
        need(not any(self.data[first : first + count]), f"reserved bytes at {first}")

    def section(self, line, count, form):
        size = struct.calcsize("<" + form)
        need(line * LINE + count * size <= len(self.data), "a section reaches beyond the end")
        found = struct.iter_unpack("<" + form, self.data[line * LINE : line * LINE + count * size])
        return [one[0] if len(one) == 1 else one for one in found]

    def classifier(self, at):
        (self.multiplier, hash_line, self.hash_lines, space_line, self.space_lines, v4_line, v4, v6_line,
         v6) = struct.unpack_from("<QIIIIIIII", self.data, at)
        self.zero(at + 40, 8)
        self.slots = self.section(hash_line, self.hash_lines * 8, "Q")
        for i, slot in enumerate(self.slots):
            if slot:
                need(1 <= slot & 0xFFFF <= self.sources, "class of an exact address")
                need(i % 8 == 0 or self.slots[i - 1], "a gap in a line")
        self.spaces = self.section(space_line, self.space_lines * 4, "QII")
        need(all(number <= 0xFFFF for _, _, number in self.spaces), "number of a space")
        self.intervals = self.read_intervals(v4_line, v4, v6_line, v6, self.sources)

    def read_intervals(self, v4_line, v4, v6_line, v6, classes):
        """family -> (starts, classes)"""
        out = {}
        for family, line, count, form in ((4, v4_line, v4, "I"), (6, v6_line, v6, "QQ")):
            need(count < 1 << 24, "too many intervals")
            starts = self.section(line, count, form)
            if family == 6:
                starts = [high << 64 | low for high, low in starts]
            need(not starts or starts[0] == 0, "the first interval")
            need(all(a < b for a, b in zip(starts, starts[1:])), "the order of intervals")
            size = struct.calcsize("<" + form)
            found = self.section(line + -(-count * size // LINE), count, "H") if count else []
            need(all(one <= classes for one in found), "the class of an interval")
            out[family] = (starts, found)
        return out

    @staticmethod
    def find_interval(intervals, address):
        starts, classes = intervals[address.version]
        found = 0
        for start, one in zip(starts, classes):
            if start <= int(address):
                found = one
        return found

    @staticmethod
    def two_lines(value, lines):
        first = value & (1 << 64) - 1
        second = (first ^ first >> 32) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
        return [(one >> 32) * lines >> 32 for one in (first, second)]

    def find_space(self, high, middle):
        if not self.space_lines:
            return 0
        for line in self.two_lines((high ^ (middle << 32 | middle)) * self.multiplier, self.space_lines):
            entries = self.spaces[line * 4 : line * 4 + 4]
            for its_high, its_middle, number in entries:
                if number and (its_high, its_middle) == (high, middle):
                    return number
            if not entries[3][2]:
                return 0
        return 0

    def find_exact(self, key):
        if not self.hash_lines:
            return 0
        for line in self.two_lines(key * self.multiplier, self.hash_lines):
            slots = self.slots[line * 8 : line * 8 + 8]
            for slot in slots:
                if slot and slot >> 16 == key:
                    return slot & 0xFFFF
            if not slots[7]:
                return 0
        return 0

    def class_of(self, address):
        high, low = halves(address)
        if address.version == 4:
            found = self.find_exact(low)
        else:
            space = self.find_space(high, low >> 32)
            found = self.find_exact(space << 32 | low & 0xFFFFFFFF) if space else 0
        return found or self.find_interval(self.intervals, address)

    def read_texts(self, line, count):
        self.heap = bytes(self.section(line, count, "B"))

    def text(self, reference):
        if reference == 0:
            return ""
        need(reference + 2 <= len(self.heap), "a text")
        length = struct.unpack_from("<H", self.heap, reference)[0]
        need(reference + 2 + length <= len(self.heap), "a text")
        return self.heap[reference + 2 : reference + 2 + length].decode()


class Hot(Part):
    def __init__(self, data):
        super().__init__(data, 1, 128)
        self.destinations, self.rules, pair_line, list_line, words = struct.unpack_from("<IIIII", data, 16)
        need(self.destinations <= 0xFFFF and self.rules <= 0x10000, "numbers")
        self.behind = self.read_intervals(*struct.unpack_from("<IIII", data, 36), self.destinations)
        self.zero(52, 12)
        self.zero(112, 16)
        self.words = self.section(list_line, words, "Q")
        need(all(word & 0xFFFF < self.rules for word in self.words), "the rule of a list word")
        self.lists = []
        for pair in self.section(pair_line, self.sources * self.destinations, "I"):
            first, count = pair >> 8, pair & 0xFF
            if count == 255:
                need(first < len(self.words), "a list")
                first, count = first + 1, self.words[first] >> 16
            need(pair == 0 or count, "an empty list")
            need(count < 1 << 24 and first + count <= len(self.words), "a list")
            self.lists.append(self.words[first : first + count])

    def decide(self, source, own_class, destination, protocol, port):
        s = self.class_of(source)
        d = own_class if own_class is not None else self.find_interval(self.behind, destination)
        if s == 0 or d == 0:
            return None
        at = protocol << 16 | port
        for word in self.lists[(s - 1) * self.destinations + d - 1]:
            if word >> 40 <= at <= word >> 16 & 0xFFFFFF:
                return word & 0xFFFF
        return None


class Ssh(Part):
    def __init__(self, data):
        super().__init__(data, 2, 128)
        rules, class_line, rule_line, word_line, words, text_line, text_bytes = struct.unpack_from("<7I", data, 16)
        self.zero(44, 20)
        self.zero(112, 16)
        self.words = self.section(word_line, words, "I")
        self.read_texts(text_line, text_bytes)
        self.classes = self.section(class_line, self.sources, "III")
        self.rules = self.section(rule_line, rules, "BBHI6I")
        for action, flags, reserved, _, *lists in self.rules:
            need(action in (1, 2) and flags < 128 and reserved == 0, "a rule")
            for first, count in zip(lists[::2], lists[1::2]):
                need(first + count <= words, "a list of a rule")
                need(all(self.words[first : first + count]), "a text of a rule")
                [self.text(one) for one in self.words[first : first + count]]
        for name, first, count in self.classes:
            self.text(name)
            need(first + count <= words, "the rules of a class")
            need(all(one & 0x7FFFFFFF < rules for one in self.words[first : first + count]), "a rule of a class")
        need(sum(r[5] + r[7] + r[9] for r in self.rules) <= words and sum(c[2] for c in self.classes) <= words, "long lists")

    def decide(self, source, requested):
        """(action, rule), of an account that exists; only root is of user id 0"""
        c = self.class_of(source)
        if c == 0 or not requested:
            return None
        name, first, count = self.classes[c - 1]
        for word in self.words[first : first + count]:
            action, flags, _, _, accounts, number, *_ = self.rules[word & 0x7FFFFFFF]
            decides = bool(word >> 31 and name and self.text(name) == requested)
            if not decides and requested == "root":
                decides = bool(flags & 1)
            elif not decides:
                decides = requested in [self.text(one) for one in self.words[accounts : accounts + number]] or bool(flags & 2)
            if decides:
                return {1: "accept", 2: "check"}[action], word & 0x7FFFFFFF
        return None


class Names(Part):
    def __init__(self, data):
        super().__init__(data, 3, 192)
        (destinations, pair_line, word_line, words, capability_line, capabilities, text_line, text_bytes, known_line, known_bytes,
         id_line, hot_rules) = struct.unpack_from("<12I", data, 16)
        ssh_rules = self.u32(112)
        self.zero(116, 12)
        self.zero(144, 48)
        need(destinations <= 0xFFFF, "numbers")
        self.read_intervals(*struct.unpack_from("<IIII", data, 128), destinations)
        self.read_texts(text_line, text_bytes)
        self.capabilities = self.section(capability_line, capabilities, "IIQ")
        for name, value, _ in self.capabilities:
            need(name and self.text(name), "a capability without a name")
            json.loads(self.text(value) or "null")
        words = self.section(word_line, words, "I")
        need(all(word < capabilities for word in words), "a word")
        for pair in self.section(pair_line, self.sources * destinations, "Q"):
            need((pair >> 32) + (pair & 0xFFFFFFFF) <= len(words), "a run")
        ids = self.section(id_line, hot_rules + ssh_rules, "Q")
        self.hot_ids, self.ssh_ids = ids[:hot_rules], ids[hot_rules:]
        self.known = self.read_known(bytes(self.section(known_line, known_bytes, "B")))

    @staticmethod
    def read_known(data):
        known, last, at = set(), -1, 0
        while at < len(data):
            need(at + 8 <= len(data), "the end of the known blocks")
            chunk, count = struct.unpack_from("<II", data, at)
            at += 8
            need(last < chunk <= 0x3FFFFF, "the order of chunks")
            last = chunk
            if count == 0xFFFFFFFF:
                need(at + 128 <= len(data), "the end of the known blocks")
                numbers = [i for i in range(1024) if data[at + i // 8] >> i % 8 & 1]
                at += 128
            else:
                need(1 <= count <= 1024 and at + 2 * count <= len(data), "a known block")
                numbers = struct.unpack_from(f"<{count}H", data, at)
                need(all(a < b for a, b in zip(numbers, numbers[1:])) and numbers[-1] < 1024, "the order in a block")
                at += (2 * count + 3) // 4 * 4
            known.update(chunk * 1024 + one for one in numbers)
        need(at == len(data), "the end of the known blocks")
        return known


# --- the other pieces ----------------------------------------------------------------------------------------------------


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return found[0] if len(found) == 1 else found

    def bytes(self, count):
        need(self.at + count <= len(self.data), "the end")
        self.at += count
        return self.data[self.at - count : self.at]

    def text(self):
        return self.bytes(self.take("H")).decode()

    def address(self):
        family = self.take("B")
        need(family in (4, 6), "a family")
        return ipaddress.ip_address(self.bytes(4 if family == 4 else 16))

    def end(self):
        need(self.at == len(self.data), "bytes at the end")


def read_node_header(data):
    """address -> (hot class, names class)"""
    r = Reader(data)
    magic, version, count, reserved = r.take("IBBH")
    need(magic == 0x4E4C4341 and version == 1 and count <= 64 and reserved == 0, "a node header")
    own = {}
    for _ in range(count):
        family, zero, hot, names, zeros, high, low = r.take("BBHHHQQ")
        need(zero == 0 and zeros == 0 and (family == 6 or family == 4 and high == 0 and low < 1 << 32), "an own address")
        address = ipaddress.IPv4Address(low) if family == 4 else ipaddress.IPv6Address(high << 64 | low)
        need(address not in own, "an own address twice")
        own[address] = (hot, names)
    need(list(own) == sorted(own, key=lambda a: (a.version, int(a))), "the order of own addresses")
    r.end()
    return own


def read_chunk(data):
    r = Reader(data)
    magic, version, zero, count = r.take("IBBH")
    need(magic == 0x444C4341 and version == 1 and zero == 0 and count <= 1024, "a chunk")
    identities = []
    for _ in range(count):
        key = r.bytes(32)
        flags, addresses, routes, tags = r.take("BBHH")
        need(flags < 16, "flags")
        one = {"key": key, "name": r.text(), "login": r.text()}
        one["tags"] = [r.text() for _ in range(tags)]
        one["addresses"] = [r.address() for _ in range(addresses)]
        one["routes"] = [ipaddress.ip_network((r.address(), r.take("B"))) for _ in range(routes)]
        for _ in range(r.take("B") if flags & 4 else 0):
            need(r.text().count(" ") == 1, "a host key")
        if flags & 8:
            sub, keys = r.text(), r.take("B")
            need(len(sub) <= 255 and keys <= 16 and (sub or keys), "how a check is answered")
            for _ in range(keys):
                key = r.text()
                need(len(key) <= 1024 and key.split(" ")[0] in ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"), "a security key")
        need(not (one["tags"] and one["login"]), "a tagged identity with a login")
        identities.append(one)
    r.end()
    return identities


def read_provenance(data):
    """id -> name of the rule, as `aclc can` prints it"""
    r = Reader(data)
    magic, version, zero = r.take("IBB")
    need(magic == 0x504C4341 and version == 1 and zero == 0, "a provenance blob")
    r.text()
    rules, last = {}, -1
    for _ in range(r.take("I")):
        number, section, index, _ = r.take("QBII")
        need(number > last, "the order of ids")
        last = number
        rules[number] = {1: f"grants[{index}]", 2: f"acls[{index}]", 3: f"ssh[{index}]", 4: "*"}[section]
    r.end()
    return rules


class Release:
    def __init__(self, folder):
        self.folder = folder
        head = dict(line.split(" ", 1) for line in (folder / "head/0.1").read_text().splitlines()[1:])
        self.rules = read_provenance(self.blob(*head["rules"].split()))
        index = Reader(self.blob(*head["directory"].split()))
        need(index.bytes(4) == b"acli" and index.take("B") == 1 and index.bytes(3) == bytes(3), "an index")
        self.identities = []
        for _ in range(index.take("I")):
            self.identities += read_chunk(self.blob(index.bytes(32).hex(), index.take("I")))
        index.end()
        self.leaves = {}
        self.page(*head["root"].split())

    def read(self, kind, name, length):
        data = (self.folder / kind / name).read_bytes()
        need(digest(data) == name and len(data) == int(length), f"{kind}/{name}")
        return data

    def blob(self, name, length):
        return self.read("blob", name, length)

    def page(self, name, length):
        r = Reader(self.read("page", name, length))
        need(r.bytes(4) == b"aclp" and r.take("B") == 1, "a page")
        kind, _, _, count, _ = r.take("BBBHH")
        if kind == 1:
            for _ in range(bin(count).count("1")):
                self.page(r.bytes(32).hex(), r.take("I"))
        else:
            for _ in range(count):
                key = r.bytes(32)
                header, parts, _ = r.take("HBB")
                header = r.bytes(header)
                blobs = {}
                for _ in range(parts):
                    part, name = r.take("B"), r.bytes(32).hex()
                    blobs[part] = self.blob(name, r.take("Q"))
                self.leaves[key] = (read_node_header(header), Hot(blobs[1]), Ssh(blobs[2]), Names(blobs[3]))
        r.end()


# --- comparison ----------------------------------------------------------------------------------------------------------


def can(aclc, policy, *question):
    run = subprocess.run([aclc, "can", "--json", policy, *question], capture_output=True, text=True, check=False)
    need(run.returncode in (0, 1), f"aclc can {' '.join(question)}: {run.stderr}")
    answer = json.loads(run.stdout)
    return answer["verdict"], answer["rule"], {layer["name"]: layer["ok"] for layer in answer["layers"]}


def compare(what, ours, theirs):
    need(ours == theirs, f"{what}: the table says {ours}, aclc can says {theirs}")


def compare_packets(aclc, policy, release, source, node):
    own, hot, _, names = release.leaves[node["key"]]
    for protocol, name, port in ((6, "tcp", 22), (6, "tcp", 5432), (17, "udp", 53), (1, "icmp", 0)):
        destination = next((one for one in node["addresses"] if one.version == source.version), None)
        if destination is None:
            return
        rule = hot.decide(source, own[destination][0], destination, protocol, port)
        where = f"[{destination}]" if destination.version == 6 else str(destination)
        verdict, theirs, _ = can(aclc, policy, str(source), f"{where}:{port or '*'}/{name}")
        ours = ("accept", release.rules[names.hot_ids[rule]]) if rule is not None else ("deny", None)
        compare(f"{source} to {destination}:{port}/{name}", ours, (verdict, theirs))
        if rule is not None:
            need(any(source in release.identities[i]["addresses"] for i in names.known), f"{node['name']} does not know {source}")
        COUNTED["packets"] += 1
        COUNTED["allowed"] += rule is not None


def compare_logins(aclc, policy, release, source, node):
    _, hot, ssh, names = release.leaves[node["key"]]
    own = release.leaves[node["key"]][0]
    for account in ("root", "deploy", "priya"):
        found = ssh.decide(source, account)
        verdict, theirs, layers = can(aclc, policy, str(source), "ssh", f"{account}@{node['name']}")
        # A login also needs the packet; the ssh part does not ask about it.
        reached = any(hot.decide(source, own[a][0], a, 6, 22) is not None for a in own if a.version == source.version)
        if found and reached:
            compare(f"{source} ssh {account}@{node['name']}", (found[0], release.rules[names.ssh_ids[found[1]]]), (verdict, theirs))
        else:
            compare(f"{source} ssh {account}@{node['name']}", ("deny", reached), (verdict, layers.get("packet", False)))
        COUNTED["logins"] += 1
        COUNTED["granted"] += bool(found and reached)


def main(aclc, policy, work):
    work = pathlib.Path(work)
    shutil.rmtree(work, ignore_errors=True)
    subprocess.run([aclc, "compile", "--out", str(work), policy], stdout=subprocess.DEVNULL, check=True)
    release = Release(work)
    by_name = {one["name"]: one for one in release.identities}
    nodes = [one for one in release.identities if one["key"] in release.leaves]
    need(len(nodes) == len(release.leaves) > 0, "a leaf without an identity")
    for i, source in list(enumerate(release.identities))[:: 1 + len(release.identities) // 25]:
        for node in (nodes[(3 * i + 1) % len(nodes)], nodes[(5 * i + 2) % len(nodes)], nodes[(7 * i + 4) % len(nodes)]):
            if node is source:
                continue
            address = source["addresses"][i % len(source["addresses"])]
            compare_packets(aclc, policy, release, address, node)
            compare_logins(aclc, policy, release, address, node)
    compare_behind(aclc, policy, release, by_name)
    need(COUNTED["allowed"] > 0 and COUNTED["granted"] > 0 and COUNTED["allowed"] < COUNTED["packets"], "nothing was compared")
    print(f"{len(release.leaves)} nodes, {COUNTED['packets']} packets ({COUNTED['allowed']} allowed), "
          f"{COUNTED['logins']} logins ({COUNTED['granted']} granted): the same answers")


def compare_behind(aclc, policy, release, by_name):
    """Destinations behind a router, from every source."""
    for router in (one for one in by_name.values() if one["routes"]):
        _, hot, _, names = release.leaves[router["key"]]
        destination = next((route[21 % route.num_addresses] for route in router["routes"] if route.version == 4), None)
        for source in by_name.values() if destination else ():
            if source is router or source["addresses"][0].version != 4:
                continue
            rule = hot.decide(source["addresses"][0], None, destination, 6, 443)
            verdict, theirs, _ = can(aclc, policy, str(source["addresses"][0]), f"{destination}:443")
            ours = ("accept", release.rules[names.hot_ids[rule]]) if rule is not None else ("deny", None)
            compare(f"{source['name']} to {destination}:443", ours, (verdict, theirs))
            COUNTED["packets"] += 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Bad as bad:
        sys.exit(f"table_format.py: {bad}")
