"""What was on a wire: captures read by tshark, with ESP deciphered, as packets, SIP and Diameter messages, and as a ladder.

    packets = read_capture("access.pcap", core.sas())
    for message in messages(packets): print(message.time, message.source, message.label)
    print(ladder(messages(packets), {"10.47.1.1": "handset 1", "10.46.0.1": "P-CSCF"}))

tshark's own dissectors judge: `faults` of a packet is what they found wrong (malformed, wrong checksum of ESP, errors).
"""
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

TSHARK = "/usr/bin/tshark"
SIP_PORTS = (6060, 6100, 6101, 6102, 6103, 6104)

# Kernel's names -> tshark's.
INTEGRITY = {"hmac(sha1)": "HMAC-SHA-1-96 [RFC2404]", "hmac(md5)": "HMAC-MD5-96 [RFC2403]", "digest_null": "NULL"}
ENCRYPTION = {"cbc(aes)": "AES-CBC [RFC3602]", "cbc(des3_ede)": "TripleDES-CBC [RFC2451]", "ecb(cipher_null)": "NULL",
              "cipher_null": "NULL", "rfc4106(gcm(aes))": "AES-GCM with 16 octet ICV [RFC4106]"}

DIAMETER = {300: "UA", 301: "SA", 302: "LI", 303: "MA", 304: "RT", 305: "PP"}  # and R or A
RESULTS = {2001: "success", 2002: "limited success"}
EXPERIMENTAL = {2001: "first", 2002: "subsequent", 2003: "unregistered service",
                2004: "success, server name not stored", 5001: "user unknown"}

FIELDS = ("frame.time_epoch", "frame.protocols", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "ip.proto", "ipv6.nxt",
          "udp.srcport", "udp.dstport", "tcp.srcport", "tcp.dstport", "esp.spi", "esp.sequence", "sip.Request-Line",
          "sip.Status-Line", "sip.CSeq", "sip.Call-ID", "diameter.cmd.code", "diameter.flags.request",
          "diameter.Result-Code", "diameter.Experimental-Result-Code", "_ws.expert.severity", "_ws.expert.message",
          "esp.icv_good", "esp.icv_bad", "tcp.len", "ipv6.fraghdr.nxt")
SEPARATOR = "\x1f"  # between values of one field in one packet


@dataclass
class Packet:
    time: float
    source: str
    destination: str
    protocol: int            # of IP: 50 ESP, 6 TCP, 17 UDP, 1 and 58 ICMP; -1 for what is no IP
    source_port: int         # inside ESP where that was deciphered; 0: none
    destination_port: int
    spi: int                 # 0: no ESP
    layers: str              # "eth:ethertype:ip:esp:udp:sip"
    tcp_bytes: int = 0       # of payload
    fragment: bool = False   # one whose whole stands in a later packet
    sip: list = field(default_factory=list)       # [(first line, CSeq, Call-ID)]
    diameter: list = field(default_factory=list)  # ["UAR"], ["UAA: first"]
    faults: list = field(default_factory=list)
    authenticated: bool = False  # ESP, and the ICV is right


@dataclass
class Message:
    time: float
    source: str
    destination: str
    label: str      # "REGISTER", "401 Unauthorized (REGISTER)", "MAR"
    esp: bool
    transport: str  # "UDP" or "TCP"
    call_id: str = ""


def esp_table(associations):
    """tshark's esp_sa file for security associations as Host.security_associations() gives them."""
    lines = []
    for sa in associations:
        encryption, key = sa.get("enc") or sa.get("aead") or ("ecb(cipher_null)", "0x")
        integrity, integrity_key = sa.get("auth") or ("digest_null", "0x")
        if encryption not in ENCRYPTION or integrity not in INTEGRITY:
            continue  # aes-gmac: tshark 4.0 does not know it
        lines.append('"{}","{}","{}","0x{:08x}","{}","{}","{}","{}"'.format(
            "IPv6" if ":" in sa["source"] else "IPv4", sa["source"], sa["destination"], sa["spi"], ENCRYPTION[encryption],
            key if len(key) > 2 else "", INTEGRITY[integrity], integrity_key if len(integrity_key) > 2 else ""))
    return "\n".join(lines) + "\n"


def read_capture(path, associations=(), only=None):
    """[Packet] in the order of their capture. associations: as for esp_table(), or the text of an esp_sa file. only: a display
    filter. Raises RuntimeError when tshark fails."""
    with tempfile.TemporaryDirectory(prefix="lapwing-tshark-") as folder:
        (Path(folder) / "esp_sa").write_text(associations if isinstance(associations, str) else esp_table(associations))
        command = [TSHARK, "-n", "-r", str(path), "-o", "esp.enable_encryption_decode:TRUE",
                   "-o", "esp.enable_authentication_check:TRUE", "-o", "tcp.check_checksum:FALSE",
                   "-T", "fields", "-E", "separator=/t", "-E", f"aggregator={SEPARATOR}", "-E", "occurrence=a"]
        for port in SIP_PORTS:
            command += ["-d", f"udp.port=={port},sip", "-d", f"tcp.port=={port},sip"]
        for name in FIELDS:
            command += ["-e", name]
        if only:
            command += ["-Y", only]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace",
                              env={**os.environ, "WIRESHARK_CONFIG_DIR": folder, "HOME": folder})
    if done.returncode != 0:
        raise RuntimeError(f"tshark cannot read {path}: {done.stderr.strip()}")
    return [_packet(line.split("\t")) for line in done.stdout.splitlines()]


