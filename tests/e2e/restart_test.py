#!/usr/bin/python3
# runs: esp-kernel
# limit: 450
"""Daemons killed, frozen, stopped and started again at each moment of a registration: the handset gets a clear answer or its
retry works, and nothing stays in the kernel.

    ./tests/run e2e restart
"""
import signal
import socket
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab"), str(ROOT / "tests/e2e")]
from network import BIN, DOMAIN, Core, Network, Subscriber, inside, wait_until, yaml_text  # noqa: E402
from plain_handset import AkaHandset  # noqa: E402
from wire import read_capture  # noqa: E402

GRACE, DEADLINE, CORE_T1 = 1, 0.7, 0.03  # seconds; of SA sets, of a Cx request, of SIP in the core
PATIENCE = 64 * CORE_T1 + 3
SILENCE = 1.5  # until "no answer" is believed
ESP, TCP = 50, 6
SCSCF_GONE, HSS_GONE = (504,), (480, 504)
FOREIGN_REQID = 9999
MOMENTS = ("before_the_first_register", "during_the_first_register", "between_challenge_and_answer", "during_the_answer",
           "after_the_200", "during_deregistration")


def new_core(network, subscribers):
    return Core(network, subscribers, pcscf={
        "ipsec": {"grace": f"{GRACE}s", "await_auth": "4s"},
        "timers": {"core_t1": f"{CORE_T1 * 1000:g}ms", "core_t2": "300ms", "core_t4": "300ms"},
    }, scscf={"cx": {"deadline": f"{DEADLINE * 1000:g}ms", "reconnect": "1s"}, "registrar": {"await_auth": "4s"}})


def wait_for_hss(core):
    def connected():
        return any(peer["state"] == "open" for peer in core.imsctl("hss", check=False)["scscf"].get("peers", []))
    wait_until(connected, 10, lambda: f"no HSS: {core.imsctl('hss', check=False)}")


def stop_hard(daemon):
    daemon.process.kill()
    daemon.wait()


class Killed(unittest.TestCase):
    """The test methods are made below: each daemon at each moment. The daemon is started again at the end of each."""

    @classmethod
    def setUpClass(cls):
        cls.network = cls.enterClassContext(Network())
        cls.subscribers = [Subscriber(number) for number in range(1, 31)]
        cls.core = new_core(cls.network, cls.subscribers)
        cls.core.start()
        cls.host = cls.core.handset(1, addresses=30).host
        cls.used = 0
        # Of another program on the P-CSCF's host.
        cls.core.pcscf.ip(
            f"xfrm state add src 10.99.0.1 dst {Core.GM[0]} proto esp spi 0x9999 reqid {FOREIGN_REQID} mode transport "
            f'auth-trunc hmac(sha1) 0x{"11" * 20} 96 enc ecb(cipher_null) ""',
            f"xfrm policy add src 10.99.0.1 dst {Core.GM[0]} dir in tmpl proto esp reqid {FOREIGN_REQID} mode transport")

    def phone(self):
        subscriber = self.subscribers[type(self).used]
        type(self).used += 1
        phone = AkaHandset(self.host, f"10.47.1.{subscriber.number}", Core.GM[0], subscriber)
        self.addCleanup(phone.close)
        return phone

    def daemon(self, name):
        return getattr(self.core, f"{name}_daemon")

    def restart(self, name):
        self.core.start_daemon(name)
        wait_for_hss(self.core)

    def of(self, phone):
        return [sa for sa in self.core.sas() if phone.address in (sa["source"], sa["destination"])]

    def clear(self, answer, *codes):
        """An answer, and one of these."""
        self.assertIsNotNone(answer, "no answer")
        self.assertIn(answer.code, codes, answer.text)
        return answer

    def reach(self, phone, moment):
        """Registers up to that moment."""
        phone.begin()
        if moment in MOMENTS[:2]:
            return
        phone.prepare(self.clear(phone.do(), 401))
        if moment in MOMENTS[2:4]:
            return
        self.clear(phone.do(), 200)

    def case(self, name, moment):
        phone = self.phone()
        self.reach(phone, moment)
        deregisters = moment == "during_deregistration"
        patience = SILENCE if name == "pcscf" else PATIENCE
        if moment.startswith("during"):
            # The request reaches a daemon that no longer reads it, which then dies.
            self.daemon(name).process.send_signal(signal.SIGSTOP)
            phone.send(phone.register(expires=0 if deregisters else 3600))
            time.sleep(0.1)
            stop_hard(self.daemon(name))
            answer = phone.answer(patience)
        else:
            stop_hard(self.daemon(name))
            answer = phone.do(patience)
        if name == "pcscf":
            self.assertIsNone(answer)
        elif name == "scscf":
            self.clear(answer, *SCSCF_GONE)
        else:
            # Neither a refresh nor the end of a registration depends on the HSS.
            self.clear(answer, *HSS_GONE, *((200,) if moment in MOMENTS[4:] else ()))
        self.restart(name)
        if name == "pcscf":
            self.assertEqual(self.of(phone), [])
            self.assert_foreign_is_left()
        if name == "scscf" and moment in MOMENTS[2:] and self.of(phone):
            # It knows nothing of what the handset answers, renews or ends: it shall begin anew, unless the HSS has kept its
            # registration (TS 23.380).
            self.clear(phone.do(), 200, 401, 403, 481, 500)
        self.clear(phone.register_afresh(), 200)
        self.clear(phone.do(expires=0), 200)
        wait_until(lambda: not self.of(phone), GRACE + 6, lambda: f"still there: {self.of(phone)}")

    def assert_foreign_is_left(self):
        for kind in ("state", "policy"):
            self.assertEqual(self.core.pcscf.run("/sbin/ip", "xfrm", kind).stdout.count(f"reqid {FOREIGN_REQID}"), 1)

    def timed_with_frozen_hss(self, phone):
        self.daemon("labhss").process.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            answer = phone.do()
            took = time.monotonic() - began
        finally:
            self.daemon("labhss").process.send_signal(signal.SIGCONT)
        self.clear(answer, *HSS_GONE)
        wait_for_hss(self.core)
        self.clear(phone.register_afresh(), 200)
        self.clear(phone.do(expires=0), 200)
        return took

    def test_when_the_hss_is_frozen_then_the_answer_comes_within_the_deadline(self):
        phone = self.phone()
        phone.begin()
        self.assertLess(self.timed_with_frozen_hss(phone), DEADLINE + 0.7)

    def test_when_the_hss_freezes_between_challenge_and_answer_then_the_answer_comes_within_the_deadline(self):
        phone = self.phone()
        phone.begin()
        phone.prepare(self.clear(phone.do(), 401))
        self.assertLess(self.timed_with_frozen_hss(phone), 2 * DEADLINE + 0.7)  # UAR, then SAR

    def test_when_the_pcscf_was_killed_then_its_successor_removes_associations_and_policies_of_its_reqid_only(self):
        phone = self.phone()
        self.clear(phone.register_afresh(), 200)
        policies = self.core.policies()
        stop_hard(self.daemon("pcscf"))
        self.assertEqual(len(self.of(phone)), 4)
        self.restart("pcscf")
        self.assertEqual(self.core.sas(), [])
        self.assertEqual(self.core.policies(), policies)
        self.assert_foreign_is_left()


