"""Hosts as network namespaces, and an IMS core with handsets on them: for the demo and the end-to-end tests.

    with Network() as network:
        core = Core(network, subscribers=[Subscriber(1), Subscriber(2)])
        core.start()
        phone = core.handset(1)
        phone.start("--subscribe")
        phone.wait_for("notify")
        print(core.imsctl("registrations"))

                          switch 10.45.0.0/24, fd00:45::/64
       hss .2 ───────────────┤├──────────────── scscf .3
                              │.4
                            pcscf
                              │10.46.0.1, fd00:46::1
                             pgw
                 10.47.1.0/24 │ 10.47.2.0/24 ...       (fd00:47:1::/64 ...)
                     handset1 ┘└ handset2

Needs root and network namespaces; with IPsec a kernel that has ESP (lab/esp-kernel). At the end, also after a failure or a
signal, programs, namespaces and the folder with sockets and configurations are gone. Names carry the process id, so that
several can run on one machine.
"""
import atexit
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("LAPWING_BIN", ROOT / "build/release/bin"))
DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """What went wrong, in a sentence."""


@contextmanager
def inside(namespace):
    """This thread in a network namespace: sockets and processes made here are there."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")



def wait_until(condition, seconds, what):
    """The first true value of condition(); LabError "after N s: WHAT" when none comes. what may be a function."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"after {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)


class Program:
    """A child process with its output in a file."""

    def __init__(self, host, name, args, log, stdin=subprocess.DEVNULL, stdout=None):
        self.name, self.log = name, Path(log)
        with open(self.log, "ab") as output, inside(host.namespace):
            # The child of this thread is born in the namespace: no exec of `ip netns exec` between.
            self.process = subprocess.Popen([str(arg) for arg in args], stdin=stdin, stdout=stdout or output,
                                            stderr=output, cwd="/")

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_for_line(self, pattern, seconds=20):
        """The match of a line of its output."""
        expression = re.compile(pattern, re.M)

        def found():
            match = expression.search(self.output())
            if not match and not self.running():
                raise LabError(f"{self.name} ended with {self.process.returncode}:\n{tail(self.output())}")
            return match
        return wait_until(found, seconds, lambda: f"{self.name} has not said '{pattern}':\n{tail(self.output())}\n"
                          f"its threads wait in: {self.waits()}")

    def waits(self):
        """Where each thread is in the kernel: "pcscf: futex_wait_queue (syscall 202)"; for a program that hangs."""
        told = []
        for task in Path(f"/proc/{self.pid}/task").glob("*"):
            try:
                told.append(f"{(task / 'comm').read_text().strip()}: {(task / 'wchan').read_text()} "
                            f"(syscall {(task / 'syscall').read_text().split()[0]})")
            except OSError:
                pass  # it has just ended
        return ", ".join(told)

    def wait(self, seconds=20):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} still runs after {seconds} s:\n{tail(self.output())}") from None

    def stop(self, how=signal.SIGTERM, seconds=5):
        """Its exit status; killed when it does not end in time."""
        if self.running():
            self.process.send_signal(how)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        return status


def tail(text, lines=12):
    return "\n".join(text.splitlines()[-lines:])


