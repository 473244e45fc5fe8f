#!/usr/bin/python3
# runs: esp-kernel
"""What the P-CSCF's SAs and policies in a real kernel let through: traffic of ours, of many handsets, and captured packets.

    lab/esp-kernel -- python3 tests/e2e/ipsec_kernel_traffic_test.py
"""
import os
import socket
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from xfrm_ends import (  # noqa: E402
    CK2, ESP, HANDSET, IK2, NOT_COMING, PAIRS, PCS, PCSCF, PS, UCS, UE, UE2, US, WAIT, KernelTest, Set, inside, ip,
    make_socket, setUpModule, tcp, tearDownModule, udp, xfrm_counter)


class Traffic(KernelTest):
    def test_when_any_pair_is_installed_then_udp_and_tcp_flow_both_ways_under_esp(self):
        for version in (4, 6):
            for number, pair in enumerate(PAIRS):
                with self.subTest(version=version, pair=pair):
                    # SPIs of its own: a late segment of the set before would count as an integrity failure of this one.
                    sa_set = self.install(Set(ue=UE[version], pcscf=PCSCF[version], pair=pair, base=1000 + 100 * number))
                    try:
                        self.judge(sa_set)
                    finally:
                        for end in (self.pcscf, self.ue):
                            end.do('remove', sa_set.name)
                    self.assertEqual((self.pcscf.list(), self.ue.list()), ({}, {}))

    def judge(self, sa_set):
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