def _add(name, moment):
    setattr(Killed, f"test_when_{name}_is_killed_{moment}_then_a_clear_answer_or_a_retry_that_works",
            lambda self: self.case(name, moment))


for _name in ("labhss", "scscf", "pcscf"):
    for _moment in MOMENTS:
        _add(_name, _moment)


class Stopped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = cls.enterClassContext(Network())
        cls.subscribers = [Subscriber(number) for number in range(1, 6)]
        cls.core = new_core(cls.network, cls.subscribers)
        cls.core.start()
        cls.hosts = {number: cls.core.handset(number, addresses=5).host for number in (1, 2)}

    def phone(self, number, host=1, entry=5060):
        phone = AkaHandset(self.hosts[host], f"10.47.{host}.{number}", Core.GM[0], self.subscribers[number - 1], entry)
        self.addCleanup(phone.close)
        return phone

    def registers(self, phone):
        answer = phone.register_afresh()
        self.assertTrue(answer is not None and answer.code == 200, answer and answer.text)

    def refused(self, name, host, protocol, address, port):
        """The daemon is started with that port taken by another program."""
        self.assertEqual(getattr(self.core, f"{name}_daemon").stop(), 0)
        with inside(host.namespace):
            taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM)
        with taken:
            # With SO_REUSEPORT a second socket could be bound beside it; with SO_REUSEADDR old connections do not matter.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((address, port))
            if protocol == "tcp":
                taken.listen()
            done = host.run(BIN / name, "--config", self.core.files[name], check=False, seconds=10)
        self.core.start_daemon(name)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"{address}:{port}", done.stderr)
        self.assertRegex(done.stderr, "(?i)in use|taken")

    def test_when_a_port_of_the_pcscf_is_taken_then_it_does_not_start_and_names_it(self):
        for protocol, address, port in (("udp", Core.GM[0], 5060), ("tcp", Core.GM[0], 5060), ("udp", Core.GM[0], 6100),
                                        ("tcp", Core.GM[0], 6100), ("udp", Core.GM[0], 6102), ("udp", Core.PCSCF[0], 5060)):
            with self.subTest(protocol=protocol, port=f"{address}:{port}"):
                self.refused("pcscf", self.core.pcscf, protocol, address, port)

    def test_when_a_port_of_the_scscf_is_taken_then_it_does_not_start_and_names_it(self):
        for protocol in ("udp", "tcp"):
            with self.subTest(protocol=protocol):
                self.refused("scscf", self.core.scscf, protocol, Core.SCSCF[0], 6060)

    def test_when_the_port_of_the_hss_is_taken_then_it_does_not_start_and_names_it(self):
        self.refused("labhss", self.core.hss, "tcp", Core.HSS[0], 3868)

    def test_when_a_daemon_gets_sigterm_then_it_ends_in_two_seconds_and_leaves_nothing_in_the_kernel(self):
        wait_for_hss(self.core)
        self.registers(self.phone(1))
        self.assertEqual(len(self.core.sas()), 4)
        self.assertGreater(self.core.policies(), 0)
        for name in ("pcscf", "scscf", "labhss"):
            began = time.monotonic()
            self.assertEqual(getattr(self.core, f"{name}_daemon").stop(), 0, name)
            self.assertLess(time.monotonic() - began, 2, name)
        self.assertEqual((self.core.sas(), self.core.policies()), ([], 0))
        self.core.start()

    def test_when_the_pcscf_stops_while_a_handset_is_out_of_reach_then_nothing_of_its_connections_goes_in_clear(self):
        wait_for_hss(self.core)
        handset = self.core.handset(4).start("--protected", "tcp", "--requests", "tcp", "--subscribe")
        self.addCleanup(handset.program.stop)
        handset.wait_for("notify")
        wire = self.network.folder / "stopped.pcap"
        dump = self.core.pcscf.capture("access", wire)
        self.core.pgw.ip("link set handset4 down")  # nobody acknowledges: TCP would send again
        self.assertEqual(self.core.pcscf_daemon.stop(), 0)
        time.sleep(SILENCE)
        dump.stop()
        self.core.start_daemon("pcscf")
        sent = [packet for packet in read_capture(wire) if packet.destination == handset.address]
        self.assertTrue(any(packet.protocol == ESP for packet in sent), "there was no connection")
        self.assertEqual([packet for packet in sent if packet.protocol == TCP], [])

    def count(self, kind, reqid):
        return self.core.pcscf.run("/sbin/ip", "xfrm", kind).stdout.count(f"reqid {reqid} ")

    def start_second(self, reqid):
        """Another P-CSCF on the same host, with ports and a reqid of its own."""
        folder = self.network.folder
        config, log = folder / "second.yaml", folder / "second.log"
        config.write_text(yaml_text({
            "name": "pcscf2.example.org", "home_domain": DOMAIN,
            "gm": {"listen": [f"{Core.GM[0]}:5070"], "protected_server_port": 6200,
                   "protected_client_ports": [6201, 6202, 6203, 6204]},
            "mw": {"listen": f"{Core.PCSCF[0]}:5070", "entry": f"{Core.SCSCF[0]}:6060"},
            "ipsec": {"reqid": reqid, "grace": f"{GRACE}s"}, "control": {"listen": f"unix:{folder}/second.sock"},
            "workers": 2}))
        log.unlink(missing_ok=True)
        daemon = self.core.pcscf.start("pcscf", "--config", config, log=log, name="second")
        daemon.wait_for_line(" is up: ")
        return daemon

    def test_when_two_pcscf_run_on_one_host_then_they_do_not_disturb_each_other(self):
        wait_for_hss(self.core)
        other = 4242
        policies = self.count("policy", Core.REQID)
        second = self.start_second(other)
        one, two = self.phone(2), self.phone(3, host=2, entry=5070)
        self.registers(one)
        self.registers(two)
        self.assertEqual((self.count("state", Core.REQID), self.count("state", other)), (4, 4))
        stop_hard(second)
        second = self.start_second(other)
        self.assertEqual((self.count("state", Core.REQID), self.count("state", other)), (4, 0))
        self.assertEqual(one.do().code, 200)
        self.registers(two)
        stop_hard(self.core.pcscf_daemon)
        self.core.start_daemon("pcscf")
        self.assertEqual((self.count("state", Core.REQID), self.count("state", other)), (0, 4))
        self.assertEqual(two.do().code, 200)
        self.assertEqual(second.stop(), 0)
        self.assertEqual((self.count("state", other), self.count("policy", other)), (0, 0))
        self.assertEqual(self.count("policy", Core.REQID), policies)
        self.registers(one)


if __name__ == "__main__":
    unittest.main()