class Host:
    """One network namespace. Made by Network.host()."""

    def __init__(self, network, name):
        self.network, self.name = network, name
        self.namespace = f"{network.name}-{name}"

    def ip(self, *commands):
        """Runs lines of `ip -batch`."""
        _ip(commands, self.namespace)

    def start(self, program, *args, **options):
        """A Program of ours (or of the system, given with a slash) that runs until it or the network ends."""
        path = program if "/" in str(program) else BIN / program
        name = options.pop("name", Path(str(program)).name)
        log = options.pop("log", self.network.folder / f"{name}.log")
        started = Program(self, name, [path, *args], log, **options)
        self.network.programs.append(started)
        return started

    def run(self, *args, check=True, seconds=60):
        """The finished command with its output as text."""
        with inside(self.namespace):
            child = subprocess.Popen([str(arg) for arg in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
        try:
            out, err = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise LabError(f"{' '.join(map(str, args))}: still running after {seconds} s") from None
        if check and child.returncode != 0:
            raise LabError(f"{' '.join(map(str, args))}: exit {child.returncode}: {err.strip()}")
        return subprocess.CompletedProcess(args, child.returncode, out, err)

    def capture(self, interface, path):
        """A tcpdump of the interface into the file; stop() writes what it still holds."""
        dump = self.start("/usr/bin/tcpdump", "-i", interface, "--immediate-mode", "-U", "-s", "0", "-B", "16384",
                          "-Z", "root", "-w", path, name=f"tcpdump-{self.name}-{Path(path).stem}")
        dump.wait_for_line("listening on")
        return dump

    def watch_security_associations(self):
        """A program that notes every security association that the kernel gets, with keys; see parse_states()."""
        watch = self.start("/sbin/ip", "xfrm", "monitor", "SA", name=f"xfrm-monitor-{self.name}")

        def listens():  # its netlink socket (protocol 6, XFRM) has joined a group
            with inside(self.namespace):
                rows = Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]
            return any(row.split()[1] == "6" and row.split()[3] != "00000000" and row.split()[2] == str(watch.pid)
                       for row in rows)
        wait_until(listens, 10, "ip xfrm monitor does not listen")
        return watch

    def security_associations(self):
        """What the kernel has: [{source, destination, spi, reqid, packets, bytes, auth, enc, aead}], with keys."""
        return parse_states(self.run("/sbin/ip", "-s", "xfrm", "state").stdout)

    def xfrm_errors(self):
        """{counter: value} of /proc/net/xfrm_stat, without zeros."""
        with inside(self.namespace):
            lines = Path("/proc/thread-self/net/xfrm_stat").read_text().splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines) if value != "0"}


def parse_states(text):
    """Security associations from the output of `ip xfrm state`, `ip -s xfrm state` or `ip xfrm monitor`."""
    found, lines, ours = [], text.splitlines(), False
    for number, line in enumerate(lines):
        match = re.match(r"(?:Updated )?src (\S+) dst (\S+)\s*$", line)
        if match and number + 1 < len(lines) and "proto esp" in lines[number + 1]:
            found.append({"source": match[1], "destination": match[2], "packets": 0, "bytes": 0})
            ours = True
        elif re.match(r"\S", line):
            ours = False  # "Deleted src ...", an expiry: the lines below it are not of the one before
        if not found or not ours:
            continue
        sa = found[-1]
        if match := re.match(r"\s+proto esp spi (0x[0-9a-f]+)\S* reqid (\d+)", line):
            sa["spi"], sa["reqid"] = int(match[1], 16), int(match[2])
        elif match := re.match(r"\s+(auth|auth-trunc|enc|aead) (\S+) ?(0x[0-9a-f]*)?", line):
            sa[match[1].split("-")[0]] = (match[2], match[3] or "0x")
        elif match := re.search(r"(\d+)\(bytes\), (\d+)\(packets\)", line):
            sa["bytes"], sa["packets"] = int(match[1]), int(match[2])
    return found


def _ip(commands, namespace=None):
    where = ["-n", namespace] if namespace else []
    done = subprocess.run(["/sbin/ip", *where, "-batch", "-"], input="\n".join(commands) + "\n", text=True,
                          capture_output=True)
    if done.returncode != 0:
        raise LabError(f"ip in {namespace or 'the root namespace'}: {done.stderr.strip()}")


