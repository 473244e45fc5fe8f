"""What the tests of calls share: a core with short timers, handsets that register when a test wants them, calls between
them, and what must be true of every wire, kernel and daemon when all calls are over.

    class Calls(CallTest):
        HANDSETS = 2

        def test_call(self):
            one, two = self.phone(1), self.phone(2, "--answer", "manual")
            self.talk(one, two)
            self.hang_up(one, two)
"""
import os
import shutil
import signal
import sys
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab")]
from network import Core, LabError, Network, Subscriber, merged, parse_states, wait_until  # noqa: E402
from wire import read_capture  # noqa: E402

T1 = 0.1                # seconds; of handsets and daemons
TIME_OUT = 64 * T1      # of a transaction
ESP, TCP, UDP = 50, 6, 17
TIMERS = {f"{end}_{name}": f"{round(value * 1000)}ms" for end in ("handset", "core")
          for name, value in (("t1", T1), ("t2", 8 * T1), ("t4", 8.5 * T1))}
# What a handset's requests go by. "large": UDP, and TCP for what is too large for it, as handsets do.
TRANSPORTS = {"udp": ("--protected", "udp", "--requests", "udp"),
              "large": ("--protected", "tcp", "--requests", "udp"),
              "tcp": ("--first", "tcp", "--protected", "tcp", "--requests", "tcp")}


class Phone:
    """A handset that runs. Its events are read one after the other."""

    def __init__(self, handset, address):
        self.handset, self.address, self.read = handset, address, {}
        self.host, self.subscriber = handset.host, handset.subscriber
        self.impu = self.subscriber.impu
        self.tell = handset.tell

    def next(self, name, seconds=20):
        """The next event of that name."""
        count = self.read.get(name, 0) + 1
        event = self.handset.wait_for(name, count, seconds)
        self.read[name] = count
        return event

    def unread(self, name):
        return self.handset.events(name)[self.read.get(name, 0):]

    def running(self):
        return self.handset.program.running()


