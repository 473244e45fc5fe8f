#!/usr/bin/python3
# runs: esp-kernel
"""The P-CSCF's SAs and policies in a real kernel: whose they are, and how long they live.

    lab/esp-kernel -- python3 tests/e2e/ipsec_kernel_test.py
"""
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from xfrm_ends import (  # noqa: E402
    BIN, OURS, PAIRS, PCS, PCSCF, PS, THEIRS, UCS, UE, UE2, KernelTest, Set, ip, setUpModule, tcp, tearDownModule, udp)


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
        self.pcscf.do('stall', 4000)  # longer than the flood takes, also on a slow machine
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


if __name__ == '__main__':
    unittest.main(verbosity=2 if sys.stderr.isatty() or os.environ.get('LAPWING_IN_ESP_KERNEL') else 1)
