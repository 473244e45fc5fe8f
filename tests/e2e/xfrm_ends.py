"""Both ends of a handset's IPsec in a real kernel: two network namespaces, "pcscf" and "ue", joined by a veth pair. Each has
an xfrm_probe, which is NetlinkKernel on a pipe; the tests send the traffic and watch the wire.

    class Traffic(KernelTest):
        def test_...(self):
            sa_set = self.install(Set(pair="hmac-md5-96/null"))   # at both ends
            self.assertTrue(udp(sa_set.flows()[0]))

A file of such tests takes setUpModule and tearDownModule from here too: they make and delete the namespaces.
"""
import ctypes
import os
import queue
import socket
import struct
import subprocess
import threading
import unittest
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get('LAPWING_BIN', ROOT / 'build/release/bin'))
HANDSET = Path(os.environ.get('LAPWING_HANDSET_DATA', ROOT.parent / 'shared/data/handset'))

PAIRS = [f'{alg}/{ealg}' for alg in ('hmac-sha-1-96', 'hmac-md5-96') for ealg in ('aes-cbc', 'des-ede3-cbc', 'null')]
PAIRS += ['aes-gmac/null', 'null/aes-gcm']
PCSCF = {4: '10.9.0.1', 6: 'fd00:9::1'}
UE = {4: '10.9.0.2', 6: 'fd00:9::2'}
UE2 = {4: '10.9.0.3', 6: 'fd00:9::3'}
PS, PCS, US, UCS = 5100, [5101, 5102], 6300, [6301, 6302]
CK, IK = 'b40ba9a3c58b2a05bbf0d987b21bf8cb', 'f769bcd751044604127672711c6d3441'
CK2, IK2 = '58c433ff7a7082acd424220f2b67c556', '21a8c1f929702adb3e738488b9f5c5da'
OURS, THEIRS = 7001, 99
ESP, WAIT = 50, 5.0
NOT_COMING = 0.3  # how long to wait for a packet that must not arrive


def ip(*words, ns=None, check=True):
    command = ['ip'] + (['-n', ns] if ns else []) + [str(word) for word in words]
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout


@contextmanager
def inside(ns):
    """This thread in a network namespace: sockets made here stay there."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(descriptor):
        if libc.setns(descriptor, 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), 'setns')

    with open('/proc/thread-self/ns/net') as home, open(f'/run/netns/{ns}') as there:
        enter(there.fileno())
        try:
            yield
        finally:
            enter(home.fileno())


def make_socket(ns, kind, address, port):
    with inside(ns):
        made = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.settimeout(WAIT)
    made.bind((address, port))
    return made


def xfrm_counter(ns, name):
    with inside(ns):
        lines = Path('/proc/thread-self/net/xfrm_stat').read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.split()[0] == name))


class Wire:
    """Counts what passes the P-CSCF's interface: {IP protocol: packets}."""

    def __init__(self):
        with inside('pcscf'):
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.tap.setblocking(False)

    def seen(self):
        counts = {}
        while True:
            try:
                packet, where = self.tap.recvfrom(65536)
            except BlockingIOError:
                return counts
            if where[0] == 'lo':
                continue
            version = packet[0] >> 4
            protocol = packet[9] if version == 4 else packet[6] if version == 6 else None
            if protocol in (1, 58, None):  # ICMP, neighbour discovery, ARP
                continue
            counts[protocol] = counts.get(protocol, 0) + 1

    def close(self):
        self.tap.close()


