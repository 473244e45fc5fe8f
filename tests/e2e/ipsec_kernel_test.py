#!/usr/bin/python3
# runs: esp-kernel
"""The P-CSCF's IPsec against a real kernel: lab/esp-kernel -- python3 tests/e2e/ipsec_kernel_test.py

Two network namespaces joined by a veth pair: "pcscf" and "ue". Each has an xfrm_probe, which is NetlinkKernel on a pipe;
the tests send the traffic and watch the wire.
"""
import ctypes
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
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


class Traffic(KernelTest):
    def test_when_any_pair_is_installed_then_udp_and_tcp_flow_both_ways_under_esp(self):
        for version in (4, 6):
            for pair in PAIRS:
                with self.subTest(version=version, pair=pair):
                    sa_set = self.install(Set(ue=UE[version], pcscf=PCSCF[version], pair=pair))
                    self.wire.seen()
                    for flow in sa_set.flows():
                        self.assertTrue(udp(flow), flow)
                    # The handset opens uc to ps, the P-CSCF pc to us (TS 33.203 section 7.1).
                    self.assertTrue(tcp(sa_set.flows()[0]))
                    self.assertTrue(tcp(sa_set.flows()[3]))
                    self.assertEqual(set(self.wire.seen()), {ESP})
                    for end in (self.pcscf, self.ue):
                        sas = end.list()
                        self.assertEqual(len(sas), 4)
                        for sa in sas.values():
                            self.assertGreaterEqual(sa['packets'], 3)
                            self.assertEqual((sa['replay'], sa['integrity']), (0, 0))
                        end.do('remove', sa_set.name)
                        self.assertEqual(end.list(), {})

    def test_when_clear_text_comes_to_a_protected_port_then_dropped(self):
        self.ue.do('clear')  # a handset without IPsec
        before = xfrm_counter('pcscf', 'XfrmInTmplMismatch')
        for port in [PS] + PCS:
            self.assertFalse(udp(('ue', UE[4], 40000, 'pcscf', PCSCF[4], port), wait=NOT_COMING))
            self.assertFalse(udp(('ue', UE[6], 40000, 'pcscf', PCSCF[6], port), wait=NOT_COMING))
        self.assertEqual(xfrm_counter('pcscf', 'XfrmInTmplMismatch') - before, 6)
        self.assertTrue(udp(('ue', UE[4], 40000, 'pcscf', PCSCF[4], 5060)), 'the port for clear text')

    def test_when_there_is_no_sa_then_nothing_leaves_a_protected_port(self):
        self.ue.do('clear')
        self.wire.seen()
        for port in [PS] + PCS:
            for version in (4, 6):
                # The sender hears nothing of it; the kernel counts.
                before = xfrm_counter('pcscf', 'XfrmOutNoStates')
                self.assertFalse(udp(('pcscf', PCSCF[version], port, 'ue', UE[version], 40000), wait=NOT_COMING))
                self.assertFalse(tcp(('pcscf', PCSCF[version], port, 'ue', UE[version], 40000), wait=NOT_COMING))
                self.assertGreaterEqual(xfrm_counter('pcscf', 'XfrmOutNoStates') - before, 2)
        self.assertEqual(self.wire.seen(), {})

    def test_when_two_handsets_have_different_keys_then_they_stay_apart(self):
        one = self.install(Set('one', ue=UE[4], base=1000))
        two = self.install(Set('two', ue=UE2[4], base=5000, ck=CK2, ik=IK2))
        for flow in one.flows() + two.flows():
            self.assertTrue(udp(flow), flow)
        self.assertTrue(tcp(one.flows()[0]) and tcp(two.flows()[3]))
        # The second handset sends as the first, from its own address and to the first one's SPI: wrong selector, wrong keys.
        self.ue.do('remove', 'one')
        self.ue.do('remove', 'two')
        false = self.install(Set('false', ue=UE2[4], base=1000, ck=CK2, ik=IK2), pcscf=False)
        self.assertFalse(udp(false.flows()[0], wait=NOT_COMING))
        sa = self.pcscf.list()[one.spi_ps, PCSCF[4]]
        self.assertEqual(sa['replay'] + sa['integrity'], 1)  # its sequence number is an old one

    def test_when_the_keys_are_wrong_then_dropped_and_counted(self):
        sa_set = self.install(Set(), ue=False)
        self.install(Set(ck=CK2, ik=IK2), pcscf=False)
        self.assertFalse(udp(sa_set.flows()[0], wait=NOT_COMING))
        self.assertEqual(self.pcscf.list()[sa_set.spi_ps, PCSCF[4]]['integrity'], 1)

    def test_when_a_handset_takes_the_spi_of_another_with_good_keys_then_the_selector_stops_it(self):
        sa_set = self.install(Set(), ue=False)
        self.install(Set(ue=UE2[4]), pcscf=False)
        self.assertFalse(udp(('ue', UE2[4], UCS[0], 'pcscf', PCSCF[4], PS), wait=NOT_COMING))
        self.assertTrue(self.pcscf.list()[sa_set.spi_ps, PCSCF[4]])

    def test_when_selectors_are_loose_then_from_us_to_ps_passes_and_else_not(self):
        for option, passes in (([], False), (['loose'], True)):
            self.pcscf.do('clear')
            self.pcscf.close()
            self.pcscf = self.probe('pcscf', *option)
            self.prepare(ue=False)
            sa_set = self.install(Set(), ue=False)
            # A handset that sends from its server port under the SA into ps: only an SA made for that lets it.
            odd = Set('odd')
            odd.uc = US
            self.install(odd, pcscf=False)
            flow = ('ue', UE[4], US, 'pcscf', PCSCF[4], PS)
            self.assertEqual(udp(flow, wait=WAIT if passes else NOT_COMING), passes, option)
            self.assertEqual(sa_set.spi_ps, odd.spi_ps)
            self.ue.do('remove', 'odd')

    def test_when_old_and_new_set_stand_side_by_side_then_both_carry(self):
        old = self.install(Set('old', n=0))
        new = self.install(Set('new', n=1, ck=CK2, ik=IK2, pair='hmac-md5-96/null'))
        for flow in old.flows() + new.flows():
            self.assertTrue(udp(flow), flow)
        self.assertTrue(tcp(old.flows()[0]) and tcp(new.flows()[0]) and tcp(new.flows()[3]))
        for end in (self.pcscf, self.ue):
            self.assertEqual(len(end.list()), 8)
            end.do('remove', 'old')
            self.assertEqual(len(end.list()), 4)
        for flow in new.flows():
            self.assertTrue(udp(flow), flow)
        self.assertFalse(udp(old.flows()[0], wait=NOT_COMING))


