"""The daemons under labue's load, as bench/registration and bench/call measure them: on loopback, or through ESP with the
handsets in a network namespace of their own.

    with LoadedCore(handsets=200, workers=1, ipsec=False, labue=["--shared-address"]) as core:
        before = core.cpu_us()
        phases = core.load("--calls", "1000")
"""
import json
import os
import subprocess
import sys
import tempfile
import time

BIN = os.environ.get("LAPWING_BIN") or os.path.join(os.path.dirname(os.path.realpath(__file__)), "../build/release/bin")
DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
DAEMONS = ("pcscf", "scscf", "labhss")
TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class LoadedCore:
    """labue: options for handsets without IPsec, that have their addresses from 127.0.92.1 on."""

    def __init__(self, handsets, workers, ipsec, labue=()):
        self.handsets, self.workers, self.labue = handsets, workers, labue
        self.processes = {}
        self.namespace = f"bench-{os.getpid()}" if ipsec else None
        self.gm, self.mw, self.core = "10.45.0.1" if ipsec else "127.0.91.3", "127.0.91.1", "127.0.91.2"

    def __enter__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="lapwing-bench-")
        self.folder = self._temporary.name
        try:
            self._configure()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(10)
        if self.namespace:
            for words in (("netns", "del", self.namespace), ("link", "del", "bench0")):
                subprocess.run(["ip", *words], check=False, stderr=subprocess.DEVNULL)
        self._temporary.cleanup()

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
            out.write(text)

    def _configure(self):
        subscribers = subprocess.run([f"{BIN}/labue", "load", "--print-subscribers", str(self.handsets)],
                                     check=True, capture_output=True, text=True).stdout
        head = (f"origin_host: hss.{DOMAIN}\nlisten: {self.core}:3868\nplmn: 001/01\n"
                f"state_file: {self.folder}/sqn.db\ncontrol: {{listen: \"unix:{self.folder}/labhss.sock\"}}\n"
                "log: {level: warn}\nsubscribers:\n")
        self._write("labhss.yaml", head + subscribers.split("subscribers:\n", 1)[1])
        self._write("scscf.yaml",
                    f"name: sip:scscf.{DOMAIN}:6060\nhome_domain: {DOMAIN}\nlisten: [{self.core}:6060]\n"
                    f"cx:\n  origin_host: scscf.{DOMAIN}\n"
                    f"  peers: [{{host: hss.{DOMAIN}, address: {self.core}:3868}}]\n"
                    "registrar: {accept_unprotected_aka: true}\n"
                    f"control: {{listen: \"unix:{self.folder}/scscf.sock\"}}\n"
                    f"workers: {self.workers}\nlog: {{level: warn}}\n")
        policy = "required" if self.namespace else "off"
        self._write("pcscf.yaml",
                    f"name: pcscf.{DOMAIN}\nhome_domain: {DOMAIN}\ngm: {{listen: [{self.gm}:5060]}}\n"
                    f"mw: {{listen: {self.mw}:5060, entry: {self.core}:6060}}\nipsec: {{policy: {policy}, grace: 2s}}\n"
                    f"control: {{listen: \"unix:{self.folder}/pcscf.sock\"}}\n"
                    f"workers: {self.workers}\nlog: {{level: warn}}\n")

    def _start(self):
        if self.namespace:
            self._build_network()
        for name in ("labhss", "scscf", "pcscf"):
            with open(os.path.join(self.folder, f"{name}.log"), "wb") as log:
                self.processes[name] = subprocess.Popen(
                    [f"{BIN}/{name}", "--config", f"{self.folder}/{name}.yaml"], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    with open(os.path.join(self.folder, f"{name}.log"), encoding="utf-8") as log:
                        sys.exit(f"{name} ended at its start:\n{log.read()}")
            if '"open"' in self.imsctl("scscf", "hss").stdout and os.path.exists(f"{self.folder}/pcscf.sock"):
                return
            time.sleep(0.2)
        sys.exit("the daemons did not become ready in 30 s")

    def _build_network(self):
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench1", "netns", self.namespace)
        run("ip", "addr", "add", f"{self.gm}/16", "dev", "bench0")
        run("ip", "link", "set", "bench0", "up")
        run("ip", "route", "add", "10.46.0.0/16", "via", "10.45.0.2")
        inside = ("ip", "-n", self.namespace)
        run(*inside, "addr", "add", "10.45.0.2/16", "dev", "bench1")
        run(*inside, "link", "set", "bench1", "up")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "route", "add", "local", "10.46.0.0/16", "dev", "lo")
        run(*inside, "route", "add", "default", "via", self.gm)

    def imsctl(self, daemon, *words):
        """`imsctl --json` with this daemon alone."""
        return subprocess.run([f"{BIN}/imsctl", f"--{daemon}", f"unix:{self.folder}/{daemon}.sock", "--json", *words],
                              capture_output=True, text=True, check=False)

    def cpu_us(self):
        """{daemon: microseconds of user and system time until now}"""
        return {name: self._cpu_us(process.pid) for name, process in self.processes.items()}

    @staticmethod
    def _cpu_us(pid):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICK_US

    def rss_kb(self, name):
        with open(f"/proc/{self.processes[name].pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def cx_sent(self):
        def numbers(node):
            if isinstance(node, dict):
                for key, value in node.items():
                    if key == "sent":
                        yield int(value)
                    else:
                        yield from numbers(value)
            elif isinstance(node, list):
                for item in node:
                    yield from numbers(item)
        return sum(numbers(json.loads(self.imsctl("scscf", "hss").stdout)))

    def load(self, *words):
        """Runs `labue load` to its end: {phase: what it came to}, each with "cpu_us" of the daemons while it lasted."""
        command = [f"{BIN}/labue", "load", "--pcscf", f"{self.gm}:5060", "--handsets", str(self.handsets), *words]
        if self.namespace:
            command = ["ip", "netns", "exec", self.namespace, *command, "--first-address", "10.46.0.1",
                       "--protected", "udp"]
        else:
            command += ["--first-address", "127.0.92.1", "--no-ipsec", *self.labue]
        phases, said = {}, ""
        with tempfile.TemporaryFile("w+") as errors:
            before = self.cpu_us()
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as labue:
                # It prints a line as a phase ends.
                for line in labue.stdout:
                    said += line
                    if line.startswith("{"):
                        after = self.cpu_us()
                        phase = json.loads(line)
                        phases[phase["phase"]] = phase
                        phase["cpu_us"] = {name: after[name] - before[name] for name in after}
                        before = after
            if not phases:
                errors.seek(0)
                sys.exit(f"labue failed:\n{said}{errors.read()}")
        return phases