class Probe:
    def __init__(self, ns, *options, reqid=OURS):
        self.process = subprocess.Popen(['ip', 'netns', 'exec', ns, str(BIN / 'xfrm_probe'), str(reqid), *options],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines, self.expired = queue.Queue(), queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            (self.expired if line.startswith('expired') else self.lines).put(line.split())

    def ask(self, *words):
        """(last line, lines before it)"""
        self.process.stdin.write(' '.join(str(word) for word in words) + '\n')
        before = []
        while True:
            line = self.lines.get(timeout=60)
            if line[0] in ('ok', 'error'):
                return line, before
            before.append(line)

    def do(self, *words):
        answer, lines = self.ask(*words)
        if answer[0] != 'ok':
            raise AssertionError(f'{words}: {" ".join(answer)}')
        return lines

    def list(self):
        """{SPI: {...}}"""
        names = ['source', 'sport', 'destination', 'dport', 'spi', 'packets', 'replay', 'integrity', 'expires']
        found = {}
        for line in self.do('list'):
            sa = dict(zip(names, [int(word) if word.lstrip('-').isdigit() else word for word in line[1:10]]))
            sa['algorithms'] = ' '.join(line[10:])
            found[sa['spi'], sa['destination']] = sa
        return found

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()


class Set:
    """The four SAs of one handset; n tells sets of the same handset apart."""

    def __init__(self, name='a', ue=UE[4], pcscf=PCSCF[4], n=0, base=1000, pair='hmac-sha-1-96/aes-cbc', ck=CK, ik=IK):
        self.name, self.ue, self.pcscf = name, ue, pcscf
        self.uc, self.us, self.pc, self.ps = UCS[n], US, PCS[n], PS
        self.spi_uc, self.spi_us = base + 100 * n + 1, base + 100 * n + 2
        self.spi_pc, self.spi_ps = base + 100 * n + 3, base + 100 * n + 4
        self.pair, self.ck, self.ik = pair, ck, ik

    def define(self, *probes):
        for probe in probes:
            probe.do('set', self.name, self.ue, self.pcscf, self.uc, self.us, self.pc, self.ps, self.spi_uc, self.spi_us,
                     self.spi_pc, self.spi_ps, self.pair, self.ck, self.ik)
        return self

    # Each of the four associations as (from, port, to, port).
    def flows(self):
        up = [('ue', self.ue, self.uc, 'pcscf', self.pcscf, self.ps), ('ue', self.ue, self.us, 'pcscf', self.pcscf, self.pc)]
        down = [('pcscf', self.pcscf, self.ps, 'ue', self.ue, self.uc), ('pcscf', self.pcscf, self.pc, 'ue', self.ue, self.us)]
        return up + down


def udp(flow, text=b'REGISTER', wait=WAIT):
    """Does one datagram arrive?"""
    from_ns, source, sport, to_ns, destination, dport = flow
    with make_socket(from_ns, socket.SOCK_DGRAM, source, sport) as sender, \
            make_socket(to_ns, socket.SOCK_DGRAM, destination, dport) as receiver:
        receiver.settimeout(wait)
        try:
            sender.sendto(text, (destination, dport))
        except OSError:  # the kernel says at once that no SA is there
            return False
        try:
            return receiver.recv(65536) == text
        except socket.timeout:
            return False


def tcp(flow, wait=WAIT):
    """Do a connection and bytes both ways work?"""
    from_ns, source, sport, to_ns, destination, dport = flow
    with make_socket(to_ns, socket.SOCK_STREAM, destination, dport) as listener, \
            make_socket(from_ns, socket.SOCK_STREAM, source, sport) as client:
        listener.listen()
        client.settimeout(wait)
        listener.settimeout(wait)
        # Closed by reset: the same ports are wanted again at once.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        try:
            client.connect((destination, dport))
            server, _ = listener.accept()
        except OSError:
            return False
        with server:
            server.settimeout(wait)
            client.sendall(b'request' * 700)  # more than a segment
            got = b''
            while len(got) < 4900:
                got += server.recv(65536)
            server.sendall(b'answer')
            return client.recv(100) == b'answer'


def setUpModule():
    if os.geteuid() != 0:
        raise unittest.SkipTest('needs root in a kernel with ESP: run it by lab/esp-kernel')
    if not (BIN / 'xfrm_probe').exists():
        raise unittest.SkipTest(f'{BIN}/xfrm_probe is not built')
    for ns in ('pcscf', 'ue'):
        ip('netns', 'add', ns)
        ip('link', 'set', 'lo', 'up', ns=ns)
    ip('link', 'add', 'gm', 'netns', 'pcscf', 'type', 'veth', 'peer', 'name', 'gm', 'netns', 'ue')
    for ns, addresses in (('pcscf', [PCSCF]), ('ue', [UE, UE2])):
        ip('link', 'set', 'gm', 'up', ns=ns)
        for address in addresses:
            ip('addr', 'add', address[4] + '/16', 'dev', 'gm', ns=ns)
            ip('addr', 'add', address[6] + '/64', 'dev', 'gm', 'nodad', ns=ns)
    probe = Probe('pcscf')
    answer, _ = probe.ask('prepare', 'pcscf', PCSCF[4], PS, PCS[0], PAIRS[0])
    probe.do('clear')
    probe.close()
    if 'no ESP' in ' '.join(answer):
        tearDownModule()
        raise unittest.SkipTest('this kernel has no ESP: run it by lab/esp-kernel')


def tearDownModule():
    for ns in ('pcscf', 'ue'):
        ip('netns', 'del', ns, check=False)


class KernelTest(unittest.TestCase):
    def setUp(self):
        self.wire = Wire()
        self.addCleanup(self.wire.close)
        self.pcscf = self.probe('pcscf')
        self.ue = self.probe('ue')
        self.prepare()

    def probe(self, ns, *options, reqid=OURS):
        made = Probe(ns, *options, reqid=reqid)
        self.addCleanup(self.end, made)
        return made

    def end(self, probe):
        if probe.process.poll() is None:
            probe.do('clear')
            probe.close()

    def prepare(self, pcscf=True, ue=True):
        if pcscf:
            self.pcscf.do('prepare', 'pcscf', ','.join(PCSCF.values()), PS, ','.join(map(str, PCS)), ','.join(PAIRS))
        if ue:
            self.ue.do('prepare', 'handset', 'any', US, ','.join(map(str, UCS)), ','.join(PAIRS))

    def install(self, sa_set, lifetime=600, pcscf=True, ue=True):
        ends = [end for end, wanted in ((self.pcscf, pcscf), (self.ue, ue)) if wanted]
        sa_set.define(*ends)
        for end in ends:
            end.do('install', sa_set.name, lifetime)
        return sa_set