class Network:
    """Namespaces, cables and programs of one lab, in one place that cleans up."""

    _count = 0

    def __init__(self):
        Network._count += 1
        self.name = f"lw{os.getpid()}-{Network._count}"
        self.hosts, self.programs, self.folder = {}, [], None
        self._signals = {}

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root")
        self.folder = Path(tempfile.mkdtemp(prefix=f"lapwing-{self.name}-"))
        atexit.register(self.close)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._signals[number] = signal.signal(number, lambda *_: sys.exit(128 + number))
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        atexit.unregister(self.close)
        for program in reversed(self.programs):
            program.stop(signal.SIGTERM, 3)
        self.programs.clear()
        if self.hosts:
            # Cables go with their ends.
            for host in self.hosts.values():
                subprocess.run(["/sbin/ip", "netns", "delete", host.namespace], check=False, capture_output=True)
            self.hosts.clear()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None
        for number, handler in self._signals.items():
            signal.signal(number, handler)
        self._signals.clear()

    def host(self, name):
        host = Host(self, name)
        _ip([f"netns add {host.namespace}"])
        self.hosts[name] = host
        # Addresses are usable at once, without duplicate address detection.
        with inside(host.namespace):
            for which in ("all", "default"):
                Path(f"/proc/sys/net/ipv6/conf/{which}/accept_dad").write_text("0")
                Path(f"/proc/sys/net/ipv6/conf/{which}/accept_ra").write_text("0")
        host.ip("link set lo up")
        return host

    def cable(self, one, one_interface, other, other_interface):
        _ip([f"link add name {one_interface} netns {one.namespace} type veth "
             f"peer name {other_interface} netns {other.namespace}"])
        one.ip(f"link set {one_interface} up")
        other.ip(f"link set {other_interface} up")


def _forward(host):
    with inside(host.namespace):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")


class Subscriber:
    """A SIM of the lab. Its keys are made from its number: for tests only."""

    def __init__(self, number):
        self.number = number
        self.imsi = f"00101{number:010d}"
        self.msisdn = f"1555{number:07d}"
        self.k = f"465b5ce8b199b49faa5f0a2e{number:08x}"
        self.opc = "cd63cb71954a9f4e48a5994e37a02baf"
        self.impi = f"{self.imsi}@{DOMAIN}"
        self.impu = f"sip:+{self.msisdn}@{DOMAIN}"

    def entry(self):
        """Its entry in the subscribers of labhss."""
        return {"imsi": self.imsi, "k": self.k, "opc": self.opc, "msisdn": self.msisdn}


def load_subscribers(count, first_imsi):
    """The key `subscribers` of labhss for so many handsets of `labue load`, as YAML text."""
    listed = subprocess.run([BIN / "labue", "load", "--print-subscribers", str(count), "--first-imsi", first_imsi],
                            capture_output=True, text=True, check=True).stdout
    return listed[listed.index("subscribers:"):]


