#!/usr/bin/python3
# runs: host
# limit: 200
"""`imsctl preflight` on hosts that are right, and then wrong in one thing at a time: it is named, with what to do.

Without IPsec; with it: preflight_ipsec_test.py.

    ./tests/run e2e preflight
"""
import json
import socket
import struct
import subprocess
import sys
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "lab")]
from network import BIN, DOMAIN, Core, Network, Subscriber, inside, merged, yaml_text  # noqa: E402

PREFLIGHT = {
    "pcscf": {"configuration", "cap-net-admin", "esp", "listen-address", "port", "mtu", "nat", "rp-filter", "route",
              "control-socket", "clock", "open-files", "dns-naptr"},
    "scscf": {"configuration", "listen-address", "port", "route", "control-socket", "hss", "clock", "open-files"}}


class Preflight(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = cls.enterClassContext(Network())
        cls.core = Core(cls.network, [Subscriber(1)], pcscf={"ipsec": {"policy": "off"}, "workers": 1},
                        scscf={"registrar": {"accept_unprotected_aka": True}, "workers": 1})
        cls.core.start_daemon("labhss")
        cls.hosts = {"pcscf": cls.core.pcscf, "scscf": cls.core.scscf}

    def file(self, program, changes):
        """The program's file with changes."""
        config = dict(line.split(": ", 1) for line in self.core.files[program].read_text().splitlines())
        changed = merged({key: json.loads(value) for key, value in config.items()}, changes)
        path = self.network.folder / f"{self._testMethodName}-{program}.yaml"
        path.write_text(yaml_text(changed))
        return path

    def preflight(self, program, changes=None, wrapper=(), path=None):
        """(exit code, the checks that are not ok, as {code: check}, all checks, text for people)"""
        path = path or (self.file(program, changes) if changes else self.core.files[program])
        command = [*wrapper, BIN / "imsctl", "preflight", f"--{program}-config", path]
        done = self.hosts[program].run(*command, "--json", check=False)
        told = json.loads(done.stdout)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 1 if told["failed"] else 0, told)
        text = self.hosts[program].run(*command, check=False).stdout
        for check in told["checks"]:
            self.assertIn(check["about"], text)
            self.assertEqual(check["outcome"] != "ok", bool(check["advice"]), check)
        wrong = {check["code"]: check for check in told["checks"] if check["outcome"] != "ok"}
        return done.returncode, wrong, told["checks"], text

    def fails(self, program, code, words, advice, changes=None, **how):
        """Exactly that check fails, in those words."""
        status, wrong, _, text = self.preflight(program, changes, **how)
        failed = [check["code"] for check in wrong.values() if check["outcome"] == "failed"]
        self.assertEqual((status, failed), (1, [code]), text)
        for word in (words,) if isinstance(words, str) else words:
            self.assertIn(word, wrong[code]["text"] + wrong[code]["about"])
        self.assertIn(advice, "\n".join(wrong[code]["advice"]))
        self.assertIn("FAILED", text)
        return wrong[code]

    def warns(self, program, code, words, advice, changes=None, **how):
        status, wrong, _, text = self.preflight(program, changes, **how)
        self.assertEqual(status, 0, text)
        self.assertEqual(wrong[code]["outcome"], "warning", text)
        self.assertIn(words, wrong[code]["text"])
        self.assertIn(advice, "\n".join(wrong[code]["advice"]))

    # ---- Right ----

    def test_when_all_is_right_then_nothing_fails(self):
        for program, codes in PREFLIGHT.items():
            status, _, checks, text = self.preflight(program)
            self.assertEqual(status, 0, text)
            self.assertLessEqual(codes, {check["code"] for check in checks}, text)
            self.assertIn("0 FAILED: the daemons can be started", text)

    def test_when_the_daemon_runs_then_its_ports_are_its_own(self):
        daemon = self.core.start_daemon("pcscf")
        self.addCleanup(daemon.stop)
        status, _, checks, text = self.preflight("pcscf")
        self.assertEqual(status, 0, text)
        self.assertIn(f"in use by pcscf (pid {daemon.pid}): it runs already", text)
        # With another file it is another P-CSCF's, and in the way.
        self.fails("pcscf", "port", f"pcscf (pid {daemon.pid}, {self.core.files['pcscf']})", f"kill {daemon.pid}",
                   {"log": {"level": "debug"}})

    # ---- Wrong ----

    def test_when_a_key_is_wrong_then_it_is_named(self):
        self.fails("pcscf", "configuration", 'is not a key here: did you mean "policy"?', "--check",
                   {"ipsec": {"polcy": "off"}})

    def test_when_the_file_is_missing_then_it_is_named(self):
        self.fails("scscf", "configuration", "none.yaml: cannot be read", "--check",
                   path=self.network.folder / "none.yaml")

    def test_when_the_address_is_missing_then_those_that_are_there_are_told(self):
        self.fails("pcscf", "listen-address", "10.46.0.1 (access)", "ip addr add 10.46.0.9/24 dev INTERFACE",
                   {"gm": {"listen": ["10.46.0.9:5060"]}})

    def test_when_its_interface_is_down_then_it_is_named(self):
        self.core.pcscf.ip("link add spare type veth peer name spare2", "addr add 10.46.8.1/24 dev spare")
        self.addCleanup(self.core.pcscf.ip, "link delete spare")
        self.fails("pcscf", "listen-address", "spare, which has this address, is down", "ip link set spare up",
                   {"gm": {"listen": ["10.46.8.1:5060"]}})

    def test_when_a_port_is_taken_then_its_holder_is_named(self):
        for kind, address in ((socket.SOCK_DGRAM, "10.46.0.1"), (socket.SOCK_STREAM, "0.0.0.0")):
            taker = self.core.pcscf.start("/usr/bin/python3", "-c", f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SocketKind({int(kind)}))