class Ownership(KernelTest):
    def foreign(self, spi, destination):
        ip('xfrm', 'state', 'add', 'src', PCSCF[4], 'dst', destination, 'proto', 'esp', 'spi', spi, 'reqid', THEIRS, 'mode',
           'transport', 'auth-trunc', 'hmac(sha1)', '0x' + '11' * 20, 96, 'enc', 'ecb(cipher_null)', '', ns='pcscf')
        self.addCleanup(ip, 'xfrm', 'state', 'flush', ns='pcscf')

    def states(self):
        return ip('xfrm', 'state', ns='pcscf').count('proto esp')

    def policies(self):
        return ip('xfrm', 'policy', ns='pcscf').count(f'reqid {OURS}')

    def test_when_one_spi_is_taken_then_the_set_is_rolled_back(self):
        sa_set = Set().define(self.pcscf)
        self.foreign(sa_set.spi_us, UE[4])
        answer, _ = self.pcscf.ask('install', sa_set.name, 60)
        self.assertIn('ALREADY_EXISTS', answer[1])
        self.assertEqual(self.pcscf.list(), {})
        self.assertEqual(self.states(), 1)
        self.pcscf.do('remove', sa_set.name)
        self.assertEqual(self.states(), 1, 'the SA of the other program')

    def test_when_a_set_is_installed_twice_then_the_first_stays(self):
        sa_set = self.install(Set(), ue=False)
        twin = Set('twin')
        twin.uc, twin.pc = UCS[1], PCS[1]
        twin.define(self.pcscf)
        self.assertEqual(self.pcscf.ask('install', 'twin', 60)[0][0], 'error')
        self.pcscf.do('remove', 'twin')
        self.assertEqual(len(self.pcscf.list()), 4)
        self.assertEqual(self.pcscf.list()[sa_set.spi_ps, PCSCF[4]]['sport'], UCS[0])

    def test_when_removed_then_nothing_is_left_and_twice_is_no_error(self):
        sa_set = self.install(Set(), ue=False)
        self.pcscf.do('remove', sa_set.name)
        self.assertEqual(self.states(), 0)
        self.pcscf.do('remove', sa_set.name)

    def test_when_somebody_deleted_an_sa_then_remove_takes_the_others(self):
        sa_set = self.install(Set(), ue=False)
        ip('xfrm', 'state', 'delete', 'src', UE[4], 'dst', PCSCF[4], 'proto', 'esp', 'spi', sa_set.spi_ps, ns='pcscf')
        self.pcscf.do('remove', sa_set.name)
        self.assertEqual(self.states(), 0)

    def test_when_restarted_then_ours_go_and_others_stay(self):
        self.install(Set(), ue=False)
        self.foreign(70000, UE2[4])
        ip('xfrm', 'policy', 'add', 'dst', '10.9.77.0/24', 'dir', 'out', 'tmpl', 'proto', 'esp', 'reqid', THEIRS, 'mode',
           'transport', ns='pcscf')
        self.addCleanup(ip, 'xfrm', 'policy', 'delete', 'dst', '10.9.77.0/24', 'dir', 'out', ns='pcscf')
        self.assertEqual(self.policies(), 12)  # in, out x ps, two pc x IPv4, IPv6
        self.pcscf.process.kill()
        self.pcscf.process.wait()
        self.pcscf.process.stdin.close()
        self.pcscf.process.stdout.close()
        self.assertEqual((self.states(), self.policies()), (5, 12))

        # The new configuration has other client ports: policies for the old ones go too.
        self.pcscf = self.probe('pcscf')
        self.pcscf.do('prepare', 'pcscf', PCSCF[4], PS, 5103, PAIRS[0])
        self.assertEqual((self.states(), self.policies()), (1, 4))
        self.assertNotIn('5101', ip('xfrm', 'policy', ns='pcscf'))
        self.pcscf.do('clear')
        self.assertEqual((self.states(), self.policies()), (1, 0))
        self.assertIn(f'reqid {THEIRS}', ip('xfrm', 'policy', ns='pcscf'))

    def test_when_prepared_again_then_policies_are_renewed(self):
        self.prepare(ue=False)
        self.assertEqual(self.policies(), 12)

    def test_when_without_cap_net_admin_then_the_error_says_so(self):
        command = ['ip', 'netns', 'exec', 'pcscf', 'setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin',
                   str(BIN / 'xfrm_probe'), str(OURS)]
        done = subprocess.run(command, input=f'prepare pcscf {PCSCF[4]} {PS} {PCS[0]} {PAIRS[0]}\n', text=True,
                              capture_output=True, timeout=60)
        self.assertIn('needs CAP_NET_ADMIN', done.stdout)