def yaml_text(config):
    """A configuration with each top-level key in a line of its own (JSON is YAML)."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in config.items())


def merged(base, changes):
    result = dict(base)
    for key, value in (changes or {}).items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


class Core:
    """HSS, S-CSCF and P-CSCF, each on its own host, and the access network before them.

    hss, scscf, pcscf: changes to the configurations below, as nested dicts; "@folder@" in a text is the network's folder,
    for files of the daemons."""

    HSS = ("10.45.0.2", "fd00:45::2")
    SCSCF = ("10.45.0.3", "fd00:45::3")
    PCSCF = ("10.45.0.4", "fd00:45::4")
    GM = ("10.46.0.1", "fd00:46::1")
    REQID = 4097

    def __init__(self, network, subscribers, hss=None, scscf=None, pcscf=None):
        self.network = network
        self.subscribers = {subscriber.number: subscriber for subscriber in subscribers}
        self.handsets = {}
        self._build()
        self._write_configs(hss, scscf, pcscf)

    def _build(self):
        network = self.network
        self.switch, self.hss, self.scscf, self.pcscf, self.pgw = map(
            network.host, ("switch", "hss", "scscf", "pcscf", "pgw"))
        self.switch.ip("link add br0 type bridge", "link set br0 up")
        for host, (v4, v6) in ((self.hss, self.HSS), (self.scscf, self.SCSCF), (self.pcscf, self.PCSCF)):
            self._connect(host)
            host.ip(f"addr add {v4}/24 dev core", f"addr add {v6}/64 dev core nodad")
        network.cable(self.pcscf, "access", self.pgw, "core")
        self.pcscf.ip(f"addr add {self.GM[0]}/24 dev access", f"addr add {self.GM[1]}/64 dev access nodad",
                      "route add 10.47.0.0/16 via 10.46.0.254", "route add fd00:47::/32 via fd00:46::fe")
        self.pgw.ip("addr add 10.46.0.254/24 dev core", "addr add fd00:46::fe/64 dev core nodad")
        _forward(self.pgw)

    def _connect(self, host):
        self.network.cable(host, "core", self.switch, host.name)
        self.switch.ip(f"link set {host.name} master br0")

    def core_host(self, name, *addresses):
        """One more host on the core network."""
        host = self.network.host(name)
        self._connect(host)
        host.ip(*[f"addr add {address} dev core" for address in addresses])
        return host

    def _write_configs(self, hss, scscf, pcscf):
        folder = self.network.folder
        self.control = {name: f"unix:{folder}/{name}.sock" for name in ("labhss", "scscf", "pcscf")}
        self.files = {name: folder / f"{name}.yaml" for name in self.control}
        self.files["imsctl"] = folder / "imsctl.yaml"
        hss_name = f"hss.{DOMAIN}"
        configs = {
            "labhss": merged({
                "origin_host": hss_name,
                "listen": f"{self.HSS[0]}:3868",
                "plmn": "001/01",
                "state_file": f"{folder}/labhss.db",
                "control": {"listen": self.control["labhss"]},
                "subscribers": [s.entry() for s in self.subscribers.values()],
            }, hss),
            "scscf": merged({
                "name": f"sip:scscf.{DOMAIN}:6060",
                "home_domain": DOMAIN,
                "listen": [f"{self.SCSCF[0]}:6060"],
                "cx": {"origin_host": f"scscf.{DOMAIN}",
                       "peers": [{"host": hss_name, "address": f"{self.HSS[0]}:3868"}]},
                "control": {"listen": self.control["scscf"]},
                "workers": 2,
            }, scscf),
            "pcscf": merged({
                "name": f"pcscf.{DOMAIN}",
                "home_domain": DOMAIN,
                "gm": {"listen": [f"{self.GM[0]}:5060", f"[{self.GM[1]}]:5060"]},
                "mw": {"listen": f"{self.PCSCF[0]}:5060", "entry": f"{self.SCSCF[0]}:6060"},
                "ipsec": {"policy": "required", "reqid": self.REQID, "grace": "2s"},
                "control": {"listen": self.control["pcscf"]},
                "workers": 2,
            }, pcscf),
            "imsctl": {name: [address] for name, address in self.control.items()},
        }
        for name, config in configs.items():
            self.files[name].write_text(yaml_text(config).replace("@folder@", str(folder)))

    READY = {"labhss": " serves ", "scscf": " is up ", "pcscf": " is up: "}

    def start_daemon(self, name, seconds=60):
        """labhss, scscf or pcscf; returns when it serves. In user-mode Linux a start takes seconds of CPU time, so on a busy
        machine much longer."""
        host = {"labhss": self.hss, "scscf": self.scscf, "pcscf": self.pcscf}[name]
        log = self.network.folder / f"{name}.log"
        log.unlink(missing_ok=True)
        daemon = host.start(name, "--config", self.files[name], log=log)
        setattr(self, f"{name}_daemon", daemon)
        daemon.wait_for_line(self.READY[name], seconds)
        return daemon

    def start(self):
        self.start_daemon("labhss")
        self.start_daemon("scscf")
        self.scscf_daemon.wait_for_line(r"Diameter peer \S+ connected")
        self.start_daemon("pcscf")

    def handset(self, number, addresses=1):
        """A host behind the access with so many addresses: 10.47.NUMBER.1 on, and fd00:47:NUMBER::1 on."""
        name = f"handset{number}"
        host = self.network.host(name)
        self.network.cable(host, "radio", self.pgw, name)
        host.ip(*[f"addr add 10.47.{number}.{i + 1}/32 dev radio" for i in range(addresses)],
                *[f"addr add fd00:47:{number:x}::{i + 1:x}/128 dev radio nodad" for i in range(addresses)],
                f"route add default via 10.47.255.254 dev radio onlink src 10.47.{number}.1",
                "route add ::/0 via fe80::1 dev radio")
        self.pgw.ip(f"addr add 10.47.255.254/32 dev {name}", f"addr add fe80::1/64 dev {name} nodad",
                    f"route add 10.47.{number}.0/24 dev {name}", f"route add fd00:47:{number:x}::/64 dev {name}")
        handset = Handset(self, host, number)
        self.handsets[number] = handset
        return handset

    def load_host(self, number):
        """The host of handset NUMBER, which has every address of 10.48.0.0/16 too, for `labue load`."""
        host = self.handset(number).host
        host.ip("route add local 10.48.0.0/16 dev lo")
        self.pgw.ip(f"route add 10.48.0.0/16 via 10.47.{number}.1 dev handset{number}")
        self.pcscf.ip("route add 10.48.0.0/16 via 10.46.0.254")
        return host

    def imsctl_text(self, *args, check=True):
        done = subprocess.run([BIN / "imsctl", "--config", self.files["imsctl"], *args], text=True,
                              capture_output=True, timeout=30)
        if check and done.returncode != 0:
            raise LabError(f"imsctl {' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def imsctl(self, *args, check=True):
        """{daemon: reply} of `imsctl --json`; an error stands in place of a reply as {"error": ...}."""
        replies = json.loads(self.imsctl_text("--json", *args, check=check))["replies"]
        return {one["daemon"]: one.get("reply", {"error": one.get("error")}) for one in replies}

    def sas(self):
        """The P-CSCF's security associations in its kernel."""
        return [sa for sa in self.pcscf.security_associations() if sa["reqid"] == self.REQID]

    def policies(self):
        """How many policies its kernel has that are ours."""
        return self.pcscf.run("/sbin/ip", "xfrm", "policy").stdout.count(f"reqid {self.REQID}")