class CallTest(unittest.TestCase):
    HANDSETS = 2      # 1, 2, ...: each a host with a subscriber
    SCSCF, PCSCF, HSS = {}, {}, {}  # changes to the configurations
    CALLS_LEFT = 0    # those that a test leaves behind on purpose
    XFRM_ERRORS = ()  # of the P-CSCF's kernel, which the tests bring about

    @classmethod
    def setUpClass(cls):
        cls.network = cls.enterClassContext(Network())
        cls.xfrm_counts = []  # which test brought about an error of the P-CSCF's kernel
        numbers = range(1, cls.HANDSETS + 1)
        cls.core = Core(cls.network, [Subscriber(number) for number in numbers], hss=cls.HSS,
                        scscf=merged({"registrar": {"reauthenticate_after": "0s"}, "timers": {
                            name: value for name, value in TIMERS.items() if name.startswith("core")}}, cls.SCSCF),
                        pcscf=merged({"timers": TIMERS, "ipsec": {"grace": f"{round(TIME_OUT * 1000)}ms"}}, cls.PCSCF))
        cls.addClassCleanup(cls.keep)
        cls.prepare()
        cls.core.start()
        cls.handsets = [cls.core.handset(number) for number in numbers]
        cls.keys = cls.core.pcscf.watch_security_associations()
        cls.captures = {name: cls.network.folder / f"{name}.pcap" for name in ("access", "core")}
        cls.dumps = [cls.core.pcscf.capture(name, path) for name, path in cls.captures.items()]

    @classmethod
    def prepare(cls):
        """What must be there when the daemons start."""

    @classmethod
    def keep(cls):
        """Captures, events and logs, to look at afterwards."""
        folder = os.environ.get("LAPWING_TEST_RESULTS")
        if folder:
            target = Path(folder) / cls.__name__
            target.mkdir(exist_ok=True)
            for kind in ("pcap", "log", "events"):
                for path in cls.network.folder.glob(f"*.{kind}"):
                    shutil.copy(path, target)

    # ---- What tests do ----

    def phone(self, number, *options, family=4, subscriber=None, pcscf=None):
        """The handset, registered; it leaves at the end of the test."""
        handset = self.handsets[number - 1]
        address = handset.address if family == 4 else handset.address6
        ring = () if "--ring" in options else ("--ring", "0.1")
        handset.start("--subscribe", "--t1", f"{round(T1 * 1000)}ms", *options, *ring, address=address,
                      subscriber=subscriber, pcscf=pcscf)
        self.addCleanup(self.leave, handset)
        phone = Phone(handset, address)
        for event in ("security_associations", "registered", "notify"):
            phone.next(event)
        return phone

    def leave(self, handset):
        if handset.program.running():
            handset.tell("quit")
        try:
            handset.program.wait(TIME_OUT + 5)
        except LabError:
            handset.program.stop(signal.SIGKILL)  # the next test needs its ports
            self.forget(handset)
            raise

    def dial(self, one, two, target=None):
        """The Call-ID at the caller, once the callee has the INVITE."""
        one.tell(f"call:{target or two.impu}")
        call_id = one.next("call_out")["call_id"]
        two.next("call_in")
        return call_id

    def talk(self, one, two, target=None, media=True, precondition="yes"):
        """A call up to where both hear each other."""
        call_id = self.dial(one, two, target)
        for phone in (one, two):
            phone.next("ringing")
            answered = phone.next("answered")
            self.assertEqual(answered["call_id"], call_id)
            self.assertEqual(answered["codec"], "AMR-WB/16000")
            self.assertEqual(answered["precondition"], precondition)
        if media:
            for phone in (one, two):
                self.assertGreaterEqual(phone.next("media")["received"], 10)
        return call_id

    def hang_up(self, one, two, media=True):
        """By the first."""
        one.tell("hangup")
        self.check_end(one.next("call_ended"), "us", media)
        self.check_end(two.next("call_ended"), "them", media)

    def check_end(self, ended, by, media=True):
        self.assertEqual((ended["by"], ended["code"]), (by, 200), ended)
        self.assertIn("User ends call", ended["reason"])
        if media:
            self.assertGreaterEqual(ended["rtp_received"], 10)
            self.assertGreaterEqual(ended["rtp_sent"], 10)

    def gauge(self, daemon, name):
        """None: there is none of that name."""
        gauges = {one["name"]: int(one["value"]) for one in self.core.imsctl("status")[daemon]["gauges"]}
        return gauges.get(name)

    def tearDown(self):
        # Whatever a test did: its calls are over by now, or soon.
        self.doCleanups()
        wait_until(lambda: self.gauge("scscf", "calls") in (None, self.CALLS_LEFT), TIME_OUT + 5,
                   lambda: f"{self.gauge('scscf', 'calls')} calls are left at the S-CSCF")
        self.xfrm_counts.append((self._testMethodName, self.core.pcscf.xfrm_errors()))

    def forget(self, handset):
        """A handset was killed: its kernel loses what it left there, the network its registration."""
        handset.host.run("/sbin/ip", "xfrm", "state", "flush")
        time.sleep(0.2)  # what was decrypted already: the kernel's answers to it would go in clear
        handset.host.run("/sbin/ip", "xfrm", "policy", "flush")
        self.core.imsctl("deregister", handset.subscriber.impu, check=False)

    # ---- What must be true at the end ----

    @classmethod
    def tearDownClass(cls):
        cls("check_all_is_over").check_all_is_over()
        for program in (*cls.dumps, cls.keys):
            program.stop()
        states = parse_states(cls.keys.output())
        cls.packets = {name: read_capture(path, states) for name, path in cls.captures.items()}
        cls("check_wires").check_wires()

    def check_all_is_over(self):
        def left():
            status = self.core.imsctl("status")
            return {(daemon, one["name"]): one["value"] for daemon in ("pcscf", "scscf")
                    for one in status[daemon]["gauges"]
                    if one["name"] in ("server_transactions", "client_transactions", "sa_sets", "calls", "registrations")
                    and one["value"] != "0"}
        wait_until(lambda: not left(), 2 * TIME_OUT + 10, lambda: f"left in the daemons: {left()}")
        self.assertEqual(self.core.sas(), [])
        # XfrmOutNoStates: what was still to go to a handset after its associations ended, and did not go in clear.
        # XfrmInNoStates: what came to a handset that had left.
        for host, late in ((self.core.pcscf, self.XFRM_ERRORS),
                           *((handset.host, ("XfrmInNoStates",)) for handset in self.handsets)):
            errors = {name: count for name, count in host.xfrm_errors().items()
                      if name not in ("XfrmAcquireError", "XfrmOutNoStates", *late)}
            self.assertEqual(errors, {}, f"{host.name}; at the P-CSCF after each test: {self.xfrm_counts}")
        for daemon in (self.core.pcscf_daemon, self.core.scscf_daemon):
            self.assertTrue(daemon.running())
        for handset in self.handsets:
            self.assertEqual(handset.events("warning"), [], handset.number)  # of its last test

    def check_wires(self):
        gm = set(Core.GM)
        for name, packets in self.packets.items():
            self.assertGreater(len(packets), 20, name)
            for packet in packets:
                self.assertEqual(packet.faults, [], f"{name}: {packet}")
        for packet in self.packets["access"]:
            if not gm & {packet.source, packet.destination} or packet.protocol not in (ESP, TCP, UDP):
                continue
            if packet.protocol == ESP:
                self.assertTrue(packet.authenticated or packet.fragment, packet)
                continue
            self.assertTrue(packet.fragment or 5060 in (packet.source_port, packet.destination_port), packet)
            for line, *_ in packet.sip:
                self.assertTrue(line.startswith(("REGISTER ", "SIP/2.0 401 ")), f"outside ESP: {packet}")


__all__ = ["CallTest", "LabError", "Phone", "TIME_OUT", "TRANSPORTS", "wait_until"]