class Lifetime(KernelTest):
    def test_when_the_lifetime_passes_then_events_and_no_sa_unless_extended(self):
        short = self.install(Set('short', ue=UE[4]), lifetime=2, ue=False)
        longer = self.install(Set('longer', ue=UE2[4], base=5000), lifetime=2, ue=False)
        self.pcscf.do('lifetime', 'longer', 100)
        self.assertIn(self.pcscf.list()[longer.spi_ps, PCSCF[4]]['expires'], (99, 100))
        heard = {tuple(self.pcscf.expired.get(timeout=10)) for _ in range(4)}
        self.assertEqual(heard, {('expired', address, str(spi), 'hard') for address, spi in
                                 ((PCSCF[4], short.spi_ps), (PCSCF[4], short.spi_pc), (UE[4], short.spi_uc), (UE[4], short.spi_us))})
        self.assertEqual(len(self.pcscf.list()), 4)
        self.assertTrue(self.pcscf.expired.empty())
        # Counted from now, whatever has passed already; and shortened as well.
        self.pcscf.do('lifetime', 'longer', 50)
        self.assertIn(self.pcscf.list()[longer.spi_ps, PCSCF[4]]['expires'], (49, 50))
        self.pcscf.do('lifetime', 'longer', 0)
        self.assertEqual(self.pcscf.list()[longer.spi_ps, PCSCF[4]]['expires'], -1)
        self.assertIn('NOT_FOUND', self.pcscf.ask('lifetime', 'short', 50)[0][1])

    def test_when_traffic_flows_then_a_new_lifetime_disturbs_nothing(self):
        sa_set = self.install(Set())
        self.assertTrue(udp(sa_set.flows()[0]))
        self.pcscf.do('lifetime', sa_set.name, 100)
        self.ue.do('lifetime', sa_set.name, 100)
        for flow in sa_set.flows():
            self.assertTrue(udp(flow), flow)
        self.assertTrue(tcp(sa_set.flows()[0]))

    def test_when_the_kernel_does_not_answer_in_time_then_nothing_of_the_set_stays(self):
        self.install(Set('short', ue=UE2[4], base=5000), lifetime=1, ue=False)
        self.pcscf.do('stall', 2600)
        self.pcscf.expired.get(timeout=10)
        late = Set('late').define(self.pcscf)
        began = time.monotonic()
        self.assertIn('DEADLINE_EXCEEDED', self.pcscf.ask('install', 'late', 60)[0][1])
        self.assertLess(time.monotonic() - began, 2.5)
        self.pcscf.do('remove', 'late')
        self.assertEqual([key for key in self.pcscf.list() if key[0] < 5000], [])
        self.pcscf.do('install', 'late', 60)
        self.assertEqual(self.pcscf.list()[late.spi_ps, PCSCF[4]]['spi'], late.spi_ps)

    def test_when_more_than_4096_requests_wait_then_the_rest_is_refused(self):
        sa_set = self.install(Set('short', ue=UE2[4]), lifetime=1, ue=False)
        self.pcscf.do('stall', 1000)
        self.pcscf.expired.get(timeout=10)
        answer, _ = self.pcscf.ask('flood', sa_set.name, 4196)
        self.assertEqual(answer, ['ok', '100'])

    def test_when_expire_events_are_lost_then_told_all_the_same(self):
        self.pcscf.do('clear')
        self.pcscf.close()
        self.pcscf = self.probe('pcscf', '1')  # the smallest buffer for events
        self.prepare(ue=False)
        spis = set()
        for i in range(10):
            sa_set = self.install(Set(f's{i}', ue=f'10.9.2.{i + 1}', base=1000 + 10 * i), lifetime=2, ue=False)
            spis |= {sa_set.spi_uc, sa_set.spi_us, sa_set.spi_pc, sa_set.spi_ps}
        pid = int(subprocess.run(['ip', 'netns', 'pids', 'pcscf'], capture_output=True, text=True).stdout.split()[0])
        os.kill(pid, signal.SIGSTOP)
        give_up = time.monotonic() + 20
        while ip('xfrm', 'state', ns='pcscf') and time.monotonic() < give_up:
            time.sleep(0.1)
        os.kill(pid, signal.SIGCONT)
        heard = [self.pcscf.expired.get(timeout=10) for _ in range(40)]
        self.assertEqual({int(line[2]) for line in heard}, spis)
        self.assertTrue(self.pcscf.expired.empty())