class Handset:
    """A software handset on its host. Events are labue's, as dicts."""

    def __init__(self, core, host, number):
        self.core, self.host, self.subscriber = core, host, core.subscribers.get(number)
        self.number = number
        self.address, self.address6 = f"10.47.{number}.1", f"fd00:47:{number:x}::1"
        self.program, self._events = None, None

    def arguments(self, subscriber=None, address=None, pcscf=None):
        subscriber = subscriber or self.subscriber
        address = address or self.address
        pcscf = pcscf or (f"[{Core.GM[1]}]:5060" if ":" in address else f"{Core.GM[0]}:5060")
        return ["--pcscf", pcscf, "--imsi", subscriber.imsi, "--address", address,
                "--subscribers", self.core.files["labhss"], "--json"]

    def start(self, *options, subscriber=None, address=None, pcscf=None):
        """`labue run`: registers, and stays registered until told otherwise."""
        self._events = self.core.network.folder / f"{self.host.name}.events"
        self._events.unlink(missing_ok=True)
        with open(self._events, "wb") as events:
            self.program = self.host.start("labue", "run", *self.arguments(subscriber, address, pcscf), *options,
                                           name=f"labue-{self.number}", stdin=subprocess.PIPE, stdout=events)
        return self

    def events(self, name=None):
        """Of the last start()."""
        if not self._events:
            return []
        lines = self._events.read_text().splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if name in (None, event["event"])]

    def wait_for(self, name, count=1, seconds=20):
        """The count-th event of that name."""
        def seen():
            events = self.events(name)
            if len(events) < count and not self.program.running():
                raise LabError(f"labue ended with {self.program.process.returncode}: {self._story()}")
            return events[count - 1] if len(events) >= count else None
        return wait_until(seen, seconds, lambda: f"handset {self.number}: no event '{name}': {self._story()}")

    def _story(self):
        return f"{self.events()[-4:] or 'no events'}\n{tail(self.program.output())}"

    def tell(self, action):
        """An action, as lab/labue/session.h has them: "reregister", "call:TARGET", "hangup", "quit" ..."""
        self.program.process.stdin.write(f"{action}\n".encode())
        self.program.process.stdin.flush()

    def run(self, *options, subscriber=None, address=None, check=True, seconds=60):
        """`labue register` to its end: (exit status, events)."""
        done = self.host.run(BIN / "labue", "register", *self.arguments(subscriber, address), *options,
                             check=False, seconds=seconds)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        if check and done.returncode != 0:
            raise LabError(f"labue: exit {done.returncode}: {events[-3:]} {done.stderr.strip()}")
        return done.returncode, events