def _packet(values):
    value = dict(zip(FIELDS, (text.split(SEPARATOR) if text else [] for text in values)))

    def first(*names):
        return next((value[name][0] for name in names if value.get(name)), "")

    protocol = int(value["ip.proto"][0]) if value["ip.proto"] else -1
    if value["ipv6.nxt"]:
        protocol = int(first("ipv6.fraghdr.nxt", "ipv6.nxt"))
    layers = first("frame.protocols")
    spi = first("esp.spi")
    packet = Packet(float(first("frame.time_epoch")), first("ip.src", "ipv6.src"), first("ip.dst", "ipv6.dst"),
                    50 if spi else protocol, int(first("udp.srcport", "tcp.srcport") or 0),
                    int(first("udp.dstport", "tcp.dstport") or 0), int(spi, 16) if spi else 0, layers,
                    int(first("tcp.len") or 0), layers.endswith(("ip:data", "fraghdr:data")))
    lines = value["sip.Request-Line"] + value["sip.Status-Line"]
    for number, line in enumerate(lines):
        packet.sip.append((line, *(value[name][number] if number < len(value[name]) else ""
                                   for name in ("sip.CSeq", "sip.Call-ID"))))
    packet.diameter = _diameter(value)
    # Severity 8388608 is an error, 6291456 a warning; a malformed packet is an error.
    for severity, text in zip(value["_ws.expert.severity"], value["_ws.expert.message"]):
        if int(severity, 0) >= 8388608:
            packet.faults.append(text)
    packet.authenticated = _set(value["esp.icv_good"])
    if _set(value["esp.icv_bad"]):
        packet.faults.append("wrong ICV")
    return packet


def _set(values):
    return bool(values) and values[0] in ("1", "True", "Set")


def _diameter(value):
    results, experimental = list(value["diameter.Result-Code"]), list(value["diameter.Experimental-Result-Code"])
    found = []
    for code, request in zip(value["diameter.cmd.code"], value["diameter.flags.request"]):
        name = DIAMETER.get(int(code))
        if name is None:  # capabilities, watchdog
            continue
        if request in ("1", "True"):
            found.append(f"{name}R")
        elif results:
            code = int(results.pop(0))
            found.append(f"{name}A: {RESULTS.get(code, code)}")
        else:
            code = int(experimental.pop(0)) if experimental else 0
            found.append(f"{name}A: {EXPERIMENTAL.get(code, code)}")
    return found


def messages(packets):
    """The SIP and Diameter messages of packets, by time."""
    found = []
    for packet in packets:
        transport = "TCP" if ":tcp" in packet.layers else "UDP"
        for line, cseq, call_id in packet.sip:
            method = cseq.split()[-1] if cseq else ""
            if line.startswith("SIP/2.0 "):
                label = f"{line[8:]} ({method})"
            else:
                label = line.split(" ", 1)[0]
            found.append(Message(packet.time, packet.source, packet.destination, label, packet.spi != 0, transport, call_id))
        for label in packet.diameter:
            found.append(Message(packet.time, packet.source, packet.destination, label, False, "TCP"))
    return sorted(found, key=lambda message: message.time)


def ladder(found, parties, width=36):
    """Arrows between columns. parties: {address: name}, in the order of the columns; several addresses may have one name.
    Double lines are ESP."""
    names = list(dict.fromkeys(parties.values()))
    start = found[0].time if found else 0
    edge = 9
    heading = " " * edge
    for number, name in enumerate(names):
        place = edge + number * width
        heading = heading.ljust(max(edge, place - len(name) // 2)) + name
    lines = ["    ms " + heading[7:]]
    for message in found:
        ends = [names.index(parties[address]) for address in (message.source, message.destination) if address in parties]
        if len(ends) != 2 or ends[0] == ends[1]:
            continue
        left, right = sorted(ends)
        row = " " * edge + ("|" + " " * (width - 1)) * (len(names) - 1) + "|"
        stroke = "=" if message.esp else "-"
        span = (right - left) * width - 1
        label = f" {message.label} " if len(message.label) + 8 <= span else f" {message.label[:span - 8]} "
        kind = f" {message.transport} " if len(label) + 11 <= span else ""
        if ends[0] < ends[1]:
            arrow = (stroke * 2 + label).ljust(span - len(kind) - 2, stroke) + kind + stroke + ">"
        else:
            arrow = "<" + stroke + kind + label.rjust(span - len(kind) - 4, stroke) + stroke * 2
        row = row[:edge + left * width + 1] + arrow + row[edge + right * width:]
        lines.append(f"{(message.time - start) * 1000:6.1f} {row[7:]}")
    return "\n".join(lines)