class Many(KernelTest):
    HANDSETS = 2000

    def test_when_2000_handsets_live_in_one_namespace_then_each_has_its_own_sas(self):
        addresses = [f'10.9.{16 + i // 250}.{1 + i % 250}' for i in range(self.HANDSETS)]
        batch = ''.join(f'addr add {address}/32 dev gm\n' for address in addresses)
        subprocess.run(['ip', '-n', 'ue', '-batch', '-'], input=batch, text=True, check=True)
        self.addCleanup(subprocess.run, ['ip', '-n', 'ue', '-batch', '-'], input=batch.replace(' add ', ' del '), text=True)
        sets = []
        for i, address in enumerate(addresses):
            keys = f'{i:032x}'
            sets.append(self.install(Set(f'h{i}', ue=address, base=100000 + 10 * i, ck=keys, ik=keys)))
        self.assertEqual(len(self.pcscf.list()), 4 * self.HANDSETS)
        for sa_set in sets[::97]:
            for flow in sa_set.flows():
                self.assertTrue(udp(flow), flow)
            self.assertTrue(tcp(sa_set.flows()[0]))
        for sa_set in sets:
            self.pcscf.do('remove', sa_set.name)
        self.assertEqual(self.pcscf.list(), {})


@unittest.skipUnless((HANDSET / 'esp').is_dir(), 'no captured handset traffic: set LAPWING_HANDSET_DATA to its directory')
class Captured(KernelTest):
    """Packets of a real handset and its network, injected as they were on the wire."""
    PCSCF, UE = '10.4.128.21', '192.168.101.5'

    def setUp(self):
        super().setUp()
        for ns, address, other in (('pcscf', self.PCSCF, self.UE), ('ue', self.UE, self.PCSCF)):
            ip('addr', 'add', address + '/32', 'dev', 'gm', ns=ns)
            self.addCleanup(ip, 'addr', 'del', address + '/32', 'dev', 'gm', ns=ns)
            ip('route', 'add', other, 'dev', 'gm', 'src', address, ns=ns)
            self.addCleanup(ip, 'route', 'del', other, 'dev', 'gm', ns=ns)
        self.pcscf.do('prepare', 'pcscf', self.PCSCF, 6100, 5100, 'hmac-md5-96/null')
        self.ue.do('prepare', 'handset', self.UE, 6300, 6301, 'hmac-md5-96/null')
        self.set = Set('captured', ue=self.UE, pcscf=self.PCSCF, pair='hmac-md5-96/null',
                       ck='d53c02758b376066fad0af7daa6df765', ik='e1763cf28cc2e584588800193137ec92')
        self.set.uc, self.set.us, self.set.pc, self.set.ps = 6301, 6300, 5100, 6100
        self.set.spi_uc, self.set.spi_us, self.set.spi_pc, self.set.spi_ps = 25656, 25657, 100, 101

    def inject(self, ns, pattern):
        """From the other end of the wire; returns how many packets."""
        with inside(ns):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with raw:
            packets = [path.read_bytes() for path in sorted((HANDSET / 'esp').glob(pattern))]
            for packet in packets:
                raw.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
        return len(packets)

    def test_when_the_handset_s_packets_come_then_the_p_cscf_s_sas_take_them(self):
        self.install(self.set, ue=False)
        # The handset's side is cleared: its policies would want SAs for what is injected.
        self.ue.do('clear')
        with make_socket('pcscf', socket.SOCK_DGRAM, self.PCSCF, 6100) as receiver:
            sent = self.inject('ue', '*-ue-*.ip')
            self.assertEqual(sent, 5)
            subscribe = receiver.recv(65536)
        self.assertTrue(subscribe.startswith(b'SUBSCRIBE tel:'), subscribe[:40])
        self.assertEqual(subscribe, (HANDSET / 'samsung-subscribe-reg-udp-esp.sip').read_bytes())
        sa = self.pcscf.list()[101, self.PCSCF]
        self.assertEqual((sa['packets'], sa['replay'], sa['integrity']), (5, 0, 0))
        # The same bytes again: a replay.
        self.inject('ue', '08-ue-*.ip')
        self.assertEqual(self.pcscf.list()[101, self.PCSCF]['replay'], 1)

    def test_when_the_network_s_packets_come_then_the_handset_s_sas_take_them(self):
        self.install(self.set, pcscf=False)
        self.pcscf.do('clear')
        # That network answered to the client port; its own request came to the server port.
        with make_socket('ue', socket.SOCK_DGRAM, self.UE, 6301) as client, \
                make_socket('ue', socket.SOCK_DGRAM, self.UE, 6300) as server:
            sent = self.inject('pcscf', '*-pcscf-*.ip')
            self.assertEqual(sent, 6)
            answer, notify = client.recv(65536), server.recv(65536)
        self.assertTrue(answer.startswith(b'SIP/2.0 200'), answer[:40])
        self.assertEqual(notify, (HANDSET / 'samsung-notify-reg-to-ue.sip').read_bytes())  # it came in two fragments
        taken = self.ue.list()
        self.assertEqual(taken[25656, self.UE]['packets'] + taken[25657, self.UE]['packets'], 5)
        for sa in taken.values():
            self.assertEqual((sa['replay'], sa['integrity']), (0, 0))


if __name__ == '__main__':
    unittest.main(verbosity=2 if sys.stderr.isatty() or os.environ.get('LAPWING_IN_ESP_KERNEL') else 1)