s.bind(("{address}", 5060))
if s.type == socket.SOCK_STREAM: s.listen()
print("ready", flush=True)
time.sleep(60)
""", name=f"taker{int(kind)}")
            taker.wait_for_line("ready")
            self.fails("pcscf", "port", (f"taken by python3 (pid {taker.pid})", "gm.listen"), f"kill {taker.pid}",
                       {"mw": {"listen": "10.45.0.4:5066"}})
            taker.stop()

    def test_when_there_is_no_route_then_how_to_make_one_is_told(self):
        self.fails("pcscf", "route", "no route to 10.99.0.3", "ip route add 10.99.0.3 via GATEWAY dev INTERFACE",
                   {"mw": {"entry": "10.99.0.3:6060"}})

    def test_when_mw_is_loopback_and_the_core_is_not_then_it_is_told(self):
        self.fails("pcscf", "route", "from 127.0.0.2 only this one is reached", "into mw.listen",
                   {"mw": {"listen": "127.0.0.2:5060"}})

    def test_when_the_MTU_is_small_then_it_is_a_warning(self):
        self.core.pcscf.ip("link set access mtu 1320")
        self.addCleanup(self.core.pcscf.ip, "link set access mtu 1500")
        self.warns("pcscf", "mtu", "1320 bytes, on access: a SIP message of 1300 bytes", "ip link set dev access mtu 1500")

    def test_when_a_route_has_a_small_MTU_then_it_is_a_warning(self):
        self.core.pcscf.ip("route add 10.98.0.0/16 via 10.46.0.254 mtu 1300")
        self.addCleanup(self.core.pcscf.ip, "route delete 10.98.0.0/16")
        self.warns("pcscf", "mtu", "1300 bytes by a route, on access", "ip route show dev access")

    def test_when_several_interfaces_filter_strictly_then_it_is_a_warning(self):
        def set_filter(value):
            with inside(self.core.pcscf.namespace):
                for name in ("access", "core"):
                    Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text(value)
        set_filter("1")
        self.addCleanup(set_filter, "0")
        self.warns("pcscf", "rp-filter", "strict on", "sysctl -w net.ipv4.conf.all.rp_filter=2")

    def test_when_a_masquerade_can_touch_our_packets_then_it_is_a_warning(self):
        added = self.core.pcscf.run("/usr/sbin/iptables-legacy", "-t", "nat", "-A", "POSTROUTING", "-o", "access", "-j",
                                    "MASQUERADE", check=False)
        if added.returncode != 0:
            self.skipTest(f"no NAT in this kernel: {added.stderr.strip().splitlines()[0]}")
        self.addCleanup(self.core.pcscf.run, "/usr/sbin/iptables-legacy", "-t", "nat", "-F", "POSTROUTING")
        self.warns("pcscf", "nat", "-A POSTROUTING -o access -j MASQUERADE",
                   "iptables -t nat -I POSTROUTING -s 10.46.0.1 -j ACCEPT",
                   {"gm": {"listen": ["10.46.0.1:5060"]}})

    def test_when_the_HSS_does_not_listen_then_what_that_means_is_told(self):
        host = f"hss.{DOMAIN}"
        self.fails("scscf", "hss", "connection refused: the host answers, and nothing listens", "start the HSS",
                   {"cx": {"peers": [{"host": host, "address": "10.45.0.2:3869"}]}})
        # No such host: no answer at all.
        self.fails("scscf", "hss", "10.45.0.77", "let TCP to port 3868 pass",
                   {"cx": {"peers": [{"host": host, "address": "10.45.0.77:3868"}]}})
        self.warns("scscf", "hss", "connection refused", "SCTP is not used here",
                   {"cx": {"peers": [{"host": host, "address": "10.45.0.2:3868"},
                                     {"host": f"hss2.{DOMAIN}", "address": "10.45.0.2:3869"}]}})

    def test_when_directories_are_missing_then_how_to_make_them_is_told(self):
        folder = self.network.folder / "none"
        self.fails("pcscf", "control-socket", "No such file or directory", f"install -d -m 750 {folder}",
                   {"control": {"listen": f"unix:{folder}/pcscf.sock"}})
        self.fails("pcscf", "file", "state_file of", f"install -d -m 750 {folder}", {"state_file": f"{folder}/pcscf.db"})
        self.fails("scscf", "file", "calls.records of", f"install -d -m 750 {folder}",
                   {"calls": {"records": f"{folder}/calls.jsonl"}})

    def test_when_another_user_asks_then_what_it_may_not_write_is_named(self):
        self.network.folder.chmod(0o755)
        self.addCleanup(self.network.folder.chmod, 0o700)
        wrapper = ("/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        self.fails("scscf", "control-socket", "Permission denied", "chown USER", wrapper=wrapper)

    def test_when_few_files_may_be_open_then_it_is_a_warning(self):
        self.warns("pcscf", "open-files", "some 384 handsets", "LimitNOFILE=65536",
                   wrapper=("/usr/bin/prlimit", "--nofile=1024:1024"))

    # ---- IPsec, as far as it can be told on any kernel ----

    def test_when_the_capability_is_missing_then_how_to_have_it_is_told(self):
        self.fails("pcscf", "cap-net-admin", "does not have it", "setcap cap_net_admin=ep",
                   {"ipsec": {"policy": "required"}},
                   wrapper=("/usr/bin/setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"))

    def test_when_the_kernel_has_no_ESP_then_it_is_told(self):
        status = subprocess.run([ROOT / "lab/esp-kernel", "--status"], text=True, capture_output=True).stdout
        if status.startswith("host"):
            self.skipTest("this kernel has ESP")
        self.fails("pcscf", "esp", "no ESP", "modprobe -a xfrm_user esp4 esp6", {"ipsec": {"policy": "optional"}})

    # ---- DNS ----

    def test_when_DNS_leads_to_the_P_CSCF_then_it_is_ok_and_else_a_warning(self):
        server = NameServer(self.core.pcscf)
        self.addCleanup(server.close)
        resolv = self.network.folder / "resolv.conf"
        resolv.write_text("nameserver 127.0.0.1\n")
        wrapper = ("/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
                   f'mount --bind {resolv} /etc/resolv.conf && exec "$@"', "sh")

        def dns():
            _, _, checks, _ = self.preflight("pcscf", wrapper=wrapper)
            return {check["code"]: check for check in checks if check["code"].startswith("dns-")}

        told = dns()
        self.assertEqual({code: check["outcome"] for code, check in told.items()},
                         {"dns-naptr": "warning", "dns-srv": "warning", "dns-address": "warning"})
        self.assertIn("do not need it", told["dns-naptr"]["advice"][0])
        edge = f"edge.{DOMAIN}"
        server.records = {(DOMAIN, 35): [naptr("SIP+D2U", f"_sip._udp.{DOMAIN}")],
                          (f"_sip._udp.{DOMAIN}", 33): [struct.pack(">HHH", 0, 0, 5060) + name(edge)],
                          (edge, 1): [socket.inet_aton("10.46.0.1")],
                          (edge, 28): [socket.inet_pton(socket.AF_INET6, "fd00:46::1")]}
        told = dns()
        self.assertEqual({check["outcome"] for check in told.values()}, {"ok"}, told)
        self.assertIn(f"{edge}:5060", told["dns-srv"]["text"])
        server.records[(edge, 1)] = [socket.inet_aton("10.99.0.1")]
        told = dns()
        self.assertEqual(told["dns-address"]["outcome"], "warning")
        self.assertIn("leads to 10.99.0.1", told["dns-address"]["text"])


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def naptr(service, replacement):
    strings = b"".join(bytes([len(one)]) + one.encode() for one in ("s", service, ""))
    return struct.pack(">HH", 10, 50) + strings + name(replacement)


class NameServer:
    """Answers at 127.0.0.1 of a host, from records: {(name, type): [data]}."""

    def __init__(self, host):
        self.records = {}
        with inside(host.namespace):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._socket.sendto(b"stop", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _serve(self):
        while True:
            query, source = self._socket.recvfrom(4096)
            if query == b"stop":
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            question = query[12:at + 5]
            kind = struct.unpack(">H", query[at + 1:at + 3])[0]
            asked = ".".join(labels)
            answers = self.records.get((asked, kind), [])
            known = any(owner == asked for owner, _ in self.records)
            head = query[:2] + struct.pack(">HHHHH", 0x8400 | (0 if known else 3), 1, len(answers), 0, 0)
            rows = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data for data in answers)
            self._socket.sendto(head + question + rows, source)


if __name__ == "__main__":
    unittest.main()
